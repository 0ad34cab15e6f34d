package certfile

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"tls_exporter/prober/failure"
)

// The common names of testdata, as testdata/make.sh gives them.
const (
	chain3 = "leaf.test, Test Intermediate, Test Root"
	chain2 = "leaf.test, Test Intermediate"
	both   = "Test Intermediate, Test Root"
)

// Every file of testdata was written by OpenSSL or keytool.
func TestParse(t *testing.T) {
	for file, want := range map[string]struct {
		password string
		format   Format
		names    string
	}{
		"leaf.pem":       {"", PEM, "leaf.test"},
		"chain.pem":      {"", PEM, chain2},
		"with-key.pem":   {"", PEM, chain2},
		"trusted.pem":    {"", PEM, "leaf.test"},
		"leaf.der":       {"", DER, "leaf.test"},
		"chain.p7b":      {"", PKCS7, chain3},
		"chain.p7b.pem":  {"", PKCS7, chain3},
		"openssl3.p12":   {"secret", PKCS12, chain3},
		"legacy.p12":     {"secret", PKCS12, chain3}, // RC2 with 40 bits
		"rc2-128.p12":    {"secret", PKCS12, chain3},
		"3des.p12":       {"secret", PKCS12, chain3},
		"2des.p12":       {"secret", PKCS12, chain3},
		"aes128.p12":     {"secret", PKCS12, chain3},
		"plain.p12":      {"", PKCS12, chain3}, // only the key is encrypted
		"nokeys.p12":     {"secret", PKCS12, both},
		"empty.p12":      {"", PKCS12, chain3},
		"truststore.p12": {"", PKCS12, both}, // changeit
		"two-keys.p12":   {"secret", PKCS12, "one, two, Test Root"},
		"truststore.jks": {"", JKS, both},
		"keystore.jks":   {"secret", JKS, chain3},
		"keystore.jceks": {"", JKS, chain3},
		"kubeconfig":     {"", Kubeconfig, "leaf.test, Test Root"},
	} {
		c, err := Parse(read(t, file), want.password)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if c.Format != want.format || sorted(names(t, c)) != sorted(want.names) || c.Total != len(c.Certificates) {
			t.Errorf("%s is %s with %d: %s; want %s with %s", file, c.Format, c.Total, names(t, c), want.format, want.names)
		}
		if ordered := want.format == PEM || want.format == DER; ordered && names(t, c) != want.names || c.Ordered != (want.format == PEM) {
			t.Errorf("%s has the order %s", file, names(t, c))
		}
		if c.Separate != (want.format == Kubeconfig) {
			t.Errorf("%s: separate is %v", file, c.Separate)
		}
	}
}

func TestParseRejects(t *testing.T) {
	leaf := read(t, "leaf.pem")
	for name, test := range map[string]struct {
		content  []byte
		password string
		reason   failure.Reason
		says     string
	}{
		"empty":                      {nil, "", failure.ReasonNoCertificate, "is neither PEM"},
		"text":                       {[]byte("hello"), "", failure.ReasonNoCertificate, "is neither PEM"},
		"key only":                   {[]byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "", failure.ReasonNoCertificate, "only PRIVATE KEY"},
		"cut":                        {leaf[:len(leaf)/2], "", failure.ReasonNoCertificate, "only 0 can be decoded"},
		"second cut":                 {append(bytes.Clone(leaf), leaf[:len(leaf)/2]...), "", failure.ReasonNoCertificate, "2 PEM blocks with certificates, of which only 1"},
		"DER cut":                    {read(t, "leaf.der")[:100], "", failure.ReasonNoCertificate, "is cut"},
		"DER and more":               {append(read(t, "leaf.der"), 0x30, 0), "", failure.ReasonNoCertificate, "not that of certificates alone"},
		"PKCS #7 without signatures": {[]byte("0\x0f\x06\t*\x86H\x86\xf7\r\x01\x07\x01\xa0\x02\x04\x00"), "", failure.ReasonNoCertificate, "not of the type SignedData"},
		"wrong password":             {read(t, "openssl3.p12"), "other", failure.ReasonWrongPassword, "does not decrypt"},
		"wrong password for RC2":     {read(t, "legacy.p12"), "other", failure.ReasonWrongPassword, "does not decrypt"},
		"no password":                {read(t, "openssl3.p12"), "", failure.ReasonWrongPassword, "set password_file"},
		"wrong password of JKS":      {read(t, "keystore.jks"), "other", failure.ReasonWrongPassword, "not that of the key store"},
		"JKS cut":                    {read(t, "keystore.jks")[:200], "", failure.ReasonNoCertificate, "entry 1 cannot be read"},
		"PKCS #12 cut":               {read(t, "openssl3.p12")[:500], "", failure.ReasonNoCertificate, "is cut"},
		"kubeconfig without base64":  {[]byte("client-certificate-data: A"), "", failure.ReasonNoCertificate, "not base64"},
		"kubeconfig without any":     {[]byte("# client-certificate-data: A\n"), "", failure.ReasonNoCertificate, "has none"},
	} {
		c, err := Parse(test.content, test.password)
		if err == nil || failure.Of(err) != test.reason || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s is %+v, %v; want %s with %q", name, c, err, test.reason, test.says)
		}
	}
}

// The key in a file is found, and never part of what is returned.
func TestKey(t *testing.T) {
	for file, want := range map[string]bool{"chain.pem": false, "with-key.pem": true, "other-key.pem": false} {
		c, err := Parse(read(t, file), "")
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(c.Certificates[0])
		if err != nil {
			t.Fatal(err)
		}
		key, _ := c.Key.(*ecdsa.PublicKey)
		if (key != nil) != strings.HasSuffix(file, "key.pem") || key != nil && key.Equal(leaf.PublicKey) != want {
			t.Errorf("%s has the key %v", file, key)
		}
	}
}

