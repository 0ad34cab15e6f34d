// Package prober probes TLS endpoints. A probe takes these steps,
//
//	resolve -> connect -> (proxy) -> (starttls) -> handshake -> chain -> checks
//
// and returns a Result: plain values, including whatever was learned before a step
// failed. Other packages show it and judge it: there are dates here, and no
// thresholds. Certificates in a file take other steps (file.go):
//
//	read -> chain -> checks
package prober

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"runtime"
	"time"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/check"
	"tls_exporter/prober/check/dane"
	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/resolve"
	"tls_exporter/prober/target"
)

// Probe probes a target. It returns no error: a failure is a result. It takes no
// longer than the module's timeout and ctx allow. Only checks whose findings are
// cached may go on after it: they belong to the Process.
func (p *Prober) Probe(ctx context.Context, t target.Target) *Result {
	return p.ProbeWithin(ctx, p.Timeout(), t)
}

// ProbeWithin is Probe with a limit that may be shorter than the module's timeout.
func (p *Prober) ProbeWithin(ctx context.Context, limit time.Duration, t target.Target) (r *Result) {
	ctx, cancel := context.WithTimeout(ctx, min(limit, p.Timeout()))
	defer cancel()
	if t.ServerName == "" {
		t.ServerName = string(p.module.ServerName)
	}
	r = &Result{Target: t, Module: p.identity, Start: time.Now(), Checks: p.module.Checks}
	defer r.end()
	if t.IsFile() {
		p.probeFile(ctx, r)
		return r
	}
	defer func() { r.Target.Host = t.Host }()
	addrs, ok := p.resolve(ctx, r)
	var sent received
	switch {
	case !ok:
	case p.module.Addresses == AllAddresses && len(addrs) > 0:
		sent = p.probePool(ctx, r, addrs)
	default:
		sent = p.probeAddress(ctx, r, addrs[:min(len(addrs), resolve.MaxAddresses)])
	}
	p.check(ctx, r, addrs, sent, t.Host)
	r.failPool()
	return r
}

// probeAddress takes the steps from the connection, to the first of addrs that
// answers, to the verdict on the chain.
func (p *Prober) probeAddress(ctx context.Context, r *Result, addrs []netip.AddrPort) received {
	conn, ok := p.connect(ctx, r, addrs)
	if !ok {
		return received{}
	}
	defer conn.Close()
	h := p.handshake(ctx, r, conn, addrs)
	defer h.Release()
	if len(h.Certificates) > 0 {
		p.verify(ctx, r, h)
	}
	return receivedBy(h)
}

// resolve finds the addresses at which the target may be dialled. There are none for
// a Unix socket, or where the proxy resolves.
func (p *Prober) resolve(ctx context.Context, r *Result) ([]netip.AddrPort, bool) {
	trace := new(failure.Trace)
	if !p.followMX(ctx, trace, r) {
		r.Phases, r.Failure = trace.Phases, trace.Failure
		return nil, false
	}
	at, ok := p.route.Locate(ctx, trace, &r.Target)
	if len(trace.Phases) > 1 { // the MX records and the addresses
		trace.Phases[1].Duration += trace.Phases[0].Duration
		trace.Phases = trace.Phases[1:]
	}
	r.Phases, r.Failure, r.Addresses = trace.Phases, trace.Failure, at.Resolved
	return at.Addrs, ok
}

// followMX makes the preferred mail server of the target's host the host for the rest of
// the probe, if the module takes the host for a mail domain.
func (p *Prober) followMX(ctx context.Context, trace *failure.Trace, r *Result) bool {
	if o := p.module.DANE.Options; o == nil || !o.Follows(&r.Target) {
		return true
	}
	host, ok := failure.Step(trace, failure.PhaseResolve, func() (string, error) {
		return dane.MailServer(ctx, p.route.Records(), r.Target.Host)
	})
	if ok {
		r.Target.Host = host
	}
	return ok
}

