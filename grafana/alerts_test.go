//go:build e2e

package grafana_test

import (
	"os/exec"
	"testing"

	"gopkg.in/yaml.v3"
)

// The panel shows the alerts of a target and those of its job, whose series have no
// instance, and none of other targets and jobs. Firing comes before pending. That there is
// no alert is known only if the rules are evaluated.
func TestAlertsPanel(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed here; Debian's package prometheus has it")
	}
	const instance = `https://[2001:db8::1]:8443` // not a regular expression for itself
	expr := situation{job: "(tls|other)", instance: instance}.fill(t, find(t, "tls-target", "Alerts").Targets[0].Expr)
	type series struct{ Series, Values string }
	type sample struct {
		Labels string
		Value  float64
	}
	type evaluation struct {
		Expr    string
		Time    string   `yaml:"eval_time"`
		Samples []sample `yaml:"exp_samples"`
	}
	of := func(alert, state, labels string) string {
		return `ALERTS{alertname="` + alert + `",alertstate="` + state + `",` + labels + `}`
	}
	target := `job="tls",instance="` + instance + `"`
	blind, pending, firing := sample{`{alertname="TLSExporterBlind",severity="critical"}`, 2}, sample{`{alertname="TLSVulnerable",severity="warning"}`, 1}, sample{`{alertname="TLSVulnerable",severity="warning"}`, 2}
	content, err := yaml.Marshal(map[string]any{"evaluation_interval": "1m", "tests": []any{map[string]any{
		"interval": "1m",
		"input_series": []series{
			{`tls_probe_success{` + target + `}`, "1x20"},
			{`instance:tls_up:last6m{` + target + `}`, "_x5 1x15"},
			{of("TLSExporterBlind", "firing", `severity="critical",job="tls"`), "_x10 1x10"},
			{of("TLSExporterBlind", "firing", `severity="critical",job="other"`), "1x20"},
			{of("TLSVulnerable", "pending", `severity="warning",team="web",`+target), "_x10 1x4"},
			{of("TLSVulnerable", "firing", `severity="warning",team="web",`+target), "_x14 1x6"},
			{of("TLSVulnerable", "firing", `severity="warning",job="tls",instance="another"`), "1x20"},
			{of("NodeDown", "firing", `severity="critical",`+target), "1x20"},
		},
		"promql_expr_test": []evaluation{
			{expr, "2m", []sample{}},
			{expr, "8m", []sample{{`{alertname="none"}`, 0}}},
			{expr, "12m", []sample{blind, pending}},
			{expr, "18m", []sample{blind, firing}},
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	file := write(t, t.TempDir(), "panel_test.yml", string(content))
	if said, err := exec.CommandContext(t.Context(), promtool, "test", "rules", file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, said, content)
	}
}
