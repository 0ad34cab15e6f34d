package handshake

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"time"

	"tls_exporter/prober/hello"
)

// Session is what client and server negotiated. Fields of later messages are zero if the
// handshake failed before them.
type Session struct {
	Completed                  bool           // both sides sent Finished, and the server did not reject the client after it
	Version                    uint16         // as on the wire
	CipherSuite                uint16         // number of the TLS Cipher Suites registry; 0: none (SSL 2.0)
	Group                      tls.CurveID    // 0: none, as with RSA key exchange
	ALPN                       string         // printable
	Remote                     netip.AddrPort // the address of the server; invalid: not known
	ServerName                 string         // sent as SNI; empty for an IP address
	HelloRetryRequest          bool
	ClientCertificateRequested bool
	WithoutCertificate         Acceptance    // of clients that have no certificate
	Duration                   time.Duration // of the phases server_hello and key_exchange
}

// Acceptance is whether a server accepts some kind of clients.
type Acceptance uint8

// The kinds of acceptance. It is not known if the handshake failed for another reason,
// for example.
const (
	NotKnown Acceptance = iota
	Accepted
	Refused
)

// GroupName returns the name of the group in the TLS Supported Groups registry; empty:
// the key exchange had none.
func (s *Session) GroupName() string {
	if s.Group == 0 {
		return ""
	}
	return hello.Group(s.Group).String()
}

// PostQuantum reports whether the key exchange resists attacks by quantum computers.
func (s *Session) PostQuantum() bool { return hello.Group(s.Group).PostQuantum() }

// VersionName returns the version as in TLS 1.3.
func (s *Session) VersionName() string { return hello.Version(s.Version).String() }

// VersionNumber returns the version of TLS as a number that can be compared, 1.0 to 1.3;
// false: it is a version of SSL, or unknown.
func (s *Session) VersionNumber() (float64, bool) {
	switch s.Version {
	case tls.VersionTLS10:
		return 1.0, true
	case tls.VersionTLS11:
		return 1.1, true
	case tls.VersionTLS12:
		return 1.2, true
	case tls.VersionTLS13:
		return 1.3, true
	}
	return 0, false
}

// CipherName returns the name of the cipher suite in the TLS Cipher Suites registry;
// empty: none was negotiated.
func (s *Session) CipherName() string {
	if s.CipherSuite == 0 {
		return ""
	}
	return hello.CipherSuite(s.CipherSuite).String()
}

// LeafUsage returns the bit of the key usage that the key exchange needs of the server's
// certificate: in TLS 1.3 that for its signature (RFC 8446 section 4.4.2.2), before it
// that of RFC 5246 section 7.4.2 and RFC 8422 section 5.3. 0: not known, or none.
func (s *Session) LeafUsage() x509.KeyUsage {
	if s.Version == tls.VersionTLS13 {
		return x509.KeyUsageDigitalSignature
	}
	suite := hello.Find(hello.CipherSuite(s.CipherSuite))
	if suite == nil || suite.Export { // an export suite may use a shorter key, signed or not
		return 0
	}
	switch suite.KeyExchange {
	case "DHE", "ECDHE":
		return x509.KeyUsageDigitalSignature
	case "RSA", "RSA_PSK":
		return x509.KeyUsageKeyEncipherment
	case "DH", "ECDH":
		return x509.KeyUsageKeyAgreement
	}
	return 0
}
