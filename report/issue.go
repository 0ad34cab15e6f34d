package report

import (
	"tls_exporter/prober"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
	"tls_exporter/report/part"
	"tls_exporter/report/scan"
)

// issues is everything that is wrong: first what makes the endpoint bad, then what
// clients ignore; what a scan found is last in both.
func issues(r *prober.Result, chain *Chain, scan *scan.Report, limits Limits) []part.Issue {
	var bad, ignored []part.Issue
	if f := r.Failure; f != nil && !listedElsewhere(r, f) {
		status := part.Bad
		if inconclusive(f) {
			status = part.Unknown
		}
		issue := part.NewIssue(f.Reason, where(f)+part.Message(f), status)
		issue.Phase = f.Phase
		bad = append(bad, issue)
	}
	if chain != nil {
		for _, i := range chain.Issues {
			if i.Status == part.Bad {
				bad = append(bad, i)
			} else {
				ignored = append(ignored, i)
			}
		}
	}
	for _, e := range unmet(r) {
		bad = append(bad, part.NewIssue(failure.Reason(e.Name), notMet(e), part.Bad))
	}
	if endsSoon(r, limits) {
		ignored = append(ignored, part.NewIssue(expiresSoon, timeLeft(r.Chain), part.Warning))
	}
	if scan != nil {
		for _, i := range scan.Issues() {
			if i.Status == part.Bad {
				bad = append(bad, i)
			} else {
				ignored = append(ignored, i)
			}
		}
	}
	return append(bad, ignored...)
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
