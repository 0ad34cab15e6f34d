// Package tlstest is a test lab: a certificate authority and real servers on
// loopback, without faults except those that you ask for.
//
//	lab, err := tlstest.New()
//	defer lab.Close()
//	addr, err := lab.Start(tlstest.Server{Leaf: func(c *x509.Certificate) { c.NotAfter = yesterday }})
//
// The tests and the demo use the same servers. [Scenarios] lists the faults
// that endpoints have in practice. Package legacy has servers with protocols
// and vulnerabilities that crypto/tls does not have.
//
// Nothing is mocked: connections use sockets, signatures are valid unless the
// scenario is about a signature, and crypto/tls sends the alerts wherever it
// can.
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

// Lab is a root CA, an intermediate CA under it, and the servers started so
// far. New makes it. Its methods are safe for concurrent use.
type Lab struct {
	Root, Intermediate *CA

	// ctx ends when the lab closes. It is a field because the servers run
	// longer than the calls that start them.
	ctx    context.Context
	cancel context.CancelFunc

	workers sync.WaitGroup

	mu   sync.Mutex             // guards open; nothing starts under it once ctx has ended
	open map[io.Closer]struct{} // listeners and connections, each with a goroutine
}

// New makes a lab with a new root and intermediate. The caller must close it.
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

// Close stops all servers, closes all connections, and waits for all goroutines
// of the lab. Closing a closed lab does nothing.
func (l *Lab) Close() {
	l.mu.Lock()
	l.cancel()
	for c := range l.open {
		c.Close()
	}
	l.mu.Unlock()
	l.workers.Wait()
}

// RootPEM is the certificate of the lab's root in PEM, as in a CA file.
func (l *Lab) RootPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: l.Root.Certificate.Raw})
}

// run calls work in a goroutine of the lab and then closes c. If the lab closes
// first, it closes c, and work must then return.
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

// acceptDelay is how long a server waits after an error such as a lack of file
// descriptors.
const acceptDelay = 50 * time.Millisecond

// accept serves each connection until the listener closes.
func (l *Lab) accept(listener net.Listener, serve handler) {
	for {
		c, err := listener.Accept()
		switch {
		case err == nil:
			// The only error is that the lab is closed. The next Accept reports that too.
			_ = l.run(c, func() { serve(l.ctx, c) })
		case errors.Is(err, net.ErrClosed):
			return
		default:
			select {
			case <-l.ctx.Done():
			case <-time.After(acceptDelay):
			}
		}
	}
}
