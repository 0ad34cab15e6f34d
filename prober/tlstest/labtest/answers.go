package labtest

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/legacy"
)

// Wrapper is how a server lets people in, beyond the manners that the lab has: it
// may have the conversation, or not.
type Wrapper func(ctx context.Context, c net.Conn, talk func(context.Context, net.Conn))

func DropEvery(nth int64) Wrapper {
	var calls atomic.Int64
	return func(ctx context.Context, c net.Conn, talk func(context.Context, net.Conn)) {
		if calls.Add(1)%nth != 0 {
			talk(ctx, c)
		}
	}
}

// CloseOverSuites hangs up on hellos with more suites than that.
func CloseOverSuites(most int) Wrapper {
	return RejectUnless(func(h *hello.ClientHello) bool { return len(h.CipherSuites) <= most }, nil)
}

// RequireKeyShares turns TLS 1.3 down without key shares, as who knows no
// HelloRetryRequest.
func RequireKeyShares() Wrapper {
	const keyShare, none = 51, 2 // an extension, and the length of its empty list
	illegal := hello.AppendRecord(nil, hello.TypeAlert, hello.TLS12, []byte{2, byte(hello.IllegalParameter)})
	return RejectUnless(func(h *hello.ClientHello) bool {
		shares, sent := h.Extension(keyShare)
		return !sent || len(shares) > none
	}, illegal)
}

// RejectUnless says something else to hellos that it does not like, and hangs up.
func RejectUnless(likes func(*hello.ClientHello) bool, instead []byte) Wrapper {
	return func(ctx context.Context, c net.Conn, talk func(context.Context, net.Conn)) {
		const header = 5
		record := make([]byte, header)
		if _, err := io.ReadFull(c, record); err != nil {
			return
		}
		record = append(record, make([]byte, int(record[3])<<8|int(record[4]))...)
		if _, err := io.ReadFull(c, record[header:]); err != nil {
			return
		}
		if h, err := hello.ParseClientHello(record[header:]); err != nil || !likes(h) {
			c.Write(instead)
			return
		}
		talk(ctx, &replayed{c, bytes.NewReader(record)})
	}
}

// replayed is a connection of which something was read already.
type replayed struct {
	net.Conn
	first *bytes.Reader
}

func (c *replayed) Read(b []byte) (int, error) {
	if c.first.Len() > 0 {
		return c.first.Read(b)
	}
	return c.Conn.Read(b)
}

func (c *replayed) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

func StartWrapped(t *testing.T, lab *tlstest.Lab, g legacy.Server, m Wrapper) string {
	t.Helper()
	s, err := g.Make(lab)
	if err != nil {
		t.Fatal(err)
	}
	if talk := s.Accept; m != nil {
		s.Accept = func(ctx context.Context, c net.Conn) { m(ctx, c, talk) }
	}
	addr, err := lab.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
