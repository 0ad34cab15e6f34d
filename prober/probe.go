// Package prober learns what a TLS endpoint is like. A probe walks one line,
//
//	resolve -> connect -> (proxy) -> (starttls) -> handshake -> chain -> checks
//
// and returns a Result: plain values, whatever was learned before something
// failed included. How that is shown is the business of other packages, and so
// is what to think of it: there are dates here, and no thresholds.
package prober

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// Prober probes targets as one module says. It may be used by many goroutines
// at once and never changes.
type Prober struct {
	module      Module
	roots       *roots
	verdicts    *verdicts
	family      IPProtocol // of the addresses that may be dialled
	lookup      lookup
	guard       *guard
	source      net.Addr // where connections come from; nil: the system chooses
	choice      choice
	tls         *tls.Config
	usual       *usualHello           // nil: crypto/tls alone shakes hands
	strange     *memory[server, bool] // servers that are left to crypto/tls; true: for good, for how it fares does not show why
	certificate *tls.Certificate      // shown to servers that ask; nil: none
	way         string                // how servers are reached, for what is kept of them
}

// New reads the module's files and returns its prober, or what is wrong with
// the module. Nothing but what is denied anyway is denied to it.
func New(m Module) (*Prober, error) { return newGuarded(m, newGuard(Policy{}, new(Process))) }

func newGuarded(m Module, guard *guard) (*Prober, error) {
	if err := m.validate(); err != nil {
		return nil, err
	}
	roots, err := loadRoots(m.CAFile, m.SystemRoots)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	certificate, err := m.ClientCertificate.load()
	if err != nil {
		return nil, err
	}
	if m.Expect != nil {
		loaded := *m.Expect
		if err := loaded.load(); err != nil {
			return nil, fmt.Errorf("expect: %w", err)
		}
		m.Expect = &loaded
	}
	choice, err := newChoice(&m)
	if err != nil {
		return nil, err
	}
	p := &Prober{
		module: m, roots: roots, verdicts: newVerdicts(roots), family: m.family(), lookup: newLookup(guard, string(m.Resolver), m.Addresses == AllAddresses), guard: guard, choice: choice,
		tls: m.tlsConfig(), strange: newMemory[server, bool](maxStrange), certificate: certificate,
	}
	if source, err := netip.ParseAddr(string(m.SourceAddress)); err == nil {
		p.source = net.TCPAddrFromAddrPort(netip.AddrPortFrom(source, 0))
	}
	p.way = p.wayThere()
	if p.usual, err = newUsualHello(p.tls); err != nil {
		return nil, err
	}
	return p, nil
}

// With is a prober for the same module with a change to it.
func (p *Prober) With(change func(*Module)) (*Prober, error) {
	m := p.module
	change(&m)
	return newGuarded(m, p.guard)
}

// Timeout is the longest that a probe of this module takes.
func (p *Prober) Timeout() time.Duration { return time.Duration(p.module.Timeout) }

// Probe walks the line. It returns no error: not getting to the end of the line
// is a result. It takes no longer than the module's timeout and ctx allow, and
// nothing that it started goes on after it.
func (p *Prober) Probe(ctx context.Context, t Target) *Result {
	return p.ProbeWithin(ctx, p.Timeout(), t)
}

// ProbeWithin is Probe with a limit that may be shorter than the module's timeout.
func (p *Prober) ProbeWithin(ctx context.Context, limit time.Duration, t Target) *Result {
	ctx, cancel := context.WithTimeout(ctx, min(limit, p.Timeout()))
	defer cancel()
	if t.ServerName == "" {
		t.ServerName = string(p.module.ServerName)
	}
	r := &Result{Target: t, Start: time.Now()}
	p.check(ctx, p.walk(ctx, r))
	r.settle()
	r.Duration = time.Since(r.Start)
	return r
}

