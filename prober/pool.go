package prober

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Addresses is how many of the addresses behind a name are probed.
type Addresses string

// One address is the first to answer, as for any client; all are probed each by
// itself.
const (
	OneAddress   Addresses = "one"
	AllAddresses Addresses = "all"
)

// UnmarshalText takes one or all.
func (a *Addresses) UnmarshalText(text []byte) error {
	switch word := Addresses(text); word {
	case OneAddress, AllAddresses:
		*a = word
		return nil
	}
	return fmt.Errorf("%s is not how many addresses to probe; write one or all", quote(string(text)))
}

// visitAll visits every address side by side, at most maxAddresses of them, and
// takes over what the one to be shown said.
func (p *Prober) visitAll(ctx context.Context, r *Result, addrs []netip.AddrPort) {
	slices.SortFunc(addrs, netip.AddrPort.Compare) // so that DNS, which shuffles them, changes nothing
	visits := make([]*Result, min(len(addrs), maxAddresses))
	var group sync.WaitGroup
	for i := range visits {
		visit := &Result{Target: r.Target, Start: r.Start}
		visits[i] = visit
		group.Go(func() {
			if err := contain(func() { p.visit(ctx, visit, addrs[i:i+1]) }); err != nil {
				visit.fail(PhaseVerify, ReasonInternal, err)
			}
		})
	}
	group.Wait()

	pool := &Pool{Total: len(addrs)}
	for i, visit := range visits {
		pool.Members = append(pool.Members, &Member{
			Address: addrs[i], Failure: p.unwanted(ctx, visit), Session: visit.Session, Chain: visit.Chain,
		})
	}
	pool.failStale(time.Now())
	pool.Shown = pool.show()

	shown := *visits[pool.Shown]
	shown.Phases = append(r.Phases, shown.Phases...)
	shown.Addresses, shown.Pool = r.Addresses, pool
	*r = shown
}

// unwanted is the failure that is left of a visit when the module's expectations
// have had their word on it.
func (p *Prober) unwanted(ctx context.Context, visit *Result) *Failure {
	judged := *visit
	if p.module.Expect != nil {
		if found, err := expect(ctx, &endpoint{result: &judged}, p.module.Expect); err == nil {
			found.meet(&judged)
		}
	}
	return judged.Failure
}

// renewalShare is how much of a certificate's lifetime is left when it is renewed:
// a third, which ACME clients have made the rule for certificates of 6, 47 and
// 398 days alike.
const renewalShare = 1.0 / 3

// failStale fails the addresses that kept a certificate which the pool has
// replaced.
func (p *Pool) failStale(now time.Time) {
	for _, m := range p.Members {
		if other := p.successor(m, now); other != nil {
			old, next := m.leaf().X509, other.leaf().X509
			m.Failure = &Failure{Phase: PhaseVerify, Reason: ReasonStaleCertificate, Err: fmt.Errorf(
				"the leaf ends on %s, and %s has one that began on %s and ends on %s", old.NotAfter.UTC().Format(time.DateOnly),
				other.Address.Addr(), next.NotBefore.UTC().Format(time.DateOnly), next.NotAfter.UTC().Format(time.DateOnly))}
		}
	}
}

// successor finds an address that shows what m's certificate should have been
// replaced with by now; nil: it is not due, or has no successor. While a new
// certificate is being rolled out both are right, and the time for that has to
// fit every lifetime: it is over when the new one has been in force for longer
// than the old one has left.
func (p *Pool) successor(m *Member, now time.Time) *Member {
	old := m.leaf()
	if m.Failure != nil || old == nil {
		return nil
	}
	if left, known := old.RemainingRatio(now); !known || left >= renewalShare {
		return nil
	}
	for _, other := range p.Members {
		next := other.leaf()
		if other.Failure == nil && next != nil && next.X509.NotAfter.After(old.X509.NotAfter) && now.Sub(next.X509.NotBefore) > old.Remaining(now) {
			return other
		}
	}
	return nil
}

// leaf is the certificate that an address showed for itself; nil: none.
func (m *Member) leaf() *Certificate {
	if m.Chain == nil {
		return nil
	}
	return m.Chain.Certificates[0]
}

// Failing counts the addresses that are not as they should be.
func (p *Pool) Failing() int {
	n := 0
	for _, m := range p.Members {
		if m.Failure != nil {
			n++
		}
	}
	return n
}

// DistinctCertificates counts the different leafs that were served.
func (p *Pool) DistinctCertificates() int {
	leafs := make(map[string]bool)
	for _, m := range p.Members {
		if leaf := m.leaf(); leaf != nil {
			leafs[leaf.FingerprintSHA256] = true
		}
	}
	return len(leafs)
}

// settle gives the pool the last word on a probe: the gravest failure of an
// address is that of the probe.
func (r *Result) settle() {
	if r.Pool == nil {
		return
	}
	r.Failure = nil
	gravest := slices.MinFunc(r.Pool.Members, func(a, b *Member) int {
		return cmp.Or(a.gravity()-b.gravity(), a.rank()-b.rank(), a.end().Compare(b.end()))
	})
	if gravest.Failure != nil {
		failure := *gravest.Failure
		failure.Address = gravest.Address
		r.Failure = &failure
	}
}

// show chooses the address that speaks for the pool where one has to: of those
// that fail and yet show a certificate the gravest, so that what watches
// certificates sees it; else of the good ones that whose chain ends first, so
// that an address which is down takes nothing away from the others; else the
// gravest. The choice stays the same as long as the addresses do.
func (p *Pool) show() int {
	return slices.Index(p.Members, slices.MinFunc(p.Members, func(a, b *Member) int {
		return cmp.Or(a.rank()-b.rank(), a.gravity()-b.gravity(), a.end().Compare(b.end()))
	}))
}

// rank is how much an address has to show: something wrong, what is right, or
// nothing.
func (m *Member) rank() int {
	switch {
	case m.Failure == nil:
		return 1
	case m.Chain != nil:
		return 0
	}
	return 2
}

// gravities is which failure weighs more, gravest first: what clients cannot get
// around, then what the module alone minds, and last what has clients go on to
// the next address.
var gravities = []Phase{PhaseVerify, PhaseKeyExchange, PhaseServerHello, PhaseStartTLS, PhaseExpect, PhaseProxy, PhaseConnect}

// gravity orders failures: by phase, bad chains by their gravest problem.
func (m *Member) gravity() int {
	if m.Failure == nil {
		return len(gravities) * (len(Problems) + 1)
	}
	problem := slices.Index(Problems, Problem(m.Failure.Reason))
	if problem < 0 {
		problem = len(Problems)
	}
	return slices.Index(gravities, m.Failure.Phase)*(len(Problems)+1) + problem
}

// end is when clients will no longer take the chain; zero where none was shown.
func (m *Member) end() time.Time {
	switch {
	case m.Chain == nil:
		return time.Time{}
	case m.Chain.Path != nil:
		return m.Chain.NotAfter
	}
	return m.leaf().X509.NotAfter
}
