package wire

import (
	"io"
	"net"
	"time"
)

const (
	// Timeout is how long a server waits for its peer.
	Timeout = time.Minute

	// MaxInput is how many bytes a server reads from a peer.
	MaxInput = 1 << 20

	// drainTimeout is how long Finish waits for the peer to close.
	drainTimeout = 5 * time.Second
)

// Finish closes the sending side and waits for the peer to close. Closing a
// socket with unread bytes sends a reset, which can overtake an alert that was
// sent before it.
func Finish(c net.Conn) {
	CloseWrite(c)
	ExpectClose(c)
	Drain(c)
}

// ExpectClose gives the peer a short time to close its side.
func ExpectClose(c net.Conn) { c.SetReadDeadline(time.Now().Add(drainTimeout)) }

// CloseWrite closes the sending side, if c can do so.
func CloseWrite(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}

// Drain discards what the peer sends, up to MaxInput bytes.
func Drain(c net.Conn) { io.Copy(io.Discard, io.LimitReader(c, MaxInput)) }

// Reset makes closing c send a reset. Data in transit is discarded.
func Reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
}
