package prober

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
)

// shake shakes hands over conn, on which the probe's deadline stands: as client13
// does or, with a server that client13 cannot go on with, as crypto/tls does. Which
// of the two it has to be is known from the last time. A server that is met for the
// first time, or has changed, costs a second connection if it is not as usual.
func (p *Prober) shake(ctx context.Context, conn net.Conn, r *Result, addrs []netip.AddrPort) *handshake {
	if _, wrapped := conn.(*tdsConn); wrapped || p.usual == nil { // TDS wraps TLS up to 1.2 only
		return p.shakeAny(conn, &r.Target)
	}
	met := server{r.Remote, r.Target.Host, r.Target.Port, r.Target.Path, r.Target.name()}
	if stays, known := p.strange.recall(met); known {
		h := p.shakeAny(conn, &r.Target)
		if h.usual() && !stays {
			p.strange.drop(met)
		}
		return h
	}
	h, ok := p.shake13(conn, &r.Target)
	if ok {
		return h
	}
	conn.Close() // some servers talk to one client at a time
	p.strange.keep(met, false, strangeSize)
	again, err := newEndpoint(p, r, addrs).connect(ctx)
	if err != nil {
		h.conclude(err)
		return h
	}
	defer again.Close()
	h = p.shakeAny(again, &r.Target)
	p.strange.keep(met, h.usual(), strangeSize)
	return h
}

// server is one that hands have been shaken with.
type server struct {
	remote netip.AddrPort // invalid: its proxy knows it, or it is a socket
	host   string
	port   uint16
	path   string
	name   string
}

// The bounds of what is remembered of strange servers, in bytes: some 10,000 of them
// for each module.
const (
	maxStrange  = 4 << 20
	strangeSize = 400
)

// usual tells whether, for all that is seen of it, client13 could have shaken hands
// like this.
func (h *handshake) usual() bool {
	s := h.session
	return h.err == nil && s.Version == tls.VersionTLS13 && !s.HelloRetryRequest && !s.ClientCertificateRequested
}
