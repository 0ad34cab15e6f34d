package guard

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"tls_exporter/prober/failure"
)

// What the owner names is not a target: rules do not cut off the proxy and the
// DNS servers, and a name of theirs leads to nothing that nobody may reach.
func TestOwnersAddresses(t *testing.T) {
	listeners := new(Listeners)
	listeners.Add(":10443")
	g := New(Policy{Deny: []Rule{{Port: Ports{1, 65535}}}}, listeners)
	for _, test := range []struct {
		named, addr string
		denied      bool
	}{
		{"169.254.20.10:53", "169.254.20.10:53", false},
		{"[fe80::1%eth0]:53", "[fe80::1%eth0]:53", false},
		{"dns.test:53", "10.0.0.2:53", false},
		{"dns.test:53", "169.254.169.254:53", true},
		{"proxy.test:10443", "127.0.0.1:10443", true},
		{"proxy.test:3128", "127.0.0.1:3128", false},
	} {
		if err := g.ForConfigured(test.named)(netip.MustParseAddrPort(test.addr)); errors.Is(err, failure.ErrDenied) != test.denied {
			t.Errorf("%s at %s: %v", test.named, test.addr, err)
		}
	}
}

// An address of this machine, whichever it is, is the exporter where it listens
// on all of them.
func TestOwnAddress(t *testing.T) {
	local, err := net.InterfaceAddrs()
	if err != nil || len(local) == 0 { // there is always loopback
		t.Fatalf("the addresses of this machine are %v, %v", local, err)
	}
	for _, listening := range []string{":10443", "0.0.0.0:10443", "[::]:10443", "localhost:10443"} {
		listeners := new(Listeners)
		listeners.Add(listening)
		for _, a := range local {
			addr := netip.MustParsePrefix(a.String()).Addr().WithZone("")
			if !listeners.at(netip.AddrPortFrom(addr, 10443)) || listeners.at(netip.AddrPortFrom(addr, 10444)) {
				t.Errorf("%s, listening on %s", addr, listening)
			}
		}
	}
}

// A denied socket of a family that is not known is not connected.
func TestUnreadableAddressIsDenied(t *testing.T) {
	if err := New(Policy{}, new(Listeners)).judgeAddress("tcp", "nonsense", nil); !errors.Is(err, failure.ErrDenied) {
		t.Errorf("error is %v", err)
	}
}
