package crl_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"
	"testing/iotest"

	"tls_exporter/prober/crl"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

func newCA(t testing.TB, change ...func(*x509.Certificate)) *tlstest.CA {
	t.Helper()
	ca, err := tlstest.NewRoot("CRL Test", change...)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

// What is read, whatever the pieces in which it comes.
func TestRead(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	der := newParts(ca).sign(t, ca.Key)
	for name, in := range map[string]io.Reader{
		"at once":         bytes.NewReader(der),
		"byte by byte":    iotest.OneByteReader(bytes.NewReader(der)),
		"with its end":    iotest.DataErrReader(bytes.NewReader(der)),
		"in empty pieces": &hesitant{in: bytes.NewReader(der)},
	} {
		list, err := crl.Read(in, ca.Certificate)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if list.Entries != 2 || list.ThisUpdate.Year() != 2026 || list.NextUpdate.Year() != 2046 || list.Size() < 1024 {
			t.Errorf("%s: %+v, %d bytes", name, list, list.Size())
		}
		for serial, want := range map[int64]bool{4: false, 5: true, 6: true, 7: false, -5: false, 5 << 8: false} {
			if got := list.Contains(big.NewInt(serial)); got != want {
				t.Errorf("%s: contains %d: %t", name, serial, got)
			}
		}
	}
}

// hesitant returns no bytes every other time.
type hesitant struct {
	in   io.Reader
	idle bool
}

func (h *hesitant) Read(b []byte) (int, error) {
	if h.idle = !h.idle; h.idle {
		return 0, nil
	}
	return h.in.Read(b[:min(len(b), 7)])
}

// What is not a list, or none that may be used.
func TestInvalid(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	other := newCA(t)
	name := tlv(0xa0, tlv(0xa0, tlv(0x86, []byte("http://ca.test/crl"))))
	long := bytes.Repeat([]byte{1}, 65)
	for what, test := range map[string]struct {
		change func(*parts)
		want   string
	}{
		"version 1 with extensions":     {func(p *parts) { p.version = nil }, "version 1"},
		"version 3":                     {func(p *parts) { p.version = []byte{2, 1, 2} }, "a version that is not known"},
		"another outer algorithm":       {func(p *parts) { p.outer = edDSA }, "two different signature algorithms"},
		"unreadable algorithm":          {func(p *parts) { p.algorithm = []byte{0x30, 2, 6, 0} }, "algorithm of the CRL cannot be read"},
		"unknown algorithm":             {func(p *parts) { p.algorithm = tlv(0x30, tlv(6, []byte{0x2a, 3, 4})) }, "does not verify: x509: cannot verify signature: algorithm unimplemented"},
		"MD5":                           {func(p *parts) { p.algorithm = rsaWith(4) }, "MD5"},
		"SHA-1":                         {func(p *parts) { p.algorithm = rsaWith(5) }, "SHA-1"},
		"signature of another body":     {func(p *parts) { p.signature = tlv(3, []byte{0}, signature(t, other, p.body())) }, "does not verify"},
		"no signature":                  {func(p *parts) { p.signature = tlv(3, []byte{0}) }, "does not verify"},
		"unused bits":                   {func(p *parts) { p.signature = tlv(3, []byte{9, 1, 1}) }, "a signature that cannot be read"},
		"another issuer":                {func(p *parts) { p.issuer = []byte{0x30, 0} }, "its issuer has another name"},
		"issuer is a SET":               {func(p *parts) { p.issuer = []byte{0x31, 0} }, "tag 0x31 instead of 0x30"},
		"without thisUpdate":            {func(p *parts) { p.thisUpdate, p.nextUpdate = nil, nil }, "a date that cannot be read"},
		"without seconds":               {func(p *parts) { p.thisUpdate = utc("2601010000Z") }, "a date that cannot be read"},
		"with an offset":                {func(p *parts) { p.nextUpdate = utc("260101000000+0100") }, "a date that cannot be read"},
		"30 February":                   {func(p *parts) { p.nextUpdate = utc("260230000000Z") }, "a date that cannot be read"},
		"25 o'clock":                    {func(p *parts) { p.nextUpdate = utc("260101250000Z") }, "a date that cannot be read"},
		"no digits":                     {func(p *parts) { p.nextUpdate = utc("2601010000x0Z") }, "a date that cannot be read"},
		"no Z":                          {func(p *parts) { p.nextUpdate = utc("260101000000z") }, "a date that cannot be read"},
		"with a fraction":               {func(p *parts) { p.nextUpdate = tlv(0x18, []byte("20260101000000.5Z")) }, "a date that cannot be read"},
		"a third date":                  {func(p *parts) { p.entries = utc("460101000000Z") }, "an element that does not belong there"},
		"entries in a SET":              {func(p *parts) { p.entries = tlv(0x31) }, "an element that does not belong there"},
		"after the extensions":          {func(p *parts) { p.extensions = append(p.extensions, 5, 0) }, "an element that does not belong there"},
		"indefinite length":             {func(p *parts) { p.entries = []byte{0x30, 0x80, 0, 0} }, "an indefinite length"},
		"length of five bytes":          {func(p *parts) { p.entries = []byte{0x30, 0x85, 0, 0, 0, 0, 0} }, "above 4 GB"},
		"length with a zero":            {func(p *parts) { p.entries = []byte{0x30, 0x82, 0, 0x80} }, "more bytes than it needs"},
		"length of two bytes for one":   {func(p *parts) { p.entries = []byte{0x30, 0x81, 0} }, "more bytes than it needs"},
		"entries beyond the body":       {func(p *parts) { p.entries = []byte{0x30, 0x7f} }, "longer than the one around it"},
		"an entry beyond the entries":   {func(p *parts) { p.entries = tlv(0x30, []byte{0x30, 9, 2, 1, 1}) }, "longer than the one around it"},
		"an entry of 40 kB":             {func(p *parts) { p.entries = tlv(0x30, tlv(0x30, make([]byte, 40000))) }, "at most 32768 are read"},
		"an entry that is a SET":        {func(p *parts) { p.entries = tlv(0x30, tlv(0x31, []byte{2, 1, 5})) }, "tag 0x31 instead of 0x30"},
		"an empty entry":                {func(p *parts) { p.entries = tlv(0x30, tlv(0x30)) }, "without a serial number"},
		"an empty serial number":        {func(p *parts) { p.entries = serials(nil) }, "without a serial number"},
		"a serial number with 00":       {func(p *parts) { p.entries = serials([]byte{0, 5}) }, "without a serial number"},
		"a serial number with ff":       {func(p *parts) { p.entries = serials([]byte{0xff, 0x80}) }, "without a serial number"},
		"a serial number of 65 bytes":   {func(p *parts) { p.entries = serials(long) }, "too long"},
		"an entry without a date":       {func(p *parts) { p.entries = tlv(0x30, tlv(0x30, []byte{2, 1, 5})) }, "without a date"},
		"an entry with more":            {func(p *parts) { p.entries = tlv(0x30, tlv(0x30, []byte{2, 1, 5}, utc("251231235959Z"), []byte{5, 0})) }, "extensions cannot be read"},
		"a reason that is no number":    {func(p *parts) { p.entries = entryOf(extension([]byte{0x55, 29, 21}, false, []byte{5, 0})) }, "a reason that cannot be read"},
		"removeFromCRL":                 {func(p *parts) { p.entries = entryOf(reasonIs(8)) }, "removeFromCRL"},
		"an entry of another CA":        {func(p *parts) { p.entries = entryOf(extension([]byte{0x55, 29, 29}, true, tlv(0x30))) }, "indirect CRLs"},
		"an entry with a critical one":  {func(p *parts) { p.entries = entryOf(extension([]byte{0x55, 29, 99}, true, nil)) }, "a critical extension of an entry"},
		"a BOOLEAN of 2":                {func(p *parts) { p.entries = entryOf(tlv(0x30, tlv(6, []byte{9}), []byte{1, 1, 2}, tlv(4))) }, "extensions cannot be read"},
		"an unknown critical extension": {func(p *parts) { p.extensions = tlv(0xa0, tlv(0x30, extension([]byte{0x55, 29, 99}, true, nil))) }, "a critical extension"},
		"the same extension twice": {func(p *parts) {
			p.extensions = tlv(0xa0, tlv(0x30, extension([]byte{0x55, 29, 20}, false, []byte{2, 1, 9}), extension([]byte{0x55, 29, 20}, false, []byte{2, 1, 9})))
		}, "extensions of the CRL cannot be read"},
		"a delta CRL": {func(p *parts) {
			p.extensions = tlv(0xa0, tlv(0x30, extension([]byte{0x55, 29, 27}, true, []byte{2, 1, 1})))
		}, "delta CRL"},
		"a number that is none": {func(p *parts) {
			p.extensions = tlv(0xa0, tlv(0x30, extension([]byte{0x55, 29, 20}, false, []byte{4, 0})))
		}, "number of the CRL"},
		"another key": {func(p *parts) {
			p.extensions = tlv(0xa0, tlv(0x30, extension([]byte{0x55, 29, 35}, false, tlv(0x30, tlv(0x80, []byte{1, 2, 3})))))
		}, "authority key identifier"},
		"an indirect CRL":                 {func(p *parts) { p.extensions = scopeOf(name, []byte{0x84, 1, 0xff}) }, "indirect CRL"},
		"attribute certificates":          {func(p *parts) { p.extensions = scopeOf([]byte{0x85, 1, 0xff}) }, "attribute certificates"},
		"users and CAs":                   {func(p *parts) { p.extensions = scopeOf([]byte{0x81, 1, 0xff}, []byte{0x82, 1, 0xff}) }, "issuing distribution point"},
		"an unknown field":                {func(p *parts) { p.extensions = scopeOf([]byte{0x87, 1, 0xff}) }, "issuing distribution point"},
		"an unknown form of name":         {func(p *parts) { p.extensions = scopeOf(tlv(0xa0, tlv(0xa2))) }, "issuing distribution point"},
		"bytes after the list":            {func(p *parts) { p.after = []byte{'\n'} }, "bytes after the list"},
		"many bytes after the list":       {func(p *parts) { p.after = make([]byte, 1<<20) }, "bytes after the list"},
		"an element after the signature":  {func(p *parts) { p.signature = append(tlv(3, []byte{0, 1}), 5, 0) }, "an element that does not belong there"},
		"an extension of more than 32 kB": {func(p *parts) { p.extensions = tlv(0xa0, make([]byte, 33<<10)) }, "at most 32768 are read"},
	} {
		p := newParts(ca)
		test.change(p)
		list, err := crl.Read(bytes.NewReader(p.sign(t, ca.Key)), ca.Certificate)
		if invalid := new(crl.Invalid); !errors.As(err, invalid) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %q", what, err, test.want)
		}
		if list != nil {
			t.Errorf("%s: a list", what)
		}
	}
}

