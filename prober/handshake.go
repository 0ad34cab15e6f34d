package prober

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"time"

	"tls_exporter/prober/hello"
)

// offered is every suite that crypto/tls has, the old and weak ones too: what a
// server would settle for is a finding, and a client that cannot speak to it
// has none. Which suite is chosen stays the server's, or crypto/tls's, order.
var offered = func() []uint16 {
	var all []uint16
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		all = append(all, suite.ID)
	}
	return all
}()

// tlsConfig is what all handshakes of a module have in common.
func (m *Module) tlsConfig() *tls.Config {
	config := &tls.Config{
		// The chain is judged after the handshake, question by question. With
		// verification inside it, crypto/tls drops the certificates of the very
		// chains that have to be shown. Nothing secret is sent before judging.
		InsecureSkipVerify: true,
		MinVersion:         tls.VersionTLS10,
		MaxVersion:         uint16(m.MaxVersion),
		CipherSuites:       offered,
	}
	if m.MinVersion != 0 {
		config.MinVersion = uint16(m.MinVersion)
	}
	return config
}

// protocols is the ALPN offer for a target: the module's, or the scheme's own.
func (m *Module) protocols(t *Target) []string {
	if m.ALPN == nil {
		return t.Scheme.find().alpn
	}
	names := make([]string, len(m.ALPN))
	for i, name := range m.ALPN {
		names[i] = string(name)
	}
	return names
}

// maxCertificates bounds how many certificates of one chain are looked at. The
// longest chains in use have five or six.
const maxCertificates = 20

// handshake is one TLS handshake as it went: what it settled and saw, how long
// its two steps took, and why it ended if it did.
type handshake struct {
	session      *Session // nil: no ServerHello was understood
	certificates []*x509.Certificate
	steps        []PhaseTime
	failed       Phase
	err          error
}

// shakeAny has crypto/tls shake hands over conn.
func (p *Prober) shakeAny(conn net.Conn, t *Target) *handshake {
	watched := &watchedConn{Conn: conn}
	asked := false
	config := p.configFor(t)
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = true
		if p.certificate != nil {
			return p.certificate, nil
		}
		return new(tls.Certificate), nil
	}

	client := tls.Client(watched, config)
	start := time.Now()
	err := client.Handshake()
	bare(conn)
	h := watched.steps(start, time.Now())
	if err == nil {
		err = farewell(client, watched, asked, time.Since(start))
	}
	h.observe(client.ConnectionState(), asked)
	h.conclude(err)
	return h
}

// conclude notes how it ended.
func (h *handshake) conclude(err error) {
	if err != nil {
		h.failed, h.err = h.steps[len(h.steps)-1].Phase, err
		return
	}
	h.session.Completed = true
	for _, step := range h.steps {
		h.session.Duration += step.Duration
	}
}

// configFor is how hands are shaken with a target.
func (p *Prober) configFor(t *Target) *tls.Config {
	config := p.tls.Clone()
	config.ServerName = t.name()
	config.NextProtos = p.module.protocols(t)
	if p.certificate != nil {
		config.Certificates = []tls.Certificate{*p.certificate}
	}
	return config
}

// bare ends the wrapping of handshake messages that TDS has.
func bare(conn net.Conn) {
	if wrapped, ok := conn.(*tdsConn); ok {
		wrapped.shaken = true
	}
}

// observe takes over what crypto/tls came to know, also in a failed handshake.
func (h *handshake) observe(state tls.ConnectionState, asked bool) {
	h.certificates = state.PeerCertificates[:min(len(state.PeerCertificates), maxCertificates)]
	if state.Version == 0 {
		return
	}
	h.session = &Session{
		Version: state.Version, CipherSuite: state.CipherSuite, Group: state.CurveID,
		ALPN: state.NegotiatedProtocol, ServerName: state.ServerName,
		HelloRetryRequest: state.HelloRetryRequest, ClientCertificateRequested: asked,
	}
}

// With TLS 1.3 the client is done before the server has seen its certificate,
// or that it has none: an alert then comes on the first read (RFC 8446 section
// 4.4.2.4). A server that has none to send may be silent for good, but it
// answers a goodbye: first with what came before it.
const (
	refusalPatience = 500 * time.Millisecond // and four times what the handshake took
	maxAfterwards   = 64 << 10               // bytes of tickets and early application data that are read on the way
)

// farewell ends the TLS conversation (RFC 8446 section 6.1) and, where it asked
// for our certificate, waits for the server's verdict on that. It returns the
// alert that turns us away. An end of the connection, application data without
// an end, or silence are none.
func farewell(client *tls.Conn, conn *watchedConn, asked bool, took time.Duration) error {
	err := client.CloseWrite()
	if !asked || client.ConnectionState().Version < tls.VersionTLS13 {
		return nil
	}
	if err == nil {
		err = conn.SetReadDeadline(time.Now().Add(refusalPatience + 4*took))
	}
	if err == nil {
		_, err = io.Copy(io.Discard, io.LimitReader(client, maxAfterwards))
	}
	if err == nil {
		return nil
	}
	if reason := reasonFor(err); isAlert(reason) || reason == ReasonTooLarge || reason == ReasonReset {
		return err
	}
	return nil
}

// maxHandshakeBytes bounds what is read in one handshake and its aftermath.
// crypto/tls bounds single messages (256 kB for certificates), not their number.
const maxHandshakeBytes = 1 << 20

var errTooLarge = fmt.Errorf("the server sent more than %d bytes in its handshake", maxHandshakeBytes)

// watchedConn notes when the ClientHello left and when the answer began, and
// stops reading past maxHandshakeBytes. One goroutine uses it at a time.
type watchedConn struct {
	net.Conn
	sent     time.Time // ClientHello; zero: not yet
	answered time.Time // first byte of a handshake record; zero: none came
	begun    bool      // some first byte came
	read     int
}

func (c *watchedConn) Write(b []byte) (int, error) {
	if c.sent.IsZero() {
		c.sent = time.Now()
	}
	return c.Conn.Write(b)
}

func (c *watchedConn) Read(b []byte) (int, error) {
	if c.read >= maxHandshakeBytes {
		return 0, errTooLarge
	}
	n, err := c.Conn.Read(b)
	c.read += n
	if n > 0 && !c.begun {
		c.begun = true
		// Anything else, an alert for one, is not the beginning of a ServerHello.
		if b[0] == hello.TypeHandshake {
			c.answered = time.Now()
		}
	}
	return n, err
}

// steps splits the time of a handshake at the first byte of the ServerHello.
func (c *watchedConn) steps(start, end time.Time) *handshake {
	if !c.sent.IsZero() {
		start = c.sent
	}
	if c.answered.IsZero() {
		return &handshake{steps: []PhaseTime{{PhaseServerHello, end.Sub(start)}}}
	}
	return &handshake{steps: []PhaseTime{{PhaseServerHello, c.answered.Sub(start)}, {PhaseKeyExchange, end.Sub(c.answered)}}}
}
