// Package failure describes where and why a probe failed: phases and reasons, each a
// closed vocabulary. An error is classified once, where it happens.
package failure

import (
	"net/netip"
	"time"

	"tls_exporter/prober/text"
)

// Failure is where and why a probe or a check failed. It is an error, and Of finds
// its reason in every error that wraps it.
type Failure struct {
	Phase   Phase // empty for a check
	Reason  Reason
	Err     error          // the full message for people, bounded; never a label
	Address netip.AddrPort // the failing address, if all addresses were probed; else invalid
}

// Error returns the message for people.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns Err.
func (f *Failure) Unwrap() error { return f.Err }

// Unasked reports whether the fault is the exporter's own, or that of the DNS or the
// proxy between it and the endpoint, or whether its access policy forbade the probe. Such
// a failure says nothing about the endpoint.
func (f *Failure) Unasked() bool {
	return f.Phase == PhaseProxy || f.Reason == ReasonDenied || f.Blind()
}

// Blind reports whether the exporter could not ask the endpoint, for a fault of its own
// or of its DNS.
func (f *Failure) Blind() bool {
	switch f.Reason {
	case ReasonInternal, ReasonLocalResources, ReasonDNSFailure:
		return true
	case ReasonTimeout:
		return f.Phase == PhaseResolve
	}
	return false
}

// For classifies err as the failure of a phase, and bounds its message.
func For(phase Phase, err error) *Failure {
	return &Failure{Phase: phase, Reason: Of(err), Err: text.Bounded(err)}
}

// Trace records the phases of a probe in the order in which they ran, and the first
// failure.
type Trace struct {
	Phases  []PhaseTime
	Failure *Failure // nil: no step has failed
}

// Step runs one step of a probe. It records the duration, also of a step that fails,
// and the failure. It returns the result of the step and whether it succeeded. A panic
// of the step is its failure.
func Step[T any](t *Trace, phase Phase, do func() (T, error)) (T, bool) {
	start := time.Now()
	defer t.recover(phase, start)
	value, err := do()
	t.Phases = append(t.Phases, PhaseTime{phase, time.Since(start)})
	if err != nil {
		t.Fail(phase, err)
	}
	return value, err == nil
}

// recover is deferred, and records a panic as the failure of a phase. It adds no frame to
// the stack, as Contain would: thousands of probes may wait in a step.
func (t *Trace) recover(phase Phase, start time.Time) {
	if cause := recover(); cause != nil {
		t.Phases = append(t.Phases, PhaseTime{phase, time.Since(start)})
		t.Fail(phase, newPanicError(cause))
	}
}

// Fail records the failure of a phase if it is the first: later ones are its
// consequences.
func (t *Trace) Fail(phase Phase, err error) {
	if t.Failure == nil {
		t.Failure = For(phase, err)
	}
}

// Reassign moves the failure and the duration of the phase that ran last to the
// phase that caused it.
func (t *Trace) Reassign(phase Phase) {
	t.Phases[len(t.Phases)-1].Phase = phase
	t.Failure.Phase = phase
}
