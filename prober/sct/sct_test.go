package sct_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"slices"
	"testing"
	"time"

	"tls_exporter/prober/sct"
	"tls_exporter/prober/tlstest"
)

// google is a certificate of www.google.com and its issuer, from the tests of crypto/x509.
func google(t testing.TB) (leaf, issuer *x509.Certificate) {
	t.Helper()
	content, err := os.ReadFile("testdata/google.pem")
	if err != nil {
		t.Fatal(err)
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		certs = append(certs, cert)
	}
	return certs[0], certs[1]
}

// The keys of the logs that signed it, from all_logs_list.json of crt.sh.
const (
	nimbus2023 = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEi/8tkhjLRp0SXrlZdTzNkTd6HqmcmXiDJz3fAdWLgOhjmv4mohvRhwXul9bgW0ODgRwC9UGAgH/vpGHPvIS1qA=="
	argon2023  = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE0JCPZFJOQqyEti5M8j13ALN3CAVHqkVM4yyOcKWCu2yye5yYeqDpEXYoALIgtM3TmHtNlifmt+4iatGwLpF3eA=="
)

func publicKey(t *testing.T, encoded string) crypto.PublicKey {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// The SCTs of a real certificate verify under the keys of the real logs, and under no other.
func TestRealCertificate(t *testing.T) {
	leaf, issuer := google(t)
	entry, err := sct.PrecertificateEntry(leaf.RawTBSCertificate, issuer.RawSubjectPublicKeyInfo)
	if err != nil {
		t.Fatal(err)
	}
	all, err := sct.InCertificate(leaf)
	if err != nil || len(all) != 2 {
		t.Fatalf("%d SCTs, %v", len(all), err)
	}
	for i, test := range []struct {
		key, other string
		time       string
	}{
		{nimbus2023, argon2023, "2023-01-02T09:19:20.101Z"},
		{argon2023, nimbus2023, "2023-01-02T09:19:20.052Z"},
	} {
		one := parse(t, all[i])
		if got := one.Timestamp.Format("2006-01-02T15:04:05.000Z07:00"); got != test.time || one.Index != -1 {
			t.Errorf("SCT %d is of %s, with the index %d", i, got, one.Index)
		}
		if err := one.Verify(publicKey(t, test.key), entry); err != nil {
			t.Errorf("SCT %d: %v", i, err)
		}
		if err := one.Verify(publicKey(t, test.other), entry); !errors.Is(err, sct.ErrSignature) {
			t.Errorf("SCT %d with the key of another log: %v", i, err)
		}
		if err := one.Verify(publicKey(t, test.key), sct.CertificateEntry(leaf.Raw)); !errors.Is(err, sct.ErrSignature) {
			t.Errorf("SCT %d for the whole certificate: %v", i, err)
		}
	}
}

func parse(t *testing.T, serialized []byte) *sct.SCT {
	t.Helper()
	one, err := sct.Parse(serialized)
	if err != nil {
		t.Fatal(err)
	}
	return one
}

// now is when the logs of the tests sign.
var now = time.Date(2026, 10, 1, 12, 0, 0, 123e6, time.UTC)

// logged issues a certificate with one SCT of a log inside, and changes its template.
func logged(t *testing.T, log *tlstest.CTLog, change ...func(*x509.Certificate)) (leaf *x509.Certificate, ca *tlstest.CA) {
	t.Helper()
	ca, err := tlstest.NewRoot("Root")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(77), NotBefore: now, NotAfter: now.AddDate(0, 0, 47), DNSNames: []string{"a.test"}}
	for _, c := range change {
		c(template)
	}
	leaf, err = ca.IssueLogged(template, key, func(tbs []byte) (pkix.Extension, error) {
		one, err := log.SignPrecertificate(ca.Certificate, tbs, now)
		return tlstest.SCTExtension(tlstest.SCTList(one), false), err
	})
	if err != nil {
		t.Fatal(err)
	}
	return leaf, ca
}

