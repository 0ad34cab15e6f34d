package handshake

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/scan"
)

// nothingInCommonReasons are the reasons for which a handshake fails when client
// and server have no version, cipher suite or group in common. Old servers close
// the connection instead of sending an alert.
var nothingInCommonReasons = []failure.Reason{
	failure.AlertPrefix + "handshake_failure", failure.AlertPrefix + "protocol_version", failure.AlertPrefix + "insufficient_security", failure.AlertPrefix + "illegal_parameter",
	failure.ReasonNoCommonVersion, failure.ReasonClosed, failure.ReasonReset,
}

// nothingInCommon tells whether a handshake may have failed because crypto/tls and
// the server have nothing in common.
func (h *Outcome) nothingInCommon() bool {
	return h.Failure != nil && len(h.Certificates) == 0 && slices.Contains(nothingInCommonReasons, h.Failure.Reason)
}

// askLegacy asks a server with which crypto/tls has nothing in common what it would
// select: by a raw hello that offers everything from SSL 3.0 on, then by one with
// the suites that have no room in it, then in SSL 2.0. Up to TLS 1.2 certificates
// are sent in the clear, so those are learned as well. Where the server selects
// nothing of all that, nothing changes.
func (h *Outcome) askLegacy(ctx context.Context, c *Client, peer *Peer) {
	asking := scan.New(peer.Connect, peer.Target.Name(), c.timeout)
	flight, err := offerAll(ctx, asking, nil)
	if scan.IsHandshakeFailure(err) {
		flight, err = offerAll(ctx, asking, append(hello.RareSuites(hello.TLS12), hello.RareSuites(hello.TLS13)...))
	}
	if said := scan.AnswerOf(flight, err); said == scan.Refused || said == scan.Inconclusive {
		flight, err = asking.Offer(ctx, hello.OfferSSL2(), hello.UntilHello)
	}
	if scan.AnswerOf(flight, err) != scan.Accepted || !registered(flight) {
		return
	}
	h.Session, h.Certificates = observed(flight)
	h.Session.ServerName = asking.ServerName
	if selected := h.Session; selected.Version < uint16(hello.TLS10) || !slices.Contains(offered, selected.CipherSuite) {
		h.Failure = failure.For(h.Failure.Phase, failure.With(failure.ReasonLegacyOnly, &legacyError{selected, h.Failure.Err}))
	}
}

// offerAll offers all versions but SSL 2.0.
func offerAll(ctx context.Context, c *scan.Client, suites []hello.CipherSuite) (*hello.Flight, error) {
	message, err := c.Marshal(hello.Offer{Versions: []hello.Version{hello.TLS13, hello.TLS12, hello.TLS11, hello.TLS10}, Ciphers: suites})
	if err != nil {
		return new(hello.Flight), err
	}
	return c.Offer(ctx, message, hello.UntilDone)
}

// registered tells whether a server chose among what the registries have. What
// crypto/tls negotiates is of its own list; this goes into labels as well.
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

// observed is what a flight tells of a session that was not completed.
func observed(f *hello.Flight) (*Session, []*x509.Certificate) {
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
	for _, der := range chain[:min(len(chain), MaxCertificates)] {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			break
		}
		certificates = append(certificates, certificate)
	}
	return certificates
}

// legacyError is a handshake that failed because the server accepts only what
// today's clients do not offer.
type legacyError struct {
	selected *Session
	refusal  error // of what they do offer
}

func (e *legacyError) Error() string {
	selection := e.selected.VersionName()
	if e.selected.CipherSuite != 0 {
		selection += " with " + e.selected.CipherName()
	}
	return fmt.Sprintf("the server would select %s, which today's clients do not offer; to what they do offer it answers: %v", selection, e.refusal)
}

func (e *legacyError) Unwrap() error { return e.refusal }
