package tlstest

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"tls_exporter/prober/tlstest/internal/wire"
)

// ConnectionPolicy limits and slows down the connections to a server, as rate
// limits and firewalls do. The zero value limits nothing.
type ConnectionPolicy struct {
	// Address is where to listen, as in Server.
	Address string

	// MaxConcurrent is how many connections are served at the same time. 0: any
	// number.
	MaxConcurrent int

	// OverLimit is what happens to connections over MaxConcurrent.
	OverLimit Rejection

	// BanAfter is how many connections are served before the client is banned.
	// 0: no ban.
	BanAfter int

	// Banned is what happens to connections after the ban. Those that are held
	// are never served.
	Banned Rejection

	// StallConcurrent delays all answers while more than one connection is open.
	StallConcurrent bool

	// Delay precedes each piece of an answer. It is at most one second.
	Delay time.Duration

	// Step, if set, is received from before each piece of an answer.
	Step <-chan struct{}

	// Bytewise makes each byte of an answer a piece. Default: a piece is what
	// one read from the server returns.
	Bytewise bool
}

// Rejection is what happens to a connection that is not served.
type Rejection int

const (
	RejectByHolding Rejection = iota // stays open and unanswered; is served when another connection closes
	RejectByReset                    // is reset
	RejectByClosing                  // is closed
)

const (
	maxDelay     = time.Second
	maxPieceSize = wire.RecordHeaderSize + wire.MaxCiphertext
)

// ConnectionStats counts the connections to a server with a policy. Its methods
// are safe for concurrent use.
type ConnectionStats struct {
	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, when a count changes

	served, open, maxOpen, total int
}

// Served is how many connections reached the server.
func (c *ConnectionStats) Served() int { return c.read(&c.served) }

// MaxConcurrent is how many of them were open at the same time.
func (c *ConnectionStats) MaxConcurrent() int { return c.read(&c.maxOpen) }

// Total is how many connections were made, served or not.
func (c *ConnectionStats) Total() int { return c.read(&c.total) }

func (c *ConnectionStats) read(n *int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *n
}

// notify wakes the callers of await. The lock is held.
func (c *ConnectionStats) notify() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// await returns when condition holds.
func (c *ConnectionStats) await(ctx context.Context, condition func() bool) error {
	for {
		c.mu.Lock()
		changed := c.changed
		c.mu.Unlock()
		if condition() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// StartRelay starts a TCP relay to the server at an address, and applies p to
// its connections. The server need not be one of the lab. The relay forwards
// data, closes and resets. It runs until the lab closes.
func (l *Lab) StartRelay(server string, p ConnectionPolicy) (addr string, stats *ConnectionStats, err error) {
	if p.Delay > maxDelay {
		return "", nil, errors.New("the delay is too long")
	}
	listener, err := listenAt(p.Address, listen)
	if err != nil {
		return "", nil, err
	}
	r := &limitedRelay{ConnectionPolicy: p, server: server, stats: &ConnectionStats{changed: make(chan struct{})}}
	return listener.Addr().String(), r.stats, l.run(listener, func() { l.accept(listener, r.serve) })
}

// limitedRelay is a relay with a connection policy.
type limitedRelay struct {
	ConnectionPolicy
	server string
	stats  *ConnectionStats
}

// serve relays or rejects one connection.
func (r *limitedRelay) serve(ctx context.Context, client net.Conn) {
	ctx, cancel := context.WithTimeout(ctx, wire.Timeout)
	defer cancel()
	client.SetDeadline(time.Now().Add(wire.Timeout))
	rejection, banned := r.admit()
	switch {
	case rejection == RejectByReset:
		wire.Reset(client)
		return
	case rejection == RejectByClosing:
		wire.Finish(client)
		return
	case rejection == RejectByHolding && banned:
		discardInput(ctx, client)
		return
	case rejection == RejectByHolding && r.stats.await(ctx, r.acquire) != nil:
		return
	}
	release := sync.OnceFunc(r.release)
	defer release()
	server, err := dialContext(ctx, r.server)
	if err != nil {
		wire.Reset(client)
		return
	}
	r.forward(ctx, client, server, release)
}

// notRejected is for connections that are served at once.
const notRejected Rejection = -1

// admit counts a connection and decides whether to serve it.
func (r *limitedRelay) admit() (rejection Rejection, banned bool) {
	c := r.stats
	c.mu.Lock()
	c.total++
	c.notify()
	banned = r.BanAfter > 0 && c.served >= r.BanAfter
	c.mu.Unlock()
	switch {
	case banned:
		return r.Banned, true
	case r.acquire():
		return notRejected, false
	default:
		return r.OverLimit, false
	}
}

// acquire reports whether one more connection can be served, and counts it.
func (r *limitedRelay) acquire() bool {
	c := r.stats
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.MaxConcurrent > 0 && c.open >= r.MaxConcurrent {
		return false
	}
	c.served++
	c.open++
	c.maxOpen = max(c.maxOpen, c.open)
	c.notify()
	return true
}

func (r *limitedRelay) release() {
	r.stats.mu.Lock()
	defer r.stats.mu.Unlock()
	r.stats.open--
	r.stats.notify()
}

// forward copies data in both directions until both sides have closed or one
// has failed. A client that has closed its sending side no longer counts as
// open, even while its answer is delayed.
func (r *limitedRelay) forward(ctx context.Context, client, server net.Conn, release func()) {
	closeBoth := func() { client.Close(); server.Close() }
	defer closeBoth()
	defer context.AfterFunc(ctx, closeBoth)()
	server.SetDeadline(time.Now().Add(wire.Timeout))
	var requests sync.WaitGroup
	requests.Go(func() {
		defer release()
		if _, err := io.Copy(server, client); err != nil {
			wire.Reset(server)
			closeBoth()
		}
		wire.CloseWrite(server)
	})
	if err := r.forwardAnswer(ctx, client, server); err != nil {
		wire.Reset(client)
		closeBoth()
	}
	requests.Wait()
}

// forwardAnswer copies what the server sends, in pieces, until it closes.
func (r *limitedRelay) forwardAnswer(ctx context.Context, client, server net.Conn) error {
	piece := make([]byte, maxPieceSize)
	if r.Bytewise {
		piece = piece[:1]
	}
	for {
		n, err := server.Read(piece)
		if n > 0 {
			if err := r.pause(ctx); err != nil {
				return err
			}
			if _, err := client.Write(piece[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			wire.CloseWrite(client)
			wire.ExpectClose(client)
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// pause waits before a piece of an answer, as the policy says.
func (r *limitedRelay) pause(ctx context.Context) error {
	if r.StallConcurrent {
		single := func() bool { return r.stats.read(&r.stats.open) <= 1 }
		if err := r.stats.await(ctx, single); err != nil {
			return err
		}
	}
	if r.Step != nil {
		select {
		case <-r.Step:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if r.Delay > 0 {
		select {
		case <-time.After(r.Delay):
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}
