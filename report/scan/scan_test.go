package scan

import (
	"reflect"
	"testing"

	"tls_exporter/prober"
)

// ownLayout are the checks with a layout of their own in text and pages.
var ownLayout = map[string]bool{"Versions": true, "Ciphers": true, "Vulnerabilities": true, "Policy": true, "Clients": true, "Expect": true}

// Every check is shown: in Findings, or with a layout of its own.
func TestEveryCheckIsShown(t *testing.T) {
	findings := reflect.TypeFor[Findings]()
	for _, check := range reflect.VisibleFields(reflect.TypeFor[prober.Checks]()) {
		if _, listed := findings.FieldByName(check.Name); listed == ownLayout[check.Name] {
			t.Errorf("%s: in Findings: %v, with a layout of its own: %v", check.Name, listed, ownLayout[check.Name])
		}
	}
	for _, shown := range reflect.VisibleFields(findings) {
		if check, known := reflect.TypeFor[prober.Checks]().FieldByName(shown.Name); !known || check.Tag.Get("yaml")+",omitempty" != shown.Tag.Get("json") {
			t.Errorf("%s is no check, or its key in JSON is not its name", shown.Name)
		}
	}
}
