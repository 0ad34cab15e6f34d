package prober

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// Whatever stands in a certificate, its labels are printable, bounded and, but
// for what was cut off, what it says.
func FuzzCertificate(f *testing.F) {
	for _, seed := range []string{"www.example.com", "<script>alert(1)</script>", "a\x00b\r\nc", "\u202egnp.exe", "\xff\xfe", strings.Repeat("ü", 4096), "a,b", `"\`} {
		f.Add(seed, seed, seed)
	}
	f.Fuzz(func(t *testing.T, subject, issuer, name string) {
		if len(subject)+len(issuer)+len(name) > 1<<20 {
			return
		}
		c := newCertificate(&x509.Certificate{
			Subject: pkix.Name{CommonName: subject}, Issuer: pkix.Name{CommonName: issuer}, SerialNumber: big.NewInt(42),
			DNSNames: []string{name, subject, strings.Repeat(name, 3)},
		})
		for label, limit := range map[string]int{c.SubjectCN: maxName + len("…"), c.IssuerCN: maxName + len("…"), c.DNSNames: maxDNSNames + len(",…")} {
			if len(label) > limit || !utf8.ValidString(label) {
				t.Errorf("%q has %d bytes", label, len(label))
			}
			for _, r := range label {
				if !unicode.IsPrint(r) && r != utf8.RuneError {
					t.Errorf("%q holds %U", label, r)
				}
			}
		}
		if len(subject) <= maxName && printableASCII(subject) && c.SubjectCN != subject {
			t.Errorf("%q is shown as %q", subject, c.SubjectCN)
		}
	})
}

func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{
		"":                       "",
		"plain":                  "plain",
		"bücher":                 "bücher",
		"a\x00b\nc":              "a\ufffdb\ufffdc",
		"\u202egnp":              "\ufffdgnp",
		"\xff":                   "\ufffd",
		strings.Repeat("a", 300): strings.Repeat("a", 256) + "…",
		strings.Repeat("ü", 200): strings.Repeat("ü", 128) + "…",
	} {
		if got := Printable(s, maxName); got != want {
			t.Errorf("%q is %q, want %q", s, got, want)
		}
	}
}
