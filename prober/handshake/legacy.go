package handshake

import (
	"crypto/tls"
	"slices"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/hello"
)

// registered reports whether IANA's registries have what a server selected. It goes into
// labels, which a server must not fill with arbitrary numbers.
func registered(f *hello.Flight) bool {
	if f.Hello == nil {
		return true
	}
	group := f.Hello.Group
	if f.KeyExchange != nil {
		group = f.KeyExchange.Group
	}
	return slices.Contains(hello.Versions[1:], f.Hello.Version) && hello.Find(f.Hello.CipherSuite) != nil && (group == 0 || group.Registered())
}

// observed returns the session and the certificates that a flight shows.
func (c *Client) observed(f *hello.Flight) (*Session, []*certificate.Parsed) {
	if f.SSL2 != nil {
		return &Session{Version: uint16(hello.SSL20)}, c.certificates([][]byte{f.SSL2.Certificate})
	}
	s := &Session{
		Version: uint16(f.Hello.Version), CipherSuite: uint16(f.Hello.CipherSuite), Group: tls.CurveID(f.Hello.Group),
		HelloRetryRequest: f.Hello.Retry, ClientCertificateRequested: f.Request != nil,
	}
	if f.KeyExchange != nil {
		s.Group = tls.CurveID(f.KeyExchange.Group)
	}
	return s, c.certificates(f.Certificates)
}
