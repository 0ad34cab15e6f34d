package report

import (
	"slices"

	"tls_exporter/prober"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
	"tls_exporter/report/part"
	"tls_exporter/report/scan"
)

// Judge is the status of one endpoint. It is bad if a scan found that it gives secrets
// away, whatever else is known about it. A good one becomes a warning if a scan found
// another vulnerability, or if clients will reject its chain in less than the warning.
func Judge(r *prober.Result, limits Limits) part.Status {
	found := scan.Judge(r.Vulnerabilities.Finding)
	switch {
	case found == part.Bad:
		return part.Bad
	case r.Failure != nil && inconclusive(r.Failure) && !(r.Failure.Phase == failure.PhaseVerify && len(unmet(r)) > 0):
		return part.Unknown
	case r.Failure != nil:
		return part.Bad
	case !handshakeDone(r) && !rejectedAsExpected(r):
		return part.Unknown
	case RemainingOf(r.Chain).soon(limits), found == part.Warning:
		return part.Warning
	}
	return part.Good
}

// inconclusive tells whether a failure says nothing about the endpoint: the
// exporter itself, the DNS or the proxy prevented the probe, or the exporter cannot
// verify the chain.
func inconclusive(f *failure.Failure) bool {
	return f.Unasked() || f.Phase == failure.PhaseVerify &&
		slices.Contains([]chain.Problem{chain.ProblemUnsupportedAlgorithm, chain.ProblemTooLarge}, chain.Problem(f.Reason))
}

func handshakeDone(r *prober.Result) bool { return r.Session != nil && r.Session.Completed }
