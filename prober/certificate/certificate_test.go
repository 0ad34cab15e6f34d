package certificate

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzCertificate checks that the strings of any certificate are printable and
// bounded, and that short printable names are unchanged.
func FuzzCertificate(f *testing.F) {
	for _, seed := range []string{"www.example.com", "<script>alert(1)</script>", "a\x00b\r\nc", "\u202egnp.exe", "\xff\xfe", strings.Repeat("ü", 4096), "a,b", `"\`} {
		f.Add(seed, seed, seed)
	}
	f.Fuzz(func(t *testing.T, subject, issuer, name string) {
		if len(subject)+len(issuer)+len(name) > 1<<20 {
			return
		}
		c := Describe(&x509.Certificate{
			Subject: pkix.Name{CommonName: subject}, Issuer: pkix.Name{CommonName: issuer}, SerialNumber: big.NewInt(42),
			DNSNames: []string{name, subject, strings.Repeat(name, 3)},
		})
		for label, limit := range map[string]int{c.SubjectCN: maxName + len("…"), c.IssuerCN: maxName + len("…"), c.DNSNames: maxDNSNames + len(",…")} {
			if len(label) > limit || !utf8.ValidString(label) {
				t.Errorf("%q has %d bytes", label, len(label))
			}
			for _, r := range label {
				if !unicode.IsPrint(r) && r != utf8.RuneError {
					t.Errorf("%q contains %U", label, r)
				}
			}
		}
		if len(subject) <= maxName && ascii(subject) && c.SubjectCN != subject {
			t.Errorf("%q is shown as %q", subject, c.SubjectCN)
		}
	})
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// The name of an issuer is found as it is in the certificate, also where it is shown
// otherwise.
func TestIssuedBy(t *testing.T) {
	for _, name := range []string{"CA", "C\u200eA", "C\tA", strings.Repeat("é", 200), ""} {
		c := Describe(&x509.Certificate{Issuer: pkix.Name{CommonName: name}})
		if !c.IssuedBy(name) || !c.IssuedBy(c.IssuerCN) || c.IssuedBy("another CA") {
			t.Errorf("%q, shown as %q", name, c.IssuerCN)
		}
	}
}

func TestWithFewNames(t *testing.T) {
	c := &Certificate{Names: Names{DNS: []string{"a", "b", "c"}, IPAddresses: []string{"1.1.1.1", "1.1.1.2", "1.1.1.3"}, More: 2}}
	few := c.WithFewNames()
	if len(few.Names.DNS) != 3 || len(few.Names.IPAddresses) != 1 || few.Names.More != 4 || len(c.Names.IPAddresses) != 3 {
		t.Errorf("left are %+v", few.Names)
	}
	if few.WithFewNames() != few {
		t.Error("a certificate with few names is copied")
	}
}
