// Package collectortest compares pages of metrics with golden files, and lints them.
package collectortest

import (
	"flag"
	"io"
	"os"
	"slices"
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

// Complaint is what Prometheus's linter (promtool check metrics) says about a metric, and
// why the metric stays as it is.
type Complaint struct{ Metric, Says, Why string }

// Complaints are all that the linter has. docs/metrics.md lists them.
var Complaints = []Complaint{
	{"tls_address_certificate_days_remaining", notSeconds, "For the table of a pool, in the unit of `tls_certificate_days_remaining`."},
	{"tls_certificate_days_remaining", notSeconds, "People plan renewals in days. In the base unit there is `tls_certificate_not_after_timestamp_seconds`."},
	{"tls_chain_days_remaining", notSeconds, "As above. In the base unit there is `tls_chain_not_after_timestamp_seconds`."},
	{"tls_dh_bits", `use base unit "bytes" instead of "bits"`, "The size of a prime is a number of bits (RFC 9325 section 4.5), and is no amount of data."},
	{"tls_sct_count", notCount, "It counts SCTs, and there is no other word for that."},
	{"tls_sct_valid_count", notCount, "As above."},
}

const notCount = `non-histogram and non-summary metrics should not have "_count" suffix`

const notSeconds = `use base unit "seconds" instead of "days"`

// Lint runs Prometheus's linter over a page. It returns the metrics that the linter
// complains about. A complaint that is not among Complaints is an error.
func Lint(t *testing.T, page io.Reader) (metrics []string) {
	t.Helper()
	problems, err := promlint.New(page).Lint()
	if err != nil {
		t.Error(err)
	}
	for _, p := range problems {
		metrics = append(metrics, p.Metric)
		if !slices.ContainsFunc(Complaints, func(c Complaint) bool { return c.Metric == p.Metric && c.Says == p.Text }) {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
	return metrics
}
