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

	"tls_exporter/prober/handshake"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// pki makes chains for judge, which needs no server.
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

func (p pki) under(ca *tlstest.CA, name string, change ...func(*x509.Certificate)) *tlstest.CA {
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

// leaf is a leaf for localhost without a pointer to its issuer.
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

func ends(at time.Time) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.NotAfter = at }
}

func nameless(c *x509.Certificate) { c.Subject.Organization = nil }

func elsewhere(c *x509.Certificate) { c.Subject.Organization = []string{"Elsewhere Inc"} }

// trust is what a module with these in its ca_file trusts.
func trust(cas ...*tlstest.CA) *Roots {
	r := &Roots{Pool: x509.NewCertPool(), public: func(*x509.Certificate) bool { return false }}
	for _, ca := range cas {
		r.own = append(r.own, ca.Certificate)
		r.Pool.AddCert(ca.Certificate)
	}
	return r
}

// systemTrust is what a module trusts whose roots are the system's: they can be
// verified against, and not be listed.
func systemTrust(cas ...*tlstest.CA) *Roots {
	r := trust(cas...)
	r.own = nil
	return r
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

func TestJudge(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	upper := p.under(root, "Upper")
	lower := p.under(upper, "Lower")
	stranger := p.root("Stranger")
	strangerCA := p.under(stranger, "Stranger CA")
	plainRoot, plainStranger := p.root("Plain Root", nameless), p.root("Plain Stranger", nameless, elsewhere)
	plainCA := p.under(plainRoot, "Plain CA", nameless)
	weakCA := p.under(root, "Weak CA", func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 })
	clientCA := p.under(root, "Client CA", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	shallow := p.under(root, "Shallow", func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true })
	tooDeep := p.under(shallow, "Too Deep")
	expiredCA := p.under(root, "Expired CA", func(c *x509.Certificate) { c.NotAfter = labtest.Now.Add(-labtest.Day) })
	other := newPKI(t)
	notCA := other.leaf(root, func(c *x509.Certificate) { c.Subject.CommonName = "Not A CA" })
	leafSigner := &tlstest.CA{Certificate: notCA, Key: other.key}
	pointing := func(c *x509.Certificate) { c.IssuingCertificateURL = []string{"http://ca.test/ca.crt"} }
	expired := ends(labtest.Now.Add(-10 * labtest.Day))
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
		{"the leaf itself is trusted", certs(root), trust(root), []Problem{ProblemNameMismatch}, 1},
		{"an intermediate is trusted as a root", certs(p.leaf(upper)), trust(upper), nil, 2},

		{"a leaf alone, its issuer under the only root", certs(p.leaf(upper)), trust(root), []Problem{ProblemIncompleteChain}, 0},
		{"a leaf alone, names without an organization", certs(p.leaf(plainCA)), trust(plainRoot), []Problem{ProblemIncompleteChain}, 0},
		{"a leaf alone, its issuer called a root", certs(p.leaf(p.root("Other Root", nameless))), trust(plainRoot), []Problem{ProblemUnknownAuthority}, 0},
		{"a leaf alone, of another organization", certs(p.leaf(p.under(stranger, "X", elsewhere))), trust(root), []Problem{ProblemUnknownAuthority}, 0},
		{"a leaf alone, of a private root, with the system's roots", certs(p.leaf(plainStranger)), systemTrust(root), []Problem{ProblemUnknownAuthority}, 0},
		{"a leaf alone that says where its issuer is", certs(p.leaf(upper, pointing)), systemTrust(root), []Problem{ProblemIncompleteChain}, 0},
		{"a leaf alone that says its issuer is a root", certs(p.leaf(upper, pointing, issuedBy(upper.Certificate.RawSubject))), trust(root), []Problem{ProblemUnknownAuthority}, 0},
		{"an intermediate that says its issuer is another one", certs(p.leaf(lower, issuedBy(root.Certificate.RawSubject))), systemTrust(root), []Problem{ProblemIncompleteChain}, 0},
		{"the wrong intermediate", certs(p.leaf(lower), upper), systemTrust(root), []Problem{ProblemIncompleteChain}, 0},
		{"an unknown root, its intermediate sent", certs(p.leaf(strangerCA), strangerCA), trust(root), []Problem{ProblemUnknownAuthority}, 0},
		{"an unknown root, sent", certs(p.leaf(strangerCA), strangerCA, stranger), trust(root), []Problem{ProblemUnknownAuthority}, 0},
		{"the same with the system's roots", certs(p.leaf(strangerCA), strangerCA, stranger), systemTrust(root), []Problem{ProblemUnknownAuthority}, 0},
		{"signed by itself", certs(selfSignedLeaf(p)), systemTrust(root), []Problem{ProblemSelfSigned}, 0},

		{"expired", certs(p.leaf(upper, expired), upper), trust(root), []Problem{ProblemExpired}, 3},
		{"expired, with the system's roots", certs(p.leaf(upper, expired), upper), systemTrust(root), []Problem{ProblemExpired}, 3},
		{"the only intermediate expired", certs(p.leaf(expiredCA), expiredCA), trust(root), []Problem{ProblemExpired}, 3},
		{"expired, misnamed, untrusted", certs(p.leaf(strangerCA, expired, misnamed), strangerCA), trust(root), allBad, 0},
		{"expired and for clients", certs(p.leaf(upper, expired, forClients), upper), trust(root), []Problem{ProblemExpired, ProblemWrongUsage}, 0},
		{"expired, misnamed, for clients, weakly signed", certs(p.leaf(upper, expired, misnamed, forClients, weakly), upper), trust(root),
			[]Problem{ProblemExpired, ProblemNameMismatch, ProblemWrongUsage, ProblemWeakSignature}, 0},
		{"expired and in the wrong order", certs(p.leaf(lower, expired), upper, lower), trust(root), []Problem{ProblemExpired, ProblemWrongOrder}, 4},
		{"misnamed", certs(p.leaf(upper, misnamed), upper), trust(root), []Problem{ProblemNameMismatch}, 3},
		{"only a common name", certs(p.leaf(upper, func(c *x509.Certificate) { c.DNSNames = nil }), upper), trust(root), []Problem{ProblemNameMismatch}, 3},
		{"an intermediate for clients", certs(p.leaf(clientCA), clientCA), trust(root), []Problem{ProblemWrongUsage}, 0},
		{"a leaf signed by a leaf", certs(p.leaf(leafSigner), notCA), trust(root), []Problem{ProblemWrongUsage}, 0},
		{"too many intermediates", certs(p.leaf(tooDeep), tooDeep, shallow), trust(root), []Problem{ProblemWrongUsage}, 0},
		{"an unknown critical extension", certs(p.leaf(upper, critical), upper), trust(root), []Problem{ProblemWrongUsage}, 0},
		{"an intermediate signed with SHA-1", certs(p.leaf(weakCA), weakCA), trust(root), []Problem{ProblemWeakSignature}, 0},
		{"a leaf signed with SHA-1, with the system's roots", certs(p.leaf(upper, weakly), upper), systemTrust(root), []Problem{ProblemWeakSignature}, 0},

		{"the intermediates the wrong way round", certs(p.leaf(lower), upper, lower), trust(root), []Problem{ProblemWrongOrder}, 4},
		{"a stranger before the issuer", certs(p.leaf(upper), stranger, upper), trust(root), []Problem{ProblemWrongOrder}, 3},
		{"a stranger after the issuer", certs(p.leaf(upper), upper, stranger), trust(root), nil, 3},
		{"the issuer twice", certs(p.leaf(upper), upper, upper), trust(root), nil, 3},
		{"the leaf twice", certs2(p.leaf(upper), upper), trust(root), nil, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := verifyAll(test.sent, "localhost", test.roots, labtest.Now)
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

// certs2 sends a leaf twice before its issuer.
func certs2(leaf *x509.Certificate, ca *tlstest.CA) []*x509.Certificate {
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

// When clients break is when their last path ends, not when the first
// certificate that was sent does.
func TestChainEnd(t *testing.T) {
	p := newPKI(t)
	oldRoot, newRoot := p.root("Old Root", ends(labtest.Now.Add(20*labtest.Day))), p.root("New Root")
	viaNew := p.under(newRoot, "CA")
	viaOld := p.crossSign(oldRoot, viaNew, ends(labtest.Now.Add(10*labtest.Day)))
	short := p.under(newRoot, "Short CA", ends(labtest.Now.Add(5*labtest.Day)))
	expiredCross := p.crossSign(oldRoot, viaNew, ends(labtest.Now.Add(-labtest.Day)))
	leaf, expired := p.leaf(viaNew), p.leaf(viaNew, ends(labtest.Now.Add(-3*labtest.Day)))

	for _, test := range []struct {
		name  string
		sent  []*x509.Certificate
		roots *Roots
		end   time.Time
	}{
		{"the leaf ends first", certs(leaf, viaNew), trust(newRoot), leaf.NotAfter},
		{"the intermediate ends first", certs(p.leaf(short), short), trust(newRoot), short.Certificate.NotAfter},
		{"only the short path is trusted", certs(leaf, viaOld), trust(oldRoot), viaOld.Certificate.NotAfter},
		{"of two paths the longer", certs(leaf, viaOld, viaNew), trust(oldRoot, newRoot), leaf.NotAfter},
		{"of two paths the longer, the other way round", certs(leaf, viaNew, viaOld), trust(oldRoot, newRoot), leaf.NotAfter},
		{"an expired cross-sign beside a good one", certs(leaf, expiredCross, viaNew), trust(oldRoot, newRoot), leaf.NotAfter},
		{"the leaf has ended", certs(expired, viaOld, viaNew), trust(oldRoot, newRoot), expired.NotAfter},
		{"no path", certs(leaf, viaOld), trust(p.root("Other")), time.Time{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := verifyAll(test.sent, "localhost", test.roots, labtest.Now)
			if !c.NotAfter.Equal(test.end) {
				t.Errorf("the chain ends on %v, want %v; problems %v", c.NotAfter, test.end, c.Problems)
			}
		})
	}
}

func TestLatestEnd(t *testing.T) {
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
		// Both ends belong to a lifetime, so it ends a second before.
		if got, limited := latestEnd(test.notBefore); !limited || !got.Equal(test.latest.Add(-second)) {
			t.Errorf("%v: latest end is %v, want %v", test.notBefore, got, test.latest.Add(-second))
		}
	}
	if end, limited := latestEnd(date(2010, 1, 1)); limited {
		t.Errorf("there was no limit in 2010, got %v", end)
	}
}

func TestLifetimeTooLong(t *testing.T) {
	p := newPKI(t)
	begins := date(2026, 4, 1) // the limit is 200 days
	forever := func(c *x509.Certificate) { c.NotBefore, c.NotAfter = date(2020, 1, 1), date(2040, 1, 1) }
	root := p.root("Root", forever)
	public := trust(root)
	public.public = func(*x509.Certificate) bool { return true }
	leaf := func(lifetime time.Duration) []*x509.Certificate {
		return certs(p.leaf(root, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = begins, begins.Add(lifetime-time.Second) }))
	}
	for _, test := range []struct {
		name  string
		sent  []*x509.Certificate
		roots *Roots
		want  bool
	}{
		{"a long one of a private root", leaf(5 * 365 * labtest.Day), trust(root), false},
		{"a long one of a public root", leaf(5 * 365 * labtest.Day), public, true},
		{"just within", leaf(200 * labtest.Day), public, false},
		{"a second over", leaf(200*labtest.Day + time.Second), public, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := verifyAll(test.sent, "localhost", test.roots, begins.Add(labtest.Day))
			if !c.Valid || c.Has(ProblemLifetimeTooLong) != test.want {
				t.Errorf("valid: %v, problems %v; want lifetime_too_long: %v", c.Valid, c.Problems, test.want)
			}
		})
	}
}

