package reporttest

import (
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/check"
	"tls_exporter/prober/check/transparency"
	"tls_exporter/prober/loglist"
	"tls_exporter/prober/sct"
)

// signed is an SCT of a log.
func signed(source transparency.Source, log *loglist.Log, at time.Time) transparency.SCT {
	s := transparency.SCT{Source: source, Status: transparency.Valid, Log: log, Time: at, Index: -1}
	if log.Static {
		s.Index = 1_202_355_018
	}
	copy(s.LogID[:], log.Description)
	return s
}

// The logs of the examples.
var (
	alpha = &loglist.Log{Description: "Alpha2027h1", State: loglist.Usable, Operators: []loglist.Operator{{Name: "Example Trust"}}}
	beta  = &loglist.Log{Description: "Beta2027h1", State: loglist.ReadOnly, Static: true, Operators: []loglist.Operator{{Name: "Example Logs"}}}
	gamma = &loglist.Log{Description: "Gamma2026h2", State: loglist.Retired, Operators: []loglist.Operator{{Name: "Example Trust"}}}
)

// logged is a website whose certificate has all SCTs that browsers require, and others.
func logged() *prober.Result {
	r := Healthy()
	r.Outcomes = []check.Outcome{{Name: "transparency", Time: Now, Duration: time.Millisecond}}
	at := Now.Add(-31*day - 17*time.Hour)
	late := signed(transparency.Extension, alpha, Now.Add(time.Hour))
	late.Status = transparency.Future
	r.Transparency.Finding = &transparency.Finding{
		ListTime: Now.Add(-46 * day), Verdict: &transparency.Verdict{Compliant: true},
		SCTs: []transparency.SCT{
			signed(transparency.Certificate, alpha, at), signed(transparency.Certificate, beta, at.Add(120*time.Millisecond)),
			{Source: transparency.Certificate, Status: transparency.UnknownLog, LogID: sct.LogID{0xc0, 0xff, 0xee}, Time: at, Index: -1},
			late, {Source: transparency.Staple, Status: transparency.Malformed},
		},
	}
	return r
}

// Unlogged is a website whose certificate lacks an SCT.
func Unlogged() *prober.Result {
	r := Healthy()
	r.Outcomes = []check.Outcome{{Name: "transparency", Time: Now, Duration: time.Millisecond}}
	r.Transparency.Finding = &transparency.Finding{
		ListTime: Now.Add(-46 * day), Verdict: &transparency.Verdict{Why: []string{"a certificate that is valid for 90 days needs SCTs of 2 logs inside, and has 1 that counts"}},
		SCTs: []transparency.SCT{signed(transparency.Certificate, alpha, Now.Add(-31*day)), signed(transparency.Certificate, gamma, Now.Add(-31*day))},
	}
	return r
}

// notRequired is a website with a private certificate, to which the policy does not apply.
func notRequired() *prober.Result {
	r := Healthy()
	r.Outcomes = []check.Outcome{{Name: "transparency", Time: Now, Duration: time.Millisecond}}
	r.Transparency.Finding = &transparency.Finding{ListTime: Now.Add(-46 * day), Unjudged: "the root is not one of Mozilla's program, and the policy is for public CAs"}
	return r
}
