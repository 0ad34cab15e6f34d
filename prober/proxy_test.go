package prober

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"tls_exporter/prober/tlstest"
)

func proxyURL(t testing.TB, s string) ProxyURL {
	t.Helper()
	var u ProxyURL
	if err := u.UnmarshalText([]byte(s)); err != nil {
		t.Fatal(err)
	}
	return u
}

// canned is a server that says these words to whoever calls, and hangs up.
func canned(words string) tlstest.Server {
	return tlstest.Server{Accept: func(_ context.Context, c net.Conn) {
		io.WriteString(c, words)
		io.Copy(io.Discard, c)
	}}
}

// What lies behind a proxy is probed through it, and the proxy's faults are the
// proxy's: nothing is said of the target's port.
func TestProxy(t *testing.T) {
	lab := newLab(t)
	_, port, _ := net.SplitHostPort(serve(t, lab, tlstest.Server{}))
	hosts := map[string]string{"localhost:" + port: "127.0.0.1:" + port}
	open := tlstest.HTTPProxy{Hosts: hosts}.Serve
	guarded := tlstest.HTTPProxy{Hosts: hosts, User: "alice", Password: "s3cr:et@"}.Serve
	socks := tlstest.SOCKSProxy{Hosts: hosts}.Serve
	guardedSOCKS := tlstest.SOCKSProxy{Hosts: hosts, User: "alice", Password: "s3cr:et@"}.Serve
	replies := func(words string) tlstest.Server {
		return tlstest.Server{Accept: tlstest.HTTPProxy{Reply: words}.Serve}
	}
	const me = "alice:s3cr%3Aet%40@"
	for _, test := range []struct {
		name, scheme, user string
		server             tlstest.Server
		reason             Reason // of a failure in the phase proxy; empty: the probe succeeds
	}{
		{"HTTP", "http", "", tlstest.Server{Accept: open}, ""},
		{"HTTP with a password", "http", me, tlstest.Server{Accept: guarded}, ""},
		{"HTTP with a password that nobody asks for", "http", me, tlstest.Server{Accept: tlstest.HTTPProxy{Hosts: hosts, User: "alice", Password: "s3cr:et@"}.Serve}, ""},
		{"HTTP over TLS", "https", me, tlstest.Server{Inside: guarded}, ""},
		{"SOCKS", "socks5h", "", tlstest.Server{Accept: socks}, ""},
		{"SOCKS, resolved here", "socks5", "", tlstest.Server{Accept: socks}, ""},
		{"SOCKS with a password", "socks5h", me, tlstest.Server{Accept: guardedSOCKS}, ""},

		{"HTTP without the password", "http", "", tlstest.Server{Accept: guarded}, ReasonProxyRefused},
		{"HTTP with another password", "http", "alice:guess@", tlstest.Server{Accept: guarded}, ReasonProxyRefused},
		{"HTTP that forbids", "http", "", replies("HTTP/1.1 403 Forbidden\r\n\r\n"), ReasonProxyRefused},
		{"HTTP that cannot", "http", "", replies("HTTP/1.0 502 Bad Gateway\r\nX: y\r\n\r\nno way"), ReasonProxyRefused},
		{"HTTP that redirects", "http", "", replies("HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n"), ReasonProxyRefused},
		{"HTTP without a status", "http", "", replies("HTTP/1.1\r\n\r\n"), ReasonProxyProtocol},
		{"HTTP with a status that is none", "http", "", replies("HTTP/1.1 2xx OK\r\n\r\n"), ReasonProxyProtocol},
		{"not HTTP", "http", "", canned("SSH-2.0-OpenSSH_9.6\r\n"), ReasonProxyProtocol},
		{"HTTP/2", "http", "", canned("\x00\x00\x06\x04\x00\x00\x00\x00\x00"), ReasonProxyProtocol},
		{"a header without end", "http", "", canned("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 2*maxProxyHeader)), ReasonTooLarge},
		{"interim answers without end", "http", "", canned(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", maxProxyHeader/10)), ReasonTooLarge},
		{"hanging up", "http", "", tlstest.Server{Accept: func(context.Context, net.Conn) {}}, "?"},
		{"silence", "http", "", canned(""), ReasonTimeout},
		{"half an answer", "http", "", canned("HTTP/1.1 200 OK\r\n"), ReasonTimeout},
		{"nobody there", "http", "", tlstest.Server{Refuse: true}, ReasonRefused},
		{"TLS without TLS", "https", "", tlstest.Server{Accept: open}, "?"},
		{"TLS that nobody trusts", "https", me, tlstest.Server{Inside: guarded, SelfSigned: true}, ReasonProxyUntrusted},
		{"TLS that turns us away", "https", me, tlstest.Server{Inside: guarded, Config: func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }}, "alert_protocol_version"},

		{"SOCKS without the password", "socks5h", "", tlstest.Server{Accept: guardedSOCKS}, ReasonProxyRefused},
		{"SOCKS with another password", "socks5h", "alice:guess@", tlstest.Server{Accept: guardedSOCKS}, ReasonProxyRefused},
		{"SOCKS that forbids", "socks5h", "", tlstest.Server{Accept: tlstest.SOCKSProxy{Refusal: 2}.Serve}, ReasonProxyRefused},
		{"SOCKS that is refused", "socks5h", "", tlstest.Server{Accept: tlstest.SOCKSProxy{Refusal: 5}.Serve}, ReasonProxyRefused},
		{"SOCKS with a reply of its own", "socks5h", "", tlstest.Server{Accept: tlstest.SOCKSProxy{Refusal: 99}.Serve}, ReasonProxyRefused},
		{"SOCKS 4", "socks5h", "", canned("\x00\x5a\x00\x00\x00\x00\x00\x00"), ReasonProxyProtocol},
		{"HTTP taken for SOCKS", "socks5h", "", canned("HTTP/1.1 400 Bad Request\r\n\r\n"), ReasonProxyProtocol},
		{"SOCKS with a method that was not offered", "socks5h", me, canned("\x05\x01"), ReasonProxyProtocol},
		{"SOCKS with another version of passwords", "socks5h", me, canned("\x05\x02\x02\x00"), ReasonProxyProtocol},
		{"SOCKS with a reserved field in use", "socks5h", "", canned("\x05\x00\x05\x00\x01\x01"), ReasonProxyProtocol},
		{"SOCKS with an address of no type", "socks5h", "", canned("\x05\x00\x05\x00\x00\x09"), ReasonProxyProtocol},
		{"SOCKS with another version in its reply", "socks5h", "", canned("\x05\x00\x04\x00\x00\x01"), ReasonProxyProtocol},
		{"SOCKS, silence", "socks5h", "", canned(""), ReasonTimeout},
		{"SOCKS, half a reply", "socks5h", "", canned("\x05\x00\x05\x00\x00\x03\xff"), ReasonTimeout},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			module := labModule(t, lab)
			if test.reason == ReasonTimeout {
				module.Timeout = Duration(500 * time.Millisecond)
			}
			if test.scheme == "socks5" {
				module.IPProtocol = IPv4
			}
			module.ProxyURL = proxyURL(t, test.scheme+"://"+test.user+serve(t, lab, test.server))
			r := newProber(t, module).Probe(context.Background(), target(t, "localhost:"+port))
			if strings.Contains(fmt.Sprintf("%+v %v", r, r.Failure), "s3cr") {
				t.Errorf("the password is in the result: %+v", r)
			}
			answered, known := r.Reachable()
			if test.reason == "" {
				if !r.Success() || !answered || !slices.ContainsFunc(r.Phases, func(p PhaseTime) bool { return p.Phase == PhaseProxy }) {
					t.Errorf("failure is %+v, phases %v", r.Failure, r.Phases)
				}
				return
			}
			if r.Failure == nil || r.Failure.Phase != PhaseProxy || r.Failure.Reason != test.reason && test.reason != "?" {
				t.Errorf("failure is %+v, want %s", r.Failure, test.reason)
			}
			if known || r.Phases[len(r.Phases)-1].Phase != PhaseProxy || r.Proxy == "" {
				t.Errorf("connected %v (%v), phases %v, proxy %q", answered, known, r.Phases, r.Proxy)
			}
		})
	}
}

// Who resolves follows from the proxy and the module.
func TestProxyIsAskedFor(t *testing.T) {
	lab := newLab(t)
	addr := netip.MustParseAddrPort(serve(t, lab, tlstest.Server{}))
	asked := make(chan string, 1)
	hosts := map[string]string{"x.test:443": addr.String()}
	web := serve(t, lab, tlstest.Server{Accept: tlstest.HTTPProxy{Hosts: hosts, Asked: func(place, _, _ string) { asked <- place }}.Serve})
	socks := serve(t, lab, tlstest.Server{Accept: tlstest.SOCKSProxy{Hosts: hosts, Asked: func(place string) { asked <- place }}.Serve})
	resolver := startDNS(t, lab, tlstest.Zone{"x.test": {Addresses: ips("127.0.0.1")}})
	port := fmt.Sprint(addr.Port())
	for _, test := range []struct {
		name, proxy, target string
		change              func(*Module)
		want                string
		remote              netip.AddrPort
	}{
		{"a name", "http://" + web, "x.test", nil, "x.test:443", netip.AddrPort{}},
		{"a name", "socks5h://" + socks, "x.test", nil, "x.test:443", netip.AddrPort{}},
		{"an address", "http://" + web, addr.String(), nil, addr.String(), addr},
		{"an address", "socks5h://" + socks, addr.String(), nil, addr.String(), addr},
		{"an address, for the module has a resolver", "http://" + web, "x.test:" + port, func(m *Module) { m.Resolver = resolver }, addr.String(), addr},
		{"an address, for the module has a family", "http://" + web, "x.test:" + port, func(m *Module) { m.Resolver, m.IPProtocol = resolver, IPv4 }, addr.String(), addr},
		{"an address, for the module wants all of them", "http://" + web, "x.test:" + port, func(m *Module) { m.Resolver, m.Addresses = resolver, AllAddresses }, addr.String(), addr},
		{"an address, for this is socks5", "socks5://" + socks, "x.test:" + port, func(m *Module) { m.Resolver = resolver }, addr.String(), addr},
	} {
		t.Run(test.name, func(t *testing.T) {
			module := labModule(t, lab)
			module.ServerName, module.ProxyURL = "localhost", proxyURL(t, test.proxy)
			if test.change != nil {
				test.change(&module)
			}
			r := newProber(t, module).Probe(context.Background(), target(t, test.target))
			if !r.Success() || r.Remote != test.remote || r.Session.Remote != test.remote {
				t.Errorf("failure is %+v, remote %v", r.Failure, r.Remote)
			}
			if got := <-asked; got != test.want {
				t.Errorf("the proxy was asked for %s, want %s", got, test.want)
			}
		})
	}
}

func TestProxyFromEnvironment(t *testing.T) {
	lab := newLab(t)
	addr := serve(t, lab, tlstest.Server{})
	hosts := map[string]string{"x.test:443": addr, "spared.test:443": addr}
	t.Setenv("https_proxy", "")
	t.Setenv("HTTPS_PROXY", "alice:s3cret@"+serve(t, lab, tlstest.Server{Accept: tlstest.HTTPProxy{Hosts: hosts, User: "alice", Password: "s3cret"}.Serve}))
	t.Setenv("NO_PROXY", "spared.test")
	module := labModule(t, lab)
	module.ProxyFromEnvironment, module.ServerName = true, "localhost"
	p := newProber(t, module)
	if r := p.Probe(context.Background(), target(t, "x.test")); !r.Success() || r.Proxy == "" || strings.Contains(r.Proxy, "s3cret") {
		t.Errorf("failure is %+v, proxy %q", r.Failure, r.Proxy)
	}
	if r := p.Probe(context.Background(), target(t, addr)); !r.Success() || r.Proxy != "" {
		t.Errorf("on loopback: failure is %+v, proxy %q", r.Failure, r.Proxy)
	}
	if via := p.route.proxy(new(target(t, "spared.test"))); via != nil {
		t.Errorf("spared.test goes by %v", via)
	}
	if via := p.route.proxy(new(target(t, "unix:///x.sock"))); via != nil {
		t.Errorf("a socket goes by %v", via)
	}

	t.Setenv("HTTPS_PROXY", "ftp://alice:s3cret@x.test")
	if _, err := New(module, NewProcess()); err == nil || strings.Contains(err.Error(), "s3cret") || !strings.HasPrefix(err.Error(), "proxy_from_environment: ") {
		t.Errorf("error is %v", err)
	}
	t.Setenv("HTTPS_PROXY", "")
	if via := newProber(t, module).route.proxy(new(target(t, "x.test"))); via != nil {
		t.Errorf("without a proxy in the environment: %v", via)
	}
}

// A password goes to the proxy and nowhere else.
func TestProxyURLHidesItsPassword(t *testing.T) {
	module := DefaultModule()
	module.ProxyURL = proxyURL(t, "http://alice:s3cret@proxy.test")
	p := newProber(t, module)
	inJSON, _ := json.Marshal(module)
	inYAML, _ := yaml.Marshal(module)
	var shown []string
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, value := range []any{module, &module, module.ProxyURL, module.ProxyURL.Password, p, *p, []any{module.ProxyURL}} {
			shown = append(shown, fmt.Sprintf(format, value))
		}
	}
	for _, text := range append(shown, string(inJSON), string(inYAML)) {
		if strings.Contains(text, "s3cret") || strings.Contains(text, "alice") {
			t.Errorf("%s", text)
		}
	}
	if got := module.ProxyURL.String(); got != "http://<secret>@proxy.test:80" {
		t.Errorf("it is shown as %s", got)
	}
}

