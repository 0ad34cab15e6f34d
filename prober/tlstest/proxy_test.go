package tlstest

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/tlstest/internal/testclient"
	"tls_exporter/prober/tlstest/internal/wire"
)

// Go's HTTP client can use the proxies of the lab.
func TestProxies(t *testing.T) {
	lab := newLab(t)
	web := start(t, lab, Server{Inside: func(_ context.Context, c net.Conn) {
		c.Read(make([]byte, wire.MaxPlaintext))
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
	}})
	hosts := map[string]string{"inside.test:443": web}
	tests := []struct {
		name, scheme, user string
		server             Server
		wantErr            string // part of the client's error; empty: success
	}{
		{"HTTP", "http", "", Server{Accept: HTTPProxy{Hosts: hosts}.Serve}, ""},
		{"HTTP with a password", "http", "alice:secret@", Server{Accept: HTTPProxy{Hosts: hosts, User: "alice", Password: "secret"}.Serve}, ""},
		{"HTTP without the password", "http", "", Server{Accept: HTTPProxy{Hosts: hosts, User: "alice", Password: "secret"}.Serve}, "Proxy Authentication Required"},
		{"HTTP to a closed port", "http", "", Server{Accept: HTTPProxy{Hosts: map[string]string{"inside.test:443": "127.0.0.1:1"}}.Serve}, "Bad Gateway"},
		{"HTTP with a fixed reply", "http", "", Server{Accept: HTTPProxy{Reply: "HTTP/1.1 403 Forbidden\r\n\r\n"}.Serve}, "Forbidden"},
		{"HTTP over TLS", "https", "", Server{Inside: HTTPProxy{Hosts: hosts}.Serve, Config: func(c *tls.Config) { c.NextProtos = nil }}, ""},
		{"SOCKS", "socks5", "", Server{Accept: SOCKSProxy{Hosts: hosts}.Serve}, ""},
		{"SOCKS with a password", "socks5", "alice:secret@", Server{Accept: SOCKSProxy{Hosts: hosts, User: "alice", Password: "secret"}.Serve}, ""},
		{"SOCKS with another password", "socks5", "alice:guess@", Server{Accept: SOCKSProxy{Hosts: hosts, User: "alice", Password: "secret"}.Serve}, "authentication failed"},
		{"SOCKS without a password", "socks5", "", Server{Accept: SOCKSProxy{Hosts: hosts, User: "alice", Password: "secret"}.Serve}, "no acceptable authentication"},
		{"SOCKS that refuses", "socks5", "", Server{Accept: SOCKSProxy{Refusal: 2}.Serve}, "not allowed"},
		{"SOCKS to a closed port", "socks5", "", Server{Accept: SOCKSProxy{Hosts: map[string]string{"inside.test:443": "127.0.0.1:1"}}.Serve}, "host unreachable"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			proxy, err := url.Parse(test.scheme + "://" + test.user + start(t, lab, test.server))
			if err != nil {
				t.Fatal(err)
			}
			client := http.Client{Transport: &http.Transport{
				Proxy: http.ProxyURL(proxy), DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
			}}
			response, err := client.Get("https://inside.test")
			if err != nil {
				if test.wantErr == "" || !strings.Contains(err.Error(), test.wantErr) {
					t.Errorf("got %v, want %q", err, test.wantErr)
				}
				return
			}
			defer response.Body.Close()
			if body, err := io.ReadAll(response.Body); string(body) != "hello" || test.wantErr != "" {
				t.Errorf("got %q, %v; want %q", body, err, test.wantErr)
			}
		})
	}
}

func TestProxyProtocol(t *testing.T) {
	lab := newLab(t)
	headers := make(chan ProxyProtocolHeader, 1)
	addr := start(t, lab, Server{ProxyProtocol: func(h ProxyProtocolHeader) { headers <- h }})
	v2 := func(rest ...byte) string { return signatureV2 + string(rest) }
	ends := func(version int, source, destination string) ProxyProtocolHeader {
		return ProxyProtocolHeader{version, netip.MustParseAddrPort(source), netip.MustParseAddrPort(destination)}
	}
	tests := []struct {
		name, header string
		want         ProxyProtocolHeader
		refused      bool
	}{
		{"1, IPv4", "PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n", ends(1, "192.0.2.1:1000", "192.0.2.2:443"), false},
		{"1, IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 1000 443\r\n", ends(1, "[2001:db8::1]:1000", "[2001:db8::2]:443"), false},
		{"1, unknown", "PROXY UNKNOWN\r\n", ProxyProtocolHeader{Version: 1}, false},
		{"2, IPv4", v2(0x21, 0x11, 0, 12, 192, 0, 2, 1, 192, 0, 2, 2, 3, 232, 1, 187), ends(2, "192.0.2.1:1000", "192.0.2.2:443"), false},
		{"2, local", v2(0x20, 0, 0, 0), ProxyProtocolHeader{Version: 2}, false},
		{"none", string(emptyHello), ProxyProtocolHeader{}, true},
		{"1, of another family", "PROXY TCP6 192.0.2.1 192.0.2.2 1000 443\r\n", ProxyProtocolHeader{}, true},
		{"1, too long", "PROXY UNKNOWN" + strings.Repeat(" ", 200) + "\r\n", ProxyProtocolHeader{}, true},
		{"2, too short", v2(0x21, 0x11, 0, 2, 1, 1), ProxyProtocolHeader{}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := testclient.Dial(t, addr)
			io.WriteString(c, test.header)
			if test.refused {
				if n, err := c.Read(make([]byte, 1)); err == nil {
					t.Errorf("read %d bytes", n)
				}
				return
			}
			if got := <-headers; got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if err := tls.Client(c, &tls.Config{InsecureSkipVerify: true}).Handshake(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUnixSocket(t *testing.T) {
	lab := newLab(t)
	path := filepath.Join(t.TempDir(), "x.sock")
	if got := start(t, lab, Server{Address: path}); got != path {
		t.Errorf("got %s", got)
	}
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := tls.Client(c, &tls.Config{InsecureSkipVerify: true}).Handshake(); err != nil {
		t.Error(err)
	}
}

func TestHang(t *testing.T) {
	lab := newLab(t)
	addr, err := lab.Start(Server{Hang: true})
	switch {
	case err != nil && runtime.GOOS != "linux":
		t.Skip("only Linux leaves connections to a full backlog unanswered:", err)
	case err != nil:
		t.Fatal(err)
	}
	c, err := net.DialTimeout("tcp", addr, 200*time.Millisecond)
	if err == nil {
		c.Close()
	}
	if late, ok := errors.AsType[net.Error](err); !ok || !late.Timeout() {
		t.Errorf("got %v, want a timeout", err)
	}
}

func TestPool(t *testing.T) {
	lab := newLab(t)
	addrs := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}
	port, err := lab.StartPool(addrs, Server{}, Server{Leaf: forOther})
	if err != nil {
		t.Fatal(err)
	}
	var leaves [][]byte
	for _, addr := range addrs {
		leaves = append(leaves, presented(t, endpoint{lab, netip.AddrPortFrom(addr, port).String()})[0].Raw)
	}
	if bytes.Equal(leaves[0], leaves[1]) {
		t.Error("both addresses have the same certificate")
	}
}