// walk takes the steps of the line, each on what the one before it reached. It
// returns what the checks may lean on.
func (p *Prober) walk(ctx context.Context, r *Result) *endpoint {
	addrs, ok := p.locate(ctx, r)
	switch {
	case !ok:
	case len(addrs) > 0 && p.module.Addresses == AllAddresses:
		p.visitAll(ctx, r, addrs)
	default:
		p.visit(ctx, r, addrs[:min(len(addrs), maxAddresses)])
	}
	return newEndpoint(p, r, addrs)
}

// visit takes the steps from the first to the server to the verdict on it.
func (p *Prober) visit(ctx context.Context, r *Result, addrs []netip.AddrPort) {
	conn, ok := p.open(ctx, r, addrs)
	if !ok {
		return
	}
	defer conn.Close()

	h := p.shake(ctx, conn, r, addrs)
	if h.disagree() {
		conn.Close() // some servers talk to one client at a time
		h.lookOnceMore(ctx, newEndpoint(p, r, addrs))
	}
	if r.Session = h.session; r.Session != nil {
		r.Session.Remote = r.Remote
	}
	r.Phases = append(r.Phases, h.steps...)
	if h.err != nil {
		r.fail(h.failed, reasonFor(h.err), h.err)
	}
	if len(h.certificates) == 0 {
		return
	}
	r.Chain, _ = step(r, PhaseVerify, func() (*Chain, error) { return p.verdicts.judge(h.certificates, r.Target.name(), time.Now()), nil })
	r.failVerify()
}

// open takes the steps of the line up to the first byte of TLS.
func (p *Prober) open(ctx context.Context, r *Result, addrs []netip.AddrPort) (net.Conn, bool) {
	conn, ok := p.reach(ctx, r, addrs)
	if !ok || r.Target.Scheme.find().start != startTLS {
		return conn, ok
	}
	started, ok := step(r, PhaseStartTLS, func() (net.Conn, error) { return p.startTLS(conn, r.Target) })
	if !ok {
		conn.Close()
	}
	return started, ok
}

// step takes one step of the line, notes how long it took, also if it failed,
// and names its failure.
func step[T any](r *Result, phase Phase, do func() (T, error)) (T, bool) {
	start := time.Now()
	value, err := do()
	r.Phases = append(r.Phases, PhaseTime{phase, time.Since(start)})
	if err != nil {
		r.fail(phase, reasonFor(err), err)
	}
	return value, err == nil
}

// fail notes why the line ended. The first failure stands: later ones are its
// consequences.
func (r *Result) fail(phase Phase, reason Reason, err error) {
	if r.Failure == nil {
		r.Failure = &Failure{Phase: phase, Reason: reason, Err: brief(err)}
	}
}

// maxStory bounds the text of a failure, in bytes. crypto/x509 quotes what it
// cannot read in full, and that may be as long as a certificate: every failed
// probe would write it to the log.
const maxStory = 2048

func shortened(story string) string {
	if len(story) <= maxStory {
		return story
	}
	return strings.ToValidUTF8(story[:maxStory], "") + "…"
}

// brief is an error with a text that is bounded.
func brief(err error) error {
	if text := err.Error(); len(text) > maxStory {
		return &briefError{shortened(text), err}
	}
	return err
}

type briefError struct {
	text string
	err  error
}

func (e *briefError) Error() string { return e.text }

func (e *briefError) Unwrap() error { return e.err }

// blame moves the failure of the phase that ran last to another one, whose fault
// it is.
func (r *Result) blame(phase Phase) {
	r.Phases[len(r.Phases)-1].Phase = phase
	r.Failure.Phase = phase
}

// failVerify makes a chain that is not valid the probe's failure, with its
// gravest problem.
func (r *Result) failVerify() {
	if r.Chain != nil && !r.Chain.Valid {
		worst := r.Chain.Problems[0]
		r.fail(PhaseVerify, Reason(worst.Problem), errors.New(worst.Detail))
	}
}
