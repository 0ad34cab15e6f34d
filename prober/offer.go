package prober

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"tls_exporter/prober/hello"
)

// maxPatience is how long a server has to answer one raw hello, in a module with
// a longer timeout.
const maxPatience = 10 * time.Second

func (e *endpoint) patience() time.Duration { return min(maxPatience, e.prober.Timeout()) }

// maxOfferBytes bounds what is read in answer to one raw hello.
const maxOfferBytes = 1 << 20

// answer is what a server said to a hello that offers one thing.
type answer int

// A server that says nothing may be slow, or tired of us. One that hangs up, or
// sends an alert about something else, may mean no, and may mean that it wants
// no more connections: only what it says to another hello can tell.
const (
	saidNothing answer = iota
	saidNeither
	saidNo
	saidYes
)

// offer sends a raw hello over a connection of its own and reads the answer, for
// as long as its patience lasts. It returns what was learned also with an error; an
// alert is one.
func (e *endpoint) offer(ctx context.Context, message []byte, until hello.Until) (*hello.Flight, error) {
	ctx, cancel := context.WithTimeout(ctx, e.patience())
	defer cancel()
	conn, flight, err := e.converse(ctx, message, until)
	if conn != nil {
		conn.Close()
	}
	return flight, err
}

// converse is an offer after which the connection, if there is one, is still
// there for more, until ctx ends. It is the caller's to close.
func (e *endpoint) converse(ctx context.Context, message []byte, until hello.Until) (net.Conn, *hello.Flight, error) {
	conn, err := e.connect(ctx)
	if err != nil {
		return nil, new(hello.Flight), err
	}
	if _, err := conn.Write(message); err != nil {
		return conn, new(hello.Flight), err
	}
	flight, err := hello.ReadFlight(io.LimitReader(conn, maxOfferBytes), until)
	if err == nil {
		err = turnedDown(flight)
	}
	return conn, flight, err
}

// turnedDown is the error that a flight is.
func turnedDown(f *hello.Flight) error {
	switch {
	case f.Alert != nil:
		return &alertError{*f.Alert}
	case f.SSL2Error != 0:
		return fmt.Errorf("%w: %s", errSSL2, f.SSL2Error)
	}
	return nil
}

// errSSL2 is the ERROR message of SSL 2.0.
var errSSL2 = errors.New("the server says no, in SSL 2.0")

// alertError is an alert that answered a raw hello.
type alertError struct{ alert hello.Alert }

func (e *alertError) Error() string { return "remote error: " + e.alert.String() }

// isHandshakeFailure tells whether a server could not choose from the parameters
// that it was offered (RFC 8446 section 6.2); from others it might.
func isHandshakeFailure(err error) bool {
	alert, ok := errors.AsType[*alertError](err)
	return ok && alert.alert.Description == hello.HandshakeFailure
}

// refusals are the alerts by which a server says that it takes nothing of what
// the hello offers (RFC 8446 section 6.2, and what older servers say instead).
// The others are about something else: a name, a certificate, the server's
// health.
var refusals = map[hello.AlertDescription]bool{
	hello.CloseNotify: true, hello.UnexpectedMessage: true, hello.HandshakeFailure: true, hello.IllegalParameter: true,
	hello.DecodeError: true, hello.ProtocolVersion: true, hello.InsufficientSecurity: true, hello.MissingExtension: true,
}

// answerOf sorts what an offer came to: yes, if the server answered with a
// hello of its own and no alert.
func answerOf(f *hello.Flight, err error) answer {
	if alert, ok := errors.AsType[*alertError](err); ok {
		if refusals[alert.alert.Description] {
			return saidNo
		}
		return saidNeither
	}
	switch {
	case f.Hello != nil || f.SSL2 != nil && len(f.SSL2.Ciphers) > 0:
		return saidYes // whatever became of the rest of the flight
	case f.SSL2 != nil, errors.Is(err, errSSL2):
		return saidNo
	case endedBy(err), errors.Is(err, hello.ErrNotTLS):
		return saidNeither
	}
	return saidNothing
}

// endedBy tells an end of the connection from silence.
func endedBy(err error) bool {
	return is(io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE)(err)
}

// serverName is the SNI of raw hellos.
func (e *endpoint) serverName() string { return sni(e.target.name()) }

// sni is what a hello calls a server by a name; empty for an address (RFC 6066
// section 3).
func sni(name string) string {
	if net.ParseIP(name) != nil {
		return ""
	}
	return strings.TrimRight(name, ".")
}

// marshal is an offer in bytes, with the name of the server.
func (e *endpoint) marshal(o hello.Offer) ([]byte, error) {
	if o.Version == hello.SSL20 {
		return ssl2Hello(), nil
	}
	o.ServerName = e.serverName()
	return o.Hello().Marshal()
}

// ssl2Hello offers SSL 2.0 and all its ciphers.
func ssl2Hello() []byte {
	challenge := make([]byte, 16)
	rand.Read(challenge)
	return hello.MarshalSSL2(hello.SSL2Ciphers, challenge)
}
