package chain

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// pki makes certificates for tests that need no server.
type pki struct {
	testing.TB
	key crypto.Signer
}

func newPKI(t testing.TB) pki {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return pki{t, key}
}

func (p pki) root(name string, change ...func(*x509.Certificate)) *tlstest.CA {
	p.Helper()
	ca, err := tlstest.NewRoot(name, change...)
	if err != nil {
		p.Fatal(err)
	}
	return ca
}

func (p pki) intermediate(ca *tlstest.CA, name string, change ...func(*x509.Certificate)) *tlstest.CA {
	p.Helper()
	intermediate, err := ca.Intermediate(name, change...)
	if err != nil {
		p.Fatal(err)
	}
	return intermediate
}

func (p pki) crossSign(by, other *tlstest.CA, change ...func(*x509.Certificate)) *tlstest.CA {
	p.Helper()
	cross, err := by.CrossSign(other, change...)
	if err != nil {
		p.Fatal(err)
	}
	return cross
}

// leaf issues a leaf for localhost. It does not say where its issuer can be downloaded.
func (p pki) leaf(ca *tlstest.CA, change ...func(*x509.Certificate)) *x509.Certificate {
	p.Helper()
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "localhost"},
		DNSNames:    []string{"localhost"},
		NotBefore:   labtest.Now.Add(-30 * labtest.Day),
		NotAfter:    labtest.Now.Add(60 * labtest.Day),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, c := range change {
		c(template)
	}
	cert, err := ca.Issue(template, p.key)
	if err != nil {
		p.Fatal(err)
	}
	return cert
}

func expires(at time.Time) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotAfter = at }
}

func withoutOrganization(c *x509.Certificate) { c.Subject.Organization = nil }

func otherOrganization(c *x509.Certificate) { c.Subject.Organization = []string{"Other Organization"} }

// trust returns the roots of a module with these in its ca_file.
func trust(cas ...*tlstest.CA) *Roots {
	r := &Roots{Pool: x509.NewCertPool(), public: func(*x509.Certificate) bool { return false }}
	for _, ca := range cas {
		r.own = append(r.own, ca.Certificate)
		r.Pool.AddCert(ca.Certificate)
	}
	return r
}

// systemTrust returns roots of the system: crypto/x509 verifies against them, but does
// not list them.
func systemTrust(cas ...*tlstest.CA) *Roots {
	r := trust(cas...)
	r.own = nil
	return r
}

// uncached verifies a chain without the caches of a Verifier.
func uncached(certs []*x509.Certificate, name string, trusted *Roots, now time.Time) *Chain {
	return verify(described(certs), name, 0, trusted, now).Chain
}

// described is what is read of each.
func described(certs []*x509.Certificate) []*certificate.Parsed {
	chain := make([][]byte, len(certs))
	for i, cert := range certs {
		chain[i] = cert.Raw
	}
	return certificate.ParseChain(chain, nil)
}

func certs(parts ...any) []*x509.Certificate {
	var all []*x509.Certificate
	for _, part := range parts {
		switch c := part.(type) {
		case *x509.Certificate:
			all = append(all, c)
		case *tlstest.CA:
			all = append(all, c.Certificate)
		}
	}
	return all
}

