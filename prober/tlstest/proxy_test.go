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
)

// The proxies of the lab are what Go's own HTTP client takes them for.
func TestProxies(t *testing.T) {
	lab := newLab(t)
	web := start(t, lab, Server{Inside: func(_ context.Context, c net.Conn) {
		c.Read(make([]byte, maxRecordPayload))
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
	}})
	hosts := map[string]string{"inside.test:443": web}
	tests := []struct {
		name, scheme, user string
		server             Server
		says               string // of the client's error; empty: it gets through
	}{
		{"HTTP", "http", "", Server{Accept: HTTPProxy{Hosts: hosts}.Talk}, ""},
		{"HTTP with a password", "http", "alice:secret@", Server{Accept: HTTPProxy{Hosts: hosts, User: "alice", Password: "secret"}.Talk}, ""},
		{"HTTP without the password", "http", "", Server{Accept: HTTPProxy{Hosts: hosts, User: "alice", Password: "secret"}.Talk}, "Proxy Authentication Required"},
		{"HTTP to nowhere", "http", "", Server{Accept: HTTPProxy{Hosts: map[string]string{"inside.test:443": "127.0.0.1:1"}}.Talk}, "Bad Gateway"},
		{"HTTP with an answer of its own", "http", "", Server{Accept: HTTPProxy{Reply: "HTTP/1.1 403 Forbidden\r\n\r\n"}.Talk}, "Forbidden"},
		{"HTTP over TLS", "https", "", Server{Inside: HTTPProxy{Hosts: hosts}.Talk, Config: func(c *tls.Config) { c.NextProtos = nil }}, ""},
		{"SOCKS", "socks5", "", Server{Accept: SOCKSProxy{Hosts: hosts}.Talk}, ""},
		{"SOCKS with a password", "socks5", "alice:secret@", Server{Accept: SOCKSProxy{Hosts: hosts, User: "alice", Password: "secret"}.Talk}, ""},
		{"SOCKS with another password", "socks5", "alice:guess@", Server{Accept: SOCKSProxy{Hosts: hosts, User: "alice", Password: "secret"}.Talk}, "authentication failed"},
		{"SOCKS without a password", "socks5", "", Server{Accept: SOCKSProxy{Hosts: hosts, User: "alice", Password: "secret"}.Talk}, "no acceptable authentication"},
		{"SOCKS that refuses", "socks5", "", Server{Accept: SOCKSProxy{Refusal: 2}.Talk}, "not allowed"},
		{"SOCKS to nowhere", "socks5", "", Server{Accept: SOCKSProxy{Hosts: map[string]string{"inside.test:443": "127.0.0.1:1"}}.Talk}, "host unreachable"},
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
				if test.says == "" || !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %v, want %q", err, test.says)
				}
				return
			}
			defer response.Body.Close()
			if body, err := io.ReadAll(response.Body); string(body) != "hello" || test.says != "" {
				t.Errorf("got %q, %v; want %q", body, err, test.says)
			}
		})
	}
}

func TestAnnounced(t *testing.T) {
	lab := newLab(t)
	told := make(chan Announcement, 1)
	addr := start(t, lab, Server{Announced: func(a Announcement) { told <- a }})
	v2 := func(rest ...byte) string { return signatureV2 + string(rest) }
	ends := func(version int, source, destination string) Announcement {
		return Announcement{version, netip.MustParseAddrPort(source), netip.MustParseAddrPort(destination)}
	}
	tests := []struct {
		name, header string
		want         Announcement
		refused      bool
	}{
		{"1, IPv4", "PROXY TCP4 192.0.2.1 192.0.2.2 1000 443\r\n", ends(1, "192.0.2.1:1000", "192.0.2.2:443"), false},
		{"1, IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 1000 443\r\n", ends(1, "[2001:db8::1]:1000", "[2001:db8::2]:443"), false},
		{"1, unknown", "PROXY UNKNOWN\r\n", Announcement{Version: 1}, false},
		{"2, IPv4", v2(0x21, 0x11, 0, 12, 192, 0, 2, 1, 192, 0, 2, 2, 3, 232, 1, 187), ends(2, "192.0.2.1:1000", "192.0.2.2:443"), false},
		{"2, local", v2(0x20, 0, 0, 0), Announcement{Version: 2}, false},
		{"none", string(helloOfNothing), Announcement{}, true},
		{"1, of a family that it is not", "PROXY TCP6 192.0.2.1 192.0.2.2 1000 443\r\n", Announcement{}, true},
		{"1, too long", "PROXY UNKNOWN" + strings.Repeat(" ", 200) + "\r\n", Announcement{}, true},
		{"2, too short", v2(0x21, 0x11, 0, 2, 1, 1), Announcement{}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := dial(t, addr)
			io.WriteString(c, test.header)
			if test.refused {
				if n, err := c.Read(make([]byte, 1)); err == nil {
					t.Errorf("heard %d bytes", n)
				}
				return
			}
			if got := <-told; got != test.want {
				t.Errorf("it was told %v, want %v", got, test.want)
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
		t.Errorf("it listens at %s", got)
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
		t.Errorf("it answers: %v", err)
	}
}

func TestPool(t *testing.T) {
	lab := newLab(t)
	addrs := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")}
	port, err := lab.StartPool(addrs, Server{}, Server{Leaf: forOther})
	if err != nil {
		t.Fatal(err)
	}
	var leafs [][]byte
	for _, addr := range addrs {
		leafs = append(leafs, presented(t, patient{lab, netip.AddrPortFrom(addr, port).String()})[0].Raw)
	}
	if bytes.Equal(leafs[0], leafs[1]) {
		t.Error("both addresses have one certificate")
	}
}
