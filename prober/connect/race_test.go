package connect

import (
	"context"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/resolve"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// race returns the first connection. An address that hangs does not delay the others,
// and the error has the failures of all addresses.
func TestRace(t *testing.T) {
	lab := labtest.Lab(t)
	addr := netip.MustParseAddrPort(labtest.Serve(t, lab, tlstest.Server{}))
	refusing := netip.MustParseAddrPort(labtest.Serve(t, lab, tlstest.Server{Refuse: true}))
	hanging := netip.MustParseAddrPort("127.0.0.9:9")
	guard := guard.New(guard.Policy{}, new(guard.Listeners))
	guard.Control = func(ctx context.Context, _, address string, _ syscall.RawConn) error {
		if address == hanging.String() {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
	route, err := New(Options{IPProtocol: resolve.AnyIP}, guard, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		addrs []netip.AddrPort
		want  failure.Reason // empty: it connects
	}{
		{"the first refuses", []netip.AddrPort{refusing, addr}, ""},
		{"the first hangs", []netip.AddrPort{hanging, addr}, ""},
		{"all refuse", []netip.AddrPort{refusing, refusing, refusing}, failure.ReasonRefused},
		{"one refuses, one hangs", []netip.AddrPort{refusing, hanging}, failure.ReasonRefused},
		{"all hang", []netip.AddrPort{hanging, hanging}, failure.ReasonTimeout},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 400*time.Millisecond)
			if test.want == "" {
				ctx, cancel = context.WithTimeout(context.Background(), 20*time.Second)
			}
			defer cancel()
			conn, err := route.race(ctx, new(target.Target), test.addrs)
			if err == nil {
				defer conn.Close()
				if test.want != "" || addrPort(conn.RemoteAddr()) != addr {
					t.Errorf("connected to %v, want %q", conn.RemoteAddr(), test.want)
				}
			} else if got := failure.Of(err); got != test.want {
				t.Errorf("%v is %s, want %s", err, got, test.want)
			}
		})
	}
}

func TestInterleave(t *testing.T) {
	var addrs []netip.Addr
	for _, s := range strings.Fields("::1 ::2 ::3 1.1.1.1 2.2.2.2") {
		addrs = append(addrs, netip.MustParseAddr(s))
	}
	var got []string
	for _, addr := range interleave(addrs) {
		got = append(got, addr.String())
	}
	if want := "::1 1.1.1.1 ::2 2.2.2.2 ::3"; strings.Join(got, " ") != want {
		t.Errorf("the order is %v, want %s", got, want)
	}
}

// A panic in an attempt is the failure of that attempt: another address may answer.
func TestRaceContainsPanic(t *testing.T) {
	lab := labtest.Lab(t)
	addr := netip.MustParseAddrPort(labtest.Serve(t, lab, tlstest.Server{}))
	panicking := netip.MustParseAddrPort("127.0.0.9:9")
	guard := guard.New(guard.Policy{}, new(guard.Listeners))
	guard.Control = func(_ context.Context, _, address string, _ syscall.RawConn) error {
		if address == panicking.String() {
			panic("boom")
		}
		return nil
	}
	route, err := New(Options{IPProtocol: resolve.AnyIP}, guard, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, err := route.race(ctx, new(target.Target), []netip.AddrPort{panicking, addr})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if _, err := route.race(ctx, new(target.Target), []netip.AddrPort{panicking, panicking}); failure.Of(err) != failure.ReasonInternal {
		t.Errorf("error is %v", err)
	}
}
