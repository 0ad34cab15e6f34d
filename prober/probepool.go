package prober

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/resolve"
)

// maxMembers is how many addresses of all pools together are probed at a time.
const maxMembers = 160

// probePool probes every address in parallel, at most MaxAddresses of them. The
// rest of the result is that of one address. All pools together probe only so many
// addresses at a time, because each takes as much memory as a probe.
func (p *Prober) probePool(ctx context.Context, r *Result, addrs []netip.AddrPort) received {
	slices.SortFunc(addrs, netip.AddrPort.Compare) // so that the order of the DNS answer, which changes, has no effect
	probes := make([]*Result, min(len(addrs), resolve.MaxAddresses))
	sent := make([]received, len(probes))
	leave, err := p.process.Handshakes.Pools.Take(ctx, len(probes), maxMembers)
	if err != nil {
		r.fail(failure.PhaseConnect, failure.ReasonLocalResources, err)
		return received{}
	}
	defer leave()
	var group sync.WaitGroup
	for i := range probes {
		probe := &Result{Target: r.Target, Module: r.Module, Start: r.Start, Checks: r.Checks}
		probes[i] = probe
		group.Go(func() {
			defer probe.recover(failure.PhaseVerify)
			sent[i] = p.probeAddress(ctx, probe, addrs[i:i+1])
		})
	}
	group.Wait()

	pool := &Pool{Total: len(addrs)}
	for i, probe := range probes {
		pool.Members = append(pool.Members, &Member{
			Address: addrs[i], Failure: p.unexpectedFailure(probe), Session: probe.Session, Chain: probe.Chain.Leaf(),
		})
	}
	pool.failStale(time.Now())
	pool.Shown = pool.selectShown()
	pool.Members[pool.Shown].Chain = probes[pool.Shown].Chain

	shown := *probes[pool.Shown]
	shown.Phases = append(r.Phases, shown.Phases...)
	shown.Addresses, shown.Pool = r.Addresses, pool
	*r = shown
	return sent[pool.Shown]
}

// unexpectedFailure is the failure of an address, with the module's expectations
// applied.
func (p *Prober) unexpectedFailure(probe *Result) *failure.Failure {
	judged := *probe
	if o := p.module.Expect.Options; o != nil {
		if found, err := o.Judge(judged.expectFacts()); err == nil {
			judged.applyExpectations(found)
		}
	}
	return judged.Failure
}

// failPool makes the most severe failure of an address that of the probe. What the
// checks found is about the address that is shown.
func (r *Result) failPool() {
	if r.Pool == nil {
		return
	}
	if r.Failure != nil {
		r.Pool.Members[r.Pool.Shown].Failure = r.Failure
	}
	worst := slices.MinFunc(r.Pool.Members, func(a, b *Member) int {
		return cmp.Or(a.severity()-b.severity(), a.evidence()-b.evidence(), a.expiry().Compare(b.expiry()))
	})
	if worst.Failure != nil {
		failure := *worst.Failure
		failure.Address = worst.Address
		r.Failure = &failure
	}
}
