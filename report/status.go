package report

import (
	"slices"

	"tls_exporter/prober"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
	"tls_exporter/report/part"
	"tls_exporter/report/scan"
)

// Judge is the status of one endpoint: that of its worst issue. An endpoint without an
// issue is good if there was a handshake, or a rejection that the module expects, and
// unknown otherwise. A file without an issue is good if it was read.
func Judge(r *prober.Result, limits Limits) part.Status {
	return statusOf(r, issues(r, scan.New(r), limits))
}

func statusOf(r *prober.Result, issues []part.Issue) part.Status {
	worst := part.Unknown
	if reached(r) {
		worst = part.Good
	}
	for _, i := range issues {
		worst = part.Worst(worst, i.Status)
	}
	return worst
}

// inconclusive tells whether a failure says nothing about the endpoint: the
// exporter itself, the DNS or the proxy prevented the probe, or the exporter cannot
// verify the chain.
func inconclusive(f *failure.Failure) bool {
	return f.Unasked() || f.Phase == failure.PhaseVerify && unverifiable(f.Reason) || f.Phase == failure.PhaseRead && slices.Contains(unread, f.Reason)
}

// unread are the reasons for which a file could not be read that say nothing about its
// certificates.
var unread = []failure.Reason{failure.ReasonPermissionDenied, failure.ReasonWrongPassword, failure.ReasonReadError, failure.ReasonTimeout, failure.ReasonTooLarge}

// unverifiable tells whether a problem is of the exporter, which cannot verify the chain.
func unverifiable(reason failure.Reason) bool {
	return slices.Contains([]chain.Problem{chain.ProblemUnsupportedAlgorithm, chain.ProblemTooLarge}, chain.Problem(reason))
}

// reached tells whether the probe saw what it is about.
func reached(r *prober.Result) bool {
	return r.File != nil && r.Chain != nil || handshakeDone(r) || rejectedAsExpected(r)
}

func handshakeDone(r *prober.Result) bool { return r.Session != nil && r.Session.Completed }
