package prober

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// judge asks of the certificates that a server sent, leaf first, what a modern
// verifier would at the moment now, one question at a time. Whether the chain
// is valid is x509.Verify's word; what is wrong with it is found beside that,
// because Verify stops at the first thing. Without a name, that one question is
// not asked.
func judge(certs []*x509.Certificate, name string, trusted *roots, now time.Time) *Chain {
	c := &Chain{At: now, Name: name}
	for _, cert := range certs {
		c.Certificates = append(c.Certificates, newCertificate(cert))
	}
	j := &judgement{Chain: c, sent: certs, roots: trusted, signed: make(map[[2]int]bool)}

	verified, err := verify(certs, name, trusted.pool, now)
	if c.Valid = err == nil; c.Valid {
		j.way = longest(verified)
		c.Path = j.way
	} else {
		j.explain(err)
	}
	if c.Path != nil {
		c.NotAfter = end(c.Path)
	}
	j.askKeys()
	j.askLifetime()
	j.askOrder()
	slices.SortStableFunc(c.Problems, func(a, b Found) int {
		return slices.Index(Problems, a.Problem) - slices.Index(Problems, b.Problem)
	})
	return c
}

// verify is x509.Verify for a server, as a browser would ask.
func verify(certs []*x509.Certificate, name string, pool *x509.CertPool, now time.Time) ([][]*x509.Certificate, error) {
	intermediates := x509.NewCertPool()
	for _, cert := range certs[1:] {
		intermediates.AddCert(cert)
	}
	return certs[0].Verify(x509.VerifyOptions{DNSName: name, Intermediates: intermediates, Roots: pool, CurrentTime: now})
}

// longest is, of several trusted paths, the one whose earliest end is latest:
// clients break when no path is left, not when the first one ends.
func longest(paths [][]*x509.Certificate) []*x509.Certificate {
	return slices.MaxFunc(paths, func(a, b []*x509.Certificate) int { return end(a).Compare(end(b)) })
}

// end is the earliest NotAfter of a path.
func end(path []*x509.Certificate) time.Time {
	first := path[0].NotAfter
	for _, cert := range path[1:] {
		if cert.NotAfter.Before(first) {
			first = cert.NotAfter
		}
	}
	return first
}

// judgement is one chain while it is being judged.
type judgement struct {
	*Chain
	sent   []*x509.Certificate
	roots  *roots
	way    []*x509.Certificate // the path that the questions are about; it need not end in a root
	signed map[[2]int]bool     // by parent and child: what has been asked of signs
	checks int                 // signatures verified for this chain
}

// tell notes a problem of cert, once.
func (j *judgement) tell(p Problem, cert *x509.Certificate, format string, args ...any) {
	if j.Has(p) {
		return
	}
	position := -1
	if cert != nil {
		position = index(j.sent, cert)
	}
	j.Problems = append(j.Problems, Found{Problem: p, Position: position, Detail: fmt.Sprintf(format, args...)})
}

// explain finds everything that makes the chain invalid. It chooses one way up
// from the leaf, the best that there is, and asks each question of that way, so
// that two half-good ways never hide each other's problems.
func (j *judgement) explain(verdict error) {
	complete, dangling := j.ways()
	ways := complete
	if len(complete) == 0 {
		ways = dangling
	}
	best := j.best(ways)
	j.way = best.certs
	if len(complete) == 0 {
		j.tellMissing(best.certs)
	} else if best.trustworthy() {
		j.Path = best.certs
	}
	for _, d := range best.defects {
		j.tell(d.Problem, d.cert, "%s", d.detail)
	}
	if err := j.sent[0].VerifyHostname(j.Name); err != nil && j.Name != "" {
		j.tell(ProblemNameMismatch, j.sent[0], "%s is not among the names of the leaf (%s)", quote(j.Name), claimed(j.sent[0]))
	}
	if !slices.ContainsFunc(j.Problems, func(f Found) bool { return f.Problem.Invalidates() }) {
		j.tell(problemOf(verdict), nil, "%s", verdict)
	}
}

// judged is a way with what is wrong with it.
type judged struct {
	certs   []*x509.Certificate
	defects []defect
}

// lasting counts the defects that time alone does not bring or heal.
func (w judged) lasting() int {
	n := 0
	for _, d := range w.defects {
		if d.Problem != ProblemExpired && d.Problem != ProblemNotYetValid {
			n++
		}
	}
	return n
}

// trustworthy tells whether nothing but the date stands against the way.
func (w judged) trustworthy() bool { return w.lasting() == 0 }

