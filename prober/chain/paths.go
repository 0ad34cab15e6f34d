package chain

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"slices"
	"strings"

	"tls_exporter/prober/text"
)

// candidate is a path and its defects.
type candidate struct {
	certs   []*x509.Certificate
	defects []defect
}

// permanent counts the defects that do not depend on the time.
func (c candidate) permanent() int {
	n := 0
	for _, d := range c.defects {
		if d.Problem != ProblemExpired && d.Problem != ProblemNotYetValid {
			n++
		}
	}
	return n
}

// trusted reports whether the path has no defects but its dates.
func (c candidate) trusted() bool { return c.permanent() == 0 }

// best returns the path with the fewest defects, and of those the one that expires
// last.
func (v *verification) best(paths [][]*x509.Certificate) candidate {
	all := make([]candidate, len(paths))
	for i, path := range paths {
		all[i] = candidate{path, v.defects(path)}
	}
	return slices.MinFunc(all, func(a, b candidate) int {
		return cmp.Or(a.permanent()-b.permanent(), len(a.defects)-len(b.defects), expiry(b.certs).Compare(expiry(a.certs)))
	})
}

// Bounds on the search for paths, which a server could make endless with many
// certificates of the same name. crypto/x509 has the same limit of signatures.
const (
	maxSignatureChecks = 100
	maxPaths           = 16
)

// findPaths returns the paths from the leaf to a trusted root, and those that end at a
// certificate without a known issuer. It goes by names and signatures alone. A
// certificate without an issuer whose signature verifies is followed by one that only
// its name and its key identifier make the issuer.
func (v *verification) findPaths() (complete, incomplete [][]*x509.Certificate) {
	var extend func(path []*x509.Certificate)
	extend = func(path []*x509.Certificate) {
		if len(complete)+len(incomplete) >= maxPaths {
			return
		}
		last := path[len(path)-1]
		roots, issuers := v.trustedIssuers(last), v.sentIssuers(path, signed)
		for _, claim := range []issuance{unverifiable, badlySigned} {
			if len(roots)+len(issuers) == 0 {
				roots, issuers = v.claimedRoots(last, claim), v.sentIssuers(path, claim)
			}
		}
		for _, root := range roots {
			if root.Equal(last) {
				complete = append(complete, path)
				return
			}
			complete = append(complete, append(slices.Clip(path), root))
		}
		for _, issuer := range issuers {
			extend(append(slices.Clip(path), issuer))
		}
		if len(roots)+len(issuers) == 0 {
			incomplete = append(incomplete, path)
		}
	}
	extend(v.sent[:1:1])
	return complete, incomplete
}

// sentIssuers returns the certificates that were sent and are this to the last one of
// a path.
func (v *verification) sentIssuers(path []*x509.Certificate, wanted issuance) []*x509.Certificate {
	var issuers []*x509.Certificate
	for _, cert := range v.sent {
		if !hasCA(path, cert) && v.issuance(cert, path[len(path)-1]) == wanted {
			issuers = append(issuers, cert)
		}
	}
	return issuers
}

// hasCA reports whether a path already has a certificate of this CA, by name and key:
// CAs that certified each other would make a loop.
func hasCA(path []*x509.Certificate, cert *x509.Certificate) bool {
	return slices.ContainsFunc(path, func(c *x509.Certificate) bool {
		return bytes.Equal(c.RawSubject, cert.RawSubject) && bytes.Equal(c.RawSubjectPublicKeyInfo, cert.RawSubjectPublicKeyInfo)
	})
}

// trustedIssuers returns the roots that signed cert, or cert alone if it is a root.
// Past the limit of signatures it returns none.
func (v *verification) trustedIssuers(cert *x509.Certificate) []*x509.Certificate {
	if v.checks++; v.checks > maxSignatureChecks {
		return nil
	}
	roots := v.roots.issuersOf(cert, v.At)
	for _, root := range roots {
		v.issued[[2]*x509.Certificate{root, cert}] = signed
	}
	v.rootsSeen = append(v.rootsSeen, roots...)
	return roots
}

