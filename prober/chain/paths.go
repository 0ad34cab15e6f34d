package chain

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"strings"

	"tls_exporter/prober/text"
)

// candidate is a way with what is wrong with it.
type candidate struct {
	certs   []*x509.Certificate
	defects []defect
}

// permanent counts the defects that time alone does not bring or heal.
func (w candidate) permanent() int {
	n := 0
	for _, d := range w.defects {
		if d.Problem != ProblemExpired && d.Problem != ProblemNotYetValid {
			n++
		}
	}
	return n
}

// trustworthy reports whether nothing but the date stands against the way.
func (w candidate) trustworthy() bool { return w.permanent() == 0 }

// best is the way with the fewest defects, and of those the one that lasts
// longest.
func (j *verification) best(ways [][]*x509.Certificate) candidate {
	all := make([]candidate, len(ways))
	for i, way := range ways {
		all[i] = candidate{way, j.defects(way)}
	}
	return slices.MinFunc(all, func(a, b candidate) int {
		return cmp.Or(a.permanent()-b.permanent(), len(a.defects)-len(b.defects), end(b.certs).Compare(end(a.certs)))
	})
}

// Bounds on the search for ways, which a server could make endless with many
// certificates of one name. crypto/x509 allows itself as many signatures.
const (
	maxSignatureChecks = 100
	maxPaths           = 16
)

// paths climbs from the leaf by names and signatures alone. It returns the ways
// that end in a trusted root, and those that end where no issuer is at hand.
func (j *verification) paths() (complete, dangling [][]*x509.Certificate) {
	var climb func(way []*x509.Certificate, positions []int)
	climb = func(way []*x509.Certificate, positions []int) {
		if len(complete)+len(dangling) >= maxPaths {
			return
		}
		top := way[len(way)-1]
		above := j.rootsAbove(top)
		for _, root := range above {
			if root.Equal(top) {
				complete = append(complete, way)
				return
			}
			complete = append(complete, append(slices.Clip(way), root))
		}
		further := false
		for i := range j.sent {
			if !passedCA(way, j.sent[i]) && j.signs(i, positions[len(positions)-1]) {
				further = true
				climb(append(slices.Clip(way), j.sent[i]), append(slices.Clip(positions), i))
			}
		}
		if !further && len(above) == 0 {
			dangling = append(dangling, way)
		}
	}
	climb(j.sent[:1:1], []int{0})
	return complete, dangling
}

// passedCA reports whether a way already went through this authority, if with
// another certificate: mutual cross-signs would lead round in circles.
func passedCA(way []*x509.Certificate, cert *x509.Certificate) bool {
	return slices.ContainsFunc(way, func(c *x509.Certificate) bool {
		return bytes.Equal(c.RawSubject, cert.RawSubject) && bytes.Equal(c.RawSubjectPublicKeyInfo, cert.RawSubjectPublicKeyInfo)
	})
}

func (j *verification) rootsAbove(cert *x509.Certificate) []*x509.Certificate {
	if j.checks++; j.checks > maxSignatureChecks {
		return nil
	}
	above := j.roots.issuersOf(cert, j.At)
	j.rootsSeen = append(j.rootsSeen, above...)
	return above
}

// signs reports whether the certificate sent at parent signed the one at child.
// Past the bound on signatures nothing did.
func (j *verification) signs(parent, child int) bool {
	pair := [2]int{parent, child}
	known, asked := j.signed[pair]
	if asked || parent == child {
		return known
	}
	if j.checks++; j.checks <= maxSignatureChecks {
		known = signs(j.sent[parent], j.sent[child])
	}
	j.signed[pair] = known
	return known
}

// reportMissing says why a way does not end in a trusted root. Certificates alone
// cannot always tell a root that is not trusted from an intermediate that was
// not sent, so this goes by what they do say, strongest first.
func (j *verification) reportMissing(way []*x509.Certificate) {
	top := way[len(way)-1]
	switch {
	case selfSigned(top) && len(way) == 1:
		j.report(ProblemSelfSigned, top, "the leaf is signed by itself and is not among the trusted roots")
	case selfSigned(top):
		j.report(ProblemUnknownAuthority, top, "the chain ends in %s, which is not among the trusted roots", text.Quote(top.Subject.CommonName))
	case j.lacksIntermediate(way):
		j.report(ProblemIncompleteChain, top, "%s was issued by %s, which the server did not send and which seems to be an intermediate", text.Quote(top.Subject.CommonName), text.Quote(top.Issuer.CommonName))
	default:
		j.report(ProblemUnknownAuthority, top, "%s was issued by %s, which is not among the trusted roots", text.Quote(top.Subject.CommonName), text.Quote(top.Issuer.CommonName))
	}
}

// lacksIntermediate decides whether the issuer of the way's top, which was not
// sent and is not trusted, is an intermediate under a trusted root.
//
//   - The top's authority key identifier may name its issuer's issuer (RFC 5280
//     section 4.2.1.1): the same name is a root, another one an intermediate.
//   - A CA certificate was sent that does not belong to the way, but reaches a
//     trusted root: the server sends the wrong intermediate.
//   - An intermediate at the top is taken to hang under a root that is not
//     trusted, since roots need not be sent (RFC 8446 section 4.4.2).
//   - A leaf at the top whose AIA says where its issuer can be fetched was
//     issued by an intermediate: no public root issues leaves, and publicly
//     trusted leaves carry the pointer (Baseline Requirements 7.1.2.7.7).
//   - Else only where the module names its roots can a lone leaf be expected to
//     hang under one of them: if the names of its issuer and of a root have the
//     same organization, or none to compare and the issuer is not called a root.
func (j *verification) lacksIntermediate(way []*x509.Certificate) bool {
	top := way[len(way)-1]
	if root, known := issuerIsRoot(top); known {
		return !root
	}
	for _, cert := range j.sent[1:] {
		if cert.IsCA && !contains(way, cert) && len(j.rootsAbove(cert)) > 0 {
			return true
		}
	}
	if len(way) > 1 {
		return false
	}
	if len(top.IssuingCertificateURL) > 0 {
		return true
	}
	if len(j.roots.own) == 0 {
		return false
	}
	shared, comparable := j.roots.shareOrganization(top.Issuer.Organization)
	return shared || !comparable && !strings.Contains(strings.ToLower(top.Issuer.CommonName), "root")
}

// issuerIsRoot reads the authorityCertIssuer of a certificate, where there is one.
func issuerIsRoot(cert *x509.Certificate) (root, known bool) {
	for _, extension := range cert.Extensions {
		if !extension.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 35}) {
			continue
		}
		var aki struct {
			KeyIdentifier []byte        `asn1:"optional,tag:0"`
			Issuer        asn1.RawValue `asn1:"optional,tag:1"`
			SerialNumber  asn1.RawValue `asn1:"optional,tag:2"`
		}
		var name asn1.RawValue // GeneralName, directoryName [4]
		if _, err := asn1.Unmarshal(extension.Value, &aki); err != nil || len(aki.Issuer.Bytes) == 0 {
			return false, false
		}
		if _, err := asn1.Unmarshal(aki.Issuer.Bytes, &name); err != nil || name.Class != asn1.ClassContextSpecific || name.Tag != 4 {
			return false, false
		}
		return bytes.Equal(name.Bytes, cert.RawIssuer), true
	}
	return false, false
}

func selfSigned(cert *x509.Certificate) bool { return signs(cert, cert) }
