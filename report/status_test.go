package report

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/check/expect"
	"tls_exporter/prober/check/vulnerabilities"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/report/part"
	"tls_exporter/report/reporttest"
	"tls_exporter/report/scan"
)

const day = 24 * time.Hour

func TestJudge(t *testing.T) {
	for _, s := range reporttest.Situations() {
		if got := Judge(s.Result, Limits{}).String(); got != s.Status {
			t.Errorf("%s: %s, want %s", s.Name, got, s.Status)
		}
	}
}

func TestJudgeWarnsInTime(t *testing.T) {
	tests := []struct {
		name           string
		lifetime, left time.Duration
		limits         Limits
		want           part.Status
	}{
		{"more than a third of 90 days", 90 * day, 31 * day, Limits{}, part.Good},
		{"less than a third of 90 days", 90 * day, 29 * day, Limits{}, part.Warning},
		{"more than a third of six days", 6 * day, 50 * time.Hour, Limits{}, part.Good},
		{"less than a third of six days", 6 * day, 46 * time.Hour, Limits{}, part.Warning},
		{"less than a third, and more than was asked for", 90 * day, 15 * day, Limits{Warning: 14 * day}, part.Good},
		{"less than was asked for", 90 * day, 13 * day, Limits{Warning: 14 * day}, part.Warning},
		{"more than the critical limit", 90 * day, 8 * day, Limits{Warning: 14 * day, Critical: 7 * day}, part.Warning},
		{"less than the critical limit", 90 * day, 6 * day, Limits{Warning: 14 * day, Critical: 7 * day}, part.Bad},
		{"only a critical limit, and less than a third", 90 * day, 29 * day, Limits{Critical: 7 * day}, part.Warning},
		{"only a critical limit, and less", 90 * day, 6 * day, Limits{Critical: 7 * day}, part.Bad},
	}
	for _, test := range tests {
		r := reporttest.Lasting(test.lifetime, test.left)
		facts := New(r, test.limits)
		if facts.Status != test.want || facts.Chain.Certificates[0].Validity.Status != test.want {
			t.Errorf("%s: %s, and the leaf is %s, want %s", test.name, facts.Status, facts.Chain.Certificates[0].Validity.Status, test.want)
		}
		if says := strings.HasPrefix(facts.Verdict, "expires_soon; "); says != (test.want == part.Bad) {
			t.Errorf("%s: %q", test.name, facts.Verdict)
		}
	}
}

// The status is that of the worst issue, whoever shows it, and the first reason is why.
func TestStatusAgreesWithIssues(t *testing.T) {
	for _, s := range reporttest.Situations() {
		for _, limits := range []Limits{{}, {Warning: 1000 * day}, {Critical: 1000 * day}} {
			facts := New(s.Result, limits)
			worst := part.Good
			for _, i := range facts.Issues {
				worst = part.Worst(worst, i.Status)
			}
			if facts.Status != worst || Judge(s.Result, limits) != worst {
				t.Errorf("%s: %s, judged as %s, and the worst issue is %s", s.Name, facts.Status, Judge(s.Result, limits), worst)
			}
			if facts.Status != part.Good && !slices.Contains(Words(), failure.Reason(facts.Reasons[0])) {
				t.Errorf("%s: %q is not in the vocabulary", s.Name, facts.Reasons[0])
			}
			if len(facts.Issues) > 0 && facts.Reasons[0] != string(facts.Issues[0].Reason) {
				t.Errorf("%s: the first reason is %s, the first issue is %s", s.Name, facts.Reasons[0], facts.Issues[0].Reason)
			}
		}
	}
}

// A server that negotiates an old version accepts it: a scan tells nothing else.
func TestOldVersionWithoutScan(t *testing.T) {
	r := reporttest.Healthy()
	r.Session.Version = tls.VersionTLS11
	facts := New(r, Limits{})
	if facts.Status != part.Warning || !slices.Equal(facts.Reasons, []string{scan.OldVersion}) {
		t.Errorf("%s, %v", facts.Status, facts.Reasons)
	}
}

// What gives secrets away is bad, even while the endpoint cannot be probed; every other
// vulnerability is a warning.
func TestJudgeVulnerabilities(t *testing.T) {
	secrets := []vulnerabilities.Name{"heartbleed", "ccs_injection", "ticketbleed", "robot", "drown"}
	for _, name := range append([]vulnerabilities.Name{"gremlins"}, vulnerabilities.Names...) {
		for _, test := range []struct {
			probed      *prober.Result
			want, worse part.Status
		}{
			{reporttest.Healthy(), part.Warning, part.Bad},
			{reporttest.DNSFailure(), part.Unknown, part.Bad},
			{reporttest.NotTLS(), part.Bad, part.Bad},
		} {
			test.probed.Vulnerabilities.Finding = &vulnerabilities.Finding{Answers: []vulnerabilities.Answer{{Name: name, Vulnerable: true}}}
			want := test.want
			if slices.Contains(secrets, name) {
				want = test.worse
			}
			if got := Judge(test.probed, Limits{}); got != want {
				t.Errorf("%s, and %v: %s, want %s", name, test.probed.Failure, got, want)
			}
			for _, i := range New(test.probed, Limits{}).Issues {
				if i.Reason == failure.Reason(name) && (i.Status == part.Bad) != slices.Contains(secrets, name) {
					t.Errorf("the issue %s is %s", name, i.Status)
				}
			}
		}
	}
}

