package prober

import (
	"crypto/x509"
	"testing"
)

func benchChain(b *testing.B) ([]*x509.Certificate, *roots) {
	p := newPKI(b)
	root := p.root("Root")
	ca := p.under(root, "CA")
	return certs(p.leaf(ca), ca), trust(root)
}

func BenchmarkNewCertificate(b *testing.B) {
	sent, _ := benchChain(b)
	b.ReportAllocs()
	for b.Loop() {
		newCertificate(sent[0])
	}
}

func BenchmarkParse(b *testing.B) {
	sent, _ := benchChain(b)
	b.ReportAllocs()
	for b.Loop() {
		x509.ParseCertificate(sent[0].Raw)
	}
}

func BenchmarkJudgeKept(b *testing.B) {
	sent, trusted := benchChain(b)
	v := newVerdicts(trusted)
	b.ReportAllocs()
	for b.Loop() {
		v.judge(sent, "localhost", now)
	}
}

func BenchmarkJudgeAnew(b *testing.B) {
	sent, trusted := benchChain(b)
	b.ReportAllocs()
	for b.Loop() {
		judge(sent, "localhost", trusted, now)
	}
}
