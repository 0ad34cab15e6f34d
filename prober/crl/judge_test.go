package crl_test

import (
	"crypto/x509"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/crl"
	"tls_exporter/prober/tlstest/labtest"
	"tls_exporter/prober/tlstest/responder"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// public is a CA of the lab with its responder.
type public struct {
	*responder.Responder
	issuer *x509.Certificate
}

func newPublic(t testing.TB) *public {
	t.Helper()
	lab := labtest.Lab(t)
	r, err := responder.Start(lab, lab.Intermediate)
	if err != nil {
		t.Fatal(err)
	}
	return &public{r, lab.Intermediate.Certificate}
}

func (p *public) issue(t testing.TB, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{NotBefore: labtest.Now, NotAfter: labtest.Now.Add(labtest.Day)}
	change(template)
	cert, err := p.CA.Issue(template, p.CA.Key)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// ask downloads the CRL of a certificate, and judges the certificate by it.
func (p *public) ask(t testing.TB, cert *x509.Certificate) (certstatus.Answer, error) {
	t.Helper()
	url := cert.CRLDistributionPoints[0]
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	list, err := crl.Read(response.Body, p.issuer)
	if err != nil {
		return certstatus.Answer{Status: certstatus.Invalid, Detail: err.Error()}, err
	}
	return list.Judge(cert, p.issuer, url, time.Now()), nil
}

// What a CRL says about a certificate that the CA has revoked, and about one that it has not.
func TestStates(t *testing.T) {
	t.Parallel()
	p := newPublic(t)
	p.HugeEntries = 1000
	for _, test := range []struct {
		state         responder.State
		good, revoked certstatus.Status
		detail        string // part of the detail for the good one
	}{
		{responder.Good, certstatus.Good, certstatus.Revoked, ""},
		{responder.Shard, certstatus.Good, certstatus.Revoked, ""},
		{responder.Huge, certstatus.Good, certstatus.Good, ""}, // it does not have those of Revoke
		{responder.Expired, certstatus.Expired, certstatus.Revoked, "expired on"},
		{responder.Future, certstatus.Invalid, certstatus.Revoked, "in the future"},
		{responder.NoNextUpdate, certstatus.Invalid, certstatus.Revoked, "no nextUpdate"},
		{responder.SomeReasons, certstatus.Unknown, certstatus.Revoked, "for some reasons"},
		{responder.OtherShard, certstatus.Invalid, certstatus.Invalid, "another distribution point"},
		{responder.OnlyCAs, certstatus.Invalid, certstatus.Invalid, "only about certificates of CAs"},
		{responder.WrongSigner, certstatus.Invalid, certstatus.Invalid, "does not verify"},
		{responder.OtherIssuer, certstatus.Invalid, certstatus.Invalid, "another name"},
		{responder.Critical, certstatus.Invalid, certstatus.Invalid, "critical extension"},
		{responder.Delta, certstatus.Invalid, certstatus.Invalid, "delta CRL"},
		{responder.Indirect, certstatus.Invalid, certstatus.Invalid, "indirect CRL"},
		{responder.PEM, certstatus.Invalid, certstatus.Invalid, "PEM"},
		{responder.HTML, certstatus.Invalid, certstatus.Invalid, "HTML"},
		{responder.Truncated, certstatus.Invalid, certstatus.Invalid, "ends after"},
		{responder.Empty, certstatus.Invalid, certstatus.Invalid, "ends after 0 bytes"},
		{responder.Endless, certstatus.Invalid, certstatus.Invalid, "tag 0x00"},
	} {
		t.Run(string(test.state), func(t *testing.T) {
			good, err := p.ask(t, p.issue(t, p.Names("", string(test.state))))
			if good.Status != test.good || !strings.Contains(good.Detail, test.detail) || (good.Detail == "") != (good.Status == certstatus.Good) {
				t.Errorf("not revoked: %s, %q; want %s, %q", good.Status, good.Detail, test.good, test.detail)
			}
			if invalid := new(crl.Invalid); err != nil && !errors.As(err, invalid) {
				t.Errorf("%v is not Invalid", err)
			}
			revoked, _ := p.ask(t, p.issue(t, p.Revoked("", string(test.state))))
			if revoked.Status != test.revoked {
				t.Errorf("revoked: %s, %q; want %s", revoked.Status, revoked.Detail, test.revoked)
			}
			if revoked.Status == certstatus.Revoked && (revoked.RevocationReason.String() != "keyCompromise" || time.Since(revoked.RevokedAt).Round(time.Hour) != 10*labtest.Day) {
				t.Errorf("%+v", revoked)
			}
		})
	}
}
