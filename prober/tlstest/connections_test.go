package tlstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"tls_exporter/prober/tlstest/internal/testclient"
	"tls_exporter/prober/tlstest/internal/wire"
)

// startEcho starts a server that sends back what it reads.
func startEcho(t *testing.T, lab *Lab) string {
	t.Helper()
	return start(t, lab, Server{Accept: func(_ context.Context, c net.Conn) { io.Copy(c, c) }})
}

func startRelay(t *testing.T, lab *Lab, server string, p ConnectionPolicy) (string, *ConnectionStats) {
	t.Helper()
	addr, stats, err := lab.StartRelay(server, p)
	if err != nil {
		t.Fatal(err)
	}
	return addr, stats
}

func connect(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c := testclient.Dial(t, addr)
	c.SetDeadline(time.Now().Add(wire.Timeout))
	return c
}

func send(t *testing.T, c net.Conn, data string) {
	t.Helper()
	if _, err := io.WriteString(c, data); err != nil {
		t.Fatal(err)
	}
}

// echoed returns "served" if the server answers, and else how the connection ends.
func echoed(t *testing.T, c net.Conn) string {
	t.Helper()
	if _, err := c.Write([]byte("hello")); err != nil {
		return "reset"
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(c, got); err == nil && string(got) == "hello" {
		return "served"
	}
	return ending(c)
}

// ending is how the server ends a connection: its last bytes in hexadecimal,
// "closed" if there are none, or "reset".
func ending(c net.Conn) string {
	switch got, err := io.ReadAll(c); {
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	case err != nil:
		return err.Error()
	case len(got) == 0:
		return "closed"
	default:
		return fmt.Sprintf("%x", got)
	}
}

// rejection is how a connection without data ends. It may be reset before it is
// established.
func rejection(t *testing.T, addr string, change ...func(*net.TCPConn)) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if errors.Is(err, syscall.ECONNRESET) {
		return "reset"
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, f := range change {
		f(c.(*net.TCPConn))
	}
	c.SetDeadline(time.Now().Add(wire.Timeout))
	return ending(c)
}

func await(t *testing.T, stats *ConnectionStats, condition func() bool) {
	t.Helper()
	if err := stats.await(t.Context(), condition); err != nil {
		t.Fatal(err)
	}
}

func TestMaxConcurrent(t *testing.T) {
	lab := newLab(t)
	server := startEcho(t, lab)
	t.Run("others wait", func(t *testing.T) {
		addr, stats := startRelay(t, lab, server, ConnectionPolicy{MaxConcurrent: 1})
		first := connect(t, addr)
		if got := echoed(t, first); got != "served" {
			t.Fatal(got)
		}
		second := connect(t, addr)
		send(t, second, "hello")
		await(t, stats, func() bool { return stats.Total() == 2 })
		if stats.Served() != 1 {
			t.Error("the second is served too")
		}
		first.Close()
		if got := echoed(t, second); got != "served" {
			t.Error(got)
		}
		if stats.Served() != 2 || stats.MaxConcurrent() != 1 {
			t.Errorf("%d served, %d at the same time", stats.Served(), stats.MaxConcurrent())
		}
	})
	for reject, want := range map[Rejection]string{RejectByReset: "reset", RejectByClosing: "closed"} {
		t.Run(want, func(t *testing.T) {
			addr, stats := startRelay(t, lab, server, ConnectionPolicy{MaxConcurrent: 1, OverLimit: reject})
			first := connect(t, addr)
			if got := echoed(t, first); got != "served" {
				t.Fatal(got)
			}
			if got := rejection(t, addr); got != want {
				t.Errorf("the second: %s", got)
			}
			if got := echoed(t, first); got != "served" {
				t.Errorf("the first: %s", got)
			}
			if stats.Total() != 2 || stats.Served() != 1 {
				t.Errorf("%d connections, %d served", stats.Total(), stats.Served())
			}
		})
	}
}

func TestBan(t *testing.T) {
	lab := newLab(t)
	server := startEcho(t, lab)
	for reject, want := range map[Rejection]string{RejectByReset: "reset", RejectByClosing: "closed", RejectByHolding: "closed"} {
		addr, stats := startRelay(t, lab, server, ConnectionPolicy{BanAfter: 2, Banned: reject})
		for range 2 {
			c := connect(t, addr)
			if got := echoed(t, c); got != "served" {
				t.Error(got)
			}
			c.Close()
		}
		var change []func(*net.TCPConn)
		if reject == RejectByHolding { // otherwise it does not end
			change = append(change, func(c *net.TCPConn) { c.CloseWrite() })
		}
		if got := rejection(t, addr, change...); got != want || stats.Served() != 2 {
			t.Errorf("%d: %s, %d served", reject, got, stats.Served())
		}
	}
}

func TestStallConcurrent(t *testing.T) {
	lab := newLab(t)
	addr, stats := startRelay(t, lab, startEcho(t, lab), ConnectionPolicy{StallConcurrent: true})
	first, second := connect(t, addr), connect(t, addr)
	await(t, stats, func() bool { return stats.Served() == 2 })
	send(t, first, "hello")
	send(t, second, "hello")
	// An answer would come soon. On a slow machine this can miss one, but it cannot fail wrongly.
	first.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := first.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes, %v", n, err)
	}
	first.SetReadDeadline(time.Now().Add(wire.Timeout))
	second.Close()
	if got := echoed(t, first); got != "served" || stats.MaxConcurrent() != 2 {
		t.Errorf("%s, %d at the same time", got, stats.MaxConcurrent())
	}
}

