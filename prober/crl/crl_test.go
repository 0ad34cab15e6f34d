package crl_test

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"testing"
	"testing/iotest"
	"time"

	"tls_exporter/prober/crl"
	"tls_exporter/prober/tlstest"
)

func newCA(t testing.TB, change ...func(*x509.Certificate)) *tlstest.CA {
	t.Helper()
	ca, err := tlstest.NewRoot("CRL Test", change...)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func sign(t testing.TB, ca *tlstest.CA, template *x509.RevocationList) []byte {
	t.Helper()
	if template.ThisUpdate.IsZero() {
		template.ThisUpdate, template.NextUpdate = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	if template.Number == nil {
		template.Number = big.NewInt(7)
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, ca.Certificate, ca.Key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// What comes one byte at a time is read as what comes at once.
func TestSlowReader(t *testing.T) {
	ca := newCA(t)
	template := new(x509.RevocationList)
	for i := range 10000 {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: big.NewInt(int64(i)), RevocationTime: time.Now().Add(-time.Hour), ReasonCode: i % 6,
		})
	}
	der := sign(t, ca, template)
	list, err := crl.Read(iotest.OneByteReader(bytes.NewReader(der)), ca.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	if list.Entries != 10000 {
		t.Errorf("%d entries", list.Entries)
	}
}
