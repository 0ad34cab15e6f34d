package report

import (
	"testing"
	"time"

	"tls_exporter/prober"
	"tls_exporter/report/reporttest"
)

func TestJudge(t *testing.T) {
	for _, s := range reporttest.Situations() {
		if got := Judge(s.Result, 0).String(); got != s.Status {
			t.Errorf("%s: %s, want %s", s.Name, got, s.Status)
		}
	}
}

func TestJudgeWarnsInTime(t *testing.T) {
	tests := []struct {
		name           string
		lifetime, left time.Duration
		warning        time.Duration
		want           Status
	}{
		{"more than a third of 90 days", 90 * day, 31 * day, 0, Good},
		{"less than a third of 90 days", 90 * day, 29 * day, 0, Warning},
		{"more than a third of six days", 6 * day, 50 * time.Hour, 0, Good},
		{"less than a third of six days", 6 * day, 46 * time.Hour, 0, Warning},
		{"less than a third, and more than was asked for", 90 * day, 15 * day, 14 * day, Good},
		{"less than was asked for", 90 * day, 13 * day, 14 * day, Warning},
	}
	for _, test := range tests {
		if got := Judge(reporttest.Lasting(test.lifetime, test.left), test.warning); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

func TestJudgeTellsNotKnowingFromBad(t *testing.T) {
	tests := []struct {
		phase  prober.Phase
		reason prober.Reason
		want   Status
	}{
		{prober.PhaseResolve, prober.ReasonDNSFailure, Unknown},
		{prober.PhaseResolve, prober.ReasonTimeout, Unknown},
		{prober.PhaseResolve, prober.ReasonNXDOMAIN, Bad},
		{prober.PhaseConnect, prober.ReasonTimeout, Bad},
		{prober.PhaseConnect, prober.ReasonDenied, Unknown},
		{prober.PhaseStartTLS, prober.ReasonInternal, Unknown},
		{prober.PhaseStartTLS, prober.ReasonStartTLSNotOffered, Bad},
		{prober.PhaseVerify, "expired", Bad},
	}
	for _, test := range tests {
		r := &prober.Result{Failure: &prober.Failure{Phase: test.phase, Reason: test.reason}}
		if got := Judge(r, 0); got != test.want {
			t.Errorf("%s in %s: %s, want %s", test.reason, test.phase, got, test.want)
		}
	}
}

func TestJudgeOfNothingLearnedIsNotGood(t *testing.T) {
	for name, r := range map[string]*prober.Result{
		"nothing at all":      {},
		"unfinished session":  {Session: new(prober.Session)},
		"unmet expectation":   expecting(prober.Expectation{Name: "alert"}),
		"met, and of no help": expecting(prober.Expectation{Name: "min_version", Met: true}),
	} {
		if got := Judge(r, 0); got != Unknown {
			t.Errorf("%s: %s, want %s", name, got, Unknown)
		}
	}
}

func TestWorst(t *testing.T) {
	tests := []struct {
		statuses []Status
		want     Status
	}{
		{nil, Unknown},
		{[]Status{Good, Good}, Good},
		{[]Status{Good, Warning}, Warning},
		{[]Status{Warning, Unknown, Good}, Unknown},
		{[]Status{Unknown, Bad, Warning}, Bad},
	}
	for _, test := range tests {
		if got := Worst(test.statuses...); got != test.want {
			t.Errorf("worst of %s is %s, want %s", test.statuses, got, test.want)
		}
	}
}

func TestStatusSpeaksNagios(t *testing.T) {
	tests := []struct {
		status Status
		word   string
		code   int
	}{{Good, "good", 0}, {Warning, "warning", 1}, {Bad, "bad", 2}, {Unknown, "unknown", 3}}
	for _, test := range tests {
		if test.status.String() != test.word || test.status.ExitCode() != test.code {
			t.Errorf("%s exits with %d, want %s with %d", test.status, test.status.ExitCode(), test.word, test.code)
		}
	}
}

func expecting(e prober.Expectation) *prober.Result {
	r := new(prober.Result)
	r.Expect.Finding = &prober.Expect{Expectations: []prober.Expectation{e}}
	return r
}
