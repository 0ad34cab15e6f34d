package chain

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"tls_exporter/prober/text"
)

// defect is a problem of one way, and the certificate that has it.
type defect struct {
	Problem
	cert   *x509.Certificate
	detail string
}

// defects asks one way everything that can make it invalid but its end.
func (j *verification) defects(way []*x509.Certificate) []defect {
	var found []defect
	add := func(p Problem, cert *x509.Certificate, format string, args ...any) {
		if !slices.ContainsFunc(found, func(d defect) bool { return d.Problem == p }) {
			found = append(found, defect{p, cert, fmt.Sprintf(format, args...)})
		}
	}
	for i, cert := range way {
		who := j.who(cert)
		if j.At.After(cert.NotAfter) {
			add(ProblemExpired, cert, "%s ended on %s", who, cert.NotAfter.UTC().Format(time.DateTime+" MST"))
		}
		if j.At.Before(cert.NotBefore) {
			add(ProblemNotYetValid, cert, "%s begins on %s", who, cert.NotBefore.UTC().Format(time.DateTime+" MST"))
		}
		if weak(cert.SignatureAlgorithm) && !j.anchor(way, i) {
			add(ProblemWeakSignature, cert, "%s is signed with %s", who, cert.SignatureAlgorithm)
		}
		if why := misuse(way, i); why != "" {
			add(ProblemWrongUsage, cert, "%s %s", who, why)
		}
	}
	if err := nameConstraints(way, j.At); err != nil {
		add(ProblemNameConstraint, nil, "a CA of the chain may not issue for these names: %s", err)
	}
	return found
}

// anchor reports whether the certificate at i is trusted, or untrusted, for being
// there: its own signature then says nothing.
func (j *verification) anchor(way []*x509.Certificate, i int) bool {
	return i == len(way)-1 && (index(j.sent, way[i]) < 0 || i > 0 && selfSigned(way[i]) || contains(j.rootsAbove(way[i]), way[i]))
}

func (j *verification) who(cert *x509.Certificate) string {
	switch i := index(j.sent, cert); i {
	case -1:
		return fmt.Sprintf("the root %s", text.Quote(cert.Subject.CommonName))
	case 0:
		return "the leaf"
	default:
		return fmt.Sprintf("certificate %d (%s)", i, text.Quote(cert.Subject.CommonName))
	}
}

// weak is a signature hash for which collisions are made (RFC 9155, RFC 6151).
func weak(algorithm x509.SignatureAlgorithm) bool {
	switch algorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return true
	}
	return false
}

// misuse says what the certificate at i of a way is not allowed to do there,
// as crypto/x509 enforces RFC 5280 section 6.1.4; "" if nothing.
func misuse(way []*x509.Certificate, i int) string {
	cert := way[i]
	switch {
	case len(cert.UnhandledCriticalExtensions) > 0:
		return fmt.Sprintf("has the critical extension %s, which is not known here", cert.UnhandledCriticalExtensions[0])
	case !forServers(cert):
		return "is not for TLS servers (extended key usage)"
	case i == 0:
		return ""
	case cert.BasicConstraintsValid && !cert.IsCA || !cert.BasicConstraintsValid && (cert.Version == 3 || i < len(way)-1):
		return "is not a CA and has signed a certificate"
	case cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageCertSign == 0:
		return "is not for signing certificates (key usage)"
	case cert.BasicConstraintsValid && cert.MaxPathLen >= 0 && i-1 > cert.MaxPathLen:
		return fmt.Sprintf("allows %d CAs below it and has %d (path length)", cert.MaxPathLen, i-1)
	}
	return ""
}

