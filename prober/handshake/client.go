// Package handshake performs one TLS handshake: with the TLS 1.3 client of this project,
// or with crypto/tls. If the server supports neither's offer, raw hellos find out what it
// would select.
package handshake

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"tls_exporter/prober/bounded"
	"tls_exporter/prober/certificate"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/scan"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tls13"
)

// Client performs handshakes as one module configures them. It is safe for
// concurrent use.
type Client struct {
	options     Options
	timeout     time.Duration              // of a probe
	config      *tls.Config                // common to all handshakes
	certificate *tls.Certificate           // for servers that request one; nil: none
	tls13       *tls13.Client              // nil: crypto/tls performs all handshakes
	fallback    *bounded.Map[server, bool] // servers that need crypto/tls; true: permanently
	looks       *bounded.Map[server, remembered]
	counts      *Counts
	room        *bounded.Room
	parse       func(chain [][]byte) []*certificate.Parsed
}

// Process is what the clients of one process share. Its zero value is ready to use.
type Process struct {
	Counts Counts
	Room   bounded.Room  // for the answers of servers
	Pools  bounded.Slots // for the addresses of pools
	Chains bounded.Slots // for verifications
}

// Counts counts the calls of Handshake by the client that performed the handshake, also
// of failed ones. An attempt of the TLS 1.3 client that ends with the fallback to
// crypto/tls is not counted. It is safe for concurrent use.
type Counts struct{ TLS13, CryptoTLS atomic.Uint64 }

// New returns a client and reads the files that o names; an error is about those files.
// The timeout is that of a whole probe. Parse reads the certificates of a chain, each in
// DER; it must not retain them. If it is nil, certificate.ParseChain does.
func New(o Options, timeout time.Duration, parse func(chain [][]byte) []*certificate.Parsed, process *Process) (*Client, error) {
	if parse == nil {
		parse = func(chain [][]byte) []*certificate.Parsed {
			return certificate.ParseChain(chain, nil)
		}
	}
	own, err := o.ClientCertificate.load()
	if err != nil {
		return nil, err
	}
	c := &Client{
		options: o, timeout: timeout, config: o.config(), certificate: own, fallback: bounded.New[server, bool](maxFallback),
		looks: bounded.New[server, remembered](maxLooks), counts: &process.Counts, room: &process.Room, parse: parse,
	}
	if o.TLSClient == CryptoTLS {
		return c, nil
	}
	switch c.tls13, err = tls13.New(c.config); {
	case errors.Is(err, tls13.ErrUnsupported):
		c.tls13 = nil
	case err != nil:
		return nil, err
	default:
		c.tls13.ParseChain = parse
	}
	return c, nil
}

// Scan returns a client that offers raw hellos to a server.
func (c *Client) Scan(connect func(ctx context.Context) (net.Conn, error), t *target.Target) *scan.Client {
	return scan.New(connect, t.Name(), c.timeout, c.room)
}

// Certificate returns the client certificate chain in DER, leaf first; nil: none.
func (c *Client) Certificate() [][]byte {
	if c.certificate == nil {
		return nil
	}
	return c.certificate.Certificate
}

// Outcome is one TLS handshake: what was negotiated and received, how long its two
// phases took, and why it failed if it did.
type Outcome struct {
	Session      *Session // nil: no valid ServerHello was received
	Selected     *Session // what the server selected after another ClientHello; nil: none was sent, or it selected nothing
	Certificates []*certificate.Parsed
	Staple       []byte   // the OCSP response that the server stapled for its leaf, DER; nil: none
	SCTs         [][]byte // of the TLS extension (RFC 6962 section 3.3.1); nil: none
	Phases       []failure.PhaseTime
	Failure      *failure.Failure // nil: none

	held []*bounded.Reader // the room that Certificates need
}

// Release gives back the room for the certificates: the caller calls it once it does not
// need them any more.
func (h *Outcome) Release() {
	for _, answer := range h.held {
		answer.Release()
	}
	h.held = nil
}

// Peer is a server to perform a handshake with.
type Peer struct {
	Target  *target.Target
	Remote  netip.AddrPort                              // invalid: not known (behind a proxy), or a Unix socket
	Connect func(ctx context.Context) (net.Conn, error) // opens another connection to it
}