// best is the way with the fewest defects, and of those the one that lasts
// longest.
func (j *judgement) best(ways [][]*x509.Certificate) judged {
	all := make([]judged, len(ways))
	for i, way := range ways {
		all[i] = judged{way, j.defects(way)}
	}
	return slices.MinFunc(all, func(a, b judged) int {
		return cmp.Or(a.lasting()-b.lasting(), len(a.defects)-len(b.defects), end(b.certs).Compare(end(a.certs)))
	})
}

// Bounds on the search for ways, which a server could make endless with many
// certificates of one name. crypto/x509 allows itself as many signatures.
const (
	maxSignatureChecks = 100
	maxWays            = 16
)

// ways climbs from the leaf by names and signatures alone. It returns the ways
// that end in a trusted root, and those that end where no issuer is at hand.
func (j *judgement) ways() (complete, dangling [][]*x509.Certificate) {
	var climb func(way []*x509.Certificate, positions []int)
	climb = func(way []*x509.Certificate, positions []int) {
		if len(complete)+len(dangling) >= maxWays {
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
			if !passed(way, j.sent[i]) && j.signs(i, positions[len(positions)-1]) {
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

// passed tells whether a way already went through this authority, if with
// another certificate: mutual cross-signs would lead round in circles.
func passed(way []*x509.Certificate, cert *x509.Certificate) bool {
	return slices.ContainsFunc(way, func(c *x509.Certificate) bool {
		return bytes.Equal(c.RawSubject, cert.RawSubject) && bytes.Equal(c.RawSubjectPublicKeyInfo, cert.RawSubjectPublicKeyInfo)
	})
}

func (j *judgement) rootsAbove(cert *x509.Certificate) []*x509.Certificate {
	if j.checks++; j.checks > maxSignatureChecks {
		return nil
	}
	return j.roots.above(cert, j.At)
}

// signs tells whether the certificate sent at parent signed the one at child.
// Past the bound on signatures nothing did.
func (j *judgement) signs(parent, child int) bool {
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

// tellMissing says why a way does not end in a trusted root. Certificates alone
// cannot always tell a root that is not trusted from an intermediate that was
// not sent, so this goes by what they do say, strongest first.
func (j *judgement) tellMissing(way []*x509.Certificate) {
	top := way[len(way)-1]
	switch {
	case selfSigned(top) && len(way) == 1:
		j.tell(ProblemSelfSigned, top, "the leaf is signed by itself and is not among the trusted roots")
	case selfSigned(top):
		j.tell(ProblemUnknownAuthority, top, "the chain ends in %s, which is not among the trusted roots", quote(top.Subject.CommonName))
	case j.lacksIntermediate(way):
		j.tell(ProblemIncompleteChain, top, "%s was issued by %s, which the server did not send and which seems to be an intermediate", quote(top.Subject.CommonName), quote(top.Issuer.CommonName))
	default:
		j.tell(ProblemUnknownAuthority, top, "%s was issued by %s, which is not among the trusted roots", quote(top.Subject.CommonName), quote(top.Issuer.CommonName))
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
func (j *judgement) lacksIntermediate(way []*x509.Certificate) bool {
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

// defect is a problem of one way, and the certificate that has it.
type defect struct {
	Problem
	cert   *x509.Certificate
	detail string
}

// defects asks one way everything that can make it invalid but its end.
func (j *judgement) defects(way []*x509.Certificate) []defect {
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
		if why := misused(way, i); why != "" {
			add(ProblemWrongUsage, cert, "%s %s", who, why)
		}
	}
	if err := constrained(way, j.At); err != nil {
		add(ProblemNameConstraint, nil, "a CA of the chain may not issue for these names: %s", err)
	}
	return found
}

// anchor tells whether the certificate at i is trusted, or untrusted, for being
// there: its own signature then says nothing.
func (j *judgement) anchor(way []*x509.Certificate, i int) bool {
	return i == len(way)-1 && (index(j.sent, way[i]) < 0 || i > 0 && selfSigned(way[i]) || contains(j.rootsAbove(way[i]), way[i]))
}

func (j *judgement) who(cert *x509.Certificate) string {
	switch i := index(j.sent, cert); i {
	case -1:
		return fmt.Sprintf("the root %s", quote(cert.Subject.CommonName))
	case 0:
		return "the leaf"
	default:
		return fmt.Sprintf("certificate %d (%s)", i, quote(cert.Subject.CommonName))
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

// misused says what the certificate at i of a way is not allowed to do there,
// as crypto/x509 enforces RFC 5280 section 6.1.4; "" if nothing.
func misused(way []*x509.Certificate, i int) string {
	cert := way[i]
	switch {
	case len(cert.UnhandledCriticalExtensions) > 0:
		return fmt.Sprintf("has the critical extension %s, which is not known here", cert.UnhandledCriticalExtensions[0])
	case !serves(cert):
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

// serves tells whether the extended key usage lets a certificate take part in a
// server's chain; none at all lets it.
func serves(cert *x509.Certificate) bool {
	if len(cert.ExtKeyUsage) == 0 && len(cert.UnknownExtKeyUsage) == 0 {
		return true
	}
	return slices.ContainsFunc(cert.ExtKeyUsage, func(u x509.ExtKeyUsage) bool {
		return u == x509.ExtKeyUsageServerAuth || u == x509.ExtKeyUsageAny
	})
}

// constrained asks crypto/x509 about nothing but the name constraints of a way.
func constrained(way []*x509.Certificate, now time.Time) error {
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

// problemOf is the problem that an error of x509.Verify amounts to.
func problemOf(err error) Problem {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return ProblemNameMismatch
	}
	if _, ok := errors.AsType[x509.UnhandledCriticalExtension](err); ok {
		return ProblemWrongUsage
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		switch invalid.Reason {
		case x509.Expired:
			return ProblemExpired
		case x509.CANotAuthorizedForThisName, x509.UnconstrainedName, x509.TooManyConstraints, x509.NameConstraintsWithoutSANs:
			return ProblemNameConstraint
		}
		return ProblemWrongUsage
	}
	return ProblemUnknownAuthority
}

// claimed lists the names that a leaf is for.
func claimed(leaf *x509.Certificate) string {
	names := dnsNames(leaf)
	for _, ip := range leaf.IPAddresses {
		if names != "" {
			names += ","
		}
		if names += ip.String(); len(names) > maxName {
			return names + ",…"
		}
	}
	if names == "" {
		return "it has none; a common name does not count"
	}
	return names
}

// Keys below these sizes are weak: NIST SP 800-57 part 1, table 2 (112 bits of
// security) and Baseline Requirements section 6.1.5.
const (
	minRSABits   = 2048
	minECDSABits = 256
)

func (j *judgement) askKeys() {
	for _, cert := range j.way {
		algorithm, bits := key(cert)
		_, isRSA := cert.PublicKey.(*rsa.PublicKey)
		_, isECDSA := cert.PublicKey.(*ecdsa.PublicKey)
		if index(j.sent, cert) >= 0 && (isRSA && bits < minRSABits || isECDSA && bits < minECDSABits || algorithm == "DSA") {
			j.tell(ProblemWeakKey, cert, "%s has a key of %s with %d bits", j.who(cert), algorithm, bits)
		}
	}
}

// askLifetime holds the leaf to the CA/Browser Forum's limit, which binds only
// the public CAs: those whose root is in Mozilla's program.
func (j *judgement) askLifetime() {
	leaf := j.sent[0]
	if len(j.way) < 2 || !j.roots.public(j.way[len(j.way)-1]) {
		return
	}
	if latest, limited := latestEnd(leaf.NotBefore); limited && leaf.NotAfter.After(latest) {
		j.tell(ProblemLifetimeTooLong, leaf, "the leaf lasts %.0f days; one that begins on %s may last until %s",
			leaf.NotAfter.Sub(leaf.NotBefore).Hours()/24, leaf.NotBefore.UTC().Format(time.DateOnly), latest.Format(time.DateOnly))
	}
}

// askOrder wants each certificate to be followed by one that signed it (RFC
// 5246 section 7.4.2), as far as such a one was sent. RFC 8446 section 4.4.2
// asks clients for patience, which not all have. Between the two may stand
// other certificates of the same CA: cross-signs have no order among them.
func (j *judgement) askOrder() {
	for at := 0; ; {
		next := at + 1
		for next < len(j.sent) && !j.signs(next, at) {
			next++
		}
		if next >= len(j.sent) {
			return
		}
		if !j.twins(at, next) {
			j.tell(ProblemWrongOrder, j.sent[next], "%s signed %s and should follow it", j.who(j.sent[next]), j.who(j.sent[at]))
			return
		}
		at = next
	}
}

// twins tells whether all that stands between at and next is other certificates
// for the CA at at.
func (j *judgement) twins(at, next int) bool {
	for _, between := range j.sent[at+1 : next] {
		if !bytes.Equal(between.RawSubject, j.sent[at].RawSubject) {
			return false
		}
	}
	return true
}