func TestVerify(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	upper := p.intermediate(root, "Upper")
	lower := p.intermediate(upper, "Lower")
	untrusted := p.root("Untrusted")
	untrustedCA := p.intermediate(untrusted, "Untrusted CA")
	plainRoot, plainUntrusted := p.root("Plain Root", withoutOrganization), p.root("Plain Untrusted", withoutOrganization, otherOrganization)
	plainCA := p.intermediate(plainRoot, "Plain CA", withoutOrganization)
	weakCA := p.intermediate(root, "Weak CA", func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 })
	clientCA := p.intermediate(root, "Client CA", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	shallow := p.intermediate(root, "Shallow", func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true })
	tooDeep := p.intermediate(shallow, "Too Deep")
	expiredCA := p.intermediate(root, "Expired CA", func(c *x509.Certificate) { c.NotAfter = labtest.Now.Add(-labtest.Day) })
	other := newPKI(t)
	notCA := other.leaf(root, func(c *x509.Certificate) { c.Subject.CommonName = "Not A CA" })
	leafSigner := &tlstest.CA{Certificate: notCA, Key: other.key}
	self := selfSignedLeaf(p)
	cannotSign := p.intermediate(root, "Cannot Sign", func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign })
	criticalCA := p.intermediate(root, "Critical CA", critical)
	anonymous, rsaCA := p.intermediate(root, "Anonymous"), p.rsaCA(root, "Anonymous")
	anonymousLeaf := p.withoutKeyIdentifiers(anonymous, p.leaf(anonymous))
	md5Leaf := p.md5Signed(rsaCA, p.leaf(rsaCA))
	pointing := func(c *x509.Certificate) { c.IssuingCertificateURL = []string{"http://ca.test/ca.crt"} }
	expired := expires(labtest.Now.Add(-10 * labtest.Day))
	misnamed := func(c *x509.Certificate) { c.DNSNames = []string{"other.test"} }
	forClients := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
	weakly := func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }

	tests := []struct {
		name  string
		sent  []*x509.Certificate
		roots *Roots
		want  []Problem
		path  int // certificates of the trusted path, 0: there is none
	}{
		{"two intermediates", certs(p.leaf(lower), lower, upper), trust(root), nil, 4},
		{"the root is sent too", certs(p.leaf(upper), upper, root), trust(root), nil, 3},
		{"issued by the root itself", certs(p.leaf(root)), trust(root), nil, 2},
		{"the leaf itself is trusted", certs(self), trust(&tlstest.CA{Certificate: self}), nil, 1},
		{"the leaf itself is trusted, and made for signing certificates alone", certs(root), trust(root), []Problem{ProblemNameMismatch, ProblemWrongUsage}, 0},
		{"an intermediate is trusted as a root", certs(p.leaf(upper)), trust(upper), nil, 2},

		{"a leaf alone, its issuer under the only root", certs(p.leaf(upper)), trust(root), []Problem{ProblemIncompleteChain}, 0},
		{"a leaf alone, names without an organization", certs(p.leaf(plainCA)), trust(plainRoot), []Problem{ProblemIncompleteChain}, 0},
		{"a leaf alone, its issuer named a root", certs(p.leaf(p.root("Other Root", withoutOrganization))), trust(plainRoot), []Problem{ProblemUnknownAuthority}, 0},
		{"a leaf alone, of another organization", certs(p.leaf(p.intermediate(untrusted, "X", otherOrganization))), trust(root), []Problem{ProblemUnknownAuthority}, 0},
		{"a leaf alone, of a private root, with the system's roots", certs(p.leaf(plainUntrusted)), systemTrust(root), []Problem{ProblemUnknownAuthority}, 0},
		{"a leaf alone that says where to download its issuer", certs(p.leaf(upper, pointing)), systemTrust(root), []Problem{ProblemIncompleteChain}, 0},
		{"a leaf alone that says its issuer is a root", certs(p.leaf(upper, pointing, issuedBy(upper.Certificate.RawSubject))), trust(root), []Problem{ProblemUnknownAuthority}, 0},
		{"an intermediate that says its issuer is another one", certs(p.leaf(lower, issuedBy(root.Certificate.RawSubject))), systemTrust(root), []Problem{ProblemIncompleteChain}, 0},
		{"the wrong intermediate", certs(p.leaf(lower), upper), systemTrust(root), []Problem{ProblemIncompleteChain}, 0},
		{"an unknown root, its intermediate sent", certs(p.leaf(untrustedCA), untrustedCA), trust(root), []Problem{ProblemUnknownAuthority}, 0},
		{"an unknown root, sent", certs(p.leaf(untrustedCA), untrustedCA, untrusted), trust(root), []Problem{ProblemUnknownAuthority}, 0},
		{"the same with the system's roots", certs(p.leaf(untrustedCA), untrustedCA, untrusted), systemTrust(root), []Problem{ProblemUnknownAuthority}, 0},
		{"self-signed", certs(selfSignedLeaf(p)), systemTrust(root), []Problem{ProblemSelfSigned}, 0},

		{"expired", certs(p.leaf(upper, expired), upper), trust(root), []Problem{ProblemExpired}, 3},
		{"expired, with the system's roots", certs(p.leaf(upper, expired), upper), systemTrust(root), []Problem{ProblemExpired}, 3},
		{"the only intermediate expired", certs(p.leaf(expiredCA), expiredCA), trust(root), []Problem{ProblemExpired}, 3},
		{"expired, misnamed, untrusted", certs(p.leaf(untrustedCA, expired, misnamed), untrustedCA), trust(root), allBad, 0},
		{"expired and for clients", certs(p.leaf(upper, expired, forClients), upper), trust(root), []Problem{ProblemExpired, ProblemWrongUsage}, 0},
		{"expired, misnamed, for clients, weakly signed", certs(p.leaf(upper, expired, misnamed, forClients, weakly), upper), trust(root),
			[]Problem{ProblemExpired, ProblemNameMismatch, ProblemWrongUsage, ProblemWeakSignature}, 0},
		{"expired and in the wrong order", certs(p.leaf(lower, expired), upper, lower), trust(root), []Problem{ProblemExpired, ProblemWrongOrder}, 4},
		{"misnamed", certs(p.leaf(upper, misnamed), upper), trust(root), []Problem{ProblemNameMismatch}, 3},
		{"only a common name", certs(p.leaf(upper, func(c *x509.Certificate) { c.DNSNames = nil }), upper), trust(root), []Problem{ProblemNameMismatch}, 3},
		{"an intermediate for clients", certs(p.leaf(clientCA), clientCA), trust(root), []Problem{ProblemWrongUsage}, 0},
		{"a leaf signed by a leaf", certs(p.leaf(leafSigner), notCA), trust(root), []Problem{ProblemInvalidCA}, 0},
		{"an intermediate that may not sign certificates", certs(p.leaf(cannotSign), cannotSign), trust(root), []Problem{ProblemInvalidCA}, 0},
		{"too many intermediates", certs(p.leaf(tooDeep), tooDeep, shallow), trust(root), []Problem{ProblemInvalidCA}, 0},
		{"too many intermediates, expired, misnamed, for clients", certs(p.leaf(tooDeep, expired, misnamed, forClients), tooDeep, shallow), trust(root),
			[]Problem{ProblemExpired, ProblemNameMismatch, ProblemInvalidCA, ProblemWrongUsage}, 0},
		{"an unknown critical extension", certs(p.leaf(upper, critical), upper), trust(root), []Problem{ProblemUnhandledCriticalExtension}, 0},
		{"an unknown critical extension, for clients", certs(p.leaf(upper, critical, forClients), upper), trust(root), []Problem{ProblemWrongUsage, ProblemUnhandledCriticalExtension}, 0},
		{"an unknown critical extension in an intermediate", certs(p.leaf(criticalCA), criticalCA), trust(root), []Problem{ProblemUnhandledCriticalExtension}, 0},

		{"a bad signature of the leaf", certs(tampered(t, p.leaf(upper)), upper), trust(root), []Problem{ProblemBadSignature}, 0},
		{"the same with the system's roots", certs(tampered(t, p.leaf(upper)), upper), systemTrust(root), []Problem{ProblemBadSignature}, 0},
		{"a bad signature of a leaf that the root issued", certs(tampered(t, p.leaf(root))), trust(root), []Problem{ProblemBadSignature}, 0},
		{"a bad signature of the leaf, in the wrong order", certs(tampered(t, p.leaf(lower)), upper, lower), trust(root), []Problem{ProblemBadSignature}, 0},
		{"a bad signature of an intermediate", certs(p.leaf(lower), lower, tampered(t, upper.Certificate)), trust(root), []Problem{ProblemBadSignature}, 0},
		{"a bad signature, and another path without", certs(p.leaf(upper), tampered(t, upper.Certificate), upper), trust(root), nil, 3},
		{"a bad signature of a leaf without key identifiers", certs(tampered(t, anonymousLeaf), anonymous), trust(root), []Problem{ProblemBadSignature}, 0},
		{"a bad signature, expired, misnamed, of an unknown root", certs(tampered(t, p.leaf(untrustedCA, expired, misnamed)), untrustedCA), trust(root),
			[]Problem{ProblemExpired, ProblemNameMismatch, ProblemBadSignature, ProblemUnknownAuthority}, 0},
		{"a bad signature of an intermediate of an unknown root that was sent", certs(p.leaf(untrustedCA), tampered(t, untrustedCA.Certificate), untrusted), trust(root),
			[]Problem{ProblemBadSignature, ProblemUnknownAuthority}, 0},
		{"a bad signature of a root", certs(p.leaf(upper), upper, tampered(t, root.Certificate)), trust(root), nil, 3},
		{"a bad signature of an unknown root", certs(p.leaf(untrusted), tampered(t, untrusted.Certificate)), trust(root), []Problem{ProblemUnknownAuthority}, 0},
		{"self-signed with a bad signature", certs(tampered(t, selfSignedLeaf(p))), systemTrust(root), []Problem{ProblemBadSignature, ProblemSelfSigned}, 0},
		{"an intermediate of the same name with another key", certs(p.leaf(upper), p.intermediate(root, "Upper")), trust(root), []Problem{ProblemIncompleteChain}, 0},
		{"a leaf without key identifiers, and another kind of key", certs(anonymousLeaf, rsaCA), trust(root), []Problem{ProblemIncompleteChain}, 0},
		{"signed with MD5", certs(md5Leaf, rsaCA), trust(root), []Problem{ProblemWeakSignature}, 0},
		{"an intermediate signed with SHA-1", certs(p.leaf(weakCA), weakCA), trust(root), []Problem{ProblemWeakSignature}, 0},
		{"a leaf signed with SHA-1, with the system's roots", certs(p.leaf(upper, weakly), upper), systemTrust(root), []Problem{ProblemWeakSignature}, 0},

		{"the intermediates in the wrong order", certs(p.leaf(lower), upper, lower), trust(root), []Problem{ProblemWrongOrder}, 4},
		{"another root before the issuer", certs(p.leaf(upper), untrusted, upper), trust(root), []Problem{ProblemWrongOrder}, 3},
		{"another root after the issuer", certs(p.leaf(upper), upper, untrusted), trust(root), nil, 3},
		{"the issuer twice", certs(p.leaf(upper), upper, upper), trust(root), nil, 3},
		{"the leaf twice", leafTwice(p.leaf(upper), upper), trust(root), nil, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := uncached(test.sent, "localhost", test.roots, labtest.Now)
			if got := problems(c); !slices.Equal(got, test.want) {
				t.Errorf("problems are %v, want %v", c.Problems, test.want)
			}
			if len(c.Path) != test.path {
				t.Errorf("the path has %d certificates, want %d", len(c.Path), test.path)
			}
			if c.Valid != !slices.ContainsFunc(c.Problems, func(f Found) bool { return f.Problem.Invalidates() }) {
				t.Errorf("valid: %v, with problems %v", c.Valid, c.Problems)
			}
		})
	}
}

