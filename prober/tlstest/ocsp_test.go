package tlstest

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"

	"tls_exporter/prober/tlstest/internal/testclient"
)

// staples checks that the server staples a response about its leaf that the intermediate has
// signed. The statuses are those of golang.org/x/crypto/ocsp.
func staples(status int, expired bool) func(*testing.T, endpoint) {
	return func(t *testing.T, e endpoint) {
		der := testclient.Handshake(t, e.addr).State.OCSPResponse
		response, err := ocsp.ParseResponseForCert(der, presented(t, e)[0], e.lab.Intermediate.Certificate)
		if err != nil {
			t.Fatal(err)
		}
		if response.Status != status || response.NextUpdate.Before(time.Now()) != expired {
			t.Errorf("the status is %d, until %v", response.Status, response.NextUpdate)
		}
	}
}

func staplesNothing(t *testing.T, e endpoint) {
	if der := testclient.Handshake(t, e.addr).State.OCSPResponse; len(der) > 0 {
		t.Errorf("it staples %d bytes", len(der))
	}
}

// demandsStaple checks for the extension of RFC 7633.
func demandsStaple(wanted bool) func(*testing.T, endpoint) {
	return func(t *testing.T, e endpoint) {
		leaf := presented(t, e)[0]
		demands := false
		for _, extension := range leaf.Extensions {
			demands = demands || extension.Id.String() == "1.3.6.1.5.5.7.1.24" && slices.Equal(extension.Value, []byte{0x30, 3, 2, 1, 5})
		}
		if demands != wanted {
			t.Errorf("it demands a staple: %v", demands)
		}
	}
}

// Another implementation reads what the lab makes.
func TestRespondOCSP(t *testing.T) {
	lab := newLab(t)
	key, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := lab.Intermediate.Issue(leafTemplate(), key)
	if err != nil {
		t.Fatal(err)
	}
	delegate, err := lab.Intermediate.OCSPDelegate()
	if err != nil {
		t.Fatal(err)
	}
	long := time.Now().Add(-100 * day).Truncate(time.Second)
	for _, test := range []struct {
		name string
		OCSP
		status int
	}{
		{"good", OCSP{}, ocsp.Good},
		{"revoked", OCSP{Status: OCSPRevoked, RevokedAt: long, Reason: ocsp.Superseded}, ocsp.Revoked},
		{"unknown", OCSP{Status: OCSPUnknown}, ocsp.Unknown},
		{"by name", OCSP{ByName: true}, ocsp.Good},
		{"SHA-256", OCSP{Hash: crypto.SHA256}, ocsp.Good},
		{"without nextUpdate", OCSP{NoNextUpdate: true}, ocsp.Good},
		{"a delegate", OCSP{Signer: delegate}, ocsp.Good},
		{"after another one", OCSP{Before: []OCSP{{Serial: delegate.Certificate.SerialNumber, Status: OCSPRevoked}}}, ocsp.Good},
	} {
		t.Run(test.name, func(t *testing.T) {
			der, err := lab.Intermediate.RespondOCSP(leaf, test.OCSP)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ocsp.ParseResponseForCert(der, leaf, lab.Intermediate.Certificate)
			if err != nil || got.Status != test.status || got.NextUpdate.IsZero() != test.NoNextUpdate || (got.RawResponderName != nil) != test.ByName {
				t.Fatalf("%+v, %v", got, err)
			}
			if test.status == ocsp.Revoked && (!got.RevokedAt.Equal(long) || got.RevocationReason != ocsp.Superseded) {
				t.Errorf("revoked at %v for %d", got.RevokedAt, got.RevocationReason)
			}
			if test.Signer != nil && (got.Certificate == nil || !slices.Equal(got.Certificate.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning})) {
				t.Errorf("the signer is %+v", got.Certificate)
			}
		})
	}
	_, err = ocsp.ParseResponse(OCSPError(3), nil)
	if refused, ok := err.(ocsp.ResponseError); !ok || refused.Status != ocsp.TryLater {
		t.Errorf("tryLater is %v", err)
	}
}

// A server staples in TLS 1.2 as well.
func TestStapledTLS12(t *testing.T) {
	lab := newLab(t)
	server := Server{Staple: Stapled(OCSP{}), Config: func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }}
	staples(ocsp.Good, false)(t, endpoint{lab, start(t, lab, server)})
}
