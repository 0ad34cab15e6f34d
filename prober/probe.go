// Package prober learns what a TLS endpoint is like. A probe takes these steps,
//
//	resolve -> connect -> (proxy) -> (starttls) -> handshake -> chain -> checks
//
// and returns a Result: plain values, including whatever was learned before a step
// failed. Other packages show it and judge it: there are dates here, and no
// thresholds.
package prober

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/check"
	"tls_exporter/prober/connect"
	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/resolve"
	"tls_exporter/prober/target"
)

// Prober probes targets as one module configures it. It never changes, and is safe
// for concurrent use.
type Prober struct {
	module   Module
	process  Process
	route    *connect.Route
	client   *handshake.Client
	verifier *chain.Verifier
	routeKey string // how servers are reached, for the keys of cached findings
}

// Process is what the probers of one process share.
type Process struct {
	Guard      *guard.Guard      // makes every connection
	Cache      *check.Cache      // of costly findings
	Handshakes *handshake.Counts // that were performed
}

// NewProcess shares a guard with the built-in deny list alone, and a cache of its
// own, which the caller has to close.
func NewProcess() Process {
	return Process{guard.New(guard.Policy{}, new(guard.Listeners)), check.NewCache(), new(handshake.Counts)}
}

// New reads the files that m names. An error begins with the key of the module that
// is wrong.
func New(m Module, process Process) (*Prober, error) {
	if err := m.validate(); err != nil {
		return nil, err
	}
	roots, err := chain.LoadRoots(m.Trust)
	if err != nil {
		return nil, err
	}
	p := &Prober{module: m, process: process, verifier: chain.NewVerifier(roots)}
	if p.client, err = handshake.New(m.Handshake, p.Timeout(), p.verifier.Parse, process.Handshakes); err != nil {
		return nil, err
	}
	if m.Expect.Options != nil {
		if p.module.Expect.Options, err = m.Expect.Options.Load(); err != nil {
			return nil, fmt.Errorf("expect: %w", err)
		}
	}
	if p.route, err = connect.New(m.Route, process.Guard, roots.Pool, m.Addresses == AllAddresses); err != nil {
		return nil, err
	}
	p.routeKey = m.routeKey(p.client.Certificate())
	return p, nil
}

// With is a prober for the same module with a change to it.
func (p *Prober) With(change func(*Module)) (*Prober, error) {
	m := p.module
	change(&m)
	return New(m, p.process)
}

// Timeout is the longest that a probe of this module takes.
func (p *Prober) Timeout() time.Duration { return time.Duration(p.module.Timeout) }

// CacheKeys are what the module asks by checks whose findings are cached.
func (p *Prober) CacheKeys() [][16]byte { return p.module.cacheKeys(p.routeKey) }

// Probe takes the steps. It returns no error: a failure is a result. It takes no
// longer than the module's timeout and ctx allow, and nothing that it started runs
// after it.
func (p *Prober) Probe(ctx context.Context, t target.Target) *Result {
	return p.ProbeWithin(ctx, p.Timeout(), t)
}

// ProbeWithin is Probe with a limit that may be shorter than the module's timeout.
func (p *Prober) ProbeWithin(ctx context.Context, limit time.Duration, t target.Target) *Result {
	ctx, cancel := context.WithTimeout(ctx, min(limit, p.Timeout()))
	defer cancel()
	if t.ServerName == "" {
		t.ServerName = string(p.module.ServerName)
	}
	r := &Result{Target: t, Start: time.Now(), Checks: p.module.Checks}
	addrs := p.run(ctx, r)
	if p.module.Checks != (Checks{}) {
		p.check(ctx, r, addrs)
	}
	r.aggregate()
	r.Duration = time.Since(r.Start)
	return r
}

// run takes the steps to the server, or to each of its addresses. It returns where
// the target may be dialled.
func (p *Prober) run(ctx context.Context, r *Result) []netip.AddrPort {
	trace := new(failure.Trace)
	at, ok := p.route.Locate(ctx, trace, &r.Target)
	r.Phases, r.Failure, r.Addresses = trace.Phases, trace.Failure, at.Resolved
	switch {
	case !ok:
	case len(at.Addrs) > 0 && p.module.Addresses == AllAddresses:
		p.probePool(ctx, r, at.Addrs)
	default:
		p.probeAddress(ctx, r, at.Addrs[:min(len(at.Addrs), resolve.MaxAddresses)])
	}
	return at.Addrs
}