// leafTwice sends a leaf twice before its issuer.
func leafTwice(leaf *x509.Certificate, ca *tlstest.CA) []*x509.Certificate {
	return certs(leaf, leaf, ca)
}

func critical(c *x509.Certificate) {
	c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}}
}

// issuedBy adds an authority key identifier that names the issuer's issuer.
func issuedBy(rawIssuer []byte) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		name, _ := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: rawIssuer})
		value, _ := asn1.Marshal(struct {
			Issuer asn1.RawValue
			Serial *big.Int `asn1:"tag:2"`
		}{asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: name}, big.NewInt(7)})
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 35}, Value: value})
	}
}

func selfSignedLeaf(p pki) *x509.Certificate {
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, NotBefore: labtest.Now.Add(-labtest.Day), NotAfter: labtest.Now.Add(labtest.Day)}
	cert, err := (&tlstest.CA{Certificate: template, Key: p.key}).Issue(template, p.key)
	if err != nil {
		p.Fatal(err)
	}
	return cert
}

// A chain expires with its last trusted path, not with the first of the certificates
// that were sent.
func TestChainNotAfter(t *testing.T) {
	p := newPKI(t)
	oldRoot, newRoot := p.root("Old Root", expires(labtest.Now.Add(20*labtest.Day))), p.root("New Root")
	ca := p.intermediate(newRoot, "CA")
	viaOld := p.crossSign(oldRoot, ca, expires(labtest.Now.Add(10*labtest.Day)))
	short := p.intermediate(newRoot, "Short CA", expires(labtest.Now.Add(5*labtest.Day)))
	expiredCross := p.crossSign(oldRoot, ca, expires(labtest.Now.Add(-labtest.Day)))
	leaf, expired := p.leaf(ca), p.leaf(ca, expires(labtest.Now.Add(-3*labtest.Day)))

	for _, test := range []struct {
		name  string
		sent  []*x509.Certificate
		roots *Roots
		end   time.Time
	}{
		{"the leaf expires first", certs(leaf, ca), trust(newRoot), leaf.NotAfter},
		{"the intermediate expires first", certs(p.leaf(short), short), trust(newRoot), short.Certificate.NotAfter},
		{"only the short path is trusted", certs(leaf, viaOld), trust(oldRoot), viaOld.Certificate.NotAfter},
		{"of two paths the longer", certs(leaf, viaOld, ca), trust(oldRoot, newRoot), leaf.NotAfter},
		{"of two paths the longer, in the other order", certs(leaf, ca, viaOld), trust(oldRoot, newRoot), leaf.NotAfter},
		{"an expired cross-certificate and a good one", certs(leaf, expiredCross, ca), trust(oldRoot, newRoot), leaf.NotAfter},
		{"the leaf has expired", certs(expired, viaOld, ca), trust(oldRoot, newRoot), expired.NotAfter},
		{"no path", certs(leaf, viaOld), trust(p.root("Other")), time.Time{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := uncached(test.sent, "localhost", test.roots, labtest.Now)
			if !c.NotAfter.Equal(test.end) {
				t.Errorf("the chain expires on %v, want %v; problems are %v", c.NotAfter, test.end, c.Problems)
			}
		})
	}
}