// Handshake performs a handshake. It tries the TLS 1.3 client, then crypto/tls on a new
// connection. If the server rejects both, it sends other ClientHellos, on more
// connections, to find out what the server would select. The caller sets the deadline of
// conn and closes it; Handshake may close it earlier. The caller releases the outcome.
func (c *Client) Handshake(ctx context.Context, conn net.Conn, peer *Peer) *Outcome {
	h := c.attempt(ctx, conn, peer)
	switch {
	case h.Failure == nil:
		c.looks.Delete(serverOf(peer))
	case h.needsLook():
		conn.Close() // some servers accept one client at a time
		h.Release()
		h.look(ctx, c, peer)
	}
	for _, s := range []*Session{h.Session, h.Selected} {
		if s != nil {
			s.Remote = peer.Remote
		}
	}
	return h
}

// attempt tries the TLS 1.3 client, then crypto/tls on a new connection. Servers that
// needed the fallback are remembered, so that only the first probe opens two connections.
func (c *Client) attempt(ctx context.Context, conn net.Conn, peer *Peer) *Outcome {
	if _, wrapped := conn.(wrapper); wrapped || c.tls13 == nil {
		return c.withCryptoTLS(ctx, conn, peer.Target)
	}
	key := serverOf(peer)
	if permanent, known := c.fallback.Get(key); known {
		h := c.withCryptoTLS(ctx, conn, peer.Target)
		if h.supported() && !permanent {
			c.fallback.Delete(key)
		}
		return h
	}
	h, ok := c.withTLS13(ctx, conn, peer.Target)
	if ok {
		return h
	}
	conn.Close() // some servers accept one client at a time
	h.Release()
	c.fallback.Put(key, false, key.size())
	again, err := peer.Connect(ctx)
	if err != nil {
		h.conclude(err)
		return h
	}
	defer again.Close()
	h = c.withCryptoTLS(ctx, again, peer.Target)
	c.fallback.Put(key, h.supported(), key.size())
	return h
}

// wrapper is a connection whose protocol wraps the records of the handshake, and none
// after it. TDS does so, up to TLS 1.2 only.
type wrapper interface{ HandshakeDone() }

// server identifies a server in the maps of a client: all of a peer that a handshake
// depends on. The options of the module belong to the client. The scheme counts: by its
// dialogue and its ALPN offer it leads to other servers behind one port.
type server struct {
	remote netip.AddrPort
	target target.Target
}

func serverOf(p *Peer) server { return server{p.Remote, *p.Target} }

// maxFallback is the size of the map of fallbacks, in bytes: some 9,000 servers for each
// module.
const maxFallback = 4 << 20

// size is how many bytes an entry with this key takes.
func (s server) size() int {
	return 440 + len(s.target.Host) + len(s.target.Path) + len(s.target.ServerName)
}

// supported reports whether the TLS 1.3 client could have performed a handshake of
// crypto/tls, as far as its outcome shows.
func (h *Outcome) supported() bool {
	s := h.Session
	return h.Failure == nil && s.Version == tls.VersionTLS13 && !s.HelloRetryRequest && !s.ClientCertificateRequested
}

// withTLS13 performs the handshake with the TLS 1.3 client; false: it is not supported,
// and crypto/tls has to perform it on another connection.
func (c *Client) withTLS13(ctx context.Context, conn net.Conn, t *target.Target) (*Outcome, bool) {
	wire := c.watch(ctx, conn)
	done := false
	defer wire.releaseUnless(&done)
	start := time.Now()
	state, err := c.tls13.Handshake(wire, t.Name(), c.Protocols(t))
	if err == nil {
		err = wire.gone
	}
	h := &Outcome{Phases: wire.phases(start, time.Now()), held: []*bounded.Reader{&wire.answer}}
	if state != nil {
		h.Session = &Session{
			Version: tls.VersionTLS13, CipherSuite: state.CipherSuite, Group: tls.CurveID(state.Group), ALPN: state.ALPN, ServerName: state.ServerName,
		}
		h.Certificates, h.Staple, h.SCTs = state.Certificates, state.Staple, state.SCTs
	}
	unsupported := errors.Is(err, tls13.ErrUnsupported)
	h.conclude(classify(err))
	if h.Failure == nil {
		h.Session.WithoutCertificate = Accepted
	}
	if !unsupported {
		c.counts.TLS13.Add(1)
	}
	done = true
	return h, !unsupported
}

