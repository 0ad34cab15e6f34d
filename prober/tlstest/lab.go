// Package tlstest is a lab: a certificate authority and real servers on
// loopback, each healthy but for the one illness that you name.
//
//	lab, err := tlstest.New()
//	defer lab.Close()
//	addr, err := lab.Start(tlstest.Server{Leaf: func(c *x509.Certificate) { c.NotAfter = yesterday }})
//
// Tests probe its servers, and so does the demo: nothing here knows which.
// [Illnesses] is the list of what endpoints suffer from in the world outside.
//
// Nothing is faked on the way to a client: sockets are sockets, signatures are
// valid unless the illness says otherwise, and alerts are sent by crypto/tls
// wherever crypto/tls can be brought to send them.
package tlstest

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Lab is a root, an intermediate under it, and the servers started so far.
// It is made by New, and its methods may be called from several goroutines.
type Lab struct {
	Root, Intermediate *CA

	// ctx ends when the lab closes. It is kept here because it is the life of
	// the lab's servers, which outlive the calls that start them.
	ctx    context.Context
	cancel context.CancelFunc

	workers sync.WaitGroup

	mu   sync.Mutex             // guards open, and that nothing starts once ctx has ended
	open map[io.Closer]struct{} // listeners and connections, each with a worker
}

// New makes a lab with a new root and intermediate. Close it when done.
func New() (*Lab, error) {
	root, err := NewRoot("Lab Root")
	if err != nil {
		return nil, fmt.Errorf("make the lab's root: %w", err)
	}
	intermediate, err := root.Intermediate("Lab Intermediate")
	if err != nil {
		return nil, fmt.Errorf("make the lab's intermediate: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Lab{
		Root:         root,
		Intermediate: intermediate,
		ctx:          ctx,
		cancel:       cancel,
		open:         make(map[io.Closer]struct{}),
	}, nil
}

// Close stops every server, cuts every connection, and returns when the last
// goroutine of the lab has ended. Closing a closed lab does nothing.
func (l *Lab) Close() {
	l.mu.Lock()
	l.cancel()
	for c := range l.open {
		c.Close()
	}
	l.mu.Unlock()
	l.workers.Wait()
}

// RootPEM is the certificate of the lab's root, as a CA file holds it.
func (l *Lab) RootPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: l.Root.Certificate.Raw})
}

// run does work in a goroutine of the lab and then closes c. Should the lab
// close first, it closes c, which is how work learns of it.
func (l *Lab) run(c io.Closer, work func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		c.Close()
		return errors.New("the lab is closed")
	}
	l.open[c] = struct{}{}
	l.workers.Go(func() {
		defer l.release(c)
		work()
	})
	return nil
}

func (l *Lab) release(c io.Closer) {
	l.mu.Lock()
	delete(l.open, c)
	l.mu.Unlock()
	c.Close()
}

// breather is how long a server waits when the system has no socket to give.
const breather = 50 * time.Millisecond

// accept holds a conversation with everyone who calls, until the listener closes.
func (l *Lab) accept(listener net.Listener, talk conversation) {
	for {
		c, err := listener.Accept()
		switch {
		case err == nil:
			// The one error is that the lab has closed; then the next Accept says so too.
			_ = l.run(c, func() { talk(l.ctx, c) })
		case errors.Is(err, net.ErrClosed):
			return
		default:
			select {
			case <-l.ctx.Done():
			case <-time.After(breather):
			}
		}
	}
}
