package handshake

import (
	"context"
	"errors"
	"net"
	"time"

	"tls_exporter/prober/bounded"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/hello"
)

// maxHandshakeBytes limits the bytes that are read in one handshake and after it. Real
// servers send up to 10 kB. crypto/tls limits single messages (256 kB for Certificate),
// not their number.
const maxHandshakeBytes = 400 << 10

// watchedConn records when the ClientHello was sent and when the answer began, and reads
// at most maxHandshakeBytes, as far as there is room for them. It is not safe for
// concurrent use.
//
// A server that rejects a client sends an alert and closes the connection. The next write
// then fails, and crypto/tls does not read any more after a write that failed. So such a
// write seems to succeed, and the next read returns the alert, or else the error.
type watchedConn struct {
	net.Conn
	answer   bounded.Reader
	chain    *chainReader // nil: the certificates are not read here
	sent     time.Time    // ClientHello; zero: not yet
	answered time.Time    // first byte, if it is of a handshake record; zero: not yet
	begun    bool         // the first byte was read
	writes   int
	heard    int   // bytes that were read since the last write
	gone     error // of a write to a peer that has closed; nil: none
}

// watch returns conn, watched. The caller calls release once nothing that was read is in
// memory any more.
func (c *Client) watch(ctx context.Context, conn net.Conn) *watchedConn {
	return &watchedConn{Conn: conn, answer: c.room.Reader(ctx, conn, maxHandshakeBytes)}
}

// silent reports whether nothing was read since the last write.
func (c *watchedConn) silent() bool { return c.heard == 0 }

func (c *watchedConn) release() { c.answer.Release() }

// releaseUnless releases if a handshake was not done, because of a panic.
func (c *watchedConn) releaseUnless(done *bool) {
	if !*done {
		c.release()
	}
}

func (c *watchedConn) Write(b []byte) (int, error) {
	if c.sent.IsZero() {
		c.sent = time.Now()
	}
	c.writes++
	c.heard = 0
	n, err := c.Conn.Write(b)
	if err != nil && failure.Of(err) == failure.ReasonReset {
		c.gone = err
		return len(b), nil
	}
	return n, err
}

func (c *watchedConn) Read(b []byte) (int, error) {
	if c.chain != nil && !c.chain.done {
		b = b[:min(len(b), c.chain.wanted())]
	}
	n, err := c.answer.Read(b)
	if n > 0 {
		c.heard += n
	} else if c.gone != nil && closed(err) {
		err = c.gone
	}
	if n > 0 && !c.begun {
		c.begun = true
		// An alert, for example, is not the beginning of a ServerHello.
		if b[0] == hello.TypeHandshake {
			c.answered = time.Now()
		}
	}
	if c.chain != nil && n > 0 {
		if err := c.chain.feed(b[:n]); err != nil {
			return 0, err
		}
	}
	switch {
	case errors.Is(err, bounded.ErrTooLarge):
		err = failure.With(failure.ReasonTooLarge, err)
	case errors.Is(err, bounded.ErrFull):
		err = failure.With(failure.ReasonLocalResources, err)
	}
	return n, err
}

// phases splits the time of a handshake at the first byte of the ServerHello.
func (c *watchedConn) phases(start, end time.Time) []failure.PhaseTime {
	if !c.sent.IsZero() {
		start = c.sent
	}
	if c.answered.IsZero() {
		return []failure.PhaseTime{{Phase: failure.PhaseServerHello, Duration: end.Sub(start)}}
	}
	return []failure.PhaseTime{
		{Phase: failure.PhaseServerHello, Duration: c.answered.Sub(start)},
		{Phase: failure.PhaseKeyExchange, Duration: end.Sub(c.answered)},
	}
}
