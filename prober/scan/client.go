// Package scan asks by raw hellos what a server accepts, within a budget of
// connections.
package scan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"
	"time"

	"tls_exporter/prober/hello"
)

// maxPatience is how long a server has to answer one raw hello, in a module with
// a longer timeout.
const maxPatience = 10 * time.Second

// Client asks one server by raw hellos.
type Client struct {
	Connect    func(ctx context.Context) (net.Conn, error) // the next byte to send is a ClientHello
	ServerName string                                      // the SNI of the hellos; empty for an IP address
	Patience   time.Duration                               // for the answer to one hello
}

// New asks the server to which connect leads, under a name. Timeout is
// that of a probe.
func New(connect func(ctx context.Context) (net.Conn, error), name string, timeout time.Duration) *Client {
	return &Client{Connect: connect, ServerName: hello.SNI(name), Patience: min(maxPatience, timeout)}
}

// maxOfferBytes bounds what is read in answer to one raw hello.
const maxOfferBytes = 1 << 20

// Answer is what a server said to a hello that offers one thing.
type Answer int

// A server that says nothing may be slow, or tired of us. One that hangs up, or
// sends an alert about something else, may mean no, and may mean that it wants
// no more connections: only what it says to another hello can tell.
const (
	Unanswered Answer = iota
	Inconclusive
	Refused
	Accepted
)

// Offer sends a raw hello over a connection of its own and reads the answer, for at
// most the client's patience. It returns what was learned also with an error; an
// alert is one.
func (c *Client) Offer(ctx context.Context, message []byte, until hello.Until) (*hello.Flight, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Patience)
	defer cancel()
	conn, flight, err := c.Converse(ctx, message, until)
	if conn != nil {
		conn.Close()
	}
	return flight, err
}

// Converse is Offer with a connection, if there is one, that is still open for
// more, until ctx ends. The caller has to close it.
func (c *Client) Converse(ctx context.Context, message []byte, until hello.Until) (net.Conn, *hello.Flight, error) {
	conn, err := c.Connect(ctx)
	if err != nil {
		return nil, new(hello.Flight), err
	}
	if _, err := conn.Write(message); err != nil {
		return conn, new(hello.Flight), err
	}
	flight, err := hello.ReadFlight(io.LimitReader(conn, maxOfferBytes), until)
	if err == nil {
		err = refusalIn(flight)
	}
	return conn, flight, err
}

// Marshal is an offer in bytes, with the name of the server.
func (c *Client) Marshal(o hello.Offer) ([]byte, error) {
	if o.Version == hello.SSL20 {
		return hello.OfferSSL2(), nil
	}
	o.ServerName = c.ServerName
	return o.Hello().Marshal()
}

// refusalIn is the error that a flight is: an alert, or the ERROR of SSL 2.0.
func refusalIn(f *hello.Flight) error {
	switch {
	case f.Alert != nil:
		return &hello.AlertError{Alert: *f.Alert}
	case f.SSL2Error != 0:
		return fmt.Errorf("%w: %s", errRefusedSSL2, f.SSL2Error)
	}
	return nil
}

// errRefusedSSL2 is the ERROR message of SSL 2.0.
var errRefusedSSL2 = errors.New("the server says no, in SSL 2.0")

// IsHandshakeFailure tells whether a server could not choose from the parameters
// that it was offered (RFC 8446 section 6.2); from others it might.
func IsHandshakeFailure(err error) bool {
	alert, ok := errors.AsType[*hello.AlertError](err)
	return ok && alert.Description == hello.HandshakeFailure
}

// refusals are the alerts by which a server says that it takes nothing of what
// the hello offers (RFC 8446 section 6.2, and what older servers say instead).
// The others are about something else: a name, a certificate, the server's
// health.
var refusals = map[hello.AlertDescription]bool{
	hello.CloseNotify: true, hello.UnexpectedMessage: true, hello.HandshakeFailure: true, hello.IllegalParameter: true,
	hello.DecodeError: true, hello.ProtocolVersion: true, hello.InsufficientSecurity: true, hello.MissingExtension: true,
}

// AnswerOf sorts what an offer came to: yes, if the server answered with a
// hello of its own and no alert.
func AnswerOf(f *hello.Flight, err error) Answer {
	if alert, ok := errors.AsType[*hello.AlertError](err); ok {
		if refusals[alert.Description] {
			return Refused
		}
		return Inconclusive
	}
	switch {
	case f.Hello != nil || f.SSL2 != nil && len(f.SSL2.Ciphers) > 0:
		return Accepted // whatever became of the rest of the flight
	case f.SSL2 != nil, errors.Is(err, errRefusedSSL2):
		return Refused
	case Ended(err), errors.Is(err, hello.ErrNotTLS):
		return Inconclusive
	}
	return Unanswered
}

// Ended tells an end of the connection from silence.
func Ended(err error) bool {
	return slices.ContainsFunc([]error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE}, func(end error) bool { return errors.Is(err, end) })
}
