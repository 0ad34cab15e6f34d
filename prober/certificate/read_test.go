package certificate

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The fields of a TBSCertificate (RFC 5280 section 4.1).
const (
	fieldVersion = iota
	fieldSerialNumber
	fieldSignature
	fieldIssuer
	fieldValidity
	fieldSubject
	fieldKey
	fieldExtensions
)

// odd is a certificate that is signed although crypto/x509 would not write it.
type odd struct {
	t   testing.TB
	key crypto.Signer
	tbs []asn1.RawValue
	// outer is the signature algorithm after the TBSCertificate; nil: the same as in it.
	outer []byte
	rest  []byte // after the certificate
}

func newOdd(t testing.TB, key crypto.Signer) *odd {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0x1234), Subject: pkix.Name{CommonName: "leaf", Organization: []string{"Lab"}}, DNSNames: []string{"www.test"},
		NotBefore: notBefore, NotAfter: notAfter, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	o := &odd{t: t, key: key}
	o.tbs = o.split(o.split(der)[0].FullBytes)
	return o
}

var (
	notBefore = time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)
	notAfter  = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)
)

// split returns the elements of a sequence.
func (o *odd) split(der []byte) []asn1.RawValue {
	o.t.Helper()
	var elements []asn1.RawValue
	if _, err := asn1.Unmarshal(der, &elements); err != nil {
		o.t.Fatal(err)
	}
	return elements
}

func (o *odd) marshal(value any) []byte {
	o.t.Helper()
	der, err := asn1.Marshal(value)
	if err != nil {
		o.t.Fatal(err)
	}
	return der
}

func (o *odd) set(field int, der []byte) { o.tbs[field] = asn1.RawValue{FullBytes: der} }

// der signs the certificate.
func (o *odd) der() []byte {
	body := o.marshal(o.tbs)
	digest := sha256.Sum256(body)
	signature, err := o.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		o.t.Fatal(err)
	}
	algorithm := o.outer
	if algorithm == nil {
		algorithm = o.tbs[fieldSignature].FullBytes
	}
	whole := []asn1.RawValue{{FullBytes: body}, {FullBytes: algorithm}, {FullBytes: o.marshal(asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)})}}
	return append(o.marshal(whole), o.rest...)
}

// named sets the common name, as this type of string. The organization stays.
func named(tag int, value string) func(*odd) {
	return func(o *odd) {
		o.set(fieldSubject, o.marshal(pkix.RDNSequence{
			{{Type: asn1.ObjectIdentifier{2, 5, 4, 10}, Value: "Lab"}},
			{{Type: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: asn1.RawValue{Tag: tag, Bytes: []byte(value)}}},
		}))
	}
}

// valid sets the dates as they are written.
func valid(tag int, from, until string) func(*odd) {
	return func(o *odd) {
		o.set(fieldValidity, o.marshal([]asn1.RawValue{{Tag: tag, Bytes: []byte(from)}, {Tag: tag, Bytes: []byte(until)}}))
	}
}

// with adds an extension, or replaces that of the same number.
func with(id asn1.ObjectIdentifier, critical bool, value ...byte) func(*odd) {
	return func(o *odd) {
		all := slices.DeleteFunc(o.extensions(), func(e pkix.Extension) bool { return e.Id.Equal(id) })
		o.setExtensions(append(all, pkix.Extension{Id: id, Critical: critical, Value: value}))
	}
}

func (o *odd) extensions() (all []pkix.Extension) {
	o.t.Helper()
	if _, err := asn1.Unmarshal(o.tbs[fieldExtensions].Bytes, &all); err != nil {
		o.t.Fatal(err)
	}
	return all
}

func (o *odd) setExtensions(all []pkix.Extension) {
	o.set(fieldExtensions, o.marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 3, IsCompound: true, Bytes: o.marshal(all)}))
}

// sans are alternative names: www.test, and one more.
func sans(t testing.TB, tag byte, value string) []byte {
	names := append([]byte{0x82, 8}, "www.test"...)
	return wrap(t, 0x30, append(append(names, tag, byte(len(value))), value...))
}

var (
	oidNames       = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidKeyID       = asn1.ObjectIdentifier{2, 5, 29, 14}
	oidAuthorityID = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidAIA         = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 1}
	oidCRL         = asn1.ObjectIdentifier{2, 5, 29, 31}
	oidPolicies    = asn1.ObjectIdentifier{2, 5, 29, 32}
	oidNameLimits  = asn1.ObjectIdentifier{2, 5, 29, 30}
)

