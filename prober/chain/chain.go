// Package chain verifies the certificates that a server sent, and lists all their
// problems.
package chain

import (
	"bytes"
	"slices"
	"time"

	"tls_exporter/prober/certificate"
)

// Certificate is what is shown of a certificate.
type Certificate = certificate.Certificate

// Chain is the certificates that the server sent, or that a file has, and the result of
// their verification at the time At.
type Chain struct {
	At           time.Time
	Name         string         // that the leaf must match: a DNS name or an IP address; empty: any
	Certificates []*Certificate // as sent; 0 is the leaf
	DER          [][]byte       // the same certificates, as sent; nil: more than MaxDER bytes
	Valid        bool
	Unverified   bool           // whether it is valid is not known, and Valid is false: see ProblemUnsupportedAlgorithm, ProblemTooLarge and Unjudged
	Bundle       bool           // the certificates of a file are no chain, and each is judged by its dates: see NewBundle
	Problems     []Found        // most severe first, each problem once
	Path         []*Certificate // the trusted path that expires last, leaf to root; nil: none
	NotAfter     time.Time      // when that path expires: the earliest NotAfter in it; zero without a path
	Public       bool           // the root of Path is in Mozilla's root program

	root []byte // the end of Path in DER, if the server did not send it
}

// PathDER returns the certificates of Path in DER, leaf to root; nil: there is no path, or
// they are not kept (see DER).
func (c *Chain) PathDER() [][]byte {
	if c == nil || c.DER == nil || c.Path == nil {
		return nil
	}
	all := make([][]byte, len(c.Path))
	for i, cert := range c.Path {
		position := slices.IndexFunc(c.Certificates, func(sent *Certificate) bool { return sent.FingerprintSHA256 == cert.FingerprintSHA256 })
		if position < 0 {
			all[i] = c.root
		} else {
			all[i] = c.DER[position]
		}
	}
	return all
}

// MaxDER is how many bytes of certificates a Chain keeps, in DER. Real chains have up to
// 10 kB. Three certificates with keys and signatures of ML-DSA-87 (7.2 kB each, FIPS 204)
// fit as well.
const MaxDER = 24 << 10

// derOf returns the certificates in DER, unless they are larger than MaxDER. They share
// the memory of certs.
func derOf(certs []*certificate.Parsed) [][]byte {
	all, size := make([][]byte, len(certs)), 0
	for i, cert := range certs {
		all[i] = cert.X509.Raw
		if size += len(all[i]); size > MaxDER {
			return nil
		}
	}
	return all
}

// Leaf returns the chain without the certificates above the leaf, which take most of its
// memory; nil: there is no chain.
func (c *Chain) Leaf() *Chain {
	if c == nil {
		return nil
	}
	leaf := *c
	leaf.Certificates, leaf.DER, leaf.root = slices.Clone(c.Certificates[:1]), nil, nil
	if c.Path != nil {
		leaf.Path = slices.Clone(c.Path[:1])
	}
	return &leaf
}

// With returns the chain with one more problem, which was found in another way than by
// verification. Like a Chain of the cache, c may be shared: it stays as it is.
func (c *Chain) With(found Found) *Chain {
	if c.Has(found.Problem) {
		return c
	}
	with := *c
	with.Problems = append(slices.Clone(c.Problems), found)
	sortProblems(with.Problems)
	if found.Problem.Invalidates() {
		with.Valid, with.Unverified = false, false
	}
	return &with
}

// Demanding returns the position of the certificate that demands a stapled response about
// the leaf, and whether there is one. It is the leaf, or a CA of the trusted path: what a CA
// demands, the certificates below it have to demand too (RFC 7633 section 4.2.2). Without a
// trusted path all that were sent count. -1: it was not sent.
func (c *Chain) Demanding() (position int, demands bool) {
	certs := c.Certificates
	if c.Path != nil {
		certs = c.Path
	}
	for _, cert := range certs {
		if cert.MustStaple {
			return slices.IndexFunc(c.Certificates, func(sent *Certificate) bool { return sent.FingerprintSHA256 == cert.FingerprintSHA256 }), true
		}
	}
	return 0, false
}

// Issuers returns the certificates, as they were sent or in a pool of roots, that may be the
// one of the CA that issued the leaf: the one on the trusted path, if there is one. certs
// are the parsed certificates of the chain.
func (c *Chain) Issuers(certs []*certificate.Parsed) [][]byte {
	leaf := certs[0].X509
	if len(c.Path) > 0 {
		above := c.Path[min(1, len(c.Path)-1)] // a trusted leaf is its own issuer
		for _, cert := range certs {
			if cert.FingerprintSHA256 == above.FingerprintSHA256 {
				return [][]byte{cert.X509.Raw}
			}
		}
		return [][]byte{c.root}
	}
	var all [][]byte
	for _, cert := range certs {
		if bytes.Equal(cert.X509.RawSubject, leaf.RawIssuer) {
			all = append(all, cert.X509.Raw)
		}
	}
	return all
}

// sortProblems sorts problems by their severity.
func sortProblems(problems []Found) {
	slices.SortStableFunc(problems, func(a, b Found) int {
		return slices.Index(Problems, a.Problem) - slices.Index(Problems, b.Problem)
	})
}

// Size is how many bytes the chain takes in memory; nil: none.
func (c *Chain) Size() int {
	if c == nil {
		return 0
	}
	size := 200 + len(c.Name)
	for _, cert := range c.Certificates {
		size += cert.Size()
	}
	for _, der := range c.DER {
		size += derOverhead + len(der)
	}
	for _, found := range c.Problems {
		size += problemOverhead + len(found.Detail)
	}
	return size
}

// Found is a problem of a chain.
type Found struct {
	Problem  Problem
	Position int    // of the certificate, as sent; -1: a root, or no single certificate
	Detail   string // a sentence for people, bounded
}

// DaysRemaining returns the days from At until the trusted path expires; false: there
// is no such path.
func (c *Chain) DaysRemaining() (float64, bool) {
	return certificate.Days(c.At, c.NotAfter), c.Path != nil
}

// Has reports whether the chain has this problem.
func (c *Chain) Has(p Problem) bool {
	for _, f := range c.Problems {
		if f.Problem == p {
			return true
		}
	}
	return false
}
