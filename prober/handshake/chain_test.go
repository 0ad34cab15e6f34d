package handshake_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"net/url"
	"slices"
	"testing"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// TestChainOfRejectedHandshake checks that the certificates are read whatever crypto/tls
// thinks of them: in each version, and also after a HelloRetryRequest. The TLS 1.3 client
// completes the handshake with a certificate that crypto/x509 cannot parse.
func TestChainOfRejectedHandshake(t *testing.T) {
	lab := labtest.Lab(t)
	withURI := func(c *x509.Certificate) { c.URIs = []*url.URL{{Scheme: "http", Host: "uri.test"}} }
	breakURI := func(chain [][]byte) [][]byte {
		return append([][]byte{bytes.Replace(chain[0], []byte("uri.test"), []byte("[ri.test"), 1)}, chain[1:]...)
	}
	flood := func(c *x509.Certificate) {
		names := slices.Repeat([]byte{0x86, 0}, 20_000)
		value, err := asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: names})
		if err != nil {
			t.Fatal(err)
		}
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: value}}
	}
	for _, version := range []struct {
		name   string
		config func(*tls.Config)
		own    bool // the TLS 1.3 client performs the handshake
	}{
		{"TLS 1.2", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, false},
		{"TLS 1.3", func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }, true},
		{"TLS 1.3 after a HelloRetryRequest", func(c *tls.Config) {
			c.MinVersion, c.CurvePreferences = tls.VersionTLS13, []tls.CurveID{tls.CurveP521}
		}, false},
	} {
		for _, test := range []struct {
			name   string
			server tlstest.Server
			reason failure.Reason
			costly bool
		}{
			{"broken URI", tlstest.Server{Leaf: withURI, RawChain: breakURI}, failure.ReasonBadCertificate, false},
			{"20,000 URIs", tlstest.Server{Leaf: flood}, failure.ReasonTooLarge, true},
		} {
			for _, which := range []handshake.TLSClient{handshake.Auto, handshake.CryptoTLS} {
				t.Run(version.name+"/"+test.name+"/"+string(which), func(t *testing.T) {
					server := test.server
					server.Config = version.config
					addr := labtest.Serve(t, lab, server)
					h := newClient(t, which).handshake(t, addr, 2)
					completed := version.own && which == handshake.Auto
					switch {
					case completed && h.Failure != nil:
						t.Errorf("failed: %v", h.Failure)
					case !completed && (h.Failure == nil || h.Failure.Reason != test.reason):
						t.Errorf("failed: %v, want %s", h.Failure, test.reason)
					}
					if len(h.Certificates) != 2 {
						t.Fatalf("%d certificates", len(h.Certificates))
					}
					leaf := h.Certificates[0]
					if leaf.Err == nil || errors.Is(leaf.Err, certificate.ErrTooCostly) != test.costly || !leaf.Readable() || leaf.KeyBits != 256 {
						t.Errorf("the leaf is %+v: %v", leaf.Certificate, leaf.Err)
					}
				})
			}
		}
	}
}