// A file with too many certificates has its first ones, and their number.
func TestTooMany(t *testing.T) {
	var all bytes.Buffer
	const total = MaxCertificates + 100
	der := read(t, "leaf.der")
	for i := range total {
		unlike := bytes.Clone(der)
		binary.BigEndian.PutUint16(unlike[len(unlike)-2:], uint16(i)) // a part of the signature
		pem.Encode(&all, &pem.Block{Type: "CERTIFICATE", Bytes: unlike})
	}
	c, err := Parse(all.Bytes(), "")
	if failure.Of(err) != failure.ReasonTooLarge || c == nil || c.Total != total || len(c.Certificates) != MaxCertificates {
		t.Fatalf("%v", err)
	}
	if c, err = Parse(bytes.Repeat(read(t, "leaf.pem"), total), ""); err != nil || c.Total != 1 {
		t.Errorf("the same certificate again and again: %v", err)
	}
}

// No file, whatever it says, makes the exporter derive keys for long.
func TestIterationsAreBounded(t *testing.T) {
	for _, iterations := range []int{2_000_000, 1 << 29} {
		a := algorithmOf{oidPBES2, pbes2(iterations)}
		scheme, err := newScheme(a)
		if err != nil {
			t.Fatal(err)
		}
		s := &safes{Content: new(Content), passwords: usualPasswords}
		start := time.Now()
		err = s.tryAll(scheme, make([]byte, 16))
		t.Logf("%d iterations: %s, %v", iterations, time.Since(start), err)
		if failure.Of(err) != failure.ReasonTooLarge {
			t.Errorf("%d iterations: %v", iterations, err)
		}
	}
}

func BenchmarkWorstDerivation(b *testing.B) {
	scheme, err := newScheme(algorithmOf{oidPBES2, pbes2(maxHashes / 2)})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s := &safes{Content: new(Content), passwords: []string{"secret"}}
		if err := s.tryAll(scheme, make([]byte, 16)); failure.Of(err) != failure.ReasonWrongPassword {
			b.Fatal(err)
		}
	}
}

// Reading the largest file takes little more memory than the file has.
func TestMemory(t *testing.T) {
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: make([]byte, 3_000_000)})
	var many bytes.Buffer
	for i := range MaxBytes / 600 {
		der := binary.BigEndian.AppendUint32(make([]byte, 400), uint32(i))
		pem.Encode(&many, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	nested := append([]byte("-----BEGIN CERTIFICATE-----\n"), bytes.Repeat([]byte("-----BEGIN A-----\n"), 200_000)...)
	for name, content := range map[string][]byte{
		"one large certificate": block, "many certificates": many.Bytes(), "one again and again": bytes.Repeat(read(t, "leaf.pem"), MaxBytes/len(read(t, "leaf.pem"))), "many beginnings": nested,
		"kubeconfig": bytes.Repeat([]byte("client-certificate-data: AAAA\n"), MaxBytes/30),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		_, err := Parse(content, "")
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		allocated := after.TotalAlloc - before.TotalAlloc
		t.Logf("%s: %d kB for %d kB in %s, %v", name, allocated>>10, len(content)>>10, took, err)
		if allocated > 5*MaxBytes { // half of that is garbage at once
			t.Errorf("%s allocates %d kB", name, allocated>>10)
		}
	}
}

// FuzzParse checks that every certificate is a part of the content, or of what it
// encodes, and that all bounds hold.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		if content, err := os.ReadFile(file); err == nil && !strings.HasSuffix(file, ".sh") {
			f.Add(content, "secret")
		}
	}
	f.Fuzz(func(t *testing.T, content []byte, password string) {
		c, err := Parse(content, password)
		if err != nil && failure.Of(err) == failure.ReasonInternal {
			t.Errorf("the error has no reason: %v", err)
		}
		if c == nil {
			return
		}
		total := 0
		for _, der := range c.Certificates {
			total += len(der)
		}
		if len(c.Certificates) == 0 || len(c.Certificates) > MaxCertificates || c.Total < len(c.Certificates) || total > len(content) {
			t.Errorf("%d of %d certificates with %d bytes, of %d", len(c.Certificates), c.Total, total, len(content))
		}
	})
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func names(t *testing.T, c *Content) string {
	t.Helper()
	var all []string
	for _, der := range c.Certificates {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, cert.Subject.CommonName)
	}
	return strings.Join(all, ", ")
}

// sorted is a list in alphabetical order: most formats have no other.
func sorted(list string) string {
	words := strings.Split(list, ", ")
	slices.Sort(words)
	return strings.Join(words, ", ")
}

// pbes2 is the parameters of PBES2 with PBKDF2, HMAC with SHA-256, and AES with 256 bits.
func pbes2(iterations int) reader {
	var b cryptobyte.Builder
	b.AddASN1(sequence, func(b *cryptobyte.Builder) {
		b.AddASN1(sequence, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oidPBKDF2)
			b.AddASN1(sequence, func(b *cryptobyte.Builder) {
				b.AddASN1OctetString(make([]byte, 8))
				b.AddASN1Int64(int64(iterations))
				b.AddASN1(sequence, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(oid{1, 2, 840, 113549, 2, 9}) })
			})
		})
		b.AddASN1(sequence, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oid{2, 16, 840, 1, 101, 3, 4, 1, 42})
			b.AddASN1OctetString(make([]byte, 16))
		})
	})
	return b.BytesOrPanic()
}
