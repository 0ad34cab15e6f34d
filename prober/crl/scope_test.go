package crl_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/crl"
	"tls_exporter/prober/tlstest"
)

const (
	here  = "http://ca.test/1.crl"
	there = "http://ca.test/2.crl"
)

func uri(url string) []byte { return tlv(0x86, []byte(url)) }

// nameOf is a DistributionPointName with a fullName.
func nameOf(names ...[]byte) []byte { return tlv(0xa0, tlv(0xa0, names...)) }

// pointsOf are the extensions of a certificate with distribution points.
func pointsOf(points ...[]byte) []pkix.Extension {
	return []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 31}, Value: tlv(0x30, points...)}}
}

// certificate is one of ca with serial number 7, which is not in the list of newParts, and
// with one distribution point.
func certificate(ca *tlstest.CA) *x509.Certificate {
	return &x509.Certificate{SerialNumber: big.NewInt(7), RawIssuer: ca.Certificate.RawSubject, Extensions: pointsOf(tlv(0x30, nameOf(uri(here))))}
}

// A certificate that is not in the list is good only if it would have to be there.
func TestScope(t *testing.T) {
	t.Parallel()
	ca, other := newCA(t), newCA(t)
	directory := tlv(0xa4, ca.Certificate.RawSubject)
	for what, test := range map[string]struct {
		scope  []byte // extensions of the list; nil: those of newParts
		change func(*x509.Certificate)
		want   certstatus.Status
		detail string
	}{
		"a list of all certificates": {nil, nil, certstatus.Good, ""},
		"its shard":                  {scopeOf(nameOf(uri(here))), nil, certstatus.Good, ""},
		"its shard, by another name": {scopeOf(nameOf(directory, uri(there))), func(c *x509.Certificate) {
			c.Extensions = pointsOf(tlv(0x30, nameOf(uri(here), directory)))
		}, certstatus.Good, ""},
		"its shard, by the second point": {scopeOf(nameOf(uri(there))), func(c *x509.Certificate) {
			c.Extensions = pointsOf(tlv(0x30, nameOf(uri(here))), tlv(0x30, nameOf(uri(here), uri(there))))
		}, certstatus.Good, ""},
		"another shard": {scopeOf(nameOf(uri(there))), nil, certstatus.Invalid, "another distribution point"},
		"another shard, which another point names": {scopeOf(nameOf(uri(there))), func(c *x509.Certificate) {
			c.Extensions = pointsOf(tlv(0x30, nameOf(uri(here))), tlv(0x30, nameOf(uri(there))))
		}, certstatus.Invalid, "another distribution point"},
		"a URL that only begins like it": {scopeOf(nameOf(uri(here + "/"))), nil, certstatus.Invalid, "another distribution point"},
		"a name relative to the CA":      {scopeOf(tlv(0xa0, tlv(0xa1))), nil, certstatus.Invalid, "another distribution point"},
		"no names":                       {scopeOf(nameOf()), nil, certstatus.Invalid, "another distribution point"},

		"users alone, a user": {scopeOf([]byte{0x81, 1, 0xff}), nil, certstatus.Good, ""},
		"users alone, a CA":   {scopeOf([]byte{0x81, 1, 0xff}), func(c *x509.Certificate) { c.IsCA = true }, certstatus.Invalid, "not about certificates of CAs"},
		"CAs alone, a CA":     {scopeOf([]byte{0x82, 1, 0xff}), func(c *x509.Certificate) { c.IsCA = true }, certstatus.Good, ""},
		"CAs alone, a user":   {scopeOf([]byte{0x82, 1, 0xff}), nil, certstatus.Invalid, "only about certificates of CAs"},
		"users: false":        {scopeOf([]byte{0x81, 1, 0}), func(c *x509.Certificate) { c.IsCA = true }, certstatus.Good, ""},

		"some reasons": {scopeOf([]byte{0x83, 2, 6, 0x40}), nil, certstatus.Unknown, "some reasons"},
		"some reasons of the certificate": {nil, func(c *x509.Certificate) {
			c.Extensions = pointsOf(tlv(0x30, nameOf(uri(here)), []byte{0x81, 2, 6, 0x40}))
		}, certstatus.Unknown, "some reasons"},
		"some reasons, listed": {scopeOf([]byte{0x83, 2, 6, 0x40}), func(c *x509.Certificate) { c.SerialNumber = big.NewInt(5) }, certstatus.Revoked, "unspecified"},

		"a list of another issuer": {nil, func(c *x509.Certificate) {
			c.Extensions = pointsOf(tlv(0x30, nameOf(uri(here)), tlv(0xa2, directory)))
		}, certstatus.Invalid, "indirect CRLs"},
		"no distribution points":        {nil, func(c *x509.Certificate) { c.Extensions = nil }, certstatus.Invalid, "does not refer to this CRL"},
		"another distribution point":    {nil, func(c *x509.Certificate) { c.Extensions = pointsOf(tlv(0x30, nameOf(uri(there)))) }, certstatus.Invalid, "does not refer to this CRL"},
		"a point without a name":        {nil, func(c *x509.Certificate) { c.Extensions = pointsOf(tlv(0x30)) }, certstatus.Invalid, "does not refer to this CRL"},
		"points that cannot be read":    {nil, func(c *x509.Certificate) { c.Extensions = pointsOf([]byte{5, 0}) }, certstatus.Invalid, "cannot be read"},
		"points that end early":         {nil, func(c *x509.Certificate) { c.Extensions[0].Value = []byte{0x30, 9} }, certstatus.Invalid, "cannot be read"},
		"a certificate of another name": {nil, func(c *x509.Certificate) { c.RawIssuer = []byte{0x30, 0} }, certstatus.Invalid, "of another CA"},
		"no serial number":              {nil, func(c *x509.Certificate) { c.SerialNumber = nil }, certstatus.Invalid, "no serial number"},
		"revoked":                       {nil, func(c *x509.Certificate) { c.SerialNumber = big.NewInt(5) }, certstatus.Revoked, "2025-12-31 23:59:59 UTC (unspecified)"},
		"on hold":                       {nil, func(c *x509.Certificate) { c.SerialNumber = big.NewInt(6) }, certstatus.Revoked, "(certificateHold)"},
	} {
		p := newParts(ca)
		if test.scope != nil {
			p.extensions = test.scope
		}
		list, err := crl.Read(bytes.NewReader(p.sign(t, ca.Key)), ca.Certificate)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		cert := certificate(ca)
		if test.change != nil {
			test.change(cert)
		}
		got := list.Judge(cert, ca.Certificate, here, list.ThisUpdate)
		if got.Source != certstatus.CRL || got.Status != test.want || !strings.Contains(got.Detail, test.detail) || (got.Detail == "") != (got.Status == certstatus.Good) {
			t.Errorf("%s: %s, %q; want %s, %q", what, got.Status, got.Detail, test.want, test.detail)
		}
		for _, issuer := range []*x509.Certificate{nil, other.Certificate} {
			if got := list.Judge(cert, issuer, here, list.ThisUpdate); got.Status != certstatus.Invalid {
				t.Errorf("%s: %s, for another issuer", what, got.Status)
			}
		}
	}
}