// forServers reports whether the extended key usage lets a certificate take part in a
// server's chain; none at all lets it.
func forServers(cert *x509.Certificate) bool {
	if len(cert.ExtKeyUsage) == 0 && len(cert.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.ContainsFunc(cert.ExtKeyUsage, func(u x509.ExtKeyUsage) bool {
		return u == x509.ExtKeyUsageServerAuth || u == x509.ExtKeyUsageAny
	})
}

// nameConstraints asks crypto/x509 about nothing but the name constraints of a way.
func nameConstraints(way []*x509.Certificate, now time.Time) error {
	if len(way) == 1 {
		return nil
	}
	top, intermediates := x509.NewCertPool(), x509.NewCertPool()
	top.AddCert(unconstrainedBut(way[len(way)-1]))
	for _, cert := range way[1 : len(way)-1] {
		intermediates.AddCert(unconstrainedBut(cert))
	}
	_, err := relaxed(way[0]).Verify(x509.VerifyOptions{
		Roots: top, Intermediates: intermediates, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if problemOf(err) == ProblemNameConstraint {
		return err
	}
	return nil
}

// unconstrainedBut is relaxed with the name constraints left as they are.
func unconstrainedBut(cert *x509.Certificate) *x509.Certificate {
	c := relaxed(cert)
	c.PermittedDNSDomainsCritical = cert.PermittedDNSDomainsCritical
	c.PermittedDNSDomains, c.ExcludedDNSDomains = cert.PermittedDNSDomains, cert.ExcludedDNSDomains
	c.PermittedIPRanges, c.ExcludedIPRanges = cert.PermittedIPRanges, cert.ExcludedIPRanges
	c.PermittedEmailAddresses, c.ExcludedEmailAddresses = cert.PermittedEmailAddresses, cert.ExcludedEmailAddresses
	c.PermittedURIDomains, c.ExcludedURIDomains = cert.PermittedURIDomains, cert.ExcludedURIDomains
	return c
}

// Keys below these sizes are weak: NIST SP 800-57 part 1, table 2 (112 bits of
// security) and Baseline Requirements section 6.1.5.
const (
	minRSABits   = 2048
	minECDSABits = 256
)

func (j *verification) checkKeys() {
	for _, cert := range j.path {
		algorithm, bits := key(cert)
		_, isRSA := cert.PublicKey.(*rsa.PublicKey)
		_, isECDSA := cert.PublicKey.(*ecdsa.PublicKey)
		if index(j.sent, cert) >= 0 && (isRSA && bits < minRSABits || isECDSA && bits < minECDSABits || algorithm == "DSA") {
			j.report(ProblemWeakKey, cert, "%s has a key of %s with %d bits", j.who(cert), algorithm, bits)
		}
	}
}

// checkLifetime holds the leaf to the CA/Browser Forum's limit, which binds only
// the public CAs: those whose root is in Mozilla's program.
func (j *verification) checkLifetime() {
	leaf := j.sent[0]
	if len(j.path) < 2 || !j.roots.public(j.path[len(j.path)-1]) {
		return
	}
	if latest, limited := latestEnd(leaf.NotBefore); limited && leaf.NotAfter.After(latest) {
		j.report(ProblemLifetimeTooLong, leaf, "the leaf lasts %.0f days; one that begins on %s may last until %s",
			leaf.NotAfter.Sub(leaf.NotBefore).Hours()/24, leaf.NotBefore.UTC().Format(time.DateOnly), latest.Format(time.DateOnly))
	}
}

// checkOrder wants each certificate to be followed by one that signed it (RFC
// 5246 section 7.4.2), as far as such a one was sent. RFC 8446 section 4.4.2
// asks clients for patience, which not all have. Between the two may stand
// other certificates of the same CA: cross-signs have no order among them.
func (j *verification) checkOrder() {
	for at := 0; ; {
		next := at + 1
		for next < len(j.sent) && !j.signs(next, at) {
			next++
		}
		if next >= len(j.sent) {
			return
		}
		if !j.sameCA(at, next) {
			j.report(ProblemWrongOrder, j.sent[next], "%s signed %s and should follow it", j.who(j.sent[next]), j.who(j.sent[at]))
			return
		}
		at = next
	}
}

// sameCA reports whether all that stands between at and next is other certificates
// for the CA at at.
func (j *verification) sameCA(at, next int) bool {
	for _, between := range j.sent[at+1 : next] {
		if !bytes.Equal(between.RawSubject, j.sent[at].RawSubject) {
			return false
		}
	}
	return true
}
