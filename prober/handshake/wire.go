package handshake

import (
	"net"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/hello"
)

// maxHandshakeBytes limits the bytes that are read in one handshake and after it.
// crypto/tls limits single messages (256 kB for Certificate), not their number.
const maxHandshakeBytes = 1 << 20

var errTooLarge = failure.New(failure.ReasonTooLarge, "the server sent more than %d bytes in its handshake", maxHandshakeBytes)

// watchedConn records when the ClientHello was sent and when the answer began, and reads
// at most maxHandshakeBytes. It is not safe for concurrent use.
type watchedConn struct {
	net.Conn
	sent     time.Time // ClientHello; zero: not yet
	answered time.Time // first byte, if it is of a handshake record; zero: not yet
	begun    bool      // the first byte was read
	read     int       // bytes
}

func (c *watchedConn) Write(b []byte) (int, error) {
	if c.sent.IsZero() {
		c.sent = time.Now()
	}
	return c.Conn.Write(b)
}

func (c *watchedConn) Read(b []byte) (int, error) {
	if c.read >= maxHandshakeBytes {
		return 0, errTooLarge
	}
	n, err := c.Conn.Read(b)
	c.read += n
	if n > 0 && !c.begun {
		c.begun = true
		// An alert, for example, is not the beginning of a ServerHello.
		if b[0] == hello.TypeHandshake {
			c.answered = time.Now()
		}
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
