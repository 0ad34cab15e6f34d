package prober_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"io"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// unprintable is markup, control characters and changes of direction.
const unprintable = "<script>alert(1)</script>\r\n\"'`\\{}\x00\x1b[2J\u202eevil\u2066\u200b"

// certificates are chains that are too large, or have hostile names.
func certificates(t *testing.T, lab *tlstest.Lab) []attack {
	long := strings.Repeat("x", 64_000)
	leaf := func(change func(*x509.Certificate)) tlstest.Server { return tlstest.Server{Leaf: change} }
	named := func(value asn1.RawValue) tlstest.Server {
		return leaf(func(c *x509.Certificate) { c.RawSubject = everyField(t, value) })
	}
	misnamed := func(value asn1.RawValue) tlstest.Server {
		return rewritten(t, subject, asn1.RawValue{FullBytes: everyField(t, value)})
	}
	sans := func(names ...string) tlstest.Server {
		return leaf(func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, subjectNames(t, names)) })
	}
	names := func(n int) []string {
		all := []string{"127.0.0.1"}
		for i := range n {
			all = append(all, fmt.Sprintf("h%d.test", i))
		}
		return all
	}
	constraining, err := lab.Root.Intermediate("Constraining", func(c *x509.Certificate) {
		for i := range 6000 {
			c.ExcludedDNSDomains = append(c.ExcludedDNSDomains, fmt.Sprintf("a%d.example", i))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	forbidding, err := lab.Root.Intermediate("Forbidding", func(c *x509.Certificate) { c.ExcludedDNSDomains = []string{"evil.example"} })
	if err != nil {
		t.Fatal(err)
	}
	crossSigned := crossSign(t, lab, 40)
	sending := func(rest []*x509.Certificate) tlstest.Server {
		return tlstest.Server{Chain: func(leaf *x509.Certificate) []*x509.Certificate {
			return slices.Concat([]*x509.Certificate{leaf}, rest)
		}}
	}
	return []attack{
		{name: "a leaf with 10,000 names", server: leaf(func(c *x509.Certificate) { c.DNSNames = names(10_000) })},
		{name: "a leaf with 60,000 names", server: leaf(func(c *x509.Certificate) { c.DNSNames = names(60_000) }), phase: failure.PhaseKeyExchange, reason: failure.ReasonTooLarge},
		{name: "a leaf with 10,000 other names", server: leaf(func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = names(10_000)[1:], nil }), phase: failure.PhaseVerify, reason: "name_mismatch"},
		{name: "6,000 names against 6,000 constraints", server: tlstest.Server{Issuer: constraining, Leaf: func(c *x509.Certificate) { c.DNSNames = names(6000)[1:] }}, phase: failure.PhaseVerify, reason: "too_large"},
		{name: "a name of 64 kB against a constraint", server: tlstest.Server{Issuer: forbidding, Leaf: func(c *x509.Certificate) {
			c.DNSNames = []string{"127.0.0.1", strings.Repeat("x.", 30_000) + "evil.example"}
		}}, phase: failure.PhaseVerify, reason: "name_constraint"},
		{name: "a chain of 300 certificates", server: tlstest.Server{Chain: repeated(lab, 300)}},
		{name: "a chain of 16 MB", server: hugeChain(t, lab), phase: failure.PhaseKeyExchange, reason: failure.ReasonTooLarge},
		{name: "40 CAs that sign each other", server: sending(crossSigned)},
		{name: "39 CAs that sign each other, without a trusted one", server: sending(crossSigned[1:]), phase: failure.PhaseVerify, reason: "unknown_authority"},
		{name: "an RSA key of 100,000 bits", server: withKey(lab, 100_000), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadCertificate},
		{name: "a serial number of 50,000 bytes", server: rewritten(t, serialNumber, asn1.RawValue{Tag: asn1.TagInteger, Bytes: bytes.Repeat([]byte{0x5a}, 50_000)}), phase: failure.PhaseVerify, reason: "bad_signature"},
		{name: "markup, control characters and changes of direction in every field", server: named(asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(unprintable)})},
		{name: "the same in T61String", server: named(asn1.RawValue{Tag: asn1.TagT61String, Bytes: []byte(unprintable)})},
		{name: "64 kB in a field", server: leaf(func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: long} })},
		{name: "50 kB in every field", server: named(asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(long[:50_000])})},
		{name: "50 kB of control characters", server: named(asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: bytes.Repeat([]byte("\x00\u202e"), 12_500)})},
		{name: "a name that is not UTF-8", server: misnamed(asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte("\xff\xfe\xc0\x80")}), phase: failure.PhaseVerify, reason: "bad_signature"},
		{name: "a name in BMPString, half a surrogate", server: misnamed(asn1.RawValue{Tag: asn1.TagBMPString, Bytes: []byte("\xd8\x00\x00<")}), phase: failure.PhaseVerify, reason: "bad_signature"},
		{name: "DNS names of markup and control characters", server: sans(strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(unprintable, "\u202e", ""), "\u2066", ""), "\u200b", ""), "a,b", "*"), phase: failure.PhaseVerify, reason: "name_mismatch"},
		{name: "DNS names that are not ASCII", server: replaced("plain.test", "\xff\xfein.test", func(c *x509.Certificate) { c.DNSNames = []string{"plain.test"} }), phase: failure.PhaseKeyExchange, reason: failure.ReasonBadCertificate},
		{name: "a DNS name of 64 kB", server: sans(long), phase: failure.PhaseVerify, reason: "name_mismatch"},
		{name: "a malformed URI of 64 kB", server: replaced("x://xxxx", "x://[xxx", func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "x", Host: long}} }), phase: failure.PhaseVerify, reason: "bad_signature"},
		{name: "a certificate of garbage", server: tlstest.Server{RawChain: func(chain [][]byte) [][]byte { return [][]byte{chain[0], bytes.Repeat([]byte{0x30}, 1000)} }}, phase: failure.PhaseKeyExchange, reason: failure.ReasonBadCertificate},
	}
}

