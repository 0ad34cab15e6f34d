package guard

import (
	"context"
	"errors"
	"net"
	"time"
)

// Bind puts ctx on a connection: its deadline on every read and write, also on
// those for which crypto/tls sets a later deadline while closing. When ctx ends,
// whatever waits on the connection ends. It fails, and closes conn, where ctx has
// no deadline.
func Bind(ctx context.Context, conn net.Conn) (net.Conn, error) {
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

// longAgo is a deadline that has passed.
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

// within sets a deadline that is no later than that of the context, also where
// none is wanted. Once the context has ended, no deadline makes the connection
// usable again.
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

// Pending reports whether bytes of the peer wait to be read, as far as the system
// can tell at once.
func (c *boundConn) Pending() bool { return readable(c.Conn) }