// Mozilla's list is what makes a root public: one of it, and none of ours.
func TestPublicRoot(t *testing.T) {
	if len(publicRoots()) < 100 {
		t.Errorf("%d public roots", len(publicRoots()))
	}
	if isPublicRoot(newPKI(t).root("Private").Certificate) {
		t.Error("a private root passes for a public one")
	}
}

// Many certificates of one name make paths without end; the search has one.
func TestManyTwins(t *testing.T) {
	p := newPKI(t)
	a, b := p.root("A"), p.root("B")
	sent := certs(p.leaf(a))
	for range handshake.MaxCertificates/2 - 1 {
		sent = append(sent, p.crossSign(b, a).Certificate, p.crossSign(a, b).Certificate)
	}
	c := verifyAll(sent, "localhost", trust(p.root("Other")), labtest.Now)
	if c.Valid || !c.Has(ProblemUnknownAuthority) {
		t.Errorf("problems are %v", c.Problems)
	}
}

func TestJudgeIPAddress(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	for name, valid := range map[string]bool{"127.0.0.1": true, "::1": true, "192.0.2.7": false} {
		leaf := p.leaf(root, func(c *x509.Certificate) { c.IPAddresses = []net.IP{{127, 0, 0, 1}, net.IPv6loopback} })
		if c := verifyAll(certs(leaf), name, trust(root), labtest.Now); c.Valid != valid {
			t.Errorf("%s: valid is %v, problems %v", name, c.Valid, c.Problems)
		}
	}
}

