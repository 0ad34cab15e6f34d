package prober

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/text"
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
func (a *Addresses) UnmarshalText(value []byte) error {
	switch word := Addresses(value); word {
	case OneAddress, AllAddresses:
		*a = word
		return nil
	}
	return fmt.Errorf("%s is not how many addresses to probe; write one or all", text.Quote(string(value)))
}

// Pool is every address behind a name, each probed by itself.
type Pool struct {
	Total   int       // how many the name has; more than there are members where they are too many to probe
	Members []*Member // by address
	Shown   int       // the one of them that the rest of the Result is about
}

// Member is one address of a pool.
type Member struct {
	Address netip.AddrPort
	Failure *failure.Failure   // why it is not as it should be; nil: it is
	Session *handshake.Session // as in a Result
	Chain   *chain.Chain       // as in a Result
}

// failStale fails the addresses that kept a certificate which the pool has
// replaced.
func (p *Pool) failStale(now time.Time) {
	for _, m := range p.Members {
		if other := p.successor(m, now); other != nil {
			old, next := m.leaf().X509, other.leaf().X509
			m.Failure = &failure.Failure{Phase: failure.PhaseVerify, Reason: failure.ReasonStaleCertificate, Err: fmt.Errorf(
				"the leaf ends on %s, and %s has one that began on %s and ends on %s", old.NotAfter.UTC().Format(time.DateOnly),
				other.Address.Addr(), next.NotBefore.UTC().Format(time.DateOnly), next.NotAfter.UTC().Format(time.DateOnly))}
		}
	}
}

// successor finds an address that shows what m's certificate should have been
// replaced with by now; nil: there is none.
func (p *Pool) successor(m *Member, now time.Time) *Member {
	old := m.leaf()
	if m.Failure != nil || old == nil {
		return nil
	}
	for _, other := range p.Members {
		next := other.leaf()
		if other.Failure == nil && next != nil && next.X509.NotAfter.After(old.X509.NotAfter) && (p.outnumbers(next, old) || overdue(old, next, now)) {
			return other
		}
	}
	return nil
}

// outnumbers tells whether the pool has gone over to next: several addresses
// share it, and no fewer than still have old. Where each address has a
// certificate of its own, none is shared, and none is stale for that.
func (p *Pool) outnumbers(next, old *chain.Certificate) bool {
	have := func(cert *chain.Certificate) (n int) {
		for _, m := range p.Members {
			if leaf := m.leaf(); m.Failure == nil && leaf != nil && leaf.FingerprintSHA256 == cert.FingerprintSHA256 {
				n++
			}
		}
		return n
	}
	return have(next) > 1 && have(next) >= have(old)
}

// overdue tells whether next has been in use for at least twice as long as old has
// left. While a new certificate is rolled out both are right, and the time for that
// has to fit every lifetime. Addresses with certificates of their own that are
// renewed in time never come to that.
func overdue(old, next *chain.Certificate, now time.Time) bool {
	return now.Sub(next.X509.NotBefore) >= 2*old.Remaining(now)
}

// leaf is the certificate that an address showed for itself; nil: none.
func (m *Member) leaf() *chain.Certificate {
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

// aggregate gives the pool the last word on a probe: the gravest failure of an
// address is that of the probe. What the checks found is the shown address's.
func (r *Result) aggregate() {
	if r.Pool == nil {
		return
	}
	if r.Failure != nil {
		r.Pool.Members[r.Pool.Shown].Failure = r.Failure
	}
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
var gravities = []failure.Phase{failure.PhaseVerify, failure.PhaseKeyExchange, failure.PhaseServerHello, failure.PhaseStartTLS, failure.PhaseExpect, failure.PhaseProxy, failure.PhaseConnect}

// gravity orders failures: by phase, bad chains by their gravest problem.
func (m *Member) gravity() int {
	if m.Failure == nil {
		return len(gravities) * (len(chain.Problems) + 1)
	}
	problem := slices.Index(chain.Problems, chain.Problem(m.Failure.Reason))
	if problem < 0 {
		problem = len(chain.Problems)
	}
	return slices.Index(gravities, m.Failure.Phase)*(len(chain.Problems)+1) + problem
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
