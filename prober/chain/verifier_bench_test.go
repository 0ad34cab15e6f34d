package chain

import (
	"crypto/x509"
	"testing"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/tlstest/labtest"
)

func benchChain(b *testing.B) ([]*x509.Certificate, *Roots) {
	p := newPKI(b)
	root := p.root("Root")
	ca := p.intermediate(root, "CA")
	return certs(p.leaf(ca), ca), trust(root)
}

func BenchmarkNewCertificate(b *testing.B) {
	sent, _ := benchChain(b)
	b.ReportAllocs()
	for b.Loop() {
		certificate.Describe(sent[0])
	}
}

func BenchmarkParse(b *testing.B) {
	sent, _ := benchChain(b)
	b.ReportAllocs()
	for b.Loop() {
		x509.ParseCertificate(sent[0].Raw)
	}
}

func BenchmarkVerifyCached(b *testing.B) {
	sent, trusted := benchChain(b)
	v, parsed := NewVerifier(trusted), described(sent)
	b.ReportAllocs()
	for b.Loop() {
		v.Verify(parsed, "localhost", 0, labtest.Now)
	}
}

func BenchmarkVerifyUncached(b *testing.B) {
	sent, trusted := benchChain(b)
	b.ReportAllocs()
	for b.Loop() {
		uncached(sent, "localhost", trusted, labtest.Now)
	}
}
