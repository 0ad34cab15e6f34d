package report

import (
	"net/netip"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/failure"
	"tls_exporter/report/part"
)

// Pool is all addresses behind a name, where the module probes all of them.
type Pool struct {
	Shown    netip.AddrPort // the address that the rest of the report is about
	Total    int            // addresses that the name has
	Omitted  int            // of them, those that were not probed
	Failing  int
	Distinct int // different leaf certificates
	Members  []Member
}

// Member is one address of a pool.
type Member struct {
	Address   netip.AddrPort
	Status    part.Status
	Failure   *failure.Failure // nil: none
	Handshake *time.Duration   // nil: not completed
	Leaf      *Certificate     // nil: none was sent
}

func poolOf(p *prober.Pool, limits Limits) *Pool {
	if p == nil {
		return nil
	}
	pool := &Pool{
		Shown: p.Members[p.Shown].Address, Total: p.Total, Omitted: p.Total - len(p.Members),
		Failing: p.Failing(), Distinct: p.DistinctCertificates(),
	}
	for _, m := range p.Members {
		member := Member{Address: m.Address, Status: part.Good, Failure: m.Failure}
		switch {
		case m.Failure == nil:
		case inconclusive(m.Failure):
			member.Status = part.Unknown
		default:
			member.Status = part.Bad
		}
		if m.Session != nil && m.Session.Completed {
			member.Handshake = &m.Session.Duration
		}
		if m.Chain != nil {
			leaf := certificateOf(m.Chain, 0, limits)
			member.Leaf = &leaf
		}
		pool.Members = append(pool.Members, member)
	}
	return pool
}

// ofShown tells whether a failure is that of the address which the result is
// about. In a pool it may be the failure of another address.
func ofShown(r *prober.Result, f *failure.Failure) bool {
	return r.Pool == nil || r.Pool.Members[r.Pool.Shown].Address == f.Address
}

// Fingerprint is the beginning of the leaf's SHA-256: it shows which addresses
// have the same certificate.
func (m Member) Fingerprint() string {
	if m.Leaf == nil {
		return ""
	}
	return m.Leaf.FingerprintSHA256[:min(8, len(m.Leaf.FingerprintSHA256))]
}

// Problem is why the address fails; empty: it does not.
func (m Member) Problem() string {
	if m.Failure == nil {
		return ""
	}
	return part.Sentence(string(m.Failure.Reason), part.Message(m.Failure))
}
