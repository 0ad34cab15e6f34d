// Package collectortest compares pages of metrics with golden files, and lints them.
package collectortest

import (
	"flag"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

var update = flag.Bool("update", false, "write the golden files")

// Golden compares a text with a file. With -update it writes the file.
func Golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (-update writes it); got:\n%s", file, got)
	}
}

// Lint runs Prometheus's linter over a page. Two units that it rejects are allowed:
// days, because there is a metric in seconds too, and the bits of a prime.
func Lint(t *testing.T, page io.Reader) {
	t.Helper()
	problems, err := promlint.New(page).Lint()
	if err != nil {
		t.Error(err)
	}
	for _, p := range problems {
		if !strings.HasSuffix(p.Metric, "_days_remaining") && p.Metric != "tls_dh_bits" {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}
