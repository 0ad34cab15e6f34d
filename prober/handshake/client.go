// Package handshake performs one handshake: with the TLS 1.3 client, else with
// crypto/tls, else it records what a legacy hello shows.
package handshake

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"tls_exporter/prober/bounded"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tls13"
)

// Client performs handshakes as one module configures them. It is safe for
// concurrent use.
type Client struct {
	options     Options
	timeout     time.Duration    // of a probe
	config      *tls.Config      // what all handshakes have in common
	certificate *tls.Certificate // presented to servers that ask; nil: none
	tls13       *tls13.Client    // nil: crypto/tls performs every handshake
	fallback    *bounded.Map[server, bool]
	counts      *Counts
}

// Counts counts handshakes by the client that performed them, to whatever
// outcome. It is safe for concurrent use.
type Counts struct{ TLS13, CryptoTLS atomic.Uint64 }

// New reads the files that the options name. Timeout is that of a whole
// probe. Parse parses the certificates of TLS 1.3 and may cache them; counts
// counts the handshakes.
func New(o Options, timeout time.Duration, parse func(der []byte) (*x509.Certificate, error), counts *Counts) (*Client, error) {
	certificate, err := o.ClientCertificate.load()
	if err != nil {
		return nil, err
	}
	c := &Client{options: o, timeout: timeout, config: o.config(), certificate: certificate, fallback: bounded.New[server, bool](maxFallback), counts: counts}
	if o.TLSClient == CryptoTLS {
		return c, nil
	}
	switch c.tls13, err = tls13.New(c.config); {
	case errors.Is(err, tls13.ErrUnsupported):
		c.tls13 = nil
	case err != nil:
		return nil, err
	default:
		c.tls13.ParseCertificate = parse
	}
	return c, nil
}

// Certificate is the chain that is presented to servers that ask, DER; nil: none.
func (c *Client) Certificate() [][]byte {
	if c.certificate == nil {
		return nil
	}
	return c.certificate.Certificate
}

// Outcome is one TLS handshake: what was negotiated and received, how long its two
// phases took, and why it failed if it did.
type Outcome struct {
	Session      *Session // nil: no ServerHello was understood
	Certificates []*x509.Certificate
	Phases       []failure.PhaseTime
	Failure      *failure.Failure
}

// MaxCertificates bounds how many certificates of one chain are read. The longest
// chains in use have five or six.
const MaxCertificates = 20

// Peer is a server to perform a handshake with.
type Peer struct {
	Target  *target.Target
	Remote  netip.AddrPort                              // invalid: its proxy knows it, or it is a socket
	Connect func(ctx context.Context) (net.Conn, error) // opens another connection to it
}

// Handshake performs a handshake over conn, on which the deadline of the probe is
// set, and may close it: it tries the TLS 1.3 client, then crypto/tls over a new
// connection, and asks a server with which both have nothing in common by raw
// hellos what it would select.
func (c *Client) Handshake(ctx context.Context, conn net.Conn, peer *Peer) *Outcome {
	h := c.attempt(ctx, conn, peer)
	if h.nothingInCommon() {
		conn.Close() // some servers accept one client at a time
		h.askLegacy(ctx, c, peer)
	}
	if h.Session != nil {
		h.Session.Remote = peer.Remote
	}
	return h
}

// attempt performs a handshake with the client that suits the server. Servers that
// needed the fallback to crypto/tls are remembered. A server that is new, or has
// changed, costs a second connection where the TLS 1.3 client does not support it.
func (c *Client) attempt(ctx context.Context, conn net.Conn, peer *Peer) *Outcome {
	if _, wrapped := conn.(wrapper); wrapped || c.tls13 == nil {
		return c.withCryptoTLS(conn, peer.Target)
	}
	key := serverOf(peer)
	if stays, known := c.fallback.Get(key); known {
		h := c.withCryptoTLS(conn, peer.Target)
		if h.supported() && !stays {
			c.fallback.Delete(key)
		}
		return h
	}
	h, ok := c.withTLS13(conn, peer.Target)
	if ok {
		return h
	}
	conn.Close() // some servers accept one client at a time
	c.fallback.Put(key, false, fallbackSize)
	again, err := peer.Connect(ctx)
	if err != nil {
		h.conclude(err)
		return h
	}
	defer again.Close()
	h = c.withCryptoTLS(again, peer.Target)
	c.fallback.Put(key, h.supported(), fallbackSize)
	return h
}

// wrapper is a connection whose protocol wraps handshake messages, and nothing
// after them. TDS does so, for TLS up to 1.2 only.
type wrapper interface{ HandshakeDone() }

