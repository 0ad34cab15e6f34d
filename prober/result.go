package prober

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/check"
	"tls_exporter/prober/check/expect"
	"tls_exporter/prober/check/policy"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/target"
)

// Result is what one probe learned. A nil or zero part was not learned: it never
// means that all was well.
type Result struct {
	Target   target.Target
	Start    time.Time
	Duration time.Duration

	Phases  []failure.PhaseTime // in the order in which they ran; one not reached is absent
	Failure *failure.Failure    // why the probe failed; nil: it succeeded

	Addresses []netip.Addr       // what the name resolved to, in the order in which they are tried
	Proxy     string             // on the way to the target, without its password; empty: none
	Connected bool               // the port, or the Unix socket, answered
	Remote    netip.AddrPort     // the address that answered; invalid: none did, or it has none that is known
	Session   *handshake.Session // what the handshake negotiated, as far as it came
	Chain     *chain.Chain       // the certificates that were sent, and the verdict on them

	Pool *Pool // every address behind the name, where the module asks for all of them

	Checks                   // the module's checks and what they found
	Outcomes []check.Outcome // one for each check of the module that ran, by name
}

// Success tells whether the endpoint was reached, completed the handshake, has a
// good chain and met every expectation.
func (r *Result) Success() bool { return r.Failure == nil }

// Reachable tells whether the port answered, and whether that is known: a proxy
// that fails says nothing of it, nor does a connection that the policy denied.
func (r *Result) Reachable() (answered, known bool) {
	return r.Connected, r.Connected || r.Failure == nil || r.Failure.Phase != failure.PhaseProxy && r.Failure.Reason != failure.ReasonDenied
}

// fail sets the failure of a phase, unless there is one already.
func (r *Result) fail(phase failure.Phase, reason failure.Reason, err error) {
	if r.Failure == nil {
		r.Failure = failure.For(phase, failure.With(reason, err))
	}
}

// failVerify makes a chain that is not valid the probe's failure, with its gravest
// problem.
func (r *Result) failVerify() {
	if r.Chain != nil && !r.Chain.Valid {
		gravest := r.Chain.Problems[0]
		r.fail(failure.PhaseVerify, failure.Reason(gravest.Problem), errors.New(gravest.Detail))
	}
}

// applyExpectations gives the expectations the last word on a probe: a failure that
// was expected is none, and without another failure an unmet expectation is one.
func (r *Result) applyExpectations(x *expect.Finding) {
	for _, e := range x.Expectations {
		if e.Met && (e.Name == "alert" || e.Name == "client_certificate_required") {
			r.Failure = nil
			r.failVerify()
		}
	}
	for _, e := range x.Expectations {
		if !e.Met {
			r.fail(failure.PhaseExpect, failure.Reason(e.Name), fmt.Errorf("expected another %s than %s", e.Name, e.Saw))
		}
	}
}

// expectFacts is what expectations are held against.
func (r *Result) expectFacts() *expect.Facts {
	return &expect.Facts{Session: r.Session, Chain: r.Chain, Failure: r.Failure}
}

// policyFacts is what policies judge.
func (r *Result) policyFacts() *policy.Facts {
	return &policy.Facts{
		Session: r.Session, Chain: r.Chain, Versions: r.Versions.Finding, Ciphers: r.Ciphers.Finding, Missing: r.missing(),
	}
}

// missing is why policies may not be judged: the failure of a check that they need,
// or else that of the probe; nil: there is none.
func (r *Result) missing() error {
	for _, name := range []string{"versions", "ciphers"} {
		for _, check := range r.Outcomes {
			if check.Name == name && check.Failure != nil {
				return check.Failure
			}
		}
	}
	if r.Failure != nil {
		return r.Failure
	}
	return nil
}

// Vocabulary is every reason of a failure: those of package failure, the problems
// of a chain, and the expectations.
func Vocabulary() []failure.Reason {
	all := failure.Reasons()
	for _, p := range chain.Problems {
		all = append(all, failure.Reason(p))
	}
	for _, name := range expect.Names {
		all = append(all, failure.Reason(name))
	}
	slices.Sort(all)
	return all
}
