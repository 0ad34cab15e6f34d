// Package failure says where and why a probe failed: phases and reasons, in a
// closed vocabulary. An error is classified once, where it happens.
package failure

import (
	"net/netip"
	"time"

	"tls_exporter/prober/text"
)

// Failure is where and why a probe, or a check, failed. It is an error that
// keeps its reason wherever it is wrapped.
type Failure struct {
	Phase   Phase // empty for a check
	Reason  Reason
	Err     error          // the full message for people, bounded; never a label
	Address netip.AddrPort // the failing address of a pool; else invalid
}

// Error is the message for people.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap is the error behind the failure.
func (f *Failure) Unwrap() error { return f.Err }

// For classifies err, once, as the failure of a phase.
func For(phase Phase, err error) *Failure {
	return &Failure{Phase: phase, Reason: Of(err), Err: text.Bounded(err)}
}

// Trace records how far a probe came: the phases that ran, in order, and the
// first failure. Steps write to it and never see the Result.
type Trace struct {
	Phases  []PhaseTime
	Failure *Failure // nil: no step has failed
}

// Step runs one step, records its duration, also if it failed, and classifies
// its error. It reports whether the step succeeded.
func Step[T any](t *Trace, phase Phase, do func() (T, error)) (T, bool) {
	start := time.Now()
	value, err := do()
	t.Phases = append(t.Phases, PhaseTime{phase, time.Since(start)})
	if err != nil {
		t.Fail(phase, err)
	}
	return value, err == nil
}

// Fail records the failure of a phase. The first failure stands: later ones are
// its consequences.
func (t *Trace) Fail(phase Phase, err error) {
	if t.Failure == nil {
		t.Failure = For(phase, err)
	}
}

// Reassign moves the failure of the phase that ran last to another phase, which
// caused it.
func (t *Trace) Reassign(phase Phase) {
	t.Phases[len(t.Phases)-1].Phase = phase
	t.Failure.Phase = phase
}