func TestBytewise(t *testing.T) {
	lab := newLab(t)
	step := make(chan struct{})
	addr, _ := startRelay(t, lab, startEcho(t, lab), ConnectionPolicy{Bytewise: true, Step: step})
	c := connect(t, addr)
	send(t, c, "hello")
	for _, want := range []byte("hello") {
		step <- struct{}{}
		got := make([]byte, 2)
		if n, err := c.Read(got); n != 1 || err != nil || got[0] != want {
			t.Errorf("%q, %v", got[:n], err)
		}
	}
}

func TestDelay(t *testing.T) {
	lab := newLab(t)
	addr, _ := startRelay(t, lab, start(t, lab, Server{}), ConnectionPolicy{Delay: time.Millisecond})
	if c := testclient.Handshake(t, addr); c.Err() != io.EOF {
		t.Error(c.Err())
	}
	if _, _, err := lab.StartRelay(addr, ConnectionPolicy{Delay: time.Hour}); err == nil {
		t.Error("a delay of an hour was accepted")
	}
}

func TestRelayForwardsTheEnd(t *testing.T) {
	lab := newLab(t)
	alert := []byte("\x15\x03\x03\x00\x02\x02\x28")
	for name, test := range map[string]struct {
		end  func(net.Conn)
		want string
	}{
		"a reset":  {wire.Reset, "reset"},
		"a close":  {wire.Finish, "closed"},
		"an alert": {func(c net.Conn) { c.Write(alert); wire.Finish(c) }, fmt.Sprintf("%x", alert)},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t, lab, Server{Accept: func(_ context.Context, c net.Conn) {
				io.ReadFull(c, make([]byte, 5))
				test.end(c)
			}})
			addr, _ := startRelay(t, lab, server, ConnectionPolicy{})
			c := connect(t, addr)
			send(t, c, "hello")
			if got := ending(c); got != test.want {
				t.Errorf("got %s", got)
			}
		})
	}
	t.Run("to a client that has closed its sending side", func(t *testing.T) {
		addr, _ := startRelay(t, lab, startEcho(t, lab), ConnectionPolicy{})
		if got := testclient.Exchange(t, addr, alert); !bytes.Equal(got, alert) {
			t.Errorf("got %x", got)
		}
	})
}
