package tlstest

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
)

func TestDNS(t *testing.T) {
	lab := newLab(t)
	many := make([]netip.Addr, 40)
	for i := range many {
		many[i] = netip.AddrFrom4([4]byte{127, 0, 1, byte(i)})
	}
	v4, v6 := netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("::1")
	resolver := resolverOf(t, lab, Zone{
		"both.test":    {Addresses: []netip.Addr{v4, v6}},
		"alias.test":   {Alias: "another.test"},
		"another.test": {Alias: "both.test"},
		"nowhere.test": {Alias: "missing.test"},
		"none.test":    {},
		"many.test":    {Addresses: many}, // more than fit into a datagram
		"broken.test":  {RCode: 2},
	})
	tests := []struct {
		network, host string
		want          []netip.Addr
		notFound      bool
	}{
		{"ip", "both.test", []netip.Addr{v4, v6}, false},
		{"ip", "Both.TEST", []netip.Addr{v4, v6}, false},
		{"ip6", "both.test", []netip.Addr{v6}, false},
		{"ip4", "alias.test", []netip.Addr{v4}, false},
		{"ip4", "many.test", many, false},
		{"ip4", "nowhere.test", nil, true},
		{"ip4", "none.test", nil, true},
		{"ip4", "missing.test", nil, true},
		{"ip4", "broken.test", nil, false},
	}
	for _, test := range tests {
		t.Run(test.network+" of "+test.host, func(t *testing.T) {
			got, err := resolver.LookupNetIP(t.Context(), test.network, test.host+".")
			for i := range got {
				got[i] = got[i].Unmap()
			}
			slices.SortFunc(got, netip.Addr.Compare)
			if !slices.Equal(got, test.want) || (err == nil) != (test.want != nil) {
				t.Errorf("got %v, %v; want %v", got, err, test.want)
			}
			if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound != test.notFound {
				t.Errorf("got %v", err)
			}
		})
	}
}

// resolverOf is a resolver that uses a DNS server with zone.
func resolverOf(t *testing.T, lab *Lab, zone Zone) *net.Resolver {
	t.Helper()
	addr, err := lab.StartDNS(zone)
	if err != nil {
		t.Fatal(err)
	}
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}
}

func TestDNSAnswersAreAltered(t *testing.T) {
	lab := newLab(t)
	addr, err := lab.StartDNS(Zone{"odd.test": {Alter: func(answer []byte, overTCP bool) []byte {
		if overTCP {
			return nil
		}
		return append(answer, "odd"...)
	}}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	query := append([]byte{0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, wireName("odd.test")...)
	c.Write(append(query, 0, typeA, 0, classINET))
	answer := make([]byte, maxDatagram)
	n, err := c.Read(answer)
	if err != nil || string(answer[n-3:n]) != "odd" {
		t.Errorf("got %q, %v", answer[:n], err)
	}
}

// The answer to any query is well formed, or there is none.
func FuzzDNS(f *testing.F) {
	zone := Zone{"a.test": {Addresses: []netip.Addr{netip.IPv6Loopback()}}, "loop.test": {Alias: "loop.test"}}
	for _, name := range []string{"a.test", "loop.test", "missing.test", ""} {
		query := append([]byte{0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}, wireName(name)...)
		f.Add(append(query, 0, typeAAAA, 0, classINET))
	}
	f.Fuzz(func(t *testing.T, query []byte) {
		if len(query) > maxMessage {
			return
		}
		if answer := zone.answer(query, false); len(answer) > maxDatagram && len(answer) > len(query) || len(answer) > 0 && len(answer) < dnsHeader {
			t.Errorf("%x is answered with %x", query, answer)
		}
	})
}
