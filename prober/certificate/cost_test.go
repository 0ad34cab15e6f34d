package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// issue returns a self-signed certificate.
func issue(t testing.TB, change func(*x509.Certificate)) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "leaf", Organization: []string{"Lab"}}, DNSNames: []string{"www.test"},
		NotBefore: time.Unix(1_790_000_000, 0), NotAfter: time.Unix(1_800_000_000, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// sequenceOf is a SEQUENCE of n times the same element.
func sequenceOf(t testing.TB, n int, element ...byte) []byte {
	t.Helper()
	der, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: slices.Repeat(element, n)})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// wrap returns an element with this content.
func wrap(t testing.TB, tag byte, content []byte) []byte {
	t.Helper()
	der, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: content})
	if err != nil {
		t.Fatal(err)
	}
	der[0] = tag
	return der
}

// policies are n certificate policies, each of another number.
func policies(t testing.TB, n int) []byte {
	var all []byte
	for i := range n {
		id, err := asn1.Marshal(asn1.ObjectIdentifier{1, 2, i})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, wrap(t, 0x30, id)...)
	}
	return wrap(t, 0x30, all)
}

// extension is a template with an extension.
func extension(value []byte, id ...int) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.DNSNames, c.KeyUsage = nil, 0
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: id, Value: value})
	}
}

// floods are certificates that need many times their size in memory.
func floods(t testing.TB, n int) map[string][]byte {
	subject := sequenceOf(t, n, 0x31, 9, 0x30, 7, 0x06, 3, 0x55, 4, 3, 0x0c, 0)
	manyExtensions := func(c *x509.Certificate) {
		for i := range n {
			c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, i}})
		}
	}
	return map[string][]byte{
		"none":             issue(t, func(*x509.Certificate) {}),
		"URIs":             issue(t, extension(sequenceOf(t, n, 0x86, 0), 2, 5, 29, 17)),
		"DNS names":        issue(t, extension(sequenceOf(t, n, 0x82, 1, 'a'), 2, 5, 29, 17)),
		"e-mail addresses": issue(t, extension(sequenceOf(t, n, 0x81, 0), 2, 5, 29, 17)),
		"IP addresses":     issue(t, extension(sequenceOf(t, n, 0x87, 4, 127, 0, 0, 1), 2, 5, 29, 17)),
		"uses":             issue(t, extension(sequenceOf(t, n, 0x06, 1, 42), 2, 5, 29, 37)),
		"name constraints": issue(t, extension(wrap(t, 0x30, wrap(t, 0xa0, slices.Repeat([]byte{0x30, 2, 0x82, 0}, n))), 2, 5, 29, 30)),
		"IP constraints":   issue(t, extension(wrap(t, 0x30, wrap(t, 0xa0, slices.Repeat([]byte{0x30, 10, 0x87, 8, 0, 0, 0, 0, 0, 0, 0, 0}, n))), 2, 5, 29, 30)),
		"policies":         issue(t, extension(policies(t, n), 2, 5, 29, 32)),
		"subject":          issue(t, func(c *x509.Certificate) { c.RawSubject = subject }),
		"extensions":       issue(t, manyExtensions),
		"CRL URLs":         issue(t, extension(sequenceOf(t, n, 0x30, 6, 0xa0, 4, 0xa0, 2, 0x86, 0), 2, 5, 29, 31)),
		"AIA":              issue(t, extension(sequenceOf(t, n, 0x30, 0x0c, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 48, 1, 0x86, 0), 1, 3, 6, 1, 5, 5, 7, 1, 1)),
		"policy mappings":  issue(t, extension(sequenceOf(t, n, 0x30, 6, 0x06, 1, 42, 0x06, 1, 42), 2, 5, 29, 33)),
		"long name":        issue(t, func(c *x509.Certificate) { c.Subject.CommonName = strings.Repeat("x", 4*n) }),
	}
}

// TestCost measures that no certificate takes more memory than what cost says.
func TestCost(t *testing.T) {
	for name, der := range floods(t, 5000) {
		t.Run(name, func(t *testing.T) {
			const copies = 8
			kept := make([]*x509.Certificate, copies)
			before := heap()
			for i := range kept {
				var err error
				if kept[i], err = x509.ParseCertificate(slices.Clone(der)); err != nil {
					t.Fatal(err)
				}
			}
			took := (heap() - before) / copies
			runtime.KeepAlive(kept)
			t.Logf("%d bytes take %d, at most %d", len(der), took, cost(der))
			if took > cost(der) {
				t.Errorf("a certificate of %d bytes takes %d bytes, more than its cost of %d", len(der), took, cost(der))
			}
		})
	}
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}