func TestLatestNotAfter(t *testing.T) {
	second := time.Second
	for _, test := range []struct {
		notBefore, latest time.Time
	}{
		{date(2012, 7, 1), date(2017, 7, 1)},
		{date(2015, 4, 1), date(2018, 7, 1)},
		{date(2018, 2, 28), date(2021, 5, 28)},
		{date(2018, 3, 1), date(2018, 3, 1).Add(825 * labtest.Day)},
		{date(2020, 9, 1).Add(-second), date(2020, 9, 1).Add(825*labtest.Day - second)},
		{date(2020, 9, 1), date(2020, 9, 1).Add(398 * labtest.Day)},
		{date(2026, 3, 15).Add(-second), date(2026, 3, 15).Add(398*labtest.Day - second)},
		{date(2026, 3, 15), date(2026, 3, 15).Add(200 * labtest.Day)},
		{date(2027, 3, 15), date(2027, 3, 15).Add(100 * labtest.Day)},
		{date(2029, 3, 15), date(2029, 3, 15).Add(47 * labtest.Day)},
	} {
		// The last second belongs to the lifetime.
		if got, limited := latestNotAfter(test.notBefore); !limited || !got.Equal(test.latest.Add(-second)) {
			t.Errorf("%v: latest NotAfter is %v, want %v", test.notBefore, got, test.latest.Add(-second))
		}
	}
	if end, limited := latestNotAfter(date(2010, 1, 1)); limited {
		t.Errorf("there was no limit in 2010, got %v", end)
	}
}

