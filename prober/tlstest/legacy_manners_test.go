package tlstest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// echoing is a server that says everything twice, to see who is served.
func echoing(t *testing.T, lab *Lab) string {
	t.Helper()
	return start(t, lab, Server{Accept: func(_ context.Context, c net.Conn) { io.Copy(c, c) }})
}

func before(t *testing.T, lab *Lab, server string, m Manners) (string, *Census) {
	t.Helper()
	addr, census, err := lab.Front(server, m)
	if err != nil {
		t.Fatal(err)
	}
	return addr, census
}

// served says whether a connection is answered, and how it ends if not.
func served(t *testing.T, c *caller) string {
	t.Helper()
	if _, err := c.Write([]byte("hello")); err != nil {
		return "reset"
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(c, got); err == nil && string(got) == "hello" {
		return "served"
	}
	return c.ending()
}

// turned is how a connection ends on which nothing is said. A reset can be there
// before the connection is.
func turned(t *testing.T, addr string, change ...func(*net.TCPConn)) string {
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
	c.SetDeadline(time.Now().Add(patience))
	return (&caller{t: t, Conn: c}).ending()
}

func until(t *testing.T, census *Census, so func() bool) {
	t.Helper()
	if err := census.await(t.Context(), so); err != nil {
		t.Fatal(err)
	}
}

func TestOneAtATime(t *testing.T) {
	lab := newLab(t)
	server := echoing(t, lab)
	t.Run("others wait", func(t *testing.T) {
		addr, census := before(t, lab, server, Manners{AtOnce: 1})
		first := call(t, addr)
		if got := served(t, first); got != "served" {
			t.Fatal(got)
		}
		second := call(t, addr)
		second.say([]byte("hello"))
		until(t, census, func() bool { return census.Callers() == 2 })
		if census.Served() != 1 {
			t.Error("the second was let in")
		}
		first.Close()
		if got := served(t, second); got != "served" {
			t.Error(got)
		}
		if census.Served() != 2 || census.Highest() != 1 {
			t.Errorf("%d served, %d at once", census.Served(), census.Highest())
		}
	})
	for turn, want := range map[Turn]string{TurnReset: "reset", TurnClosed: "closed"} {
		t.Run(want, func(t *testing.T) {
			addr, census := before(t, lab, server, Manners{AtOnce: 1, Beyond: turn})
			first := call(t, addr)
			if got := served(t, first); got != "served" {
				t.Fatal(got)
			}
			if got := turned(t, addr); got != want {
				t.Errorf("the second: %s", got)
			}
			if got := served(t, first); got != "served" {
				t.Errorf("the first: %s", got)
			}
			if census.Callers() != 2 || census.Served() != 1 {
				t.Errorf("%d callers, %d served", census.Callers(), census.Served())
			}
		})
	}
}

func TestBan(t *testing.T) {
	lab := newLab(t)
	server := echoing(t, lab)
	for turn, want := range map[Turn]string{TurnReset: "reset", TurnClosed: "closed", TurnHeld: "closed"} {
		addr, census := before(t, lab, server, Manners{BanAfter: 2, Banned: turn})
		for range 2 {
			c := call(t, addr)
			if got := served(t, c); got != "served" {
				t.Error(got)
			}
			c.Close()
		}
		var goodbye []func(*net.TCPConn)
		if turn == TurnHeld { // which would last
			goodbye = append(goodbye, func(c *net.TCPConn) { c.CloseWrite() })
		}
		if got := turned(t, addr, goodbye...); got != want || census.Served() != 2 {
			t.Errorf("%d: %s, %d served", turn, got, census.Served())
		}
	}
}

func TestChokes(t *testing.T) {
	lab := newLab(t)
	addr, census := before(t, lab, echoing(t, lab), Manners{Chokes: true})
	first, second := call(t, addr), call(t, addr)
	until(t, census, func() bool { return census.Served() == 2 })
	first.say([]byte("hello"))
	second.say([]byte("hello"))
	// This would be answered soon. That it was not answered later can go unseen, but cannot be seen wrongly.
	first.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if n, err := first.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes, %v", n, err)
	}
	first.SetReadDeadline(time.Now().Add(patience))
	second.Close()
	if got := served(t, first); got != "served" || census.Highest() != 2 {
		t.Errorf("%s, %d at once", got, census.Highest())
	}
}

func TestBytewise(t *testing.T) {
	lab := newLab(t)
	step := make(chan struct{})
	addr, _ := before(t, lab, echoing(t, lab), Manners{Bytewise: true, Step: step})
	c := call(t, addr)
	c.say([]byte("hello"))
	for _, want := range []byte("hello") {
		step <- struct{}{}
		got := make([]byte, 2)
		if n, err := c.Read(got); n != 1 || err != nil || got[0] != want {
			t.Errorf("%q, %v", got[:n], err)
		}
	}
}

func TestSlow(t *testing.T) {
	lab := newLab(t)
	addr, _ := before(t, lab, startLegacy(t, lab, Legacy{}), Manners{Delay: time.Millisecond})
	if m := meet(t, addr); m.err() != io.EOF {
		t.Error(m.err())
	}
	if _, _, err := lab.Front(addr, Manners{Delay: time.Hour}); err == nil {
		t.Error("an hour was allowed")
	}
}

func TestFrontPassesOnHowItEnds(t *testing.T) {
	lab := newLab(t)
	words := []byte("\x15\x03\x03\x00\x02\x02\x28")
	for name, test := range map[string]struct {
		end  func(net.Conn)
		want string
	}{
		"a reset":   {reset, "reset"},
		"a goodbye": {part, "closed"},
		"an alert":  {func(c net.Conn) { c.Write(words); part(c) }, "handshake_failure"},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t, lab, Server{Accept: func(_ context.Context, c net.Conn) {
				io.ReadFull(c, make([]byte, 5))
				test.end(c)
			}})
			addr, _ := before(t, lab, server, Manners{})
			c := call(t, addr)
			c.say([]byte("hello"))
			if got := c.ending(); got != test.want {
				t.Errorf("got %s", got)
			}
		})
	}
	t.Run("to a client that has said goodbye", func(t *testing.T) {
		addr, _ := before(t, lab, echoing(t, lab), Manners{})
		if got := exchange(t, addr, words); !bytes.Equal(got, words) {
			t.Errorf("got %x", got)
		}
	})
}
