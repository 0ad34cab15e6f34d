// Package scan finds what a server accepts. It sends raw hellos that each offer a
// little, within a budget of connections.
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

// maxPatience bounds how long a server has to answer one raw hello. A module with a
// shorter timeout has its own.
const maxPatience = 10 * time.Second

// Client sends raw hellos to one server.
type Client struct {
	Connect    func(ctx context.Context) (net.Conn, error) // the next byte to send is that of a ClientHello
	ServerName string                                      // the SNI of the hellos; empty for an IP address
	Patience   time.Duration                               // how long one answer may take, connecting included
}

// New returns a client of the server that connect leads to. The hellos carry name as
// their SNI. Timeout is that of a probe.
func New(connect func(ctx context.Context) (net.Conn, error), name string, timeout time.Duration) *Client {
	return &Client{Connect: connect, ServerName: hello.SNI(name), Patience: min(maxPatience, timeout)}
}

// maxOfferBytes bounds what is read in answer to one raw hello.
const maxOfferBytes = 1 << 20

// Answer is how a server answered a hello.
type Answer int

const (
	// Unanswered: no answer came in time. The server may be slow, or limit
	// connections.
	Unanswered Answer = iota
	// Inconclusive: the server closed the connection, or sent an alert about
	// something else. It may refuse the offer, and it may limit connections: only its
	// answer to another hello can tell which.
	Inconclusive
	// Refused: an alert says that the server accepts nothing of the offer.
	Refused
	// Accepted: the server answered with a hello of its own.
	Accepted
)

// Offer sends a raw hello over a new connection and reads the answer, for at most
// the client's patience. It returns what it has read also with an error. An alert
// is an error, a *hello.AlertError.
func (c *Client) Offer(ctx context.Context, message []byte, until hello.Until) (*hello.Flight, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Patience)
	defer cancel()
	conn, flight, err := c.Converse(ctx, message, until)
	if conn != nil {
		conn.Close()
	}
	return flight, err
}

// Converse is Offer with a connection that stays open, until ctx ends. The caller
// closes it; it is nil if none could be made.
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

// Marshal encodes an offer, with the name of the server.
func (c *Client) Marshal(o hello.Offer) ([]byte, error) {
	if o.Version == hello.SSL20 {
		return hello.OfferSSL2(), nil
	}
	o.ServerName = c.ServerName
	return o.Hello().Marshal()
}

// refusalIn is the error that a flight ends with: an alert, or the ERROR of SSL 2.0.
func refusalIn(f *hello.Flight) error {
	switch {
	case f.Alert != nil:
		return &hello.AlertError{Alert: *f.Alert}
	case f.SSL2Error != 0:
		return fmt.Errorf("%w: %s", errRefusedSSL2, f.SSL2Error)
	}
	return nil
}

// errRefusedSSL2 stands for the ERROR message of SSL 2.0.
var errRefusedSSL2 = errors.New("the server refused the hello with an ERROR message of SSL 2.0")

// IsHandshakeFailure tells whether err is the alert handshake_failure: the server
// accepts none of the parameters that were offered (RFC 8446 section 6.2). It may
// accept others.
func IsHandshakeFailure(err error) bool {
	alert, ok := errors.AsType[*hello.AlertError](err)
	return ok && alert.Description == hello.HandshakeFailure
}

// refusals are the alerts with which a server refuses everything that a hello offers
// (RFC 8446 section 6.2, and what older servers send instead). All other alerts are
// about something else: a name, a certificate, an internal error.
var refusals = map[hello.AlertDescription]bool{
	hello.CloseNotify: true, hello.UnexpectedMessage: true, hello.HandshakeFailure: true, hello.IllegalParameter: true,
	hello.DecodeError: true, hello.ProtocolVersion: true, hello.InsufficientSecurity: true, hello.MissingExtension: true,
}

// AnswerOf classifies the result of an offer. A hello of the server's own is
// Accepted, unless an alert follows it.
func AnswerOf(f *hello.Flight, err error) Answer {
	if alert, ok := errors.AsType[*hello.AlertError](err); ok {
		if refusals[alert.Description] {
			return Refused
		}
		return Inconclusive
	}
	switch {
	case f.Hello != nil || f.SSL2 != nil && len(f.SSL2.Ciphers) > 0:
		return Accepted // even if the rest of the flight did not come
	case f.SSL2 != nil, errors.Is(err, errRefusedSSL2):
		return Refused
	case Ended(err), errors.Is(err, hello.ErrNotTLS):
		return Inconclusive
	}
	return Unanswered
}

// Ended tells whether err says that the connection was closed or reset. A timeout
// says neither.
func Ended(err error) bool {
	return slices.ContainsFunc([]error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE}, func(end error) bool { return errors.Is(err, end) })
}
