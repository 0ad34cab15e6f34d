package connect

import (
	"net/netip"
	"strings"
	"testing"
)

func TestProxyProtocolHeader(t *testing.T) {
	v4, other4 := netip.MustParseAddrPort("192.0.2.1:1000"), netip.MustParseAddrPort("192.0.2.2:443")
	v6, other6 := netip.MustParseAddrPort("[fe80::1%eth0]:1000"), netip.MustParseAddrPort("[2001:db8::2]:443")
	for _, test := range []struct {
		name                string
		version             ProxyProtocol
		source, destination netip.AddrPort
		want                string
	}{
		{"none", "", v4, other4, ""},
		{"1, IPv4", ProxyV1, v4, other4, "PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n"},
		{"1, IPv6", ProxyV1, v6, other6, "PROXY TCP6 fe80::1 2001:db8::2 1000 443\r\n"},
		{"1, unknown source", ProxyV1, netip.AddrPort{}, other4, "PROXY UNKNOWN\r\n"},
		{"2, IPv4", ProxyV2, v4, other4, "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x03\xe8\x01\xbb"},
		{"2, IPv6", ProxyV2, v6, other6, "\r\n\r\n\x00\r\nQUIT\n\x21\x21\x00\x24" +
			"\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" + "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02" + "\x03\xe8\x01\xbb"},
		{"1, unknown destination", ProxyV1, v6, netip.AddrPort{}, "PROXY UNKNOWN\r\n"},
		{"2, unknown source", ProxyV2, netip.AddrPort{}, other6, "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"},
		{"2, unknown destination", ProxyV2, v4, netip.AddrPort{}, "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"},
	} {
		var got strings.Builder
		if err := test.version.writeHeader(&got, test.source, test.destination); err != nil || got.String() != test.want {
			t.Errorf("%s: %q, %v, want %q", test.name, got.String(), err, test.want)
		}
	}
}
