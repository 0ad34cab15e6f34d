package report

import (
	"testing"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/check/expect"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
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
		phase  failure.Phase
		reason failure.Reason
		want   Status
	}{
		{failure.PhaseResolve, failure.ReasonDNSFailure, Unknown},
		{failure.PhaseResolve, failure.ReasonTimeout, Unknown},
		{failure.PhaseResolve, failure.ReasonNXDOMAIN, Bad},
		{failure.PhaseConnect, failure.ReasonTimeout, Bad},
		{failure.PhaseConnect, failure.ReasonDenied, Unknown},
		{failure.PhaseStartTLS, failure.ReasonInternal, Unknown},
		{failure.PhaseStartTLS, failure.ReasonStartTLSNotOffered, Bad},
		{failure.PhaseVerify, "expired", Bad},
	}
	for _, test := range tests {
		r := &prober.Result{Failure: &failure.Failure{Phase: test.phase, Reason: test.reason}}
		if got := Judge(r, 0); got != test.want {
			t.Errorf("%s in %s: %s, want %s", test.reason, test.phase, got, test.want)
		}
	}
}

func TestJudgeOfNothingLearnedIsNotGood(t *testing.T) {
	for name, r := range map[string]*prober.Result{
		"nothing at all":      {},
		"unfinished session":  {Session: new(handshake.Session)},
		"unmet expectation":   expecting(expect.Expectation{Name: "alert"}),
		"met, and of no help": expecting(expect.Expectation{Name: "min_version", Met: true}),
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

func expecting(e expect.Expectation) *prober.Result {
	r := new(prober.Result)
	r.Expect.Finding = &expect.Finding{Expectations: []expect.Expectation{e}}
	return r
}
