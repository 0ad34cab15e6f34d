package ciphers

import (
	"slices"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/scan"
)

// Fact is whether something is so.
type Fact uint8

// A fact is unknown until an answer of the server shows it.
const (
	Unknown Fact = iota
	No
	Yes
)

// FactOf is Yes or No.
func FactOf(b bool) Fact {
	if b {
		return Yes
	}
	return No
}

// Negotiation is how the server negotiates in TLS 1.3, or in the versions below it. With the
// suites it tells what a client gets that offers less than this check.
type Negotiation struct {
	Preference Preference              // whose order of suites decides
	Groups     []hello.Group           // that it accepts, in the order in which it selected them; below TLS 1.3 those for ECDHE
	AllGroups  bool                    // it accepts no other group
	Schemes    []hello.SignatureScheme // that it signs with
	AllSchemes bool                    // it signs with no other scheme
}

// OlderNegotiation is how the server negotiates in the versions below TLS 1.3.
type OlderNegotiation struct {
	Negotiation
	// SecureRenegotiation is whether the server sends renegotiation_info (RFC 5746).
	SecureRenegotiation Fact
	// CertificateFirst is whether the server selects its ECDSA certificate if any suite of
	// a client is for one, and then accepts no suite for RSA.
	CertificateFirst bool
	DHE              DHE
}

// DHE is how the server selects the prime of suites with DHE, without anonymous and export
// suites.
type DHE struct {
	Groups    []hello.Group // of RFC 7919 that it selects from the groups of a client
	AllGroups bool          // it selects no other group
	// Own is whether it accepts DHE from a client that lists no group of RFC 7919. It sends
	// such a client the primes with these sizes, in bits; 0: none was seen.
	Own               Fact
	Smallest, Largest int
	// OwnOnly are suites that it accepts only from a client that lists no group of RFC 7919.
	// Their place in the server's order is not known.
	OwnOnly []hello.CipherSuite
}

// size is how many bytes the lists take.
func (n *Negotiation) size() int { return 2*len(n.Groups) + 2*len(n.Schemes) }

func (n *OlderNegotiation) size() int {
	return n.Negotiation.size() + 2*len(n.DHE.Groups) + 2*len(n.DHE.OwnOnly)
}

// newer is how the server negotiates TLS 1.3.
func (s *scanner) newer() Negotiation {
	return Negotiation{
		Preference: s.orders[0].answer, Groups: s.newGroups.accepted, AllGroups: s.final(s.newGroups.others),
		Schemes: s.newSchemes, AllSchemes: s.allNewSchemes,
	}
}

// older is how the server negotiates the versions below TLS 1.3.
func (s *scanner) older() OlderNegotiation {
	return OlderNegotiation{
		Negotiation: Negotiation{
			Preference: s.orders[1].answer, Groups: s.curves.accepted, AllGroups: s.final(s.curves.others),
			Schemes: s.keys.schemes, AllSchemes: s.allOldSchemes,
		},
		SecureRenegotiation: s.keys.renegotiation(),
		CertificateFirst:    slices.ContainsFunc(older, func(v hello.Version) bool { return s.lists[v].certificateFirst }),
		DHE: DHE{
			Groups: s.finite.accepted, AllGroups: s.final(s.finite.others), Own: s.ownPrime,
			Smallest: s.keys.smallest, Largest: s.keys.largest, OwnOnly: s.ownOnly(),
		},
	}
}

// ownOnly returns the suites that were accepted from offers without groups of RFC 7919
// alone.
func (s *scanner) ownOnly() []hello.CipherSuite {
	var all [][]hello.CipherSuite
	for _, v := range older {
		all = append(all, s.lists[v].ownOnly)
	}
	return union(all...)
}

// unordered returns the versions whose suites were found in several offers, and could not
// be put in one order.
func (s *scanner) unordered() []hello.Version {
	return slices.DeleteFunc(slices.Clone(hello.Versions), func(v hello.Version) bool { return len(s.lists[v].lists) < 2 })
}

// noteOwnPrime notes whether the server accepts DHE from a client that lists no group of
// RFC 7919.
func (s *scanner) noteOwnPrime(answer scan.Answer) {
	switch {
	case answer == scan.Accepted:
		s.ownPrime = Yes
	case s.final(answer):
		s.ownPrime = No
	}
}
