package chain

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/text"
)

// AnyUse is the usage of a certificate of which nobody knows what it is for: that of a
// server, a client, or another. See Verifier.Verify.
const AnyUse x509.KeyUsage = -1

// maxChain is how many certificates a chain in a file has at most, as for a server.
const maxChain = 20

// Arrangement is the certificates of a file, in DER. First come those that are not CAs,
// because users see when they expire, and then the others, in the order of the file.
type Arrangement struct {
	Certificates [][]byte
	Leaf         int  // the place of the first in the file
	IsChain      bool // one that is not a CA, and at most 19 CAs
}

// Arrange arranges the certificates of a file.
func Arrange(certs [][]byte) Arrangement {
	var a Arrangement
	var leaves, authorities [][]byte
	for i, der := range certs {
		if !isLeaf(readOne(der).X509) {
			authorities = append(authorities, der)
			continue
		}
		if leaves = append(leaves, der); len(leaves) == 1 {
			a.Leaf = i
		}
	}
	a.Certificates = slices.Concat(leaves, authorities)
	a.IsChain = len(leaves) == 1 && len(certs) <= maxChain
	return a
}

// readOne reads one certificate of a file, without a cache: a bundle would evict all that is
// in it.
func readOne(der []byte) *certificate.Parsed { return certificate.ParseChain([][]byte{der}, nil)[0] }

// isLeaf tells whether a certificate is that of a server or a client. One for a DNS name or
// an IP address is, whatever it says: programs make self-signed certificates of servers that
// are also CAs. A self-issued one of the version 1 cannot say that it is a CA, and is taken
// for one.
func isLeaf(cert *x509.Certificate) bool {
	switch {
	case len(cert.DNSNames)+len(cert.IPAddresses) > 0:
		return true
	case cert.BasicConstraintsValid:
		return !cert.IsCA
	}
	return cert.Version >= 3 || !bytes.Equal(cert.RawSubject, cert.RawIssuer)
}

// Sort puts each certificate of a chain after the one that it issued, as far as names tell.
// It is for files whose format has no order.
func (a *Arrangement) Sort() {
	rest := make([]*x509.Certificate, len(a.Certificates))
	for i, der := range a.Certificates {
		rest[i] = readOne(der).X509
	}
	for at := 1; at < len(rest); at++ {
		issuer := slices.IndexFunc(rest[at:], func(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, rest[at-1].RawIssuer) })
		if issuer > 0 {
			rest[at], rest[at+issuer] = rest[at+issuer], rest[at]
			a.Certificates[at], a.Certificates[at+issuer] = a.Certificates[at+issuer], a.Certificates[at]
		}
	}
}

// NewBundle returns certificates of a file that are no chain, such as trusted roots. They
// are not verified: nobody knows for what they would have to be good. Each is judged by its
// dates. The bundle is valid unless one that is not a CA has expired or is not yet valid, or
// all are: an old root among others does no harm.
func NewBundle(certs [][]byte, now time.Time) *Chain {
	c := &Chain{At: now, Bundle: true, Valid: true}
	found := make(map[Problem]int)
	good := 0
	for i, der := range certs {
		parsed := readOne(der)
		shown := parsed.Certificate
		if i > 0 {
			shown = parsed.WithFewNames()
		}
		c.Certificates = append(c.Certificates, shown)
		problem, detail := outOfDate(parsed, now)
		if problem == "" {
			good++
			continue
		}
		c.Valid = c.Valid && !isLeaf(parsed.X509)
		if found[problem]++; found[problem] == 1 {
			detail = text.Message(fmt.Sprintf("certificate %d (%s) %s", i, text.Quote(parsed.X509.Subject.CommonName), detail))
			c.Problems = append(c.Problems, Found{Problem: problem, Position: i, Detail: detail})
		}
	}
	for i, problem := range c.Problems {
		if others := found[problem.Problem] - 1; others > 0 {
			c.Problems[i].Detail += fmt.Sprintf("; so it is with %d more", others)
		}
	}
	c.Valid = c.Valid && good > 0
	slices.SortStableFunc(c.Problems, func(a, b Found) int {
		return slices.Index(Problems, a.Problem) - slices.Index(Problems, b.Problem)
	})
	return c
}

// outOfDate returns the problem of a certificate that clients reject whatever it is for;
// empty: there is none.
func outOfDate(cert *certificate.Parsed, now time.Time) (problem Problem, detail string) {
	switch {
	case !cert.Readable() && cert.Err != nil:
		return ProblemBadCertificate, "cannot be read: " + strings.TrimPrefix(cert.Err.Error(), "x509: ")
	case now.After(cert.NotAfter):
		return ProblemExpired, "expired on " + cert.NotAfter.UTC().Format(time.DateTime+" MST")
	case now.Before(cert.NotBefore):
		return ProblemNotYetValid, "becomes valid on " + cert.NotBefore.UTC().Format(time.DateTime+" MST")
	}
	return "", ""
}