// probeAddress takes the steps from the connection to the verdict on the chain.
func (p *Prober) probeAddress(ctx context.Context, r *Result, addrs []netip.AddrPort) {
	trace := &failure.Trace{Phases: r.Phases}
	conn, ok := p.route.Open(ctx, trace, &r.Target, addrs)
	r.Proxy, r.Connected, r.Remote = conn.Proxy, conn.Connected, conn.Remote
	r.Phases, r.Failure = trace.Phases, trace.Failure
	if !ok {
		return
	}
	defer conn.Conn.Close()

	connect := func(ctx context.Context) (net.Conn, error) { return p.endpoint(r, addrs).Connect(ctx) }
	h := p.client.Handshake(ctx, conn.Conn, &handshake.Peer{Target: &r.Target, Remote: r.Remote, Connect: connect})
	r.Session, r.Failure = h.Session, h.Failure
	r.Phases = append(r.Phases, h.Phases...)
	if len(h.Certificates) == 0 {
		return
	}
	start := time.Now()
	r.Chain = p.verifier.Verify(h.Certificates, r.Target.Name(), start)
	r.Phases = append(r.Phases, failure.PhaseTime{Phase: failure.PhaseVerify, Duration: time.Since(start)})
	r.failVerify()
}

// endpoint is the server that was reached, or to which addrs lead.
func (p *Prober) endpoint(r *Result, addrs []netip.AddrPort) *endpoint.Endpoint {
	if r.Remote.IsValid() {
		addrs = []netip.AddrPort{r.Remote}
	}
	t := r.Target // a check may go on after the probe: it must not hold the result
	return endpoint.New(p.route, p.client, p.Timeout(), &t, addrs)
}

// check runs the module's checks.
func (p *Prober) check(ctx context.Context, r *Result, addrs []netip.AddrPort) {
	e := p.endpoint(r, addrs)
	e.Session, e.Chain = r.Session, r.Chain
	if r.Failure != nil && r.Failure.Phase.BeforeTLS() {
		e.Down = r.Failure
	}
	r.run(ctx, &check.Run{Endpoint: e, Cache: p.process.Cache, RouteKey: p.routeKey, Start: r.Start})
	if r.Expect.Finding != nil {
		r.applyExpectations(r.Expect.Finding)
	}
}

// probePool probes every address in parallel, at most MaxAddresses of them, and
// takes over what the one to be shown answered.
func (p *Prober) probePool(ctx context.Context, r *Result, addrs []netip.AddrPort) {
	slices.SortFunc(addrs, netip.AddrPort.Compare) // so that DNS, which shuffles them, changes nothing
	probes := make([]*Result, min(len(addrs), resolve.MaxAddresses))
	var group sync.WaitGroup
	for i := range probes {
		probe := &Result{Target: r.Target, Start: r.Start, Checks: r.Checks}
		probes[i] = probe
		group.Go(func() {
			if err := failure.Contain(func() { p.probeAddress(ctx, probe, addrs[i:i+1]) }); err != nil {
				probe.fail(failure.PhaseVerify, failure.ReasonInternal, err)
			}
		})
	}
	group.Wait()

	pool := &Pool{Total: len(addrs)}
	for i, probe := range probes {
		pool.Members = append(pool.Members, &Member{
			Address: addrs[i], Failure: p.unexpected(probe), Session: probe.Session, Chain: probe.Chain,
		})
	}
	pool.failStale(time.Now())
	pool.Shown = pool.show()

	shown := *probes[pool.Shown]
	shown.Phases = append(r.Phases, shown.Phases...)
	shown.Addresses, shown.Pool = r.Addresses, pool
	*r = shown
}

// unexpected is the failure of a probe that is left when the module's expectations
// were applied to it.
func (p *Prober) unexpected(probe *Result) *failure.Failure {
	judged := *probe
	if o := p.module.Expect.Options; o != nil {
		if found, err := o.Judge(judged.expectFacts()); err == nil {
			judged.applyExpectations(found)
		}
	}
	return judged.Failure
}
