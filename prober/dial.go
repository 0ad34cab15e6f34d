package prober

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// attemptDelay is how long an attempt has before the next address is tried
// beside it: the Connection Attempt Delay of RFC 8305 section 5.
const attemptDelay = 250 * time.Millisecond

// locate finds where the target may be dialled, in the order to try: nowhere, if
// its path says that or its proxy will know.
func (p *Prober) locate(ctx context.Context, r *Result) ([]netip.AddrPort, bool) {
	t := r.Target
	if t.Path != "" || p.leaveToProxy(p.via(&t), &t) {
		return nil, true
	}
	var resolved []netip.Addr
	if !t.literal() {
		var ok bool
		if resolved, ok = step(r, PhaseResolve, func() ([]netip.Addr, error) { return p.resolve(ctx, t) }); !ok {
			return nil, false
		}
		r.Addresses = resolved[:min(len(resolved), maxAddresses)]
	}
	addrs, err := p.candidates(t, resolved)
	if err != nil {
		r.fail(PhaseResolve, reasonFor(err), err)
	}
	return addrs, err == nil
}

// candidates is where a probe may connect, in the order to try: the address
// that the caller set, the address that the target is, or what its name
// resolved to with the families taking turns (RFC 8305 section 4).
func (p *Prober) candidates(t Target, resolved []netip.Addr) ([]netip.AddrPort, error) {
	addrs, port := resolved, t.Port
	if t.Address.IsValid() {
		addrs = []netip.Addr{t.Address.Addr()}
		if t.Address.Port() != 0 {
			port = t.Address.Port()
		}
	} else if ip := t.IP(); ip.IsValid() {
		addrs = []netip.Addr{ip}
	}
	var all []netip.AddrPort
	for _, addr := range interleave(addrs) {
		if p.family.allows(addr) {
			all = append(all, netip.AddrPortFrom(addr, port))
		}
	}
	if len(all) == 0 {
		return nil, noAddress(t.Host, p.family)
	}
	return all, nil
}

// interleave lets the two families take turns, beginning with the first
// address's and otherwise in the order given.
func interleave(addrs []netip.Addr) []netip.Addr {
	var first, second []netip.Addr
	for _, addr := range addrs {
		if addr.Is4() == addrs[0].Is4() {
			first = append(first, addr)
		} else {
			second = append(second, addr)
		}
	}
	if len(second) == 0 {
		return first
	}
	turns := make([]netip.Addr, 0, len(addrs))
	for len(first) > 0 || len(second) > 0 {
		if len(first) > 0 {
			turns, first = append(turns, first[0]), first[1:]
		}
		if len(second) > 0 {
			turns, second = append(turns, second[0]), second[1:]
		}
	}
	return turns
}

// reach opens the way to the target, through its proxy if it has one: the next
// byte that comes is the target's own.
func (p *Prober) reach(ctx context.Context, r *Result, addrs []netip.AddrPort) (net.Conn, bool) {
	var conn net.Conn
	var ok bool
	if via := p.via(&r.Target); via != nil {
		conn, ok = p.proxied(ctx, r, via, addrs)
	} else {
		conn, ok = p.straight(ctx, r, addrs)
	}
	if !ok {
		return nil, false
	}
	if header := p.announcement(conn, r); header != nil {
		if _, err := conn.Write(header); err != nil {
			r.fail(PhaseConnect, reasonFor(err), err)
			conn.Close()
			return nil, false
		}
	}
	return conn, true
}

func (p *Prober) straight(ctx context.Context, r *Result, addrs []netip.AddrPort) (net.Conn, bool) {
	conn, ok := step(r, PhaseConnect, func() (net.Conn, error) { return p.connect(ctx, &r.Target, addrs) })
	if ok {
		r.Connected, r.Remote = true, addrPort(conn.RemoteAddr())
	}
	return conn, ok
}

// announcement is the PROXY protocol header that the module wants a connection
// to begin with; nil: none. A connection to a proxy is not the one that the server gets.
func (p *Prober) announcement(conn net.Conn, r *Result) []byte {
	var source netip.AddrPort
	if r.Proxy == "" {
		source = addrPort(conn.LocalAddr())
	}
	return p.module.ProxyProtocol.header(source, r.Remote)
}

