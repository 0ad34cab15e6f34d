package prober

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"time"
)

// endpoint is what a check may lean on: all that the line learned, and two ways
// back to the server that it reached, always the same one.
type endpoint struct {
	prober  *Prober
	result  *Result          // of the line; nil for a check that goes on after the probe
	target  Target           // as the probe has it
	addrs   []netip.AddrPort // the one address that answered; none for a socket, or where a proxy resolves
	session *Session         // as in the Result
	chain   *Chain           // likewise
	down    *Failure         // why the line did not come as far as TLS; nil: it did
}

func newEndpoint(p *Prober, r *Result, located []netip.AddrPort) *endpoint {
	e := &endpoint{prober: p, result: r, target: r.Target, addrs: located, session: r.Session, chain: r.Chain}
	if r.Remote.IsValid() {
		e.addrs = []netip.AddrPort{r.Remote}
	}
	if r.Failure != nil && r.Failure.Phase.beforeTLS() {
		e.down = r.Failure
	}
	return e
}

// connect opens another connection to the server, over the proxy and with
// STARTTLS where these are on the way: the next byte is a ClientHello. Its
// deadline is that of ctx.
func (e *endpoint) connect(ctx context.Context) (net.Conn, error) {
	notes := &Result{Target: e.target}
	conn, ok := e.prober.open(ctx, notes, e.addrs)
	if !ok {
		return nil, notes.Failure.Err
	}
	return conn, nil
}

// handshake shakes hands with the server once more, with a change to how the
// line does it, and keeps what crypto/tls does not show. Drop it when done.
func (e *endpoint) handshake(ctx context.Context, adjust func(*tls.Config)) (*overheard, error) {
	conn, err := e.connect(ctx)
	if err != nil {
		return nil, err
	}
	t := &overheard{heard: &heardConn{Conn: conn}, secrets: new(secretLog)}
	t.wire = &watchedConn{Conn: t.heard}
	config := e.prober.configFor(&e.target)
	config.KeyLogWriter = t.secrets
	adjust(config)
	t.Conn = tls.Client(t.wire, config)
	if err := t.Handshake(); err != nil {
		conn.Close()
		return nil, err
	}
	bare(conn)
	t.shaken = time.Now()
	return t, nil
}

// ask asks for a finding that is kept. A server that cannot be reached now is not
// asked; what is known of it is, unless nobody may ask for it any more.
func (e *endpoint) ask(ctx context.Context, q *wanted) (kept, error) {
	keeper := e.prober.guard.process.keeper()
	if e.down == nil {
		return keeper.ask(ctx, q)
	}
	if answer := keeper.recall(q); answer.found != nil && e.down.Reason != ReasonDenied {
		return answer, nil
	}
	return kept{made: e.result.Start}, e.down.Err
}
