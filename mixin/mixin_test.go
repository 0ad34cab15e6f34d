// Package mixin_test evaluates the mixin.
package mixin_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-jsonnet"
	"gopkg.in/yaml.v3"
)

// mixin is what other Jsonnet takes from the mixin.
type mixin struct {
	Alerts     any
	Dashboards map[string]any
}

// evaluate evaluates the mixin with an expression that is added to it.
func evaluate(t *testing.T, added string) (result mixin, text string) {
	t.Helper()
	text, err := jsonnet.MakeVM().EvaluateAnonymousSnippet("test.jsonnet",
		`local tls = (import 'mixin.libsonnet') + `+added+`; { alerts: tls.prometheusAlerts, dashboards: tls.grafanaDashboards }`)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), &result); err != nil {
		t.Fatal(err)
	}
	return result, text
}

// Without configuration it has the rules and all dashboards as they are.
func TestSameAsTheFiles(t *testing.T) {
	got, _ := evaluate(t, "{}")
	var rules any
	if err := yaml.Unmarshal(read(t, "../prometheus/rules.yml"), &rules); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got.Alerts, rules) {
		t.Error("prometheusAlerts differs from rules.yml")
	}
	files, err := filepath.Glob("../grafana/*.json")
	if err != nil || len(files) != len(got.Dashboards) {
		t.Errorf("there are %d dashboards, and grafanaDashboards has %d: %v", len(files), len(got.Dashboards), err)
	}
	for _, file := range files {
		var dashboard any
		if err := json.Unmarshal(read(t, file), &dashboard); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.Dashboards[filepath.Base(file)], dashboard) {
			t.Errorf("grafanaDashboards differs from %s", file)
		}
	}
}

// The configuration of the example in the mixin replaces every link to the runbook and to
// the exporter.
func TestConfiguration(t *testing.T) {
	example := regexp.MustCompile(`(?s)libsonnet'\) \+ (\{.*?\n//   \})`).FindSubmatch(read(t, "mixin.libsonnet"))
	if example == nil {
		t.Fatal("the mixin has no example")
	}
	got, text := evaluate(t, strings.ReplaceAll(string(example[1]), "\n//", "\n"))
	if strings.Contains(text, "docs/runbook.md#") || strings.Contains(text, "localhost:10443") {
		t.Error("a link is as it was")
	}
	links := regexp.MustCompile(`"runbook_url": "https://exporter\.example\.com/runbook#tls\w+"`).FindAllString(text, -1)
	if alerts := strings.Count(text, `"alert": "`); len(links) != alerts || alerts == 0 {
		t.Errorf("%d alerts have %d links", alerts, len(links))
	}
	target, err := json.Marshal(got.Dashboards["tls-target.json"])
	if err != nil || !strings.Contains(string(target), `"query":"https://exporter.example.com"`) {
		t.Errorf("the exporter of the dashboard is not the configured one: %v", err)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
