package guard

import (
	"context"
	"errors"
	"net"
	"time"
)

// Bind returns conn bound to ctx. The deadline of ctx holds for every read and write,
// even if a caller sets a later one, as crypto/tls does while it closes. When ctx
// ends, pending reads and writes fail. Without a deadline in ctx, Bind closes conn and
// returns an error.
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
	b.stop = context.AfterFunc(ctx, func() { conn.SetDeadline(longAgo) })
	return b, nil
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

type boundConn struct {
	net.Conn
	ctx      context.Context // of the probe
	deadline time.Time
	stop     func() bool
}

func (c *boundConn) Close() error {
	c.stop()
	return c.Conn.Close()
}

func (c *boundConn) SetDeadline(t time.Time) error { return c.bounded(t, c.Conn.SetDeadline) }

func (c *boundConn) SetReadDeadline(t time.Time) error { return c.bounded(t, c.Conn.SetReadDeadline) }

func (c *boundConn) SetWriteDeadline(t time.Time) error {
	return c.bounded(t, c.Conn.SetWriteDeadline)
}

// bounded sets a deadline that is no later than that of the context; the zero time
// is the context's. Once the context has ended, no deadline makes the connection
// usable again.
func (c *boundConn) bounded(t time.Time, set func(time.Time) error) error {
	if t.IsZero() || t.After(c.deadline) {
		t = c.deadline
	}
	err := set(t)
	if c.ctx.Err() != nil {
		return c.Conn.SetDeadline(longAgo)
	}
	return err
}

// Pending reports whether the operating system has bytes to read. It does not read
// them and does not wait.
func (c *boundConn) Pending() bool { return readable(c.Conn) }
