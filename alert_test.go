//go:build e2e

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// notice is an alert as Alertmanager hands it to a webhook.
type notice struct {
	Status              string
	Labels, Annotations map[string]string
}

// An expired certificate of the demo reaches a person: by our rules in the real
// Prometheus, and by the real Alertmanager.
func TestAlertReachesAPerson(t *testing.T) {
	prometheus, alertmanager := needs(t, "prometheus"), needs(t, "prometheus-alertmanager")
	notices := make(chan notice, 1000)
	person := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message struct{ Alerts []notice }
		if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
			t.Error(err)
		}
		for _, n := range message.Alerts {
			notices <- n
		}
	}))
	defer person.Close()
	demo := start(t, "demo")
	defer demo.end(t)

	dir := t.TempDir()
	address := freeAddress(t)
	daemon(t, exec.Command(alertmanager, "--storage.path="+filepath.Join(dir, "alertmanager"), "--cluster.listen-address=", "--web.listen-address="+address,
		"--config.file="+write(t, filepath.Join(dir, "alertmanager.yml"), fmt.Sprintf(`
route: {receiver: person, group_by: [alertname], group_wait: 1s, group_interval: 1s}
receivers: [{name: person, webhook_configs: [{url: %s}]}]
`, person.URL))), `Listening|Completed loading of configuration file`)
	startPrometheus(t, prometheus, fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%s]
alerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}
scrape_configs:
  - job_name: tls
    http_sd_configs: [{url: %s/targets, refresh_interval: 1s}]
`, hastyRules(t, dir), address, demo.url))

	deadline := time.After(2 * time.Minute)
	for {
		select {
		case n := <-notices:
			if n.Labels["alertname"] != "TLSCertificateExpired" || n.Labels["endpoint"] != "expired" {
				continue
			}
			t.Logf("%s: %s", n.Status, n.Annotations["summary"])
			if n.Labels["severity"] != "critical" || !strings.Contains(n.Annotations["summary"], "localhost") || !strings.Contains(n.Annotations["runbook_url"], "#tlscertificateexpired") {
				t.Errorf("the notice is %+v", n)
			}
			return
		case <-deadline:
			t.Fatal("nobody was told of an expired certificate")
		}
	}
}

// hastyRules is a copy of the rules that waits for nothing.
func hastyRules(t *testing.T, dir string) string {
	t.Helper()
	rules, err := os.ReadFile("prometheus/rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	waits := regexp.MustCompile(`(?m)^(\s+)(for|keep_firing_for|interval): *\S+`)
	if !waits.Match(rules) {
		t.Fatal("the rules wait for nothing as they are")
	}
	return write(t, filepath.Join(dir, "rules.yml"), string(waits.ReplaceAll(rules, []byte("${1}${2}: 1s"))))
}
