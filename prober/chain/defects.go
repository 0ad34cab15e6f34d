package chain

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/text"
)

// defect is a problem of a path.
type defect struct {
	Problem
	cert   *x509.Certificate // nil: no single certificate
	detail string
}

// defects returns everything that makes a path invalid, except an untrusted end.
func (v *verification) defects(path []*x509.Certificate) []defect {
	found := v.objections(path)
	if err := nameConstraints(path, v.At); err != nil && !slices.ContainsFunc(found, func(d defect) bool { return d.Problem == ProblemNameConstraint }) {
		found = append(found, defect{ProblemNameConstraint, nil, fmt.Sprintf("a CA of the chain may not issue for these names: %s", err)})
	}
	return found
}

// objections are the defects of a path that need no help of crypto/x509. Some of them
// it does not know.
func (v *verification) objections(path []*x509.Certificate) []defect {
	var found []defect
	add := func(p Problem, cert *x509.Certificate, format string, args ...any) {
		if !slices.ContainsFunc(found, func(d defect) bool { return d.Problem == p }) {
			found = append(found, defect{p, cert, fmt.Sprintf(format, args...)})
		}
	}
	for i, cert := range path {
		label := v.label(cert)
		undated := v.unread[cert] != nil && certificate.Undated(cert)
		if v.At.After(cert.NotAfter) && !undated {
			add(ProblemExpired, cert, "%s expired on %s", label, cert.NotAfter.UTC().Format(time.DateTime+" MST"))
		}
		if v.At.Before(cert.NotBefore) && !undated {
			add(ProblemNotYetValid, cert, "%s becomes valid on %s", label, cert.NotBefore.UTC().Format(time.DateTime+" MST"))
		}
		switch err := v.unread[cert]; {
		case errors.Is(err, certificate.ErrTooCostly):
			add(ProblemTooLarge, cert, "%s is read in part: %s", label, err)
		case err != nil:
			add(ProblemBadCertificate, cert, "%s violates RFC 5280: %s", label, strings.TrimPrefix(err.Error(), "x509: "))
		}
		if undated {
			add(ProblemBadCertificate, cert, "%s has dates that cannot be read", label)
		}
		if odd := oddTime(cert); odd != "" {
			add(ProblemBadCertificate, cert, "%s has the time %s in its validity, which is not in UTC and to the second (RFC 5280 section 4.1.2.5)", label, text.Quote(odd))
		}
		if weak(cert) && !v.isAnchor(path, i) {
			add(ProblemWeakSignature, cert, "%s is signed with %s", label, signatureName(cert))
		}
		if i < len(path)-1 {
			if differs := otherIssuer(path[i+1], cert); differs != "" {
				add(ProblemBadCertificate, cert, "%s names %s of its issuer than %s has (authority key identifier), and OpenSSL does not accept that", label, differs, v.label(path[i+1]))
			}
			switch v.issued[[2]*x509.Certificate{path[i+1], cert}] {
			case badlySigned:
				add(ProblemBadSignature, cert, "the signature of %s does not verify under the key of its issuer, %s", label, v.label(path[i+1]))
			case unverifiable:
				add(ProblemUnsupportedAlgorithm, cert, "the exporter cannot verify the signature of %s (%s, with a key of %s)", label, signatureName(cert), keyOf(path[i+1]))
			}
		}
		if why := notCA(path, i); why != "" {
			add(ProblemInvalidCA, cert, "%s %s", label, why)
		}
		if misuse, any := misusedBy(cert); misuse != "" && v.usage != AnyUse && !(any && v.isAnchor(path, i)) {
			add(ProblemWrongUsage, cert, "%s %s", label, misuse)
		}
		if i == 0 && v.usage != AnyUse {
			if lack := misusedKey(cert, v.usage); lack != "" {
				add(ProblemWrongUsage, cert, "%s %s", label, lack)
			}
		}
		if violated, _ := v.checkSubtrees(path, i); violated != "" {
			add(ProblemNameConstraint, cert, "%s may not have issued a certificate below it: %s", label, violated)
		}
		if left := v.unhandled(path, i); len(left) > 0 {
			add(ProblemUnhandledCriticalExtension, cert, "%s has the critical extension %s; clients that do not know it have to reject the chain", label, left[0])
		}
	}
	return found
}

// isAnchor reports whether the certificate at i is the root of the path, trusted or
// not. Nothing depends on the signature of a root.
func (v *verification) isAnchor(path []*x509.Certificate, i int) bool {
	return i == len(path)-1 && (index(v.sent, path[i]) < 0 || i > 0 && selfSigned(path[i]) || contains(v.trustedIssuers(path[i]), path[i]))
}

// label names a certificate in a sentence.
func (v *verification) label(cert *x509.Certificate) string {
	switch i := index(v.sent, cert); i {
	case -1:
		return fmt.Sprintf("the root %s", text.Quote(cert.Subject.CommonName))
	case 0:
		return "the leaf"
	default:
		return fmt.Sprintf("certificate %d (%s)", i, text.Quote(cert.Subject.CommonName))
	}
}