// What a list says over time about a certificate that is not in it, one that is, and one on
// hold.
func TestTime(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	list, err := crl.Read(bytes.NewReader(newParts(ca).sign(t, ca.Key)), ca.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		what               string
		now                time.Time
		good, hold, listed certstatus.Status
	}{
		{"before", list.ThisUpdate.Add(-5*time.Minute - time.Second), certstatus.Invalid, certstatus.Invalid, certstatus.Revoked},
		{"a clock that is slow", list.ThisUpdate.Add(-5 * time.Minute), certstatus.Good, certstatus.Revoked, certstatus.Revoked},
		{"at its end", list.NextUpdate, certstatus.Good, certstatus.Revoked, certstatus.Revoked},
		{"after it", list.NextUpdate.Add(time.Second), certstatus.Expired, certstatus.Expired, certstatus.Revoked},
	} {
		for serial, want := range map[int64]certstatus.Status{7: test.good, 6: test.hold, 5: test.listed} {
			cert := certificate(ca)
			cert.SerialNumber = big.NewInt(serial)
			got := list.Judge(cert, ca.Certificate, here, test.now)
			if got.Status != want || got.ThisUpdate != list.ThisUpdate || got.NextUpdate != list.NextUpdate {
				t.Errorf("%s: certificate %d: %+v; want %s", test.what, serial, got, want)
			}
		}
	}
}

// A list that ends before it begins is never current.
func TestEndsBeforeItBegins(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	p := newParts(ca)
	p.nextUpdate = utc("251231000000Z")
	list, err := crl.Read(bytes.NewReader(p.sign(t, ca.Key)), ca.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	for _, now := range []time.Time{list.ThisUpdate, list.NextUpdate} {
		if got := list.Judge(certificate(ca), ca.Certificate, here, now); got.Status != certstatus.Invalid {
			t.Errorf("%+v", got)
		}
	}
}
