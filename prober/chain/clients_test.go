package chain

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// Names as clients match them. crypto/x509 takes a wildcard for a whole top-level
// domain.
func TestNames(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	for _, test := range []struct {
		name  string
		of    []string // the leaf's
		match bool
	}{
		{"www.example.test", []string{"www.example.test"}, true},
		{"www.example.test", []string{"*.example.test"}, true},
		{"www.example.test", []string{"*.test", "*.example.test"}, true},
		{"example.test", []string{"*.test", "example.test"}, true},
		{"example.test", []string{"*.test"}, false},
		{"printer.lan", []string{"*.lan"}, false},
		{"example.com", []string{"*.com"}, false},
		{"xn--bcher-kva.test", []string{"*.test"}, false},
		{"localhost", []string{"*"}, false},
		{"www.example.test", []string{"*.*.test"}, false},
		{"www.example.test", []string{"www.*.test"}, false},
		{"www.example.test", []string{"w*.example.test"}, false},
		{"a.b.example.test", []string{"*.example.test"}, false},
		{"www.example.test", []string{"*.example.test."}, false},
		{"*.test", []string{"*.test"}, false},
		{"under_score.example.test", []string{"*.example.test"}, true},
		{"192.0.2.1", []string{"192.0.2.1"}, false},
	} {
		leaf := p.leaf(root, func(c *x509.Certificate) { c.DNSNames = test.of })
		c := uncached(certs(leaf), test.name, trust(root), labtest.Now)
		if c.Valid != test.match || c.Has(ProblemNameMismatch) == test.match || len(c.Path) != 2 {
			t.Errorf("%s with %q: valid is %v, problems are %v", test.name, test.of, c.Valid, c.Problems)
		}
	}
}

// Of a leaf with too many names only some are read. Whether the others match is not known.
func TestNamesThatAreNotRead(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	many := make([]string, 30_000)
	for i := range many {
		many[i] = fmt.Sprintf("n%d", i)
	}
	leaf := p.leaf(root, func(c *x509.Certificate) { c.DNSNames = append(many, "localhost") })
	c := uncached(certs(leaf), "localhost", trust(root), labtest.Now)
	if c.Valid || !c.Unverified || !slices.Equal(problems(c), []Problem{ProblemTooLarge}) {
		t.Errorf("valid is %v, unverified is %v, problems are %v", c.Valid, c.Unverified, c.Problems)
	}
	few := p.leaf(root, func(c *x509.Certificate) {
		c.DNSNames = []string{"n0"}
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 99}, Value: slices.Repeat([]byte{0x05, 0}, 20_000)})
	})
	if c := uncached(certs(few), "localhost", trust(root), labtest.Now); !c.Has(ProblemNameMismatch) || !c.Has(ProblemTooLarge) {
		t.Errorf("all names were read: problems are %v", c.Problems)
	}
}

// validity is an encoded time of a certificate.
func validity(tag int, notBefore, notAfter string) func(*toBeSigned) {
	return func(body *toBeSigned) {
		var encoded []byte
		for _, time := range []string{notBefore, notAfter} {
			one, _ := asn1.Marshal(asn1.RawValue{Tag: tag, Bytes: []byte(time)})
			encoded = append(encoded, one...)
		}
		body.Validity = asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: encoded}
	}
}

// withKey signs with the key of a CA.
func withKey(ca *tlstest.CA) func([]byte) ([]byte, error) {
	return func(body []byte) ([]byte, error) { return crypto.SignMessage(ca.Key, rand.Reader, body, crypto.SHA256) }
}

