package handshake

import (
	"crypto/tls"
	"crypto/x509"
	"testing"
)

// The key of a certificate signs, decrypts, or agrees on a secret: each by another bit of
// the key usage.
func TestLeafUsage(t *testing.T) {
	for _, test := range []struct {
		version, suite uint16
		want           x509.KeyUsage
	}{
		{tls.VersionTLS13, tls.TLS_AES_128_GCM_SHA256, x509.KeyUsageDigitalSignature},
		{tls.VersionTLS12, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, x509.KeyUsageDigitalSignature},
		{tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, x509.KeyUsageDigitalSignature},
		{tls.VersionTLS12, 0x009e, x509.KeyUsageDigitalSignature}, // DHE_RSA
		{tls.VersionTLS10, tls.TLS_RSA_WITH_AES_128_CBC_SHA, x509.KeyUsageKeyEncipherment},
		{tls.VersionTLS12, 0xc031, x509.KeyUsageKeyAgreement}, // ECDH_RSA
		{tls.VersionTLS12, 0x0003, 0}, // RSA_EXPORT
		{tls.VersionTLS12, 0x0034, 0}, // DH_anon
		{tls.VersionTLS12, 0x4a4a, 0}, // GREASE
		{0x0002, 0, 0},                // SSL 2.0
	} {
		s := &Session{Version: test.version, CipherSuite: test.suite}
		if got := s.LeafUsage(); got != test.want {
			t.Errorf("%s, %s: key usage %d, want %d", s.VersionName(), s.CipherName(), got, test.want)
		}
	}
}