// TestReadTolerantly reads certificates that crypto/x509 rejects. OpenSSL reads most of them.
func TestReadTolerantly(t *testing.T) {
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsa2048, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(*odd)
		key    crypto.Signer // nil: P-256
		cn     string        // empty: leaf
		says   string        // part of Err
		alone  bool          // OpenSSL rejects it too
	}{
		{name: "PrintableString with other characters", change: named(asn1.TagPrintableString, "a_leaf@lab"), cn: "a_leaf@lab", says: "invalid PrintableString"},
		{name: "UTF8String that is not UTF-8", change: named(asn1.TagUTF8String, "l\xe9af"), cn: "l\ufffdaf", says: "invalid UTF-8 string", alone: true},
		{name: "UniversalString", change: named(28, "\x00\x00\x00l\x00\x00\x00e\x00\x00\x00a\x00\x00\x00f"), says: "unsupported string type"},
		{name: "VisibleString", change: named(26, "leaf"), says: "unsupported string type", alone: true},
		{name: "BMPString with half a character", change: named(asn1.TagBMPString, "\x00l\x00e\x00a\x00f\xd8\x00"), cn: "leaf\ufffd", says: "invalid BMPString", alone: true},
		{name: "UTCTime with an offset of no hours", change: valid(asn1.TagUTCTime, "260901140000+0200", "270301120000-0060"), says: "malformed UTCTime"},
		{name: "UTCTime without seconds", change: valid(asn1.TagUTCTime, "2609011200Z", "2703011200Z")},
		{name: "GeneralizedTime with a fraction", change: valid(asn1.TagGeneralizedTime, "20260901120000.0Z", "20270301120000.0Z"), says: "malformed GeneralizedTime"},
		{name: "compressed point", change: func(o *odd) {
			point := elliptic.MarshalCompressed(elliptic.P256(), p256.X, p256.Y)
			key := o.split(o.tbs[fieldKey].FullBytes)
			key[1] = asn1.RawValue{FullBytes: o.marshal(asn1.BitString{Bytes: point, BitLength: 8 * len(point)})}
			o.set(fieldKey, o.marshal(key))
		}, says: "invalid uncompressed public key"},
		{name: "RSA key without parameters", key: rsa2048, change: func(o *odd) {
			key := o.split(o.tbs[fieldKey].FullBytes)
			key[0] = asn1.RawValue{FullBytes: o.marshal([]asn1.RawValue{{FullBytes: o.marshal(rsaEncryption)}})}
			o.set(fieldKey, o.marshal(key))
		}, says: "RSA key missing NULL parameters"},
		{name: "broken URI", change: with(oidNames, false, sans(t, 0x86, "http://[x")...), says: "cannot parse URI"},
		{name: "e-mail address that is not ASCII", change: with(oidNames, false, sans(t, 0x81, "\xe9@lab.test")...), says: "rfc822Name is malformed"},
		{name: "DNS name that is not ASCII", change: with(oidNames, false, sans(t, 0x82, "\xe9.test")...), says: "dNSName is malformed"},
		{name: "IP address of five bytes", change: with(oidNames, false, sans(t, 0x87, "\x7f\x00\x00\x01\x00")...), says: "IP address of length 5"},
		{name: "an extension twice", change: func(o *odd) { o.setExtensions(append(o.extensions(), o.extensions()[0])) }, says: "duplicate extension"},
		{name: "a TRUE of another value than 255", change: with(oidConstraints, true, 0x30, 3, 1, 1, 1), says: "invalid basic constraints"},
		{name: "critical key identifier", change: with(oidKeyID, true, 4, 1, 1), says: "subject key identifier incorrectly marked critical"},
		{name: "critical authority key identifier", change: with(oidAuthorityID, true, 0x30, 3, 0x80, 1, 1), says: "authority key identifier incorrectly marked critical"},
		{name: "critical authority information access", change: with(oidAIA, true, 0x30, 0), says: "authority info access incorrectly marked critical"},
		{name: "garbage as CRL URLs", change: with(oidCRL, false, 1, 2, 3), says: "invalid CRL distribution point"},
		{name: "garbage as policies", change: with(oidPolicies, false, 1, 2, 3), says: "invalid certificate policies"},
		{name: "IP range with a mask of holes", change: with(oidNameLimits, false, 0x30, 14, 0xa0, 12, 0x30, 10, 0x87, 8, 10, 0, 0, 0, 255, 0, 255, 0), says: "invalid mask"},
		{name: "other signature algorithm inside", change: func(o *odd) {
			o.outer = o.marshal(pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}, Parameters: asn1.NullRawValue})
		}, says: "don't match"},
		{name: "version 4", change: func(o *odd) { o.set(fieldVersion, []byte{0xa0, 3, 2, 1, 3}) }, says: "invalid version"},
		{name: "bytes after the end", change: func(o *odd) { o.rest = []byte{0} }, says: "trailing data"},
	} {
		t.Run(test.name, func(t *testing.T) {
			key := test.key
			if key == nil {
				key = p256
			}
			o := newOdd(t, key)
			test.change(o)
			der := o.der()
			parsed := ParseChain([][]byte{der}, nil)[0]
			if _, err := x509.ParseCertificate(der); err == nil {
				if test.says != "" {
					t.Fatal("crypto/x509 accepts it")
				}
			} else if parsed.Err == nil || !strings.Contains(parsed.Err.Error(), test.says) {
				t.Errorf("the error is %v, want %q", parsed.Err, test.says)
			}
			if test.cn == "" {
				test.cn = "leaf"
			}
			fingerprint := sha256.Sum256(der)
			algorithm, bits := "ECDSA", 256
			if test.key != nil {
				algorithm, bits = "RSA", 2048
			}
			c := parsed.Certificate
			if c.SubjectCN != test.cn || c.IssuerCN != "leaf" || c.SerialNumber != "1234" || c.FingerprintSHA256 != hex.EncodeToString(fingerprint[:]) ||
				!c.NotBefore.Equal(notBefore) || c.KeyAlgorithm != algorithm || c.KeyBits != bits || !strings.Contains(c.DNSNames, "www.test") ||
				!parsed.Readable() || c.SignatureAlgorithm == "unknown" {
				t.Errorf("read: %+v", c)
			}
			if err := parsed.X509.CheckSignature(parsed.X509.SignatureAlgorithm, parsed.X509.RawTBSCertificate, parsed.X509.Signature); err != nil {
				t.Error(err)
			}
			if parsed.X509.KeyUsage != x509.KeyUsageDigitalSignature || !slices.Equal(parsed.X509.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) || !parsed.X509.BasicConstraintsValid {
				t.Errorf("usage %b %v, basic constraints %v", parsed.X509.KeyUsage, parsed.X509.ExtKeyUsage, parsed.X509.BasicConstraintsValid)
			}
			if !test.alone {
				opensslReads(t, der)
			}
		})
	}
}