func TestProxyURL(t *testing.T) {
	for written, want := range map[string]string{
		"http://proxy.test:3128":   "http://proxy.test:3128",
		"http://proxy.test":        "http://proxy.test:80",
		"https://Proxy.test/":      "https://proxy.test:443",
		"socks5://[2001:db8::1]":   "socks5://[2001:db8::1]:1080",
		"socks5h://192.0.2.7:9050": "socks5h://192.0.2.7:9050",
		"http://:s3cret@proxy":     "http://proxy:80", // a password without a user is none
	} {
		if got := proxyURL(t, written).String(); got != want {
			t.Errorf("%s is %s, want %s", written, got, want)
		}
	}
	for written, says := range map[string]string{
		"proxy.test:3128":                                                  "begins with http://",
		"ftp://alice:s3cret@proxy.test":                                    "begins with http://",
		"http://alice:s3cret%@proxy.test":                                  "is not a URL",
		"http://alice:s3 cret\x7f@x":                                       "is not a URL",
		"http://alice:s3cret@":                                             "names a host",
		"http://alice:s3cret@proxy.test:0":                                 "from 1 to 65535",
		"http://alice:s3cret@proxy.test/x":                                 "no path",
		"http://alice:s3cret@proxy.test/?x":                                "no path",
		"socks5://alice:s3cret" + strings.Repeat("x", 255) + "@proxy.test": "255 bytes",
		"": "begins with http://",
	} {
		var u ProxyURL
		err := u.UnmarshalText([]byte(written))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error is %v, want one that says %s", written, err, says)
		} else if strings.Contains(err.Error(), "s3") {
			t.Errorf("%s: the error repeats a password: %v", written, err)
		}
	}
}

