package report

import (
	"testing"

	"tls_exporter/report/reporttest"
)

// The list's colour and the verdict come from the same threshold.
func TestRemainingAgreesWithJudge(t *testing.T) {
	for _, s := range reporttest.Situations() {
		if c := s.Result.Chain; c == nil || len(c.Problems) > 0 || len(stapleIssues(s.Result)) > 0 || s.Result.Failure != nil || s.Result.Vulnerabilities.Finding != nil || s.Result.DANE.Finding != nil || s.Result.Renewal.Finding != nil || s.Result.Transparency.Finding != nil || s.Name == "dns_records_broken" {
			continue
		}
		if got := RemainingOf(s.Result.Chain).Status().String(); got != s.Status {
			t.Errorf("%s: %s, want %s", s.Name, got, s.Status)
		}
	}
}

func TestRemainingInWords(t *testing.T) {
	for remaining, want := range map[Remaining]string{
		{Days: 58.29}:      "58.3 days",
		{Days: -10}:        "expired 10.0 days ago",
		{Days: 2_913_000}:  "100000 days", // the year 9999
		{Days: -2_913_000}: "expired 100000 days ago",
	} {
		if got := remaining.String(); got != want {
			t.Errorf("%v days are %q, want %q", remaining.Days, got, want)
		}
	}
}