// rsaWith is the identifier of an algorithm of PKCS #1.
func rsaWith(number byte) []byte {
	return tlv(0x30, tlv(6, []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, number}), []byte{5, 0})
}

func signature(t testing.TB, ca *tlstest.CA, body []byte) []byte {
	t.Helper()
	signed, err := crypto.SignMessage(ca.Key, rand.Reader, body, crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// What is unusual and right.
func TestUnusual(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	for what, change := range map[string]func(*parts){
		"version 1":                   func(p *parts) { p.version, p.extensions = nil, nil },
		"no entries":                  func(p *parts) { p.entries = nil },
		"an empty list of entries":    func(p *parts) { p.entries = tlv(0x30) },
		"no extensions":               func(p *parts) { p.extensions = nil },
		"no nextUpdate":               func(p *parts) { p.nextUpdate = nil },
		"GeneralizedTime":             func(p *parts) { p.nextUpdate = tlv(0x18, []byte("20510101000000Z")) },
		"the last century":            func(p *parts) { p.thisUpdate = utc("991231235959Z") },
		"a negative serial number":    func(p *parts) { p.entries = serials([]byte{0xfb}) },
		"a serial number of 64 bytes": func(p *parts) { p.entries = serials(bytes.Repeat([]byte{1}, 64)) },
		"an invalidity date":          func(p *parts) { p.entries = entryOf(extension([]byte{0x55, 29, 24}, true, nil)) },
		"an unknown extension":        func(p *parts) { p.entries = entryOf(extension([]byte{0x55, 29, 99}, false, nil)) },
		"an unknown reason":           func(p *parts) { p.entries = entryOf(reasonIs(77)) },
		"an unknown extension of all": func(p *parts) { p.extensions = tlv(0xa0, tlv(0x30, extension([]byte{0x55, 29, 99}, false, nil))) },
		"the authority key by its issuer": func(p *parts) {
			p.extensions = tlv(0xa0, tlv(0x30, extension([]byte{0x55, 29, 35}, false, tlv(0x30, tlv(0x82, []byte{1})))))
		},
	} {
		p := newParts(ca)
		change(p)
		if _, err := crl.Read(bytes.NewReader(p.sign(t, ca.Key)), ca.Certificate); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	p := newParts(ca)
	p.entries = serials([]byte{0xfb})
	list, err := crl.Read(bytes.NewReader(p.sign(t, ca.Key)), ca.Certificate)
	if err != nil || !list.Contains(big.NewInt(-5)) || list.Contains(big.NewInt(0xfb)) {
		t.Errorf("negative serial number: %v", err)
	}
}

// All kinds of keys and algorithms of CAs.
func TestSignatures(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	curve := func(c elliptic.Curve) crypto.Signer {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		return labtest.MustKey(t, key, err)
	}
	for algorithm, key := range map[x509.SignatureAlgorithm]crypto.Signer{
		x509.SHA256WithRSA: rsaKey, x509.SHA384WithRSA: rsaKey, x509.SHA512WithRSA: rsaKey,
		x509.SHA256WithRSAPSS: rsaKey, x509.SHA384WithRSAPSS: rsaKey, x509.SHA512WithRSAPSS: rsaKey,
		x509.ECDSAWithSHA256: curve(elliptic.P256()), x509.ECDSAWithSHA384: curve(elliptic.P384()), x509.ECDSAWithSHA512: curve(elliptic.P521()),
		x509.PureEd25519: edKey,
	} {
		ca := newCA(t)
		issuer, err := ca.Issue(ca.Certificate, key)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.RevocationList{
			SignatureAlgorithm: algorithm, Number: big.NewInt(1), ThisUpdate: labtest.Now, NextUpdate: labtest.Now.Add(labtest.Day),
			RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: big.NewInt(5), RevocationTime: labtest.Now}},
		}
		der, err := x509.CreateRevocationList(rand.Reader, template, issuer, key)
		if err != nil {
			t.Fatalf("%v: %v", algorithm, err)
		}
		list, err := crl.Read(bytes.NewReader(der), issuer)
		if err != nil || !list.Contains(big.NewInt(5)) {
			t.Errorf("%v: %v", algorithm, err)
		}
		der[len(der)-1] ^= 1
		if _, err := crl.Read(bytes.NewReader(der), issuer); err == nil || !strings.Contains(err.Error(), "does not verify") {
			t.Errorf("%v: a wrong signature: %v", algorithm, err)
		}
	}
}

// A certificate of a CA that may not sign lists.
func TestKeyUsage(t *testing.T) {
	t.Parallel()
	for usage, want := range map[x509.KeyUsage]bool{
		0: true, x509.KeyUsageCertSign | x509.KeyUsageCRLSign: true, x509.KeyUsageCertSign: false,
	} {
		ca := newCA(t, func(c *x509.Certificate) { c.KeyUsage = usage })
		_, err := crl.Read(bytes.NewReader(newParts(ca).sign(t, ca.Key)), ca.Certificate)
		if (err == nil) != want || err != nil && !strings.Contains(err.Error(), "cRLSign") {
			t.Errorf("usage %b: %v", usage, err)
		}
	}
}

// A signature by RSA-PSS without parameters is one with SHA-1.
func TestPSSWithSHA1(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ca := newCA(t)
	issuer, err := ca.Issue(ca.Certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	p := newParts(ca)
	p.algorithm = rsaWith(10)
	p.algorithm = append(p.algorithm[:len(p.algorithm)-2], 0x30, 0) // empty parameters
	body := p.body()
	digest := sha1.Sum(body)
	signed, err := rsa.SignPSS(rand.Reader, key, crypto.SHA1, digest[:], &rsa.PSSOptions{SaltLength: 20})
	if err != nil {
		t.Fatal(err)
	}
	p.signature = tlv(3, []byte{0}, signed)
	if _, err := crl.Read(bytes.NewReader(p.sign(t, ca.Key)), issuer); err == nil || !strings.Contains(err.Error(), "its hash is broken") {
		t.Error(err)
	}
}

// Ed25519 needs the whole list in memory, which is bounded.
func TestLargeEd25519(t *testing.T) {
	t.Parallel()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := newCA(t)
	issuer, err := ca.Issue(ca.Certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	large := tlv(0x30, []byte{2, 1, 5}, utc("251231235959Z"), tlv(0x30, extension([]byte{0x55, 29, 99}, false, make([]byte, 32<<10-100))))
	for entries, want := range map[int]string{120: "", 130: "too large for its signature algorithm"} {
		p := newParts(ca)
		p.algorithm = edDSA
		p.entries = tlv(0x30, bytes.Repeat(large, entries))
		_, err := crl.Read(bytes.NewReader(p.sign(t, key)), issuer)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%d entries: %v", entries, err)
		}
	}
}

// An error of the connection is not one of the list.
func TestReaderFails(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	der := newParts(ca).sign(t, ca.Key)
	broken := errors.New("the connection broke")
	for n := range len(der) + 1 {
		_, err := crl.Read(io.MultiReader(bytes.NewReader(der[:n]), iotest.ErrReader(broken)), ca.Certificate)
		if !errors.Is(err, broken) {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
	for n := range der {
		if _, err := crl.Read(bytes.NewReader(der[:n]), ca.Certificate); err == nil || !strings.Contains(err.Error(), "ends after") {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
}

// Every changed byte makes a list invalid.
func TestEveryByte(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	der := newParts(ca).sign(t, ca.Key)
	for n := range der {
		changed := bytes.Clone(der)
		changed[n] ^= 1 << (n % 8)
		if _, err := crl.Read(bytes.NewReader(changed), ca.Certificate); err == nil {
			t.Errorf("a bit of byte %d of %d", n, len(der))
		}
	}
}

// ReadFor knows one serial number alone, with its date.
func TestReadFor(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	der := newParts(ca).sign(t, ca.Key)
	for serial, want := range map[int64]bool{5: true, 6: false, 7: false} {
		list, err := crl.ReadFor(bytes.NewReader(der), ca.Certificate, big.NewInt(5))
		if err != nil || list.Entries != 2 || list.Contains(big.NewInt(serial)) != want {
			t.Errorf("%d: %+v, %v", serial, list, err)
		}
	}
	if _, err := crl.ReadFor(bytes.NewReader(der), ca.Certificate, nil); err == nil {
		t.Error("no serial number, and no error")
	}
}
