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

// The deadline of a probe holds whatever x/net/proxy does to a connection.
func TestBoundStaysBound(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	near, far := net.Pipe()
	defer far.Close()
	conn, err := Bind(ctx, near)
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

// A look at the socket takes nothing from it and does not wait.
func TestPending(t *testing.T) {
	lab := labtest.Lab(t)
	speak, leave := make(chan struct{}), make(chan struct{})
	addr := labtest.Serve(t, lab, tlstest.Server{Accept: func(_ context.Context, c net.Conn) {
		<-speak
		io.WriteString(c, "early")
		<-leave
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
		t.Error("bytes are there before any were sent")
	}
	close(speak)
	for ctx.Err() == nil && !pending(conn) {
		runtime.Gosched()
	}
	heard := make([]byte, 5)
	if _, err := io.ReadFull(conn, heard); err != nil || string(heard) != "early" {
		t.Errorf("after the look it says %q, %v", heard, err)
	}
	close(leave)
	if n, err := conn.Read(heard); err != io.EOF || pending(conn) {
		t.Errorf("at the end there are %d bytes, %v, and more: %v", n, err, pending(conn))
	}
	if pending(carrierOf(conn)) {
		t.Error("a connection that cannot tell has bytes")
	}
}

// carrierOf is a connection around another, which cannot look into it.
func carrierOf(c net.Conn) net.Conn { return struct{ net.Conn }{c} }

// pending is what a connection tells of bytes that wait.
func pending(conn net.Conn) bool {
	p, ok := conn.(interface{ Pending() bool })
	return ok && p.Pending()
}
