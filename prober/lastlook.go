package prober

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"

	"tls_exporter/prober/hello"
)

// disagreements are the reasons for which a handshake fails when client and
// server have nothing in common. Old servers hang up rather than say so.
var disagreements = []Reason{
	alertPrefix + "handshake_failure", alertPrefix + "protocol_version", alertPrefix + "insufficient_security", alertPrefix + "illegal_parameter",
	ReasonNoCommonVersion, ReasonClosed, ReasonReset,
}

// disagree tells whether a handshake may have failed because crypto/tls and the
// server have nothing in common.
func (h *handshake) disagree() bool {
	return h.err != nil && len(h.certificates) == 0 && slices.Contains(disagreements, reasonFor(h.err))
}

// lookOnceMore asks a server that crypto/tls cannot agree with what it would
// agree to, by a raw hello that offers everything from SSL 3.0 on, and then by
// what that has no room for: suites that hardly anybody has, and SSL 2.0. Up to
// TLS 1.2 the certificates cross the wire in the clear, so those are learned as
// well. Where the server wants nothing of all that, nothing changes.
func (h *handshake) lookOnceMore(ctx context.Context, e *endpoint) {
	flight, err := e.offerAll(ctx, nil)
	if isHandshakeFailure(err) {
		flight, err = e.offerAll(ctx, append(unusual(hello.TLS12), unusual(hello.TLS13)...))
	}
	if said := answerOf(flight, err); said == saidNo || said == saidNeither {
		flight, err = e.offer(ctx, ssl2Hello(), hello.UntilHello)
	}
	if answerOf(flight, err) != saidYes || !sensible(flight) {
		return
	}
	h.session, h.certificates = glimpse(flight)
	h.session.ServerName = e.serverName()
	if wish := h.session; wish.Version < uint16(hello.TLS10) || !slices.Contains(offered, wish.CipherSuite) {
		h.err = &legacyError{wish, h.err}
	}
}

// offerAll offers all versions but SSL 2.0.
func (e *endpoint) offerAll(ctx context.Context, suites []hello.CipherSuite) (*hello.Flight, error) {
	message, err := e.marshal(hello.Offer{Versions: []hello.Version{hello.TLS13, hello.TLS12, hello.TLS11, hello.TLS10}, Ciphers: suites})
	if err != nil {
		return new(hello.Flight), err
	}
	return e.offer(ctx, message, hello.UntilDone)
}

// sensible tells whether a server chose among what there is to choose from. What
// crypto/tls settles is of its own list; this goes into labels as well.
func sensible(f *hello.Flight) bool {
	if f.Hello == nil {
		return true
	}
	group := f.Hello.Group
	if f.KeyExchange != nil {
		group = f.KeyExchange.Group
	}
	return slices.Contains(hello.Versions[1:], f.Hello.Version) && hello.Find(f.Hello.CipherSuite) != nil && (group == 0 || group.Registered())
}

// glimpse is what a flight tells of a session that never comes to be.
func glimpse(f *hello.Flight) (*Session, []*x509.Certificate) {
	if f.SSL2 != nil {
		return &Session{Version: uint16(hello.SSL20)}, parseAll([][]byte{f.SSL2.Certificate})
	}
	s := &Session{
		Version: uint16(f.Hello.Version), CipherSuite: uint16(f.Hello.CipherSuite), Group: tls.CurveID(f.Hello.Group),
		HelloRetryRequest: f.Hello.Retry, ClientCertificateRequested: f.Request != nil,
	}
	if f.KeyExchange != nil {
		s.Group = tls.CurveID(f.KeyExchange.Group)
	}
	return s, parseAll(f.Certificates)
}

// parseAll parses a chain up to the first certificate that cannot be read.
func parseAll(chain [][]byte) []*x509.Certificate {
	var certificates []*x509.Certificate
	for _, der := range chain[:min(len(chain), maxCertificates)] {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			break
		}
		certificates = append(certificates, certificate)
	}
	return certificates
}

// legacyError is a handshake that failed because the server takes only what
// today's clients do not offer.
type legacyError struct {
	wish    *Session
	refusal error // of what they do offer
}

func (e *legacyError) Error() string {
	wish := e.wish.VersionName()
	if e.wish.CipherSuite != 0 {
		wish += " with " + e.wish.CipherName()
	}
	return fmt.Sprintf("the server would take %s, which today's clients do not offer; to what they do it says: %v", wish, e.refusal)
}

func (e *legacyError) Unwrap() error { return e.refusal }
