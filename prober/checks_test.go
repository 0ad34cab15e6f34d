package prober_test

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"tls_exporter/prober"
	"tls_exporter/prober/probetest"
)

// Each check of a module runs, under its key in targets.yml.
func TestEveryCheckRuns(t *testing.T) {
	m := prober.DefaultModule()
	var want, got []string
	checks := reflect.ValueOf(&m.Checks).Elem()
	for i := range checks.NumField() {
		checks.Field(i).Addr().Interface().(interface{ Decode() any }).Decode()
		want = append(want, checks.Type().Field(i).Tag.Get("yaml"))
	}
	m.Renewal.Options.ARI.Directory = "http://127.0.0.1:1/" // which has no default
	r := probetest.New(t, m).Probe(context.Background(), probetest.Target(t, "127.0.0.1:1"))
	for _, check := range r.Outcomes {
		got = append(got, check.Name)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the checks are %q, want %q", got, want)
	}
}
