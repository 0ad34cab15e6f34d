// Package endpoint is what a check may use of a server that was probed: what is known
// of it, and ways back to it.
package endpoint

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"time"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/connect"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/scan"
	"tls_exporter/prober/target"
)

// Endpoint is what a check may use: all that the probe learned before, and two ways
// back to the server that it reached, always the same one.
type Endpoint struct {
	Target  *target.Target
	Session *handshake.Session // nil: there is none
	Chain   *chain.Chain       // nil: there is none
	Down    *failure.Failure   // why the probe did not come as far as TLS; nil: it did

	route   *connect.Route
	client  *handshake.Client
	addrs   []netip.AddrPort // the one address that answered; none for a socket, or where a proxy resolves
	timeout time.Duration    // of a probe
}

// New is a server that a route and a client lead to, at the first of addrs
// that answers. Timeout is that of a probe.
func New(route *connect.Route, client *handshake.Client, timeout time.Duration, t *target.Target, addrs []netip.AddrPort) *Endpoint {
	return &Endpoint{Target: t, route: route, client: client, timeout: timeout, addrs: addrs}
}

// Connect opens another connection to the server, through the proxy and with
// STARTTLS where there are such: the next byte to send is a ClientHello. It ends
// with ctx. An error is a *Failure.
func (e *Endpoint) Connect(ctx context.Context) (net.Conn, error) {
	trace := new(failure.Trace)
	conn, ok := e.route.Open(ctx, trace, e.Target, e.addrs)
	if !ok {
		return nil, trace.Failure
	}
	return conn.Conn, nil
}

// Handshake performs another handshake with crypto/tls, with a change to the
// module's configuration, and records what crypto/tls does not show.
func (e *Endpoint) Handshake(ctx context.Context, adjust func(*tls.Config)) (*handshake.Recorded, error) {
	conn, err := e.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return e.client.Record(conn, e.Target, adjust)
}

// Protocols is what the probe offers by ALPN.
func (e *Endpoint) Protocols() []string { return e.client.Protocols(e.Target) }

// Scan asks the server by raw hellos.
func (e *Endpoint) Scan() *scan.Client { return scan.New(e.Connect, e.Target.Name(), e.timeout) }