func TestJudgeTellsNotKnowingFromBad(t *testing.T) {
	tests := []struct {
		phase  failure.Phase
		reason failure.Reason
		want   part.Status
	}{
		{failure.PhaseResolve, failure.ReasonDNSFailure, part.Unknown},
		{failure.PhaseResolve, failure.ReasonTimeout, part.Unknown},
		{failure.PhaseResolve, failure.ReasonNXDOMAIN, part.Bad},
		{failure.PhaseConnect, failure.ReasonTimeout, part.Bad},
		{failure.PhaseConnect, failure.ReasonDenied, part.Unknown},
		{failure.PhaseStartTLS, failure.ReasonInternal, part.Unknown},
		{failure.PhaseConnect, failure.ReasonLocalResources, part.Unknown},
		{failure.PhaseStartTLS, failure.ReasonStartTLSNotOffered, part.Bad},
		{failure.PhaseVerify, "expired", part.Bad},
		{failure.PhaseVerify, "unsupported_algorithm", part.Unknown},
	}
	for _, test := range tests {
		r := &prober.Result{Failure: &failure.Failure{Phase: test.phase, Reason: test.reason}}
		if got := Judge(r, Limits{}); got != test.want {
			t.Errorf("%s in %s: %s, want %s", test.reason, test.phase, got, test.want)
		}
		if got := poolOf(&prober.Pool{Members: []*prober.Member{{Failure: r.Failure}}}, Limits{}).Members[0].Status; got != test.want {
			t.Errorf("an address with %s in %s: %s, want %s", test.reason, test.phase, got, test.want)
		}
	}
	unmet := expecting(expect.Expectation{Name: "min_version"})
	unmet.Failure = &failure.Failure{Phase: failure.PhaseVerify, Reason: "unsupported_algorithm"}
	if got := Judge(unmet, Limits{}); got != part.Bad {
		t.Errorf("a chain that cannot be verified, and an unmet expectation: %s", got)
	}
}

func TestJudgeOfNothingLearnedIsNotGood(t *testing.T) {
	for name, r := range map[string]*prober.Result{
		"nothing at all":      {},
		"unfinished session":  {Session: new(handshake.Session)},
		"met, and of no help": expecting(expect.Expectation{Name: "min_version", Met: true}),
	} {
		if got := Judge(r, Limits{}); got != part.Unknown {
			t.Errorf("%s: %s, want %s", name, got, part.Unknown)
		}
	}
}

func TestWorst(t *testing.T) {
	tests := []struct {
		statuses []part.Status
		want     part.Status
	}{
		{nil, part.Unknown},
		{[]part.Status{part.Good, part.Good}, part.Good},
		{[]part.Status{part.Good, part.Warning}, part.Warning},
		{[]part.Status{part.Warning, part.Unknown, part.Good}, part.Unknown},
		{[]part.Status{part.Unknown, part.Bad, part.Warning}, part.Bad},
	}
	for _, test := range tests {
		if got := part.Worst(test.statuses...); got != test.want {
			t.Errorf("worst of %s is %s, want %s", test.statuses, got, test.want)
		}
	}
}

func TestStatusSpeaksNagios(t *testing.T) {
	tests := []struct {
		status part.Status
		word   string
		code   int
	}{{part.Good, "good", 0}, {part.Warning, "warning", 1}, {part.Bad, "bad", 2}, {part.Unknown, "unknown", 3}}
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

// What is seen is told, whatever else is not known.
func TestUnmetExpectationIsBad(t *testing.T) {
	if got := Judge(expecting(expect.Expectation{Name: "alert"}), Limits{}); got != part.Bad {
		t.Errorf("it is %s", got)
	}
}

// Without dates there is no time left that could be too short.
func TestJudgeWithoutDates(t *testing.T) {
	rejected := &prober.Result{}
	rejected.Expect.Finding = &expect.Finding{Expectations: []expect.Expectation{{Name: "alert", Met: true}}}
	undated := reporttest.Healthy()
	leaf := *undated.Chain.Certificates[0]
	leaf.NotBefore, leaf.NotAfter, leaf.Undated = time.Time{}, time.Time{}, true
	undated.Chain.Certificates[0], undated.Chain.Path, undated.Chain.NotAfter = &leaf, nil, time.Time{}
	for name, r := range map[string]*prober.Result{"rejected before it sent a certificate": rejected, "dates that cannot be read": undated} {
		for _, warning := range []time.Duration{0, 14 * day} {
			facts := New(r, Limits{Warning: warning})
			if facts.Status != part.Good || slices.Contains(facts.Reasons, expiresSoon) || strings.Contains(facts.Verdict, "left") {
				t.Errorf("%s, warning %s: %s, %v, %q", name, warning, facts.Status, facts.Reasons, facts.Verdict)
			}
		}
	}
}