// claimedRoots is Roots.claimedIssuersOf within the limit of signatures.
func (v *verification) claimedRoots(cert *x509.Certificate, claim issuance) []*x509.Certificate {
	if v.checks++; v.checks > maxSignatureChecks {
		return nil
	}
	roots := v.roots.claimedIssuersOf(cert, claim)
	for _, root := range roots {
		v.issued[[2]*x509.Certificate{root, cert}] = claim
	}
	v.rootsSeen = append(v.rootsSeen, roots...)
	return roots
}

// issuance is issuanceOf, once for each pair. Past the limit of signatures all are
// unrelated.
func (v *verification) issuance(parent, child *x509.Certificate) issuance {
	pair := [2]*x509.Certificate{parent, child}
	known, cached := v.issued[pair]
	if cached || parent == child {
		return known
	}
	if v.checks++; v.checks <= maxSignatureChecks {
		known = issuanceOf(parent, child)
	}
	v.issued[pair] = known
	return known
}

// reportUntrusted reports why a path does not end in a trusted root. Certificates do
// not always show whether a root is not trusted or an intermediate was not sent, so
// the strongest evidence decides.
func (v *verification) reportUntrusted(path []*x509.Certificate) {
	last := path[len(path)-1]
	subject, issuer := text.Quote(last.Subject.CommonName), text.Quote(last.Issuer.CommonName)
	switch {
	case selfSigned(last) && len(path) == 1:
		v.report(ProblemSelfSigned, last, "the leaf is self-signed and is not among the trusted roots")
		if issuanceOf(last, last) == badlySigned {
			v.report(ProblemBadSignature, last, "the signature of the leaf does not verify under its own key")
		}
	case selfSigned(last):
		v.report(ProblemUnknownAuthority, last, "the chain ends in %s, which is not among the trusted roots", subject)
	case v.lacksIntermediate(path):
		v.report(ProblemIncompleteChain, last, "%s was issued by %s, which seems to be an intermediate and is missing", subject, issuer)
	default:
		v.report(ProblemUnknownAuthority, last, "%s was issued by %s, which is not among the trusted roots", subject, issuer)
	}
}

// lacksIntermediate decides whether the issuer of the path's last certificate, which
// was not sent and is not trusted, is an intermediate under a trusted root.
//
//   - The authority key identifier may name the issuer of the issuer (RFC 5280
//     section 4.2.1.1): if that is the issuer itself, it is a root, else an
//     intermediate.
//   - If the server also sent a CA certificate that is not in the path and that a
//     trusted root signed, it sends the wrong intermediate.
//   - If the last certificate is an intermediate, its issuer is taken for a root that
//     is not trusted, since roots need not be sent (RFC 8446 section 4.4.2).
//   - A leaf whose AIA says where its issuer can be downloaded was issued by an
//     intermediate: no public root issues leaves, and publicly trusted leaves have
//     that URL (Baseline Requirements section 7.1.2.7.7).
//   - Any other leaf was issued by an intermediate only if the module has a ca_file:
//     if the issuer and a root of the file have the same organization, or none to
//     compare and the issuer's name does not say that it is a root.
func (v *verification) lacksIntermediate(path []*x509.Certificate) bool {
	last := path[len(path)-1]
	if root, known := issuerIsRoot(last); known {
		return !root
	}
	for _, cert := range v.sent[1:] {
		if cert.IsCA && !contains(path, cert) && len(v.trustedIssuers(cert)) > 0 {
			return true
		}
	}
	if len(path) > 1 {
		return false
	}
	if len(last.IssuingCertificateURL) > 0 {
		return true
	}
	if len(v.roots.own) == 0 {
		return false
	}
	shared, comparable := v.roots.shareOrganization(last.Issuer.Organization)
	return shared || !comparable && !strings.Contains(strings.ToLower(last.Issuer.CommonName), "root")
}

// issuerIsRoot reports whether the authorityCertIssuer of a certificate is its issuer;
// known is false if the certificate has none.
func issuerIsRoot(cert *x509.Certificate) (root, known bool) {
	name := authorityOf(cert).issuer()
	return bytes.Equal(name, cert.RawIssuer), name != nil
}
