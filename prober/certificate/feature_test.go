package certificate

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"
	"time"
)

func TestMustStaple(t *testing.T) {
	for _, test := range []struct {
		name  string
		value []byte
		want  bool
	}{
		{"status_request", []byte{0x30, 3, 2, 1, 5}, true},
		{"status_request_v2", []byte{0x30, 3, 2, 1, 17}, true},
		{"another feature, and status_request", []byte{0x30, 6, 2, 1, 16, 2, 1, 5}, true},
		{"another feature", []byte{0x30, 3, 2, 1, 16}, false},
		{"none", []byte{0x30, 0}, false},
		{"no list", []byte{2, 1, 5}, false},
		{"cut off", []byte{0x30, 3, 2, 1}, false},
		{"nothing", nil, false},
	} {
		extensions := []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Value: []byte{0x30, 3, 2, 1, 5}}, {Id: tlsFeature, Value: test.value}}
		for _, der := range [][]byte{signed(t, extensions), append(signed(t, extensions), 0)} { // the second is read tolerantly
			if got := ParseChain([][]byte{der}, nil)[0]; got.MustStaple != test.want {
				t.Errorf("%s: %v, %v", test.name, got.MustStaple, got.Err)
			}
		}
	}
	if got := ParseChain([][]byte{signed(t, nil)}, nil)[0]; got.MustStaple {
		t.Error("a certificate without the extension demands a staple")
	}
}

func TestFirst48(t *testing.T) {
	for _, test := range []struct {
		digits string
		want   float64
		known  bool
	}{
		{strings.Repeat("f", 64), 1<<48 - 1, true},
		{"0000000000012" + strings.Repeat("f", 51), 1, true},
		{"0123456789ab", 0x0123456789ab, true},
		{"0123456789a", 0, false},
		{"", 0, false},
		{"0123456789AB", 0, false},
		{"0123456789ag", 0, false},
	} {
		if got, known := first48(test.digits); got != test.want || known != test.known {
			t.Errorf("%q is %v, %v; want %v, %v", test.digits, got, known, test.want, test.known)
		}
	}
}

// featureKey signs them.
var featureKey = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

// signed is a certificate with extensions.
func signed(t *testing.T, extensions []pkix.Extension) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(7), NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour), ExtraExtensions: extensions}
	der, err := x509.CreateCertificate(nil, template, template, featureKey.Public(), featureKey)
	if err != nil {
		t.Fatal(err)
	}
	return der
}