func newLog(t *testing.T) *tlstest.CTLog {
	t.Helper()
	log, err := tlstest.NewCTLog()
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// Every change to what a log signed is found, for both kinds of entries and of keys.
func TestVerify(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	index := uint64(1)<<40 - 2
	for _, log := range []*tlstest.CTLog{newLog(t), {Key: rsaKey}, {Key: newLog(t).Key, Index: &index}} {
		leaf, ca := logged(t, log)
		inside, err := sct.InCertificate(leaf)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := log.SignCertificate(leaf, now)
		if err != nil {
			t.Fatal(err)
		}
		precert := func(tbs, issuer []byte) sct.Entry {
			entry, err := sct.PrecertificateEntry(tbs, issuer)
			if err != nil {
				t.Fatal(err)
			}
			return entry
		}
		own := precert(leaf.RawTBSCertificate, ca.Certificate.RawSubjectPublicKeyInfo)
		flip := func(b []byte, at int) []byte {
			changed := bytes.Clone(b)
			changed[at] ^= 1
			return changed
		}
		for _, test := range []struct {
			name       string
			serialized []byte
			entry      sct.Entry
			want       error
		}{
			{"inside", inside[0], own, nil},
			{"outside", whole, sct.CertificateEntry(leaf.Raw), nil},
			{"inside, as if it were outside", inside[0], sct.CertificateEntry(leaf.Raw), sct.ErrSignature},
			{"outside, as if it were inside", whole, own, sct.ErrSignature},
			{"another serial number", inside[0], precert(flip(leaf.RawTBSCertificate, 11), ca.Certificate.RawSubjectPublicKeyInfo), sct.ErrSignature},
			{"another issuer", inside[0], precert(leaf.RawTBSCertificate, leaf.RawSubjectPublicKeyInfo), sct.ErrSignature},
			{"another certificate", whole, sct.CertificateEntry(ca.Certificate.Raw), sct.ErrSignature},
			{"another time", flip(inside[0], 40), own, sct.ErrSignature},
			{"another signature", flip(inside[0], len(inside[0])-1), own, sct.ErrSignature},
			{"another algorithm", flip(inside[0], 44+len(extensions(log))), own, sct.ErrAlgorithm},
		} {
			one, err := sct.Parse(test.serialized)
			if err != nil {
				t.Fatalf("%s: %v", test.name, err)
			}
			if err := one.Verify(log.Key.Public(), test.entry); !errors.Is(err, test.want) {
				t.Errorf("%s, %T: %v, want %v", test.name, log.Key, err, test.want)
			}
		}
		one := parse(t, inside[0])
		if want := int64(-1); log.Index == nil && one.Index != want || log.Index != nil && one.Index != int64(index) {
			t.Errorf("the index is %d", one.Index)
		}
		if !one.Timestamp.Equal(now) {
			t.Errorf("the time is %s, want %s", one.Timestamp, now)
		}
	}
}

// extensions are those of an SCT of the log, without their length.
func extensions(log *tlstest.CTLog) []byte {
	if log.Index == nil {
		return nil
	}
	return make([]byte, 8)
}

// The list is taken out of a certificate wherever it is, and if it is the only extension.
func TestPrecertificateEntry(t *testing.T) {
	log := newLog(t)
	poisonless := func(c *x509.Certificate) { c.DNSNames, c.SubjectKeyId = nil, []byte{} }
	for name, change := range map[string]func(*x509.Certificate){
		"among others":       func(*x509.Certificate) {},
		"the only one":       poisonless,
		"with a long header": func(c *x509.Certificate) { c.DNSNames = slices.Repeat([]string{"long.names.test"}, 40) },
	} {
		leaf, ca := logged(t, log, change)
		entry, err := sct.PrecertificateEntry(leaf.RawTBSCertificate, ca.Certificate.RawSubjectPublicKeyInfo)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		inside, err := sct.InCertificate(leaf)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := parse(t, inside[0]).Verify(log.Key.Public(), entry); err != nil {
			t.Errorf("%s (%d extensions): %v", name, len(leaf.Extensions), err)
		}
	}
}

// The SCTs in an OCSP response are those of the certificate.
func TestInOCSP(t *testing.T) {
	log := newLog(t)
	leaf, ca := logged(t, log)
	one, err := log.SignCertificate(leaf, now)
	if err != nil {
		t.Fatal(err)
	}
	with := []pkix.Extension{tlstest.SCTExtension(tlstest.SCTList(one), true)}
	for _, test := range []struct {
		name string
		tlstest.OCSP
		want int
	}{
		{"with an SCT", tlstest.OCSP{Extensions: with}, 1},
		{"without", tlstest.OCSP{}, 0},
		{"of another certificate", tlstest.OCSP{Serial: big.NewInt(78), Extensions: with}, 0},
		{"after that of another certificate", tlstest.OCSP{Before: []tlstest.OCSP{{Serial: big.NewInt(78)}}, Extensions: with}, 1},
		{"revoked", tlstest.OCSP{Status: tlstest.OCSPRevoked, Extensions: with}, 1},
		{"unknown, by name, without an end", tlstest.OCSP{Status: tlstest.OCSPUnknown, ByName: true, NoNextUpdate: true, Extensions: with}, 1},
		{"the extension of certificates", tlstest.OCSP{Extensions: []pkix.Extension{tlstest.SCTExtension(tlstest.SCTList(one), false)}}, 0},
	} {
		response, err := ca.RespondOCSP(leaf, test.OCSP)
		if err != nil {
			t.Fatal(err)
		}
		all, err := sct.InOCSP(response, leaf.SerialNumber)
		if err != nil || len(all) != test.want {
			t.Errorf("%s: %d SCTs, %v", test.name, len(all), err)
		}
		for _, got := range all {
			if err := parse(t, got).Verify(log.Key.Public(), sct.CertificateEntry(leaf.Raw)); err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
		}
	}
	if all, err := sct.InOCSP(tlstest.OCSPError(3), leaf.SerialNumber); err != nil || all != nil {
		t.Errorf("tryLater has %d SCTs, %v", len(all), err)
	}
	for _, broken := range [][]byte{nil, []byte("<html>"), {0x30, 3, 0x0a, 1, 0}} {
		if _, err := sct.InOCSP(broken, leaf.SerialNumber); !errors.Is(err, sct.ErrMalformed) {
			t.Errorf("%q: %v", broken, err)
		}
	}
}
