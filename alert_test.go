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

// notification is an alert as Alertmanager sends it to a webhook.
type notification struct {
	Status              string
	Labels, Annotations map[string]string
}

// An expired certificate of the demo is reported to a webhook, by the rules in a real
// Prometheus and by a real Alertmanager. The link to the runbook is absolute, after the
// documented command.
func TestAlertIsDelivered(t *testing.T) {
	prometheus, alertmanager := needs(t, "prometheus"), needs(t, "prometheus-alertmanager")
	notifications := make(chan notification, 1000)
	webhook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message struct{ Alerts []notification }
		if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
			t.Error(err)
		}
		for _, n := range message.Alerts {
			notifications <- n
		}
	}))
	defer webhook.Close()
	demo := start(t, "demo")
	defer demo.end(t)

	dir := t.TempDir()
	address := freeAddress(t)
	daemon(t, exec.Command(alertmanager, "--storage.path="+filepath.Join(dir, "alertmanager"), "--cluster.listen-address=", "--web.listen-address="+address,
		"--config.file="+write(t, filepath.Join(dir, "alertmanager.yml"), fmt.Sprintf(`
route: {receiver: webhook, group_by: [alertname], group_wait: 1s, group_interval: 1s}
receivers: [{name: webhook, webhook_configs: [{url: %s}]}]
`, webhook.URL))), `Listening|Completed loading of configuration file`)
	startPrometheus(t, prometheus, fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%s]
alerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}
scrape_configs:
  - job_name: tls
    http_sd_configs: [{url: %s/targets, refresh_interval: 1s}]
`, fastRules(t, dir), address, demo.url))

	deadline := time.After(2 * time.Minute)
	for {
		select {
		case n := <-notifications:
			if n.Labels["alertname"] != "TLSCertificateExpired" || n.Labels["endpoint"] != "expired" {
				continue
			}
			t.Logf("%s: %s", n.Status, n.Annotations["summary"])
			if n.Labels["severity"] != "critical" || !strings.Contains(n.Annotations["summary"], "localhost") || n.Annotations["runbook_url"] != "https://exporter.example.com/runbook#tlscertificateexpired" {
				t.Errorf("the notification is %+v", n)
			}
			return
		case <-deadline:
			t.Fatal("there was no notification about the expired certificate")
		}
	}
}

// fastRules is a copy of the rules with all waiting times set to a second, and with the
// links that the README's command makes.
func fastRules(t *testing.T, dir string) string {
	t.Helper()
	rules, err := os.ReadFile("prometheus/rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	waits := regexp.MustCompile(`(?m)^(\s+)(for|keep_firing_for|interval): *\S+`)
	if !waits.Match(rules) {
		t.Fatal("found no waiting times in the rules")
	}
	file := write(t, filepath.Join(dir, "rules.yml"), string(waits.ReplaceAll(rules, []byte("${1}${2}: 1s"))))
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := regexp.MustCompile("`(sed -i '[^']*' rules\\.yml)`").FindSubmatch(readme)
	if documented == nil {
		t.Fatal("the README does not have the command that makes the links absolute")
	}
	command := exec.Command("sh", "-c", string(documented[1]))
	command.Dir = dir
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", documented[1], err, said)
	}
	return file
}
