package tlstest

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Manners is how a server treats who calls often, all at once, or at all: what
// stands between a scanner and the truth. The zero value lets everyone through.
type Manners struct {
	// Address is where to listen, as in Server.
	Address string

	// AtOnce is how many connections are served at one time. 0: any number.
	AtOnce int

	// Beyond is what those get that come when AtOnce are served.
	Beyond Turn

	// BanAfter is how many connections are served before no more are. 0: no ban.
	BanAfter int

	// Banned is what those get that come after BanAfter. TurnHeld is for good here.
	Banned Turn

	// Chokes has nobody answered for as long as there is more than one to answer.
	Chokes bool

	// Delay comes before each piece of an answer. It is at most maxDelay.
	Delay time.Duration

	// Step, if set, is received from before each piece of an answer.
	Step <-chan struct{}

	// Bytewise makes each byte of an answer a piece of its own. Default: what
	// the server sends at one time.
	Bytewise bool
}

// Turn is what becomes of a connection that is not served.
type Turn int

const (
	TurnHeld   Turn = iota // it stays open and unanswered until there is room
	TurnReset              // it is reset
	TurnClosed             // it is closed
)

const (
	maxDelay = time.Second
	pieceMax = maxRecord + recordHeader
)

// Census counts the connections to a server with manners. Its methods may be
// called from several goroutines.
type Census struct {
	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, when a number changes
	served  int
	open    int
	highest int
	callers int
}

// Served is how many connections were let through to the server.
func (c *Census) Served() int { return c.look(&c.served) }

// Highest is how many of them there were at one time.
func (c *Census) Highest() int { return c.look(&c.highest) }

// Callers is how many connections there were, served or not.
func (c *Census) Callers() int { return c.look(&c.callers) }

func (c *Census) look(n *int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *n
}

// Front puts manners before the server at an address of TCP, any server. It
// passes on bytes, ends and resets. It stops when the lab closes.
func (l *Lab) Front(server string, m Manners) (addr string, census *Census, err error) {
	if m.Delay > maxDelay {
		return "", nil, errors.New("a delay that is too long")
	}
	listener, err := at(m.Address, listen)
	if err != nil {
		return "", nil, err
	}
	f := &front{Manners: m, server: server, census: &Census{changed: make(chan struct{})}}
	return listener.Addr().String(), f.census, l.run(listener, func() { l.accept(listener, f.talk) })
}

// front is manners at work.
type front struct {
	Manners
	server string
	census *Census
}

// talk serves a connection if its turn comes.
func (f *front) talk(ctx context.Context, near net.Conn) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	near.SetDeadline(time.Now().Add(patience))
	turn, banned := f.call()
	switch {
	case turn == TurnReset:
		reset(near)
		return
	case turn == TurnClosed:
		part(near)
		return
	case turn == TurnHeld && banned:
		keepSilent(ctx, near)
		return
	case turn == TurnHeld && f.census.await(ctx, f.enter) != nil:
		return
	}
	leave := sync.OnceFunc(f.leave)
	defer leave()
	far, err := dialFor(ctx, f.server)
	if err != nil {
		reset(near)
		return
	}
	f.carry(ctx, near, far, leave)
}

// turnServed is for connections that are let through at once.
const turnServed Turn = -1

// call counts a connection, and says what becomes of it.
func (f *front) call() (turn Turn, banned bool) {
	c := f.census
	c.mu.Lock()
	c.callers++
	c.tell()
	banned = f.BanAfter > 0 && c.served >= f.BanAfter
	c.mu.Unlock()
	switch {
	case banned:
		return f.Banned, true
	case f.enter():
		return turnServed, false
	default:
		return f.Beyond, false
	}
}

// enter takes a place at the server, if there is one.
func (f *front) enter() bool {
	c := f.census
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.AtOnce > 0 && c.open >= f.AtOnce {
		return false
	}
	c.served++
	c.open++
	c.highest = max(c.highest, c.open)
	c.tell()
	return true
}

func (f *front) leave() {
	f.census.mu.Lock()
	defer f.census.mu.Unlock()
	f.census.open--
	f.census.tell()
}

// tell wakes who awaits. The lock is held.
func (c *Census) tell() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// await returns when something is so.
func (c *Census) await(ctx context.Context, so func() bool) error {
	for {
		c.mu.Lock()
		changed := c.changed
		c.mu.Unlock()
		if so() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *front) alone() bool { return f.census.look(&f.census.open) <= 1 }

// carry passes on bytes until both sides have said goodbye, or either has broken
// off. A client that says goodbye has left its place, even if its answer is still
// held up.
func (f *front) carry(ctx context.Context, near, far net.Conn, leave func()) {
	breakOff := func() { near.Close(); far.Close() }
	defer breakOff()
	defer context.AfterFunc(ctx, breakOff)()
	far.SetDeadline(time.Now().Add(patience))
	var asking sync.WaitGroup
	asking.Go(func() {
		defer leave()
		if _, err := io.Copy(far, near); err != nil {
			reset(far)
			breakOff()
		}
		hangUpWriting(far)
	})
	if err := f.answer(ctx, near, far); err != nil {
		reset(near)
		breakOff()
	}
	asking.Wait()
}

// answer passes on what the server says, up to its goodbye.
func (f *front) answer(ctx context.Context, near, far net.Conn) error {
	piece := make([]byte, pieceMax)
	if f.Bytewise {
		piece = piece[:1]
	}
	for {
		n, err := far.Read(piece)
		if n > 0 {
			if err := f.pause(ctx); err != nil {
				return err
			}
			if _, err := near.Write(piece[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			hangUpWriting(near)
			near.SetReadDeadline(time.Now().Add(parting))
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// pause is what comes before each piece of an answer.
func (f *front) pause(ctx context.Context) error {
	if f.Chokes {
		if err := f.census.await(ctx, f.alone); err != nil {
			return err
		}
	}
	if f.Step != nil {
		select {
		case <-f.Step:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if f.Delay > 0 {
		select {
		case <-time.After(f.Delay):
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}
