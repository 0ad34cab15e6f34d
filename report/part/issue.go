package part

import "tls_exporter/prober/failure"

// Issue is one thing that is wrong with an endpoint.
type Issue struct {
	Reason   failure.Reason // or the word of a problem, an expectation, a vulnerability
	Phase    failure.Phase  // that failed with this reason; empty: it is no failure of a phase
	Detail   string
	Remedy   string
	Status   Status // of the endpoint, if it has no other issue
	Position int    // the certificate that has it, as sent; -1: none in particular
}

// NewIssue is an issue of no certificate in particular, with the remedy of its reason.
func NewIssue(reason failure.Reason, detail string, status Status) Issue {
	return Issue{Reason: reason, Detail: detail, Remedy: Remedy(reason), Status: status, Position: -1}
}

// Sentence is the reason and the detail.
func (i Issue) Sentence() string { return Sentence(string(i.Reason), i.Detail) }
