package prober

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// A panic in a step of the line fails the probe in that step, with the stack, and what
// was learned before stays. So does one in a probe of a pool, and one between the steps.
func TestPanicInTheLine(t *testing.T) {
	lab := labtest.Lab(t)
	parsed, err := target.Parse(labtest.Serve(t, lab, tlstest.Server{}))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		step    string
		broken  func(*Prober) // so that the step panics
		phase   failure.Phase
		learned func(*Result) bool // what was
	}{
		{"connect", func(p *Prober) {
			p.process.Guard.Control = func(context.Context, string, string, syscall.RawConn) error { panic("boom") }
		}, failure.PhaseConnect, func(r *Result) bool { return !r.Connected }},
		{"handshake", func(p *Prober) { p.client = nil }, failure.PhaseKeyExchange, func(r *Result) bool { return r.Connected && r.Remote.IsValid() }},
		{"verify", func(p *Prober) { p.verifier = nil }, failure.PhaseVerify, func(r *Result) bool { return r.Session.Completed }},
		{"between the steps", func(p *Prober) { p.route = nil }, failure.PhaseVerify, func(r *Result) bool { return !r.Connected }},
	} {
		for _, addresses := range []Addresses{OneAddress, AllAddresses} {
			t.Run(test.step+" "+string(addresses), func(t *testing.T) {
				m := DefaultModule()
				m.Addresses = addresses
				process := NewProcess()
				process.Guard = guard.New(guard.Policy{}, new(guard.Listeners))
				t.Cleanup(process.Cache.Close)
				p, err := New(m, process)
				if err != nil {
					t.Fatal(err)
				}
				test.broken(p)
				r := p.Probe(t.Context(), parsed)
				panicked, found := errors.AsType[*failure.PanicError](r.Failure)
				if !found || r.Failure.Phase != test.phase || r.Failure.Reason != failure.ReasonInternal || !test.learned(r) || r.Duration == 0 {
					t.Fatalf("failure is %+v, duration %s, session %+v", r.Failure, r.Duration, r.Session)
				}
				if !strings.Contains(string(panicked.Stack), "prober.(*Prober)") {
					t.Errorf("the stack is %s", panicked.Stack)
				}
			})
		}
	}
}
