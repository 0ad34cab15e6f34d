package handshake

import (
	"crypto/tls"
	"net/netip"
	"time"

	"tls_exporter/prober/hello"
)

// Session is what client and server negotiated. Fields that the handshake did not
// reach are zero.
type Session struct {
	Completed                  bool // both sides finished, and the server did not reject us after it
	Version                    uint16
	CipherSuite                uint16
	Group                      tls.CurveID    // 0: no (EC)DHE, as with RSA key exchange
	ALPN                       string         // printable
	Remote                     netip.AddrPort // the address that answered; invalid where none is known
	ServerName                 string         // sent as SNI; empty for an IP address
	HelloRetryRequest          bool
	ClientCertificateRequested bool
	Duration                   time.Duration // handshake latency: server_hello and key_exchange
}

// GroupName is the registered name of the group that the key exchange used;
// empty where it used none.
func (s *Session) GroupName() string {
	if s.Group == 0 {
		return ""
	}
	return hello.Group(s.Group).String()
}

// PostQuantum tells whether the key exchange also holds against a quantum
// computer.
func (s *Session) PostQuantum() bool { return hello.Group(s.Group).PostQuantum() }

// VersionName is the version as people write it: TLS 1.3.
func (s *Session) VersionName() string { return hello.Version(s.Version).String() }

// VersionNumber is the version as a number that can be compared: 1.0 to 1.3.
// It is not known (false) for anything else.
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

// CipherName is the suite's name in IANA's registry; empty where none was negotiated.
func (s *Session) CipherName() string {
	if s.CipherSuite == 0 {
		return ""
	}
	return hello.CipherSuite(s.CipherSuite).String()
}
