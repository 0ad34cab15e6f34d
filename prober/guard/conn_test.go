package guard

import (
	"context"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// x/net/proxy resets the deadlines of a connection, which must not make it usable
// after its context.
func TestBindHolds(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	client, server := net.Pipe()
	defer server.Close()
	conn, err := Bind(ctx, client)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	for _, set := range []func(time.Time) error{conn.SetDeadline, conn.SetReadDeadline, conn.SetWriteDeadline} {
		for _, deadline := range []time.Time{{}, time.Now().Add(time.Hour)} {
			set(deadline)
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				t.Error("it reads after its context ended")
			}
			if _, err := conn.Write([]byte{0}); err == nil {
				t.Error("it writes after its context ended")
			}
		}
	}
}

// Pending reads nothing from the socket and does not wait.
func TestPending(t *testing.T) {
	lab := labtest.Lab(t)
	send, closing := make(chan struct{}), make(chan struct{})
	addr := labtest.Serve(t, lab, tlstest.Server{Accept: func(_ context.Context, c net.Conn) {
		<-send
		io.WriteString(c, "early")
		<-closing
	}})
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := Bind(ctx, raw)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if pending(conn) {
		t.Error("bytes are pending before any were sent")
	}
	close(send)
	for ctx.Err() == nil && !pending(conn) {
		runtime.Gosched()
	}
	received := make([]byte, 5)
	if _, err := io.ReadFull(conn, received); err != nil || string(received) != "early" {
		t.Errorf("after Pending, %q is read, %v", received, err)
	}
	close(closing)
	if n, err := conn.Read(received); err != io.EOF || pending(conn) {
		t.Errorf("at the end %d bytes are read, %v, and more are pending: %v", n, err, pending(conn))
	}
	if pending(struct{ net.Conn }{conn}) {
		t.Error("a connection without Pending has pending bytes")
	}
}

// pending calls Pending if a connection has it.
func pending(conn net.Conn) bool {
	p, ok := conn.(interface{ Pending() bool })
	return ok && p.Pending()
}