// addrPort is the end of a TCP connection; invalid for what is none.
func addrPort(end net.Addr) netip.AddrPort {
	if addr, ok := end.(*net.TCPAddr); ok {
		ap := addr.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}

// connect opens a connection to the target's socket, or to the first of the
// addresses to answer. It fails with the errors of all.
func (p *Prober) connect(ctx context.Context, t *Target, addrs []netip.AddrPort) (net.Conn, error) {
	if t.Scheme.find().start == overQUIC {
		return nil, fmt.Errorf("%s runs over QUIC, which is %w by this version of tls_exporter", t.Scheme, errNotSupported)
	}
	var conn net.Conn
	var err error
	switch {
	case t.Path != "":
		conn, err = p.guard.dial(ctx, "unix", t.Path, nil, nil)
	case len(addrs) == 1:
		conn, err = p.dial(ctx, t, addrs[0])
	default:
		conn, err = p.race(ctx, t, addrs)
	}
	if err != nil {
		return nil, err
	}
	return bound(ctx, conn)
}

func (p *Prober) dial(ctx context.Context, t *Target, addr netip.AddrPort) (net.Conn, error) {
	return p.guard.dial(ctx, "tcp", addr.String(), p.source, p.guard.ofTarget(t))
}

// race is happy eyeballs: an address gets attemptDelay, or until it fails,
// before the next one is tried beside it, and the first to answer wins. It
// returns when every attempt that it started has ended.
func (p *Prober) race(ctx context.Context, t *Target, addrs []netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	type attempt struct {
		conn net.Conn
		err  error
	}
	results := make(chan attempt, len(addrs))
	started, running := 0, 0
	start := func() {
		addr := addrs[started]
		started, running = started+1, running+1
		go func() {
			conn, err := p.dial(ctx, t, addr)
			results <- attempt{conn, err}
		}()
	}

	start()
	next := time.NewTimer(attemptDelay)
	defer next.Stop()
	var winner net.Conn
	var failures []error
	for running > 0 {
		select {
		case <-next.C:
			if started < len(addrs) && winner == nil {
				start()
				next.Reset(attemptDelay)
			}
		case result := <-results:
			running--
			switch {
			case result.err != nil && winner == nil:
				failures = append(failures, result.err)
				if started < len(addrs) && ctx.Err() == nil {
					start()
					next.Reset(attemptDelay)
				}
			case result.err == nil && winner == nil:
				winner = result.conn
				cancel()
			case result.err == nil:
				result.conn.Close()
			}
		}
	}
	if winner != nil {
		return winner, nil
	}
	return nil, errors.Join(failures...)
}

// bound puts the context on a connection: its deadline on every read and write,
// also on those that crypto/tls makes with a deadline of its own while closing,
// and its end on whatever waits.
func bound(ctx context.Context, conn net.Conn) (net.Conn, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		conn.Close()
		return nil, errors.New("a probe needs a deadline")
	}
	if err := conn.SetDeadline(deadline); err != nil {
		conn.Close()
		return nil, err
	}
	b := &boundConn{Conn: conn, ctx: ctx, deadline: deadline}
	b.release = context.AfterFunc(ctx, func() { conn.SetDeadline(longAgo) })
	return b, nil
}

// longAgo is the deadline of what has to end now.
var longAgo = time.Unix(1, 0)

type boundConn struct {
	net.Conn
	ctx      context.Context // the probe's, to which the conn belongs
	deadline time.Time
	release  func() bool
}

func (c *boundConn) Close() error {
	c.release()
	return c.Conn.Close()
}

func (c *boundConn) SetDeadline(t time.Time) error { return c.within(t, c.Conn.SetDeadline) }

func (c *boundConn) SetReadDeadline(t time.Time) error { return c.within(t, c.Conn.SetReadDeadline) }

func (c *boundConn) SetWriteDeadline(t time.Time) error { return c.within(t, c.Conn.SetWriteDeadline) }

// within sets a deadline that is no later than the context's, also for those who
// want none. Once the context has ended, nothing brings the connection back.
func (c *boundConn) within(t time.Time, set func(time.Time) error) error {
	if t.IsZero() || t.After(c.deadline) {
		t = c.deadline
	}
	err := set(t)
	if c.ctx.Err() != nil {
		return c.Conn.SetDeadline(longAgo)
	}
	return err
}
