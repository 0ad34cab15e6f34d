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

// The values of Addresses.
const (
	OneAddress   Addresses = "one" // the first that answers, as for any client
	AllAddresses Addresses = "all" // each separately
)

// UnmarshalText accepts one or all.
func (a *Addresses) UnmarshalText(value []byte) error {
	switch word := Addresses(value); word {
	case OneAddress, AllAddresses:
		*a = word
		return nil
	}
	return fmt.Errorf("%s is not how many addresses to probe; write one or all", text.Quote(string(value)))
}

// Pool is all addresses behind a name, each probed separately.
type Pool struct {
	Total   int       // addresses that the name has; there are at most MaxAddresses members
	Members []*Member // by address
	Shown   int       // the member that the rest of the Result is about
}

// Member is one address of a pool.
type Member struct {
	Address netip.AddrPort
	Failure *failure.Failure   // nil: none
	Session *handshake.Session // as in a Result
	Chain   *chain.Chain       // as in a Result, but only the leaf of an address that is not shown
}

// Asked reports whether anything was learned about the address: it is good, or fails for
// a reason of its own.
func (m *Member) Asked() bool { return m.Failure == nil || !m.Failure.Unasked() }

// Asked counts the addresses about which anything was learned.
func (p *Pool) Asked() int { return p.count((*Member).Asked) }

// Failing counts the addresses that have a failure of their own.
func (p *Pool) Failing() int {
	return p.count(func(m *Member) bool { return m.Failure != nil && m.Asked() })
}

func (p *Pool) count(holds func(*Member) bool) int {
	n := 0
	for _, m := range p.Members {
		if holds(m) {
			n++
		}
	}
	return n
}

// DistinctCertificates counts the different leaf certificates.
func (p *Pool) DistinctCertificates() int {
	leaves := make(map[string]bool)
	for _, m := range p.Members {
		if leaf := m.leaf(); leaf != nil {
			leaves[leaf.FingerprintSHA256] = true
		}
	}
	return len(leaves)
}

// selectShown selects the address that the rest of the result is about. If any
// failing address sent a certificate, it is the one with the most severe failure, so
// that alerts on certificates see it. Otherwise it is the good address whose chain
// expires first, so that an address that is down removes no metrics. Otherwise it is
// the address with the most severe failure. The selection is stable as long as the
// addresses do not change.
func (p *Pool) selectShown() int {
	return slices.Index(p.Members, slices.MinFunc(p.Members, func(a, b *Member) int {
		return cmp.Or(a.evidence()-b.evidence(), a.severity()-b.severity(), a.expiry().Compare(b.expiry()))
	}))
}

// evidence orders addresses by what they have to show: 0, a certificate and a
// failure; 1, no failure; 2, a failure and no certificate.
func (m *Member) evidence() int {
	switch {
	case m.Failure == nil:
		return 1
	case m.Chain != nil:
		return 0
	}
	return 2
}

// severities is the phases of failures, the most severe first: what clients cannot
// avoid, then an unmet expectation, then what makes clients try the next address.
var severities = []failure.Phase{failure.PhaseVerify, failure.PhaseKeyExchange, failure.PhaseServerHello, failure.PhaseStartTLS, failure.PhaseExpect, failure.PhaseProxy, failure.PhaseConnect}

// severity orders failures, 0 first: by phase, and those of a chain by problem. An
// address that could not be asked comes last but for the good ones.
func (m *Member) severity() int {
	switch {
	case m.Failure == nil:
		return len(severities)*(len(chain.Problems)+1) + 1
	case !m.Asked():
		return len(severities) * (len(chain.Problems) + 1)
	}
	problem := slices.Index(chain.Problems, chain.Problem(m.Failure.Reason))
	if problem < 0 {
		problem = len(chain.Problems)
	}
	return slices.Index(severities, m.Failure.Phase)*(len(chain.Problems)+1) + problem
}

// leaf is the certificate of the server itself; nil: none was sent.
func (m *Member) leaf() *chain.Certificate {
	if m.Chain == nil {
		return nil
	}
	return m.Chain.Certificates[0]
}

// expiry is when clients will reject the chain; zero: none was sent.
func (m *Member) expiry() time.Time {
	switch {
	case m.Chain == nil:
		return time.Time{}
	case m.Chain.Path != nil:
		return m.Chain.NotAfter
	}
	return m.leaf().NotAfter
}
