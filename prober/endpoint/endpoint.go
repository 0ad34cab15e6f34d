// Package endpoint is a server that was probed, as checks use it: what is known about it,
// and new connections to it.
package endpoint

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/connect"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/fetch"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/records"
	"tls_exporter/prober/resolve"
	"tls_exporter/prober/scan"
	"tls_exporter/prober/target"
)

// Endpoint is what the probe learned about a server, and how to connect to it again.
// Where the probe connected, all connections go to the address that answered it.
type Endpoint struct {
	Target  *target.Target
	Domain  string             // the host of the target as it was asked for: Target has that of the mail server, if the module follows MX records
	Session *handshake.Session // nil: no handshake showed one
	Chain   *chain.Chain       // nil: the server sent no certificate
	Staple  []byte             // the OCSP response that the server stapled, DER; nil: none, or one that is too large to be read
	SCTs    [][]byte           // of the TLS extension (RFC 6962 section 3.3.1); nil: none, or more bytes than a certificate may have
	Down    *failure.Failure   // a failure of the probe in a phase before TLS; nil: none
	Fetch   *fetch.Client      // downloads from the servers of CAs. URLs of certificates are followed for those of Path only

	Verifier *chain.Verifier // of the module
	// Turn waits for a turn to verify chains, which takes CPU. Leave ends it.
	Turn func(ctx context.Context) (leave func(), err error)

	route  *connect.Route
	client *handshake.Client
	addrs  []netip.AddrPort // the address that answered, or those to try; empty: a socket, or the proxy resolves
	blind  func(error)      // see Watched; nil: nobody watches
}

// Watched is the endpoint with a function that is called when Connect fails for a fault of
// the exporter or its DNS, which is no answer of the server (failure.Failure.Blind).
func (e *Endpoint) Watched(blind func(error)) *Endpoint {
	watched := *e
	watched.blind = blind
	return &watched
}

// New makes the endpoint of a target at the first of addrs that answers.
func New(route *connect.Route, client *handshake.Client, t *target.Target, addrs []netip.AddrPort) *Endpoint {
	return &Endpoint{Target: t, route: route, client: client, addrs: addrs}
}

// Connect opens a connection to the server, through the proxy and with the PROXY
// protocol header and the STARTTLS dialogue, where there are such. The next byte to send
// is a ClientHello. The connection ends with ctx, which needs a deadline. An error is a
// *failure.Failure.
func (e *Endpoint) Connect(ctx context.Context) (net.Conn, error) {
	trace := new(failure.Trace)
	conn, ok := e.route.Open(ctx, trace, e.Target, e.addrs)
	if !ok {
		return nil, e.failed(trace)
	}
	return conn.Conn, nil
}

// Handshake performs a handshake with crypto/tls on a new connection, and records what
// crypto/tls does not show. Adjust changes the module's configuration for it. An error of
// the connection is a *failure.Failure; others are those of crypto/tls.
func (e *Endpoint) Handshake(ctx context.Context, adjust func(*tls.Config)) (*handshake.Recorded, error) {
	conn, err := e.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return e.client.Record(ctx, conn, e.Target, adjust)
}

// Named is the same server, asked for another name by SNI.
func (e *Endpoint) Named(name string) *Endpoint {
	t := *e.Target
	t.ServerName = name
	return New(e.route, e.client, &t, e.addrs)
}

// Other is another server, reached as the module says. An error is a *failure.Failure.
func (e *Endpoint) Other(ctx context.Context, t *target.Target) (*Endpoint, error) {
	trace := new(failure.Trace)
	at, ok := e.route.Locate(ctx, trace, t)
	if !ok {
		return nil, trace.Failure
	}
	return New(e.route, e.client, t, at.Addrs[:min(len(at.Addrs), resolve.MaxAddresses)]), nil
}

// Probe performs a handshake on a new connection, as a probe does. The caller releases the
// outcome.
func (e *Endpoint) Probe(ctx context.Context) *handshake.Outcome {
	trace := new(failure.Trace)
	conn, ok := e.route.Open(ctx, trace, e.Target, e.addrs)
	if !ok {
		return &handshake.Outcome{Failure: trace.Failure}
	}
	defer conn.Close()
	return e.client.Handshake(ctx, conn, &handshake.Peer{Target: e.Target, Remote: conn.Remote, Connect: e.Connect})
}

// Path is the trusted path of the server's chain, leaf to root, parsed; nil: there is none,
// or crypto/x509 cannot parse all of it.
func (e *Endpoint) Path() []*x509.Certificate {
	var path []*x509.Certificate
	for _, der := range e.Chain.PathDER() {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil
		}
		path = append(path, cert)
	}
	return path
}

// Alternative is the server at another host and port that serves the same name, as the DNS
// advertises it (RFC 9460 section 2.4). The access policy applies to it as to a target. An
// error is a *failure.Failure, or about a host that is not a DNS name.
func (e *Endpoint) Alternative(ctx context.Context, host string, port uint16) (*Endpoint, error) {
	host, err := target.ParseHost(host)
	if err != nil {
		return nil, failure.With(failure.ReasonDNSFailure, err)
	}
	t := *e.Target
	t.Host, t.Port, t.Address, t.ServerName = host+".", port, netip.AddrPort{}, e.Target.Name() // the dot turns off search domains
	trace := new(failure.Trace)
	at, ok := e.route.Locate(ctx, trace, &t)
	if !ok {
		return nil, e.failed(trace)
	}
	return New(e.route, e.client, &t, at.Addrs[:min(len(at.Addrs), resolve.MaxAddresses)]).Watched(e.blind), nil
}

// failed returns the failure of a trace, and tells the watcher if it is no answer of the
// server.
func (e *Endpoint) failed(trace *failure.Trace) error {
	if e.blind != nil && trace.Failure.Blind() {
		e.blind(trace.Failure)
	}
	return trace.Failure
}

// Roots are the roots that the module trusts; nil: those of the system.
func (e *Endpoint) Roots() *x509.CertPool { return e.route.Roots() }

// Records is a client of the module's DNS servers, for records other than addresses.
func (e *Endpoint) Records() *records.Client { return e.route.Records() }

// Protocols is the ALPN offer of the probe, in order of preference.
func (e *Endpoint) Protocols() []string { return e.client.Protocols(e.Target) }

// Scan is a client that offers raw hellos to the server on new connections.
func (e *Endpoint) Scan() *scan.Client { return e.client.Scan(e.Connect, e.Target) }
