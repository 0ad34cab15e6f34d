package guard

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"tls_exporter/prober/failure"
)

// Rules do not apply to proxies and DNS servers; the built-in deny list applies to
// their names.
func TestForConfigured(t *testing.T) {
	listeners := new(Listeners)
	listeners.Add(":10443")
	g := New(Policy{Deny: []Rule{{Port: Ports{1, 65535}}}, NAT64Prefixes: nat64(t, "2001:db8:64::/96")}, listeners)
	for _, test := range []struct {
		configured, addr string
		denied           bool
	}{
		{"169.254.20.10:53", "169.254.20.10:53", false},
		{"[fe80::1%eth0]:53", "[fe80::1%eth0]:53", false},
		{"dns.test:53", "10.0.0.2:53", false},
		{"dns.test:53", "169.254.169.254:53", true},
		{"dns.test:53", "[64:ff9b:1::169.254.169.254]:53", true},
		{"dns.test:53", "[2001:db8:64::169.254.169.254]:53", true},
		{"dns.test:53", "[2001:db8:64::10.0.0.2]:53", false},
		{"proxy.test:10443", "127.0.0.1:10443", true},
		{"proxy.test:3128", "127.0.0.1:3128", false},
	} {
		if err := g.ForConfigured(test.configured)(netip.MustParseAddrPort(test.addr)); errors.Is(err, failure.ErrDenied) != test.denied {
			t.Errorf("%s at %s: %v", test.configured, test.addr, err)
		}
	}
}

// An exporter that listens on all addresses is found at each address of this
// machine.
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
			if !listeners.contain(netip.AddrPortFrom(addr, 10443)) || listeners.contain(netip.AddrPortFrom(addr, 10444)) {
				t.Errorf("%s, listening on %s", addr, listening)
			}
		}
	}
}

// An address of an unknown family is denied.
func TestUnparsableAddressIsDenied(t *testing.T) {
	if err := New(Policy{}, new(Listeners)).checkAddress("tcp", "nonsense", nil); !errors.Is(err, failure.ErrDenied) {
		t.Errorf("error is %v", err)
	}
}
