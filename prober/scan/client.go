// Package scan finds what a server accepts. It sends raw hellos that each offer a
// little, within a budget of connections.
package scan

import (
	"context"
	"net"
	"time"

	"tls_exporter/prober/bounded"
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

	room *bounded.Room
}

// New returns a client of the server that connect leads to. The hellos carry name as
// their SNI. Timeout is that of a probe. The answers need room.
func New(connect func(ctx context.Context) (net.Conn, error), name string, timeout time.Duration, room *bounded.Room) *Client {
	return &Client{Connect: connect, ServerName: hello.SNI(name), Patience: min(maxPatience, timeout), room: room}
}

// maxOfferBytes bounds what is read in answer to one raw hello.
const maxOfferBytes = 400 << 10

// Exchange is a raw hello and the answer to it, on a connection that stays open for
// more, for the rest of the client's patience.
type Exchange struct {
	net.Conn               // nil: none could be made
	Flight   *hello.Flight // what was read
	Err      error         // why the flight is not complete; an alert is a *hello.AlertError

	answer bounded.Reader
	cancel context.CancelFunc // nil: no connection was tried
}

// Close closes the connection, if there is one.
func (x *Exchange) Close() error {
	x.answer.Release()
	if x.cancel != nil {
		defer x.cancel()
	}
	if x.Conn == nil {
		return nil
	}
	return x.Conn.Close()
}

// Open sends a raw hello over a new connection and reads the answer. The caller closes
// the exchange.
func (c *Client) Open(ctx context.Context, message []byte, until hello.Until) *Exchange {
	ctx, cancel := context.WithTimeout(ctx, c.Patience)
	x := &Exchange{Flight: new(hello.Flight), cancel: cancel}
	if x.Conn, x.Err = c.Connect(ctx); x.Err != nil {
		return x
	}
	if _, x.Err = x.Write(message); x.Err != nil {
		return x
	}
	x.answer = c.room.Reader(ctx, x.Conn, maxOfferBytes)
	if x.Flight, x.Err = hello.ReadFlight(&x.answer, until); x.Err == nil {
		x.Err = refusalIn(x.Flight)
	}
	return x
}

// Offer is Open without more to send. It returns what it has read also with an error.
func (c *Client) Offer(ctx context.Context, message []byte, until hello.Until) (*hello.Flight, error) {
	x := c.Open(ctx, message, until)
	x.Close()
	return x.Flight, x.Err
}

// Marshal encodes an offer, with the name of the server.
func (c *Client) Marshal(o hello.Offer) ([]byte, error) {
	if o.Version == hello.SSL20 {
		return hello.OfferSSL2(), nil
	}
	o.ServerName = c.ServerName
	return o.Hello().Marshal()
}