// opensslReads checks that OpenSSL reads the certificate, where it is installed.
func opensslReads(t *testing.T, der []byte) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		return
	}
	file := filepath.Join(t.TempDir(), "certificate.der")
	if err := os.WriteFile(file, der, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(openssl, "x509", "-inform", "DER", "-in", file, "-noout", "-subject", "-dates").CombinedOutput(); err != nil {
		t.Errorf("OpenSSL does not read it: %v: %s", err, out)
	}
}

// FuzzParseChain checks that any certificate is read within the bound, and that what
// crypto/x509 accepts is read the same by the tolerant reader.
func FuzzParseChain(f *testing.F) {
	for _, der := range floods(f, 20) {
		f.Add(der)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(newOdd(f, key).der())
	f.Fuzz(func(t *testing.T, der []byte) {
		parsed := ParseChain([][]byte{der, der}, nil)
		for _, p := range parsed {
			if p.X509 == nil || p.X509.SerialNumber == nil || len(p.DNSNames) > maxDNSNames+8 || p.Certificate.Size() > 32<<10 {
				t.Fatalf("read: %+v", p)
			}
		}
		strict, err := x509.ParseCertificate(der)
		if err != nil {
			return
		}
		loose := readTolerantly(der)
		if !bytes.Equal(loose.RawTBSCertificate, strict.RawTBSCertificate) || !bytes.Equal(loose.RawSubject, strict.RawSubject) || !bytes.Equal(loose.RawIssuer, strict.RawIssuer) ||
			!loose.NotBefore.Equal(strict.NotBefore) || !loose.NotAfter.Equal(strict.NotAfter) || loose.SerialNumber.Cmp(strict.SerialNumber) != 0 ||
			loose.IsCA != strict.IsCA || loose.KeyUsage != strict.KeyUsage || !bytes.Equal(loose.Signature, strict.Signature) {
			t.Errorf("read tolerantly: %+v\nby crypto/x509: %+v", loose, strict)
		}
	})
}
