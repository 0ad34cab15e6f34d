package report

import (
	"slices"
	"testing"

	"tls_exporter/report/part"
	"tls_exporter/report/reporttest"
	"tls_exporter/report/scan"
)

// The list's colour and the verdict come from the same threshold, where nothing else is wrong.
func TestRemainingAgreesWithJudge(t *testing.T) {
	compared := 0
	for _, s := range reporttest.Situations() {
		other := func(i part.Issue) bool { return i.Reason != expiresSoon }
		if c := s.Result.Chain; c == nil || c.Bundle || slices.ContainsFunc(issues(s.Result, scan.New(s.Result), Limits{}), other) {
			continue
		}
		compared++
		if got := RemainingOf(s.Result.Chain).Status().String(); got != s.Status {
			t.Errorf("%s: %s, want %s", s.Name, got, s.Status)
		}
	}
	if compared < 10 {
		t.Errorf("compared %d situations", compared)
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