// Times are in UTC and to the second. crypto/x509 takes others.
func TestTimes(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	ca := p.intermediate(root, "CA")
	leaf := p.leaf(ca)
	for _, test := range []struct {
		name   string
		change func(*toBeSigned)
		valid  bool
	}{
		{"UTCTime", validity(asn1.TagUTCTime, "200101000000Z", "491231235959Z"), true},
		{"GeneralizedTime", validity(asn1.TagGeneralizedTime, "20200101000000Z", "20991231235959Z"), true},
		{"UTCTime with an offset", validity(asn1.TagUTCTime, "200101000000Z", "491231235959+0100"), false},
		{"UTCTime with a negative offset", validity(asn1.TagUTCTime, "200101000000-0500", "491231235959Z"), false},
		{"GeneralizedTime with an offset", validity(asn1.TagGeneralizedTime, "20200101000000+0100", "20991231235959Z"), false},
		{"UTCTime without seconds", validity(asn1.TagUTCTime, "200101000000Z", "4912312359Z"), false},
		{"UTCTime without seconds and with an offset", validity(asn1.TagUTCTime, "2001010000+0100", "491231235959Z"), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			changedLeaf := p.resigned(leaf, nil, test.change, withKey(ca))
			changedCA := p.resigned(ca.Certificate, nil, test.change, withKey(root))
			changedRoot := &tlstest.CA{Certificate: p.resigned(root.Certificate, nil, test.change, withKey(root)), Key: root.Key}
			for place, c := range map[string]*Chain{
				"the leaf":         uncached(certs(changedLeaf, ca), "localhost", trust(root), labtest.Now),
				"the intermediate": uncached([]*x509.Certificate{leaf, changedCA}, "localhost", trust(root), labtest.Now),
				"the root":         uncached(certs(leaf, ca), "localhost", trust(changedRoot), labtest.Now),
			} {
				want := []Problem{ProblemBadCertificate}
				if test.valid {
					want = nil
				}
				if c.Valid != test.valid || !slices.Equal(problems(c), want) {
					t.Errorf("%s: valid is %v, problems are %v", place, c.Valid, c.Problems)
				}
			}
			both := uncached([]*x509.Certificate{leaf, changedCA, ca.Certificate}, "localhost", trust(root), labtest.Now)
			if !both.Valid {
				t.Errorf("with a good path beside it: %v", both.Problems)
			}
			agrees(t, test.valid, changedRoot.Certificate, p.resigned(leaf, nil, test.change, withKey(ca)), ca.Certificate)
		})
	}
}

// Dates that cannot be read are zero in a certificate. That is not the year 1: a
// certificate without them has neither expired nor is it not valid yet.
func TestUnreadableDates(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	ca := p.intermediate(root, "CA")
	leaf := p.leaf(ca)
	for name, change := range map[string]func(*toBeSigned){
		"no not_before": validity(asn1.TagGeneralizedTime, "yesterday", "20991231235959Z"),
		"no not_after":  validity(asn1.TagUTCTime, "200101000000Z", "never"),
		"neither":       validity(asn1.TagUTCTime, "", ""),
	} {
		changedLeaf := p.reissued(leaf, nil, change, withKey(ca))
		changedCA := p.reissued(ca.Certificate, nil, change, withKey(root))
		for place, chain := range map[string][][]byte{"the leaf": {changedLeaf, ca.Certificate.Raw}, "the intermediate": {leaf.Raw, changedCA}} {
			c := verify(certificate.ParseChain(chain, nil), "localhost", 0, trust(root), labtest.Now).Chain
			if c.Valid || c.Unverified || !slices.Equal(problems(c), []Problem{ProblemBadCertificate}) || c.Path != nil {
				t.Errorf("%s of %s: valid is %v, problems are %v", name, place, c.Valid, c.Problems)
			}
		}
	}
}

// A date may be the zero time, which programs write that set none.
func TestYearOne(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	always := uncached(certs(p.leaf(root, func(c *x509.Certificate) { c.NotBefore = time.Time{} })), "localhost", trust(root), labtest.Now)
	if leaf := always.Certificates[0]; !always.Valid || !leaf.Expires() {
		t.Errorf("valid since the year 1: valid is %v, problems are %v, expires is %v", always.Valid, always.Problems, leaf.Expires())
	}
	never := uncached(certs(p.leaf(root, func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Time{}, time.Time{} })), "localhost", trust(root), labtest.Now)
	if leaf := never.Certificates[0]; !slices.Equal(problems(never), []Problem{ProblemExpired}) || !leaf.Expires() {
		t.Errorf("expired in the year 1: problems are %v, expires is %v", never.Problems, leaf.Expires())
	}
}

// agrees holds a verdict against OpenSSL, if it is installed; .ci/run installs it. The
// last of certs comes from the root.
func agrees(t *testing.T, valid bool, root *x509.Certificate, sent ...*x509.Certificate) {
	t.Helper()
	tool, err := exec.LookPath("openssl")
	if err != nil {
		t.Log("not compared with OpenSSL, which is not installed")
		return
	}
	dir := t.TempDir()
	write := func(name string, certs ...*x509.Certificate) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pemOf(certs...), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	out, err := exec.CommandContext(t.Context(), tool, "verify", "-purpose", "sslserver", "-verify_hostname", "localhost",
		"-CAfile", write("root.pem", root), "-untrusted", write("sent.pem", sent...), write("leaf.pem", sent[0])).CombinedOutput()
	if accepted := err == nil && !strings.Contains(string(out), "error"); accepted != valid {
		t.Errorf("valid is %v, and OpenSSL says %s", valid, out)
	}
}

