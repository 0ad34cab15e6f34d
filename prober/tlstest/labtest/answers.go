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

// Wrapper accepts connections in place of a server. It calls serve, which is the
// server, or closes the connection.
type Wrapper func(ctx context.Context, c net.Conn, serve func(context.Context, net.Conn))

// DropEvery closes every nth connection.
func DropEvery(nth int64) Wrapper {
	var connections atomic.Int64
	return func(ctx context.Context, c net.Conn, serve func(context.Context, net.Conn)) {
		if connections.Add(1)%nth != 0 {
			serve(ctx, c)
		}
	}
}

// CloseOverSuites closes the connection after a ClientHello with more cipher suites
// than limit.
func CloseOverSuites(limit int) Wrapper {
	return RejectUnless(func(h *hello.ClientHello) bool { return len(h.CipherSuites) <= limit }, nil)
}

// RequireKeyShares rejects a ClientHello of TLS 1.3 without key shares, like a server
// without HelloRetryRequest.
func RequireKeyShares() Wrapper {
	const keyShare, none = 51, 2 // an extension, and the length of its empty list
	illegal := hello.AppendRecord(nil, hello.TypeAlert, hello.TLS12, []byte{2, byte(hello.IllegalParameter)})
	return RejectUnless(func(h *hello.ClientHello) bool {
		shares, sent := h.Extension(keyShare)
		return !sent || len(shares) > none
	}, illegal)
}

// RejectUnless sends answer and closes the connection unless it accepts the ClientHello.
func RejectUnless(accepts func(*hello.ClientHello) bool, answer []byte) Wrapper {
	return Unless(accepts, func(c net.Conn) { c.Write(answer) })
}

// Unless calls otherwise, and closes the connection, unless it accepts the ClientHello.
func Unless(accepts func(*hello.ClientHello) bool, otherwise func(c net.Conn)) Wrapper {
	return func(ctx context.Context, c net.Conn, serve func(context.Context, net.Conn)) {
		const header = 5
		record := make([]byte, header)
		if _, err := io.ReadFull(c, record); err != nil {
			return
		}
		record = append(record, make([]byte, int(record[3])<<8|int(record[4]))...)
		if _, err := io.ReadFull(c, record[header:]); err != nil {
			return
		}
		again := &replayed{c, bytes.NewReader(record)}
		if h, err := hello.ParseClientHello(record[header:]); err != nil || !accepts(h) {
			otherwise(again)
			return
		}
		serve(ctx, again)
	}
}

// replayed is a connection whose first bytes are read again.
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

// StartWrapped starts a server behind a Wrapper; nil: without one. It returns the
// server's address.
func StartWrapped(t *testing.T, lab *tlstest.Lab, server legacy.Server, wrapper Wrapper) string {
	t.Helper()
	s, err := server.Make(lab)
	if err != nil {
		t.Fatal(err)
	}
	if serve := s.Accept; wrapper != nil {
		s.Accept = func(ctx context.Context, c net.Conn) { wrapper(ctx, c, serve) }
	}
	addr, err := lab.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}