// weak reports whether collisions of the hash in the signature of cert are practical
// (RFC 9155, RFC 6151).
func weak(cert *x509.Certificate) bool {
	if cert.SignatureAlgorithm == x509.UnknownSignatureAlgorithm {
		return weakHash(x509.UnknownSignatureAlgorithm, signatureOf(cert))
	}
	return weakHash(cert.SignatureAlgorithm, pkix.AlgorithmIdentifier{})
}

// weakHash is weak for a signature algorithm as crypto/x509 has it, or, if it does not know
// it, in full.
func weakHash(known x509.SignatureAlgorithm, algorithm pkix.AlgorithmIdentifier) bool {
	switch known {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return true
	case x509.UnknownSignatureAlgorithm:
		used, ok := pssOf(algorithm)
		return ok && used.hash == crypto.SHA1 && algorithm.Algorithm.String() == oidRSAPSS
	}
	return false
}

// notCA returns why the certificate at i of a path may not have issued the one below
// it, as crypto/x509 enforces RFC 5280 section 6.1.4; "": it may.
func notCA(path []*x509.Certificate, i int) string {
	cert := path[i]
	switch {
	case i == 0:
		return ""
	case cert.BasicConstraintsValid && !cert.IsCA || !cert.BasicConstraintsValid && (cert.Version == 3 || i < len(path)-1):
		return "is not a CA and has issued a certificate"
	case limitsUsage(cert) && cert.KeyUsage&x509.KeyUsageCertSign == 0:
		return "may not sign certificates (key usage)"
	case cert.BasicConstraintsValid && cert.MaxPathLen >= 0 && i-1 > cert.MaxPathLen:
		return fmt.Sprintf("allows %d CAs below it and has %d (path length)", cert.MaxPathLen, i-1)
	}
	return ""
}

// nameConstraints returns the error of crypto/x509 about the name constraints of a
// path, and about nothing else: not about its signatures either.
func nameConstraints(path []*x509.Certificate, now time.Time) error {
	if len(path) == 1 {
		return nil
	}
	root, intermediates := x509.NewCertPool(), x509.NewCertPool()
	root.AddCert(sealed(relaxedWithNames(path[len(path)-1])))
	for _, cert := range path[1 : len(path)-1] {
		intermediates.AddCert(sealed(relaxedWithNames(cert)))
	}
	_, err := sealed(relaxed(path[0])).Verify(x509.VerifyOptions{
		Roots: root, Intermediates: intermediates, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if problemFor(err) == ProblemNameConstraint {
		return err
	}
	return nil
}

// relaxedWithNames is relaxed, but leaves the name constraints as they are.
func relaxedWithNames(cert *x509.Certificate) *x509.Certificate {
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

func (v *verification) checkKeys() {
	for _, cert := range v.examined {
		algorithm, bits := certificate.Key(cert)
		_, isRSA := cert.PublicKey.(*rsa.PublicKey)
		_, isECDSA := cert.PublicKey.(*ecdsa.PublicKey)
		if index(v.sent, cert) >= 0 && (isRSA && bits < minRSABits || isECDSA && bits < minECDSABits || algorithm == "DSA") {
			v.report(ProblemWeakKey, cert, "%s has a key of %s with %d bits", v.label(cert), algorithm, bits)
		}
	}
}

// checkLifetime checks the leaf against the limit of the CA/Browser Forum. It is for
// public CAs only: those whose root is in Mozilla's program.
func (v *verification) checkLifetime() {
	leaf := v.sent[0]
	if len(v.examined) < 2 || !v.roots.public(v.examined[len(v.examined)-1]) {
		return
	}
	if latest, limited := latestNotAfter(leaf.NotBefore); limited && leaf.NotAfter.After(latest) {
		v.report(ProblemLifetimeTooLong, leaf, "the leaf is valid for %.0f days; one that is valid from %s may be valid until %s",
			leaf.NotAfter.Sub(leaf.NotBefore).Hours()/24, leaf.NotBefore.UTC().Format(time.DateOnly), latest.Format(time.DateOnly))
	}
}

// checkOrder checks that each certificate is followed by one that signed it (RFC 5246
// section 7.4.2), if one was sent. RFC 8446 section 4.4.2 asks clients to accept any
// order, but not all do. Other certificates of the same CA may come between the two:
// cross-certificates have no order.
func (v *verification) checkOrder() {
	for at := 0; ; {
		next := at + 1
		for next < len(v.sent) && v.issuance(v.sent[next], v.sent[at]) != signed {
			next++
		}
		if next >= len(v.sent) {
			return
		}
		if !v.sameCA(at, next) {
			v.report(ProblemWrongOrder, v.sent[next], "%s signed %s and should follow it", v.label(v.sent[next]), v.label(v.sent[at]))
			return
		}
		at = next
	}
}

// sameCA reports whether all certificates between at and next have the subject of
// the one at at.
func (v *verification) sameCA(at, next int) bool {
	for _, between := range v.sent[at+1 : next] {
		if !bytes.Equal(between.RawSubject, v.sent[at].RawSubject) {
			return false
		}
	}
	return true
}
