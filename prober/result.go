package prober

import (
	"errors"
	"net/netip"
	"slices"
	"time"

	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/check"
	"tls_exporter/prober/check/expect"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/target"
)

// Result is what one probe learned. A nil or zero part was not learned: it never
// means that all is well.
type Result struct {
	Target   target.Target
	Module   [16]byte // Identity of the prober
	Start    time.Time
	Duration time.Duration

	Phases  []failure.PhaseTime // in the order in which they ran; one not reached is absent
	Failure *failure.Failure    // why the probe failed; nil: it succeeded

	Addresses []netip.Addr       // what the name resolved to, in the order in which they are tried
	Proxy     string             // that the connection goes through, without its password; empty: none
	Connected bool               // the port, or the Unix socket, answered
	Remote    netip.AddrPort     // the address that answered; invalid: none did, or it has none that is known
	Session   *handshake.Session // what the handshake negotiated, as far as it came
	Selected  *handshake.Session // what the server selected after another ClientHello, if the handshake failed; nil: nothing, or none was sent
	Chain     *chain.Chain       // the certificates that were sent, and the verdict on them
	Staple    *certstatus.Answer // what the stapled OCSP response says about the leaf; nil: not known whether there is one

	Pool *Pool // all addresses behind the name; nil: the module probes one
	File *File // the file with the certificates; nil: it could not be read, or the target is an endpoint

	Checks                   // the module's checks and what they found
	Outcomes []check.Outcome // one for each check that ran, sorted by name
}

// Success tells whether the endpoint could be reached, completed the handshake, has
// a valid chain and meets every expectation.
func (r *Result) Success() bool { return r.Failure == nil }

// Reachable tells whether the port answered, and whether that is known. It is not if
// the endpoint could not be asked: the exporter, its DNS or the proxy failed, or the
// policy denied the connection, and a file has no port.
func (r *Result) Reachable() (answered, known bool) {
	return r.Connected, r.Connected || r.asked()
}

// Handshaken tells whether the handshake was completed, and whether that is known, as
// for Reachable.
func (r *Result) Handshaken() (completed, known bool) {
	completed = r.Session != nil && r.Session.Completed
	return completed, completed || r.asked()
}

// asked tells whether there is an endpoint, and the failure, if there is one, says something
// about it.
func (r *Result) asked() bool {
	return !r.Target.IsFile() && (r.Failure == nil || !r.Failure.Unasked())
}

// fail sets the failure of a phase, unless there is one already.
func (r *Result) fail(phase failure.Phase, reason failure.Reason, err error) {
	if r.Failure == nil {
		r.Failure = failure.For(phase, failure.With(reason, err))
	}
}

// recover is deferred. It makes a panic, which the bytes of a server may cause, the
// failure of a phase, whatever failed before. The rest of the result stays. It adds no
// frame to the stack, as failure.Contain would: thousands of probes may wait in a step.
func (r *Result) recover(phase failure.Phase) {
	if cause := recover(); cause != nil {
		r.Failure = failure.Recovered(phase, cause)
	}
}

// end is deferred: it is recover outside of the steps, and ends the probe.
func (r *Result) end() {
	if cause := recover(); cause != nil {
		r.Failure = failure.Recovered(failure.PhaseVerify, cause)
	}
	r.Duration = time.Since(r.Start)
}

// failVerify makes the most severe problem of an invalid chain the failure of the
// probe.
func (r *Result) failVerify() {
	if r.Chain != nil && !r.Chain.Valid && len(r.Chain.Problems) > 0 {
		worst := r.Chain.Problems[0]
		r.fail(failure.PhaseVerify, failure.Reason(worst.Problem), errors.New(worst.Detail))
	}
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
	return slices.Compact(all) // bad_certificate is a reason of the handshake and a problem of a chain
}