// classify adds the reason to an error of the TLS 1.3 client.
func classify(err error) error {
	if received, ok := errors.AsType[*tls13.AlertError](err); ok && !received.Sent {
		return failure.With(failure.ForAlert(received.Description), err)
	}
	_, alert := errors.AsType[*tls13.AlertError](err)
	_, signature := errors.AsType[*tls13.SignatureError](err)
	if alert || signature && failure.Of(err) != failure.ReasonBadCertificate || errors.Is(err, tls13.ErrFinished) {
		return failure.With(failure.ReasonBadMessage, err)
	}
	return err
}

// withCryptoTLS performs the handshake with crypto/tls.
func (c *Client) withCryptoTLS(ctx context.Context, conn net.Conn, t *target.Target) *Outcome {
	defer c.counts.CryptoTLS.Add(1)
	return c.perform(ctx, conn, c.Config(t))
}

// perform performs a handshake with crypto/tls. It changes config.
func (c *Client) perform(ctx context.Context, conn net.Conn, config *tls.Config) *Outcome {
	wire := c.watch(ctx, conn)
	done := false
	defer wire.releaseUnless(&done)
	secrets := new(secretLog)
	wire.chain = &chainReader{secrets: secrets}
	answer := &certificateAnswer{own: c.certificate}
	config.KeyLogWriter = secrets
	config.GetClientCertificate = answer.get

	client := tls.Client(wire, config)
	start := time.Now()
	err := client.Handshake()
	unwrap(conn)
	took := time.Since(start)
	h := &Outcome{Phases: wire.phases(start, time.Now()), held: []*bounded.Reader{&wire.answer}}
	state := client.ConnectionState()
	h.observe(state, answer.requested)
	answer.sent = answer.requested && (err == nil || h.Session.Version < tls.VersionTLS13 && wire.writes > 1)
	clear := true
	switch {
	case err != nil:
	case answer.requested && h.Session.Version >= tls.VersionTLS13:
		clear, err = awaitRefusal(ctx, client, wire, took)
	case wire.gone != nil:
		err = wire.gone
	default:
		client.CloseWrite()
	}
	if err != nil {
		err = answer.explain(err, wire.silent() || h.Session != nil && h.Session.Version < tls.VersionTLS13 && wire.heard == closeNotifySize)
	}
	if h.Certificates = c.certificates(wire.chain.chain); len(h.Certificates) == 0 {
		h.Certificates = c.certificates(rawChain(state.PeerCertificates))
	}
	h.conclude(err)
	if h.Session != nil && clear {
		h.Session.WithoutCertificate = answer.acceptance(h.Failure)
	}
	done = true
	return h
}

// closeNotifySize is the size of a close_notify without encryption, in bytes. Below TLS 1.3
// a server that sends it instead of its Finished refuses the client.
const closeNotifySize = 7

// conclude records the failure, or that the handshake was completed.
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

// Protocols returns the protocols that are offered to a target by ALPN.
func (c *Client) Protocols(t *target.Target) []string { return c.options.Protocols(t) }

// Config returns the configuration of crypto/tls for a target. The caller may change it.
func (c *Client) Config(t *target.Target) *tls.Config {
	config := c.config.Clone()
	config.ServerName = t.Name()
	config.NextProtos = c.Protocols(t)
	if c.certificate != nil {
		config.Certificates = []tls.Certificate{*c.certificate}
	}
	return config
}

// unwrap tells a connection that wraps the handshake that it is done.
func unwrap(conn net.Conn) {
	if wrapped, ok := conn.(wrapper); ok {
		wrapped.HandshakeDone()
	}
}

// certificates reads the first certificates of a chain, in DER.
func (c *Client) certificates(chain [][]byte) []*certificate.Parsed {
	return c.parse(chain[:min(len(chain), maxCertificates)])
}

// maxCertificates is how many certificates of a chain are read. The longest chains in
// use have five or six.
const maxCertificates = 20

// observe records the state of crypto/tls, also of a failed handshake.
func (h *Outcome) observe(state tls.ConnectionState, requested bool) {
	h.Staple, h.SCTs = state.OCSPResponse, state.SignedCertificateTimestamps
	if state.Version == 0 {
		return
	}
	h.Session = &Session{
		Version: state.Version, CipherSuite: state.CipherSuite, Group: state.CurveID,
		ALPN: state.NegotiatedProtocol, ServerName: state.ServerName,
		HelloRetryRequest: state.HelloRetryRequest, ClientCertificateRequested: requested,
	}
}
