package prober

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"time"
)

// endpoint is what a check may use: all that the probe learned before, and two ways
// back to the server that it reached, always the same one.
type endpoint struct {
	Target  *Target
	Session *Session // nil: there is none
	Chain   *Chain   // nil: there is none
	Down    *Failure // why the probe did not come as far as TLS; nil: it did

	route   *Route
	client  *tlsClient
	addrs   []netip.AddrPort // the one address that answered; none for a socket, or where a proxy resolves
	timeout time.Duration    // of a probe
}

// newEndpoint is a server that a route and a client lead to, at the first of addrs
// that answers. Timeout is that of a probe.
func newEndpoint(route *Route, client *tlsClient, timeout time.Duration, t *Target, addrs []netip.AddrPort) *endpoint {
	return &endpoint{Target: t, route: route, client: client, timeout: timeout, addrs: addrs}
}

// Connect opens another connection to the server, through the proxy and with
// STARTTLS where there are such: the next byte to send is a ClientHello. It ends
// with ctx. An error is a *Failure.
func (e *endpoint) Connect(ctx context.Context) (net.Conn, error) {
	trace := new(Trace)
	conn, ok := e.route.Open(ctx, trace, e.Target, e.addrs)
	if !ok {
		return nil, trace.Failure
	}
	return conn.Conn, nil
}

// Handshake performs another handshake with crypto/tls, with a change to the
// module's configuration, and records what crypto/tls does not show.
func (e *endpoint) Handshake(ctx context.Context, adjust func(*tls.Config)) (*overheard, error) {
	conn, err := e.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return e.client.Record(conn, e.Target, adjust)
}

// Protocols is what the probe offers by ALPN.
func (e *endpoint) Protocols() []string { return e.client.Protocols(e.Target) }

// Scan asks the server by raw hellos.
func (e *endpoint) Scan() *scanClient { return newScanClient(e.Connect, e.Target.Name(), e.timeout) }