// What a server says first is its own, also when it comes in one packet with
// what the proxy says.
func TestNoByteIsLost(t *testing.T) {
	const greeting = "220 mail.example.com ESMTP\r\n"
	for _, header := range []string{"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 299 \r\nA: b\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\n\r\n", "HTTP/1.1 200 OK\nX: y\n\n"} {
		r := strings.NewReader(header + greeting)
		if err := readConnected(r); err != nil {
			t.Errorf("%q: %v", header, err)
		}
		if rest, _ := io.ReadAll(r); string(rest) != greeting {
			t.Errorf("%q: what follows is %q", header, rest)
		}
	}
}

// The deadline of a probe holds whatever x/net/proxy does to a connection.
func TestBoundStaysBound(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	near, far := net.Pipe()
	defer far.Close()
	conn, err := Bind(ctx, near)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	for _, set := range []func(time.Time) error{conn.SetDeadline, conn.SetReadDeadline, conn.SetWriteDeadline} {
		for _, deadline := range []time.Time{{}, time.Now().Add(time.Hour)} {
			set(deadline)
			if _, err := conn.Read(make([]byte, 1)); err == nil {
				t.Error("it reads after its context ended")
			}
			if _, err := conn.Write([]byte{0}); err == nil {
				t.Error("it writes after its context ended")
			}
		}
	}
}