// Faults never hide each other: every combination of them is told in full, and
// the verdict is x509's.
func TestJudgeTellsEverything(t *testing.T) {
	p := newPKI(t)
	root, stranger := p.root("Root"), p.root("Stranger")
	forClients := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
	leafFaults := []struct {
		problem Problem
		change  func(*x509.Certificate)
	}{
		{ProblemExpired, ends(labtest.Now.Add(-labtest.Day))},
		{ProblemNameMismatch, func(c *x509.Certificate) { c.DNSNames = []string{"other.test"} }},
		{ProblemWrongUsage, forClients},
		{ProblemWeakSignature, func(c *x509.Certificate) { c.SignatureAlgorithm = x509.ECDSAWithSHA1 }},
	}
	intermediates := []struct {
		problems []Problem // of its own
		change   func(*x509.Certificate)
	}{
		{nil, func(*x509.Certificate) {}},
		{[]Problem{ProblemExpired}, ends(labtest.Now.Add(-2 * labtest.Day))},
		{[]Problem{ProblemWrongUsage}, forClients},
		{[]Problem{ProblemNameConstraint}, func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"permitted.test"} }},
	}
	trusted, combinations := trust(root), 0
	for _, intermediate := range intermediates {
		for _, above := range []*tlstest.CA{root, stranger} {
			ca := p.under(above, "CA", intermediate.change)
			for faults := range 1 << len(leafFaults) {
				for _, sendsCA := range []bool{true, false} {
					if !sendsCA && above == stranger {
						continue // nothing in the leaf tells this from the next
					}
					var changes []func(*x509.Certificate)
					want := make(map[Problem]bool)
					for i, fault := range leafFaults {
						if faults&(1<<i) != 0 {
							changes, want[fault.problem] = append(changes, fault.change), true
						}
					}
					sent := certs(p.leaf(ca, changes...))
					if sendsCA {
						sent = append(sent, ca.Certificate)
						for _, problem := range intermediate.problems {
							want[problem] = true
						}
					}
					switch {
					case !sendsCA:
						want[ProblemIncompleteChain] = true
					case above == stranger:
						want[ProblemUnknownAuthority] = true
					}
					combinations++
					c := verifyAll(sent, "localhost", trusted, labtest.Now)
					for _, problem := range Problems {
						// x509 asks about names only what it could verify otherwise.
						if c.Has(problem) != want[problem] && !(problem == ProblemNameConstraint && want[ProblemWeakSignature]) {
							t.Errorf("%v: %s is %v; told are %v", want, problem, c.Has(problem), c.Problems)
						}
					}
					if _, err := verifyX509(sent, "localhost", trusted.Pool, labtest.Now); c.Valid != (err == nil) {
						t.Errorf("%v: valid is %v, x509 says %v", want, c.Valid, err)
					}
				}
			}
		}
	}
	if combinations != 4*3*16 {
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