func TestLifetimeTooLong(t *testing.T) {
	p := newPKI(t)
	validFrom := date(2026, 4, 1) // the limit is 200 days
	forever := func(c *x509.Certificate) { c.NotBefore, c.NotAfter = date(2020, 1, 1), date(2040, 1, 1) }
	root := p.root("Root", forever)
	public := trust(root)
	public.public = func(*x509.Certificate) bool { return true }
	leaf := func(lifetime time.Duration) []*x509.Certificate {
		return certs(p.leaf(root, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = validFrom, validFrom.Add(lifetime-time.Second) }))
	}
	for _, test := range []struct {
		name  string
		sent  []*x509.Certificate
		roots *Roots
		want  bool
	}{
		{"too long, of a private root", leaf(5 * 365 * labtest.Day), trust(root), false},
		{"too long, of a public root", leaf(5 * 365 * labtest.Day), public, true},
		{"the longest that is allowed", leaf(200 * labtest.Day), public, false},
		{"a second too long", leaf(200*labtest.Day + time.Second), public, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := uncached(test.sent, "localhost", test.roots, validFrom.Add(labtest.Day))
			if !c.Valid || c.Has(ProblemLifetimeTooLong) != test.want {
				t.Errorf("valid: %v, problems %v; want lifetime_too_long: %v", c.Valid, c.Problems, test.want)
			}
		})
	}
}

// Only roots of Mozilla's list are public.
func TestPublicRoot(t *testing.T) {
	if len(publicRoots()) < 100 {
		t.Errorf("%d public roots", len(publicRoots()))
	}
	if isPublicRoot(newPKI(t).root("Private").Certificate) {
		t.Error("a private root is public")
	}
}

// CAs that certified each other many times make an endless number of paths. The
// search ends all the same.
func TestPathSearchIsBounded(t *testing.T) {
	p := newPKI(t)
	a, b := p.root("A"), p.root("B")
	sent := certs(p.leaf(a))
	for range 9 { // with the leaf 19 certificates; a handshake reads 20
		sent = append(sent, p.crossSign(b, a).Certificate, p.crossSign(a, b).Certificate)
	}
	c := uncached(sent, "localhost", trust(p.root("Other")), labtest.Now)
	if c.Valid || !c.Has(ProblemUnknownAuthority) {
		t.Errorf("problems are %v", c.Problems)
	}
}