// The key usage of a leaf fits the key exchange, or there is none.
func TestKeyUsageOfTheLeaf(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	const signature, encipherment, agreement, certSign = x509.KeyUsageDigitalSignature, x509.KeyUsageKeyEncipherment, x509.KeyUsageKeyAgreement, x509.KeyUsageCertSign
	for _, test := range []struct {
		name   string
		usage  x509.KeyUsage // of the leaf; 0: the extension is not there
		needed x509.KeyUsage
		valid  bool
	}{
		{"no key usage, TLS 1.3", 0, signature, true},
		{"no key usage, RSA key exchange", 0, encipherment, true},
		{"digitalSignature, TLS 1.3", signature, signature, true},
		{"keyEncipherment, TLS 1.3", encipherment, signature, false},
		{"keyEncipherment, RSA key exchange", encipherment, encipherment, true},
		{"digitalSignature, RSA key exchange", signature, encipherment, false},
		{"both, RSA key exchange", signature | encipherment, encipherment, true},
		{"both, TLS 1.3", signature | encipherment, signature, true},
		{"keyAgreement, static ECDH", agreement, agreement, true},
		{"digitalSignature, static ECDH", signature, agreement, false},
		{"keyEncipherment, an unknown exchange", encipherment, 0, true},
		{"keyCertSign, an unknown exchange", certSign, 0, false},
	} {
		leaf := p.leaf(root, func(c *x509.Certificate) { c.KeyUsage = test.usage })
		c := verify(described(certs(leaf)), "localhost", test.needed, trust(root), labtest.Now).Chain
		if c.Valid != test.valid || c.Has(ProblemWrongUsage) == test.valid {
			t.Errorf("%s: valid is %v, problems are %v", test.name, c.Valid, c.Problems)
		}
	}
	empty := p.leaf(root, func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: oidKeyUsage, Critical: true, Value: []byte{asn1.TagBitString, 1, 0}}}
	})
	if c := uncached(certs(empty), "localhost", trust(root), labtest.Now); !c.Has(ProblemWrongUsage) {
		t.Errorf("a key usage without bits: %v", c.Problems)
	}
}

// A verdict for one key exchange is not used for another.
func TestVerdictsAreForOneKeyExchange(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	sent := certs(p.leaf(root, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }))
	v := NewVerifier(trust(root))
	for range 2 {
		for usage, valid := range map[x509.KeyUsage]bool{x509.KeyUsageDigitalSignature: false, x509.KeyUsageKeyEncipherment: true} {
			if c := v.Verify(described(sent), "localhost", usage, labtest.Now); c.Valid != valid {
				t.Errorf("for %d valid is %v: %v", usage, c.Valid, c.Problems)
			}
		}
	}
}

// Rules of clients that crypto/x509 does not have. OpenSSL agrees with each.
func TestRulesOfClients(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	same := func(*x509.Certificate) {}
	forAny := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} }
	has := func(id asn1.ObjectIdentifier, value ...byte) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			c.ExtKeyUsage = nil
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: id, Value: value})
		}
	}
	authorityKeyIdentifier := asn1.ObjectIdentifier{2, 5, 29, 35}
	for _, test := range []struct {
		name     string
		ca, leaf func(*x509.Certificate)
		want     []Problem
	}{
		{"nothing special", same, same, nil},
		{"any use and servers", same, func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageAny) }, nil},
		{"any use, of the leaf", same, forAny, []Problem{ProblemWrongUsage}},
		{"any use, of the intermediate", forAny, same, []Problem{ProblemWrongUsage}},
		{"an extended key usage for nothing", same, has(oidExtendedKeyUsage, 0x30, 0), []Problem{ProblemWrongUsage}},
		{"a key usage of the intermediate for nothing", func(c *x509.Certificate) {
			c.KeyUsage = 0
			has(oidKeyUsage, asn1.TagBitString, 1, 0)(c)
		}, same, []Problem{ProblemInvalidCA}},
		{"another key identifier of the issuer", same, has(authorityKeyIdentifier, 0x30, 6, 0x80, 4, 1, 2, 3, 4), []Problem{ProblemBadCertificate}},
		{"another serial number of the issuer", same, issuedBy(root.Certificate.RawSubject), []Problem{ProblemBadCertificate}},
		{"a key identifier of the issuer's issuer", has(authorityKeyIdentifier, 0x30, 6, 0x80, 4, 1, 2, 3, 4), same, []Problem{ProblemBadCertificate}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ca := p.intermediate(root, "CA", test.ca)
			leaf := p.leaf(ca, test.leaf)
			c := uncached(certs(leaf, ca), "localhost", trust(root), labtest.Now)
			if c.Valid != (test.want == nil) || !slices.Equal(problems(c), test.want) {
				t.Errorf("valid is %v, problems are %v, want %v", c.Valid, c.Problems, test.want)
			}
			agrees(t, test.want == nil, root.Certificate, leaf, ca.Certificate)
		})
	}
	anyRoot := p.root("Any Root", forAny)
	if c := uncached(certs(p.leaf(anyRoot)), "localhost", trust(anyRoot), labtest.Now); !c.Valid {
		t.Errorf("a root for any use: %v", c.Problems)
	}
}