// Whatever a proxy answers, it is a connection, or one of the words for why it
// is none; and no more is read than the header has.
func FuzzConnected(f *testing.F) {
	for _, seed := range []string{"HTTP/1.1 200 OK\r\n\r\nrest", "HTTP/1.1 407 Proxy Authentication Required\r\nA: b\r\n\r\n", "HTTP/1.1 100 \n\n", "SSH-2.0", "HTTP/1.1  200\r\n\r\n", ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		r := bytes.NewReader(answer)
		err := readConnected(r)
		read := answer[:len(answer)-r.Len()]
		if len(read) > maxProxyHeader {
			t.Errorf("%d bytes were read", len(read))
		}
		switch {
		case err == nil:
			if !bytes.HasSuffix(read, []byte("\n\n")) && !bytes.HasSuffix(read, []byte("\n\r\n")) {
				t.Errorf("a header ends in %q", read)
			}
		case !slices.Contains([]Reason{ReasonProxyRefused, ReasonProxyProtocol, ReasonTooLarge, ReasonClosed}, Of(err)):
			t.Errorf("%q is %s: %v", answer, Of(err), err)
		}
	})
}

// Whatever a SOCKS proxy answers, the same holds.
func FuzzSOCKS(f *testing.F) {
	for _, seed := range []string{"\x05\x00\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x09", "\x05\x02\x01\x00\x05\x05\x00\x01", "\x05\xff", "\x05\x00\x05\x00\x00\x03\x04name\x00\x09", "HTTP/1.1 400"} {
		f.Add([]byte(seed))
	}
	via := ProxyURL{Scheme: "socks5h", Address: "proxy.test:1080", User: NewSecret("alice"), Password: NewSecret("s3cret")}
	f.Fuzz(func(t *testing.T, answer []byte) {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		err := connectSOCKS(ctx, &scripted{Reader: bytes.NewReader(answer)}, &via, "x.test:443")
		if err != nil && !slices.Contains([]Reason{ReasonProxyRefused, ReasonProxyProtocol, ReasonClosed}, Of(err)) {
			t.Errorf("%x is %s: %v", answer, Of(err), err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%x: %v", answer, err)
		}
	})
}

// scripted is a connection whose other end has said all that it will.
type scripted struct {
	net.Conn
	io.Reader
}

func (s *scripted) Read(b []byte) (int, error)  { return s.Reader.Read(b) }
func (s *scripted) Write(b []byte) (int, error) { return len(b), nil }
func (s *scripted) Close() error                { return nil }
func (s *scripted) SetDeadline(time.Time) error { return nil }
