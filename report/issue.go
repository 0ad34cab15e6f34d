package report

import (
	"crypto/tls"
	"slices"

	"tls_exporter/prober"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
	"tls_exporter/report/part"
	"tls_exporter/report/scan"
)

// issues is everything that is wrong, the worst first. What a scan found is last among
// equals.
func issues(r *prober.Result, scan *scan.Report, limits Limits) []part.Issue {
	var all []part.Issue
	if f := r.Failure; f != nil && !listedElsewhere(r, f) {
		status := part.Bad
		if inconclusive(f) {
			status = part.Unknown
		}
		issue := part.NewIssue(f.Reason, where(f)+part.Message(f), status)
		issue.Phase = f.Phase
		all = append(all, issue)
	}
	for _, e := range unmet(r) {
		all = append(all, part.NewIssue(failure.Reason(e.Name), notMet(e), part.Bad))
	}
	if r.Failure == nil {
		if status := RemainingOf(r.Chain).status(limits); status != part.Good {
			all = append(all, part.NewIssue(expiresSoon, timeLeft(r.Chain), status))
		}
	}
	if r.Chain != nil {
		for _, found := range r.Chain.Problems {
			all = append(all, chainIssue(r.Chain, found))
		}
	}
	all = append(all, stapleIssues(r)...)
	all = append(all, sessionIssues(r, scan)...)
	if scan != nil {
		all = append(all, scan.Issues()...)
	}
	slices.SortStableFunc(all, func(a, b part.Issue) int { return part.Compare(a.Status, b.Status) })
	return all
}

// sessionIssues is that the server negotiates an old version, unless the scan tells that.
func sessionIssues(r *prober.Result, s *scan.Report) []part.Issue {
	if !handshakeDone(r) || r.Session.Version == 0 || r.Session.Version >= tls.VersionTLS12 || s != nil && len(s.Versions) > 0 {
		return nil
	}
	return []part.Issue{part.NewIssue(scan.OldVersion, "negotiates "+r.Session.VersionName()+" and nothing newer", part.Warning)}
}

// where is the address that a failure of a pool is about.
func where(f *failure.Failure) string {
	if !f.Address.IsValid() {
		return ""
	}
	return "at " + f.Address.Addr().String() + ": "
}

// listedElsewhere tells whether a failure is also a problem of the chain or an
// unmet expectation.
func listedElsewhere(r *prober.Result, f *failure.Failure) bool {
	if !ofShown(r, f) {
		return false
	}
	switch f.Phase {
	case failure.PhaseVerify:
		return r.Chain != nil && r.Chain.Has(chain.Problem(f.Reason))
	case failure.PhaseExpect:
		return unmetNamed(r, f.Reason) != nil
	}
	return false
}

// FailedCheck is a check that has no finding.
type FailedCheck struct {
	Name    string
	Reason  failure.Reason
	Message string
	Remedy  string
	Pending bool // it is still running
}

// Sentence is why the check has no finding.
func (c FailedCheck) Sentence() string { return part.Sentence(string(c.Reason), c.Message) }

func failedChecks(r *prober.Result) []FailedCheck {
	var all []FailedCheck
	for _, check := range r.Outcomes {
		if f := check.Failure; f != nil {
			all = append(all, FailedCheck{check.Name, f.Reason, part.Message(f), part.Remedy(f.Reason), f.Reason == failure.ReasonPending})
		}
	}
	return all
}
