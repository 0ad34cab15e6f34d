package prober

import (
	"context"
	"net/netip"
	"path/filepath"
	"testing"

	"tls_exporter/prober/tlstest"
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
		{"1, unknown", ProxyV1, netip.AddrPort{}, other4, "PROXY UNKNOWN\r\n"},
		{"2, IPv4", ProxyV2, v4, other4, "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\x03\xe8\x01\xbb"},
		{"2, IPv6", ProxyV2, v6, other6, "\r\n\r\n\x00\r\nQUIT\n\x21\x21\x00\x24" +
			"\xfe\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" + "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02" + "\x03\xe8\x01\xbb"},
		{"2, unknown", ProxyV2, v4, netip.AddrPort{}, "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"},
	} {
		if got := string(test.version.header(test.source, test.destination)); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// A server that insists on the header gets one that is true, by each road.
func TestProxyProtocol(t *testing.T) {
	lab := newLab(t)
	told := make(chan tlstest.ProxyProtocolHeader, 1)
	insisting := tlstest.Server{ProxyProtocol: func(a tlstest.ProxyProtocolHeader) { told <- a }}
	v4, v6, socket := insisting, insisting, insisting
	v6.Address, socket.Address = "[::1]:0", filepath.Join(t.TempDir(), "x.sock")
	proxy := serve(t, lab, tlstest.Server{Accept: tlstest.HTTPProxy{}.Serve})
	for _, test := range []struct {
		name, target string
		proxy        string
		known        bool
	}{
		{"IPv4", serve(t, lab, v4), "", true},
		{"IPv6", serve(t, lab, v6), "", true},
		{"a Unix socket", "unix://" + serve(t, lab, socket), "", false},
		{"a proxy", serve(t, lab, v4), "http://" + proxy, false},
	} {
		for i, version := range []ProxyProtocol{ProxyV1, ProxyV2} {
			t.Run(test.name+" "+string(version), func(t *testing.T) {
				module := labModule(t, lab)
				module.ProxyProtocol = version
				if test.proxy != "" {
					module.ProxyURL = proxyURL(t, test.proxy)
				}
				r := newProber(t, module).Probe(context.Background(), target(t, test.target))
				if !r.Success() {
					t.Fatalf("failure is %+v", r.Failure)
				}
				got := <-told
				if got.Version != i+1 || got.Source.IsValid() != test.known || test.known && (got.Destination != r.Remote || got.Source.Addr() != r.Remote.Addr()) {
					t.Errorf("the server was told %+v", got)
				}
			})
		}
	}
	r := newProber(t, labModule(t, lab)).Probe(context.Background(), target(t, serve(t, lab, v4)))
	if r.Success() || !r.Connected {
		t.Errorf("without a header: %+v", r.Failure)
	}
}