// connect opens a connection whose next byte is a ClientHello: through the proxy and
// STARTTLS, where there are such.
func (p *Prober) connect(ctx context.Context, r *Result, addrs []netip.AddrPort) (net.Conn, bool) {
	trace := &failure.Trace{Phases: r.Phases}
	conn, ok := p.route.Open(ctx, trace, &r.Target, addrs)
	r.Proxy, r.Connected, r.Remote = conn.Proxy, conn.Connected, conn.Remote
	r.Phases, r.Failure = trace.Phases, trace.Failure
	return conn.Conn, ok
}

// handshake performs the handshake. The caller releases the outcome.
func (p *Prober) handshake(ctx context.Context, r *Result, conn net.Conn, addrs []netip.AddrPort) (h *handshake.Outcome) {
	h = new(handshake.Outcome)
	defer r.recover(failure.PhaseKeyExchange)
	again := func(ctx context.Context) (net.Conn, error) { return p.endpoint(r, addrs).Connect(ctx) }
	h = p.client.Handshake(ctx, conn, &handshake.Peer{Target: &r.Target, Remote: r.Remote, Connect: again})
	r.Session, r.Selected, r.Failure = h.Session, h.Selected, h.Failure
	r.Phases = append(r.Phases, h.Phases...)
	return h
}

// verify judges the chain of a server, and what it stapled.
func (p *Prober) verify(ctx context.Context, r *Result, h *handshake.Outcome) {
	var usage x509.KeyUsage
	if r.Session != nil {
		usage = r.Session.LeafUsage()
	}
	p.verifyFor(ctx, r, h.Certificates, usage, func(at time.Time) { p.judgeStaple(r, h, at) })
}

// verifyFor judges a chain for a usage, and does what depends on that. Only so many are
// verified at a time: the worst takes a tenth of a second of CPU, and a probe that waits for
// its turn ends at its deadline.
func (p *Prober) verifyFor(ctx context.Context, r *Result, certificates []*certificate.Parsed, usage x509.KeyUsage, then func(at time.Time)) {
	defer r.recover(failure.PhaseVerify)
	start := time.Now()
	leave, err := p.turn(ctx)
	if err != nil {
		r.Chain = chain.Unjudged(certificates, r.Target.Name(), start)
		r.fail(failure.PhaseVerify, failure.ReasonLocalResources, err)
		return
	}
	defer leave()
	r.Chain = p.verifier.Verify(certificates, r.Target.Name(), usage, start)
	then(start)
	r.Phases = append(r.Phases, failure.PhaseTime{Phase: failure.PhaseVerify, Duration: time.Since(start)})
	r.failVerify()
}

// turn waits for a turn to verify chains.
func (p *Prober) turn(ctx context.Context) (leave func(), err error) {
	return p.process.Handshakes.Chains.Take(ctx, 1, 2*runtime.GOMAXPROCS(0))
}

// check runs the checks of the module. Host is that of the target as it was asked for.
func (p *Prober) check(ctx context.Context, r *Result, addrs []netip.AddrPort, sent received, host string) {
	if r.Checks == (Checks{}) {
		return
	}
	e := p.endpoint(r, addrs)
	e.Domain, e.Session, e.Chain, e.Staple, e.SCTs = host, r.Session, r.Chain, sent.staple, sent.scts
	e.Fetch, e.Verifier, e.Turn = p.fetch, p.verifier, p.turn
	if r.Failure != nil && r.Failure.Phase.BeforeTLS() {
		e.Down = r.Failure
	}
	r.runChecks(ctx, &check.Run{Endpoint: e, Cache: p.process.Cache, ModuleKey: p.key, Start: r.Start})
	if r.Expect.Finding != nil {
		r.applyExpectations(r.Expect.Finding)
	}
}

// endpoint is the server that answered, or, if none did, the one at addrs.
func (p *Prober) endpoint(r *Result, addrs []netip.AddrPort) *endpoint.Endpoint {
	if r.Remote.IsValid() {
		addrs = []netip.AddrPort{r.Remote}
	}
	t := r.Target // a check may go on after the probe: it must not hold the result
	return endpoint.New(p.route, p.client, &t, addrs)
}