func TestVerifyIPAddress(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	for name, valid := range map[string]bool{"127.0.0.1": true, "::1": true, "192.0.2.7": false} {
		leaf := p.leaf(root, func(c *x509.Certificate) { c.IPAddresses = []net.IP{{127, 0, 0, 1}, net.IPv6loopback} })
		if c := uncached(certs(leaf), name, trust(root), labtest.Now); c.Valid != valid {
			t.Errorf("%s: valid is %v, problems %v", name, c.Valid, c.Problems)
		}
	}
}

// Every combination of faults is reported in full, and crypto/x509 decides whether the
// chain is valid.
func TestVerifyReportsEverything(t *testing.T) {
	p := newPKI(t)
	root, untrusted := p.root("Root"), p.root("Untrusted")
	forClients := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
	leafFaults := []struct {
		problem Problem
		change  func(*x509.Certificate)
	}{
		{ProblemExpired, expires(labtest.Now.Add(-labtest.Day))},
		{ProblemNameMismatch, func(c *x509.Certificate) { c.DNSNames = []string{"other.test"} }},
		{ProblemWrongUsage, forClients},
		{ProblemWeakSignature, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }},
		{ProblemUnhandledCriticalExtension, critical},
		{ProblemBadSignature, func(*x509.Certificate) {}}, // made below
	}
	none := func(*x509.Certificate) {}
	intermediates := []struct {
		problem  Problem // of the intermediate itself; empty: none
		change   func(*x509.Certificate)
		tampered bool
	}{
		{"", none, false},
		{ProblemExpired, expires(labtest.Now.Add(-2 * labtest.Day)), false},
		{ProblemWrongUsage, forClients, false},
		{ProblemNameConstraint, func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"permitted.test"} }, false},
		{ProblemInvalidCA, func(c *x509.Certificate) { c.IsCA = false }, false},
		{ProblemInvalidCA, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }, false},
		{ProblemUnhandledCriticalExtension, critical, false},
		{ProblemBadSignature, none, true},
	}
	trusted, combinations := trust(root), 0
	for _, intermediate := range intermediates {
		for _, issuer := range []*tlstest.CA{root, untrusted} {
			ca := p.intermediate(issuer, "CA", intermediate.change)
			sentCA := ca.Certificate
			if intermediate.tampered {
				sentCA = tampered(t, sentCA)
			}
			for faults := range 1 << len(leafFaults) {
				for _, sends := range []string{"the leaf", "the intermediate", "the root"} {
					if sends == "the leaf" && issuer == untrusted {
						continue // the leaf is the same as that of the trusted root
					}
					var changes []func(*x509.Certificate)
					want := make(map[Problem]bool)
					for i, fault := range leafFaults {
						if faults&(1<<i) != 0 {
							changes, want[fault.problem] = append(changes, fault.change), true
						}
					}
					sent := certs(p.leaf(ca, changes...))
					if want[ProblemBadSignature] {
						sent[0] = tampered(t, sent[0])
					}
					switch sends {
					case "the leaf":
						want[ProblemIncompleteChain], want[ProblemBadSignature] = true, false // without the issuer's key nobody can tell
					case "the root":
						sent = append(sent, sentCA, issuer.Certificate)
					default:
						sent = append(sent, sentCA)
					}
					// The signature of the intermediate can be verified if the root is known.
					if len(sent) > 1 && intermediate.problem != "" && (!intermediate.tampered || issuer == root || sends == "the root") {
						want[intermediate.problem] = true
					}
					if issuer == untrusted {
						want[ProblemUnknownAuthority] = true
					}
					combinations++
					c := uncached(sent, "localhost", trusted, labtest.Now)
					for _, problem := range Problems {
						if c.Has(problem) != want[problem] {
							t.Errorf("%v, sent with %s: %s is %v; problems are %v", want, sends, problem, c.Has(problem), c.Problems)
						}
					}
					if _, err := verifyX509(sent, "localhost", trusted.Pool, labtest.Now); c.Valid != (err == nil) {
						t.Errorf("%v: valid is %v, x509 says %v", want, c.Valid, err)
					}
				}
			}
		}
	}
	if combinations != 8*5*64 {
		t.Errorf("%d combinations were tried", combinations)
	}
}

var allBad = []Problem{ProblemExpired, ProblemNameMismatch, ProblemUnknownAuthority}

func problems(c *Chain) []Problem {
	var all []Problem
	for _, f := range c.Problems {
		all = append(all, f.Problem)
	}
	return all
}
