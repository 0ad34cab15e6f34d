package prober

import (
	"fmt"
	"time"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
)

// failStale fails the addresses that still have a certificate which the pool has
// replaced.
func (p *Pool) failStale(now time.Time) {
	for _, m := range p.Members {
		if other := p.successor(m, now); other != nil {
			old, next := m.leaf(), other.leaf()
			m.Failure = &failure.Failure{Phase: failure.PhaseVerify, Reason: failure.ReasonStaleCertificate, Err: fmt.Errorf(
				"the leaf expires on %s; %s has one that became valid on %s and expires on %s", old.NotAfter.UTC().Format(time.DateOnly),
				other.Address.Addr(), next.NotBefore.UTC().Format(time.DateOnly), next.NotAfter.UTC().Format(time.DateOnly))}
		}
	}
}

// successor finds an address with the certificate that m should have by now; nil:
// there is none.
func (p *Pool) successor(m *Member, now time.Time) *Member {
	old := m.leaf()
	if m.Failure != nil || old == nil {
		return nil
	}
	for _, other := range p.Members {
		next := other.leaf()
		if other.Failure == nil && next != nil && next.NotAfter.After(old.NotAfter) && (p.outnumbers(next, old) || overdue(old, next, now)) {
			return other
		}
	}
	return nil
}

// outnumbers tells whether several addresses share next, and no fewer than still
// have old. Where each address has a certificate of its own, none is shared, and so
// none is stale by this rule.
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

// overdue tells whether next has been valid for at least twice as long as old has
// left. During a rollout both are right, and the time for that has to fit every
// lifetime. Addresses with certificates of their own that are renewed in time never
// come to that.
func overdue(old, next *chain.Certificate, now time.Time) bool {
	return now.Sub(next.NotBefore) >= 2*old.Remaining(now)
}