// everyField is a subject with the same value in all its fields.
func everyField(t *testing.T, value asn1.RawValue) []byte {
	t.Helper()
	var name pkix.RDNSequence
	for _, field := range []asn1.ObjectIdentifier{{2, 5, 4, 10}, {2, 5, 4, 11}, {2, 5, 4, 3}} {
		name = append(name, pkix.RelativeDistinguishedNameSET{{Type: field, Value: value}})
	}
	der, err := asn1.Marshal(name)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// subjectNames are alternative DNS names that crypto/x509 would not write.
func subjectNames(t *testing.T, names []string) pkix.Extension {
	t.Helper()
	var values []asn1.RawValue
	for _, name := range names {
		values = append(values, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2, Bytes: []byte(name)})
	}
	der, err := asn1.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: der}
}

// crossSign is the lab's intermediate, and certificates of the same name and key that
// could have signed it.
func crossSign(t *testing.T, lab *tlstest.Lab, n int) []*x509.Certificate {
	t.Helper()
	all := []*x509.Certificate{lab.Intermediate.Certificate}
	for len(all) < n {
		again, err := lab.Intermediate.CrossSign(lab.Intermediate)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, again.Certificate)
	}
	return all
}

func repeated(lab *tlstest.Lab, n int) func(*x509.Certificate) []*x509.Certificate {
	return func(leaf *x509.Certificate) []*x509.Certificate {
		return append([]*x509.Certificate{leaf}, slices.Repeat([]*x509.Certificate{lab.Intermediate.Certificate}, n)...)
	}
}

// hugeChain announces and sends 16 MB of the lab's certificates over TLS 1.2.
func hugeChain(t *testing.T, lab *tlstest.Lab) tlstest.Server {
	t.Helper()
	cert := lab.Intermediate.Certificate.Raw
	entry := string([]byte{0, byte(len(cert) >> 8), byte(len(cert))}) + string(cert)
	chunk := strings.Repeat(entry, (1<<14)/len(entry))
	return tlstest.Server{Accept: floods(slices.Concat(recordOf(22, hello12()), recordOf(22, "\x0b\xff\xff\xfd\xff\xff\xfa")), recordOf(22, chunk))}
}

// withKey sends, with a good chain, a certificate for an RSA key so large that
// verifying a signature of it would take long (CVE-2023-29409).
func withKey(lab *tlstest.Lab, bits int) tlstest.Server {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return tlstest.Server{Chain: func(leaf *x509.Certificate) []*x509.Certificate {
		large, err := lab.Intermediate.Issue(&x509.Certificate{NotBefore: labtest.Now.Add(-labtest.Day), NotAfter: labtest.Now.Add(labtest.Day)},
			publicOnly{&rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}})
		if err != nil {
			panic(err)
		}
		return []*x509.Certificate{leaf, lab.Intermediate.Certificate, large}
	}}
}

// publicOnly is a key that signs nothing.
type publicOnly struct{ key crypto.PublicKey }

func (k publicOnly) Public() crypto.PublicKey { return k.key }

func (k publicOnly) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, fmt.Errorf("there is no private key")
}

// Positions in a TBSCertificate (RFC 5280 section 4.1).
const (
	serialNumber = 1
	subject      = 5
)

// rewritten sets a field of the leaf to a value that crypto/x509 would not write. The
// signature of the CA is wrong then; TLS itself needs only the key.
func rewritten(t *testing.T, field int, value asn1.RawValue) tlstest.Server {
	return tlstest.Server{RawChain: func(chain [][]byte) [][]byte {
		var whole, body []asn1.RawValue
		unmarshal(t, chain[0], &whole)
		unmarshal(t, whole[0].FullBytes, &body)
		body[field] = value
		whole[0] = asn1.RawValue{FullBytes: marshal(t, body)}
		return append([][]byte{marshal(t, whole)}, chain[1:]...)
	}}
}

// replaced replaces bytes of the leaf, by as many.
func replaced(old, new string, change func(*x509.Certificate)) tlstest.Server {
	return tlstest.Server{Leaf: change, RawChain: func(chain [][]byte) [][]byte {
		return append([][]byte{bytes.ReplaceAll(chain[0], []byte(old), []byte(new))}, chain[1:]...)
	}}
}

func unmarshal(t *testing.T, der []byte, into *[]asn1.RawValue) {
	t.Helper()
	if _, err := asn1.Unmarshal(der, into); err != nil {
		t.Fatal(err)
	}
}

func marshal(t *testing.T, values []asn1.RawValue) []byte {
	t.Helper()
	der, err := asn1.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
