package handshake

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/scan"
)

// nothingInCommonReasons are the reasons of a failed handshake if client and server have
// no version, cipher suite or group in common. Old servers close the connection instead
// of sending an alert.
var nothingInCommonReasons = []failure.Reason{
	failure.AlertPrefix + "handshake_failure", failure.AlertPrefix + "protocol_version", failure.AlertPrefix + "insufficient_security", failure.AlertPrefix + "illegal_parameter",
	failure.ReasonNoCommonVersion, failure.ReasonClosed, failure.ReasonReset,
}

// nothingInCommon reports whether a handshake may have failed because client and server
// have no parameters in common.
func (h *Outcome) nothingInCommon() bool {
	return h.Failure != nil && len(h.Certificates) == 0 && slices.Contains(nothingInCommonReasons, h.Failure.Reason)
}

// askLegacy finds out what a server would select that has nothing in common with
// crypto/tls. It sends a raw hello that offers everything from SSL 3.0 on, then one with
// the rare cipher suites, then one of SSL 2.0. Up to TLS 1.2 certificates are sent in
// plaintext, so they are recorded as well. If the server selects nothing, h stays as it
// is.
func (h *Outcome) askLegacy(ctx context.Context, c *Client, peer *Peer) {
	scanner := c.Scan(peer.Connect, peer.Target)
	flight, err := offerAll(ctx, scanner, nil)
	if scan.IsHandshakeFailure(err) {
		flight, err = offerAll(ctx, scanner, append(hello.RareSuites(hello.TLS12), hello.RareSuites(hello.TLS13)...))
	}
	if answer := scan.AnswerOf(flight, err); answer == scan.Refused || answer == scan.Inconclusive {
		flight, err = scanner.Offer(ctx, hello.OfferSSL2(), hello.UntilHello)
	}
	if scan.AnswerOf(flight, err) != scan.Accepted || !registered(flight) {
		return
	}
	h.Session, h.Certificates = c.observed(flight)
	h.Session.ServerName = scanner.ServerName
	if selected := h.Session; selected.Version < uint16(hello.TLS10) || !slices.Contains(offered, selected.CipherSuite) {
		h.Failure = failure.For(h.Failure.Phase, failure.With(failure.ReasonLegacyOnly, &legacyError{selected, h.Failure.Err}))
	}
}

// offerAll offers all versions except SSL 2.0; suites nil: the default ones.
func offerAll(ctx context.Context, c *scan.Client, suites []hello.CipherSuite) (*hello.Flight, error) {
	message, err := c.Marshal(hello.Offer{Versions: []hello.Version{hello.TLS13, hello.TLS12, hello.TLS11, hello.TLS10}, Ciphers: suites})
	if err != nil {
		return new(hello.Flight), err
	}
	return c.Offer(ctx, message, hello.UntilDone)
}

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

// legacyError means that the server accepts only parameters that current clients do not
// offer.
type legacyError struct {
	selected *Session
	err      error // of the handshake
}

func (e *legacyError) Error() string {
	selection := e.selected.VersionName()
	if e.selected.CipherSuite != 0 {
		selection += " with " + e.selected.CipherName()
	}
	return fmt.Sprintf("the server would select %s, which current clients do not offer; the handshake failed: %v", selection, e.err)
}

func (e *legacyError) Unwrap() error { return e.err }