// server is a server as the fallback is remembered for it.
type server struct {
	remote netip.AddrPort
	host   string
	port   uint16
	path   string
	name   string
}

func serverOf(p *Peer) server {
	return server{p.Remote, p.Target.Host, p.Target.Port, p.Target.Path, p.Target.Name()}
}

// The bounds of what is remembered of servers that need the fallback, in bytes:
// some 10,000 of them for each module.
const (
	maxFallback  = 4 << 20
	fallbackSize = 400
)

// supported tells whether, for all that is seen of it, the TLS 1.3 client could
// have performed this handshake.
func (h *Outcome) supported() bool {
	s := h.Session
	return h.Failure == nil && s.Version == tls.VersionTLS13 && !s.HelloRetryRequest && !s.ClientCertificateRequested
}

// withTLS13 performs the handshake with the TLS 1.3 client; false: crypto/tls has
// to, over another connection.
func (c *Client) withTLS13(conn net.Conn, t *target.Target) (*Outcome, bool) {
	wire := &watchedConn{Conn: conn}
	start := time.Now()
	state, err := c.tls13.Handshake(wire, t.Name(), c.Protocols(t))
	h := &Outcome{Phases: wire.phases(start, time.Now())}
	if state != nil {
		h.Session = &Session{
			Version: tls.VersionTLS13, CipherSuite: state.CipherSuite, Group: tls.CurveID(state.Group), ALPN: state.ALPN, ServerName: state.ServerName,
		}
		h.Certificates = state.Certificates
	}
	unsupported := errors.Is(err, tls13.ErrUnsupported)
	h.conclude(classified13(err))
	if !unsupported {
		c.counts.TLS13.Add(1)
	}
	return h, !unsupported
}

// classified13 gives the errors of the TLS 1.3 client their reasons.
func classified13(err error) error {
	if received, ok := errors.AsType[*tls13.AlertError](err); ok && !received.Sent {
		return failure.With(failure.ForAlert(received.Description), err)
	}
	_, alert := errors.AsType[*tls13.AlertError](err)
	_, signature := errors.AsType[*tls13.SignatureError](err)
	if alert || signature || errors.Is(err, tls13.ErrFinished) {
		return failure.With(failure.ReasonBadMessage, err)
	}
	return err
}

// withCryptoTLS performs the handshake with crypto/tls.
func (c *Client) withCryptoTLS(conn net.Conn, t *target.Target) *Outcome {
	watched := &watchedConn{Conn: conn}
	asked := false
	config := c.Config(t)
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = true
		if c.certificate != nil {
			return c.certificate, nil
		}
		return new(tls.Certificate), nil
	}

	client := tls.Client(watched, config)
	start := time.Now()
	err := client.Handshake()
	unwrap(conn)
	h := &Outcome{Phases: watched.phases(start, time.Now())}
	if err == nil {
		err = awaitRefusal(client, watched, asked, time.Since(start))
	}
	h.observe(client.ConnectionState(), asked)
	h.conclude(err)
	c.counts.CryptoTLS.Add(1)
	return h
}

// conclude records how the handshake ended.
func (h *Outcome) conclude(err error) {
	if err != nil {
		h.Failure = failure.For(h.Phases[len(h.Phases)-1].Phase, err)
		return
	}
	h.Session.Completed = true
	for _, phase := range h.Phases {
		h.Session.Duration += phase.Duration
	}
}

// Protocols is what is offered to a target by ALPN.
func (c *Client) Protocols(t *target.Target) []string { return c.options.Protocols(t) }

// Config is the configuration of crypto/tls for a target.
func (c *Client) Config(t *target.Target) *tls.Config {
	config := c.config.Clone()
	config.ServerName = t.Name()
	config.NextProtos = c.Protocols(t)
	if c.certificate != nil {
		config.Certificates = []tls.Certificate{*c.certificate}
	}
	return config
}

// unwrap ends the wrapping of handshake messages.
func unwrap(conn net.Conn) {
	if wrapped, ok := conn.(wrapper); ok {
		wrapped.HandshakeDone()
	}
}

// observe records what crypto/tls learned, also in a failed handshake.
func (h *Outcome) observe(state tls.ConnectionState, asked bool) {
	h.Certificates = state.PeerCertificates[:min(len(state.PeerCertificates), MaxCertificates)]
	if state.Version == 0 {
		return
	}
	h.Session = &Session{
		Version: state.Version, CipherSuite: state.CipherSuite, Group: state.CurveID,
		ALPN: state.NegotiatedProtocol, ServerName: state.ServerName,
		HelloRetryRequest: state.HelloRetryRequest, ClientCertificateRequested: asked,
	}
}
