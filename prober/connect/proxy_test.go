package connect_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"tls_exporter/prober"
	"tls_exporter/prober/connect"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/option"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/resolve"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// Targets behind a proxy are probed through it. A failure of the proxy is in the phase
// proxy, and nothing is reported about the target's port.
func TestProxy(t *testing.T) {
	lab := labtest.Lab(t)
	_, port, _ := net.SplitHostPort(labtest.Serve(t, lab, tlstest.Server{}))
	hosts := map[string]string{"localhost:" + port: "127.0.0.1:" + port}
	open := tlstest.HTTPProxy{Hosts: hosts}.Serve
	guarded := tlstest.HTTPProxy{Hosts: hosts, User: "alice", Password: "s3cr:et@"}.Serve
	socks := tlstest.SOCKSProxy{Hosts: hosts}.Serve
	guardedSOCKS := tlstest.SOCKSProxy{Hosts: hosts, User: "alice", Password: "s3cr:et@"}.Serve
	answering := func(answer string) tlstest.Server {
		return tlstest.Server{Accept: tlstest.HTTPProxy{Reply: answer}.Serve}
	}
	const credentials = "alice:s3cr%3Aet%40@"
	for _, test := range []struct {
		name, scheme, user string
		server             tlstest.Server
		reason             failure.Reason // of a failure in the phase proxy; empty: the probe succeeds
	}{
		{"HTTP", "http", "", tlstest.Server{Accept: open}, ""},
		{"HTTP with a password", "http", credentials, tlstest.Server{Accept: guarded}, ""},
		{"HTTP with a password that is not required", "http", credentials, tlstest.Server{Accept: tlstest.HTTPProxy{Hosts: hosts, User: "alice", Password: "s3cr:et@"}.Serve}, ""},
		{"HTTP over TLS", "https", credentials, tlstest.Server{Inside: guarded}, ""},
		{"SOCKS", "socks5h", "", tlstest.Server{Accept: socks}, ""},
		{"SOCKS, resolved here", "socks5", "", tlstest.Server{Accept: socks}, ""},
		{"SOCKS with a password", "socks5h", credentials, tlstest.Server{Accept: guardedSOCKS}, ""},

		{"HTTP without the password", "http", "", tlstest.Server{Accept: guarded}, failure.ReasonProxyRefused},
		{"HTTP with another password", "http", "alice:guess@", tlstest.Server{Accept: guarded}, failure.ReasonProxyRefused},
		{"HTTP, 403", "http", "", answering("HTTP/1.1 403 Forbidden\r\n\r\n"), failure.ReasonProxyRefused},
		{"HTTP, 502", "http", "", answering("HTTP/1.0 502 Bad Gateway\r\nX: y\r\n\r\nno way"), failure.ReasonProxyRefused},
		{"HTTP, a redirect", "http", "", answering("HTTP/1.1 302 Found\r\nLocation: /login\r\n\r\n"), failure.ReasonProxyRefused},
		{"HTTP without a status", "http", "", answering("HTTP/1.1\r\n\r\n"), failure.ReasonProxyProtocol},
		{"HTTP with an invalid status", "http", "", answering("HTTP/1.1 2xx OK\r\n\r\n"), failure.ReasonProxyProtocol},
		{"not HTTP", "http", "", labtest.Canned("SSH-2.0-OpenSSH_9.6\r\n"), failure.ReasonProxyProtocol},
		{"HTTP/2", "http", "", labtest.Canned("\x00\x00\x06\x04\x00\x00\x00\x00\x00"), failure.ReasonProxyProtocol},
		{"a header without end", "http", "", labtest.Canned("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 32<<10)), failure.ReasonTooLarge},
		{"interim answers without end", "http", "", labtest.Canned(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 2<<10)), failure.ReasonTooLarge},
		{"the connection is closed", "http", "", tlstest.Server{Accept: func(context.Context, net.Conn) {}}, "?"},
		{"no answer", "http", "", labtest.Canned(""), failure.ReasonTimeout},
		{"half an answer", "http", "", labtest.Canned("HTTP/1.1 200 OK\r\n"), failure.ReasonTimeout},
		{"connection refused", "http", "", tlstest.Server{Refuse: true}, failure.ReasonRefused},
		{"https to a proxy without TLS", "https", "", tlstest.Server{Accept: open}, "?"},
		{"an untrusted certificate", "https", credentials, tlstest.Server{Inside: guarded, SelfSigned: true}, failure.ReasonProxyUntrusted},
		{"no common version of TLS", "https", credentials, tlstest.Server{Inside: guarded, Config: func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }}, "alert_protocol_version"},

		{"SOCKS without the password", "socks5h", "", tlstest.Server{Accept: guardedSOCKS}, failure.ReasonProxyRefused},
		{"SOCKS with another password", "socks5h", "alice:guess@", tlstest.Server{Accept: guardedSOCKS}, failure.ReasonProxyRefused},
		{"SOCKS, not allowed", "socks5h", "", tlstest.Server{Accept: tlstest.SOCKSProxy{Refusal: 2}.Serve}, failure.ReasonProxyRefused},
		{"SOCKS, connection refused", "socks5h", "", tlstest.Server{Accept: tlstest.SOCKSProxy{Refusal: 5}.Serve}, failure.ReasonProxyRefused},
		{"SOCKS with an unknown reply", "socks5h", "", tlstest.Server{Accept: tlstest.SOCKSProxy{Refusal: 99}.Serve}, failure.ReasonProxyRefused},
		{"SOCKS 4", "socks5h", "", labtest.Canned("\x00\x5a\x00\x00\x00\x00\x00\x00"), failure.ReasonProxyProtocol},
		{"HTTP instead of SOCKS", "socks5h", "", labtest.Canned("HTTP/1.1 400 Bad Request\r\n\r\n"), failure.ReasonProxyProtocol},
		{"SOCKS with a method that was not offered", "socks5h", credentials, labtest.Canned("\x05\x01"), failure.ReasonProxyProtocol},
		{"SOCKS with another version of passwords", "socks5h", credentials, labtest.Canned("\x05\x02\x02\x00"), failure.ReasonProxyProtocol},
		{"SOCKS with a reserved field in use", "socks5h", "", labtest.Canned("\x05\x00\x05\x00\x01\x01"), failure.ReasonProxyProtocol},
		{"SOCKS with an unknown address type", "socks5h", "", labtest.Canned("\x05\x00\x05\x00\x00\x09"), failure.ReasonProxyProtocol},
		{"SOCKS with another version in its reply", "socks5h", "", labtest.Canned("\x05\x00\x04\x00\x00\x01"), failure.ReasonProxyProtocol},
		{"SOCKS, no answer", "socks5h", "", labtest.Canned(""), failure.ReasonTimeout},
		{"SOCKS, half a reply", "socks5h", "", labtest.Canned("\x05\x00\x05\x00\x00\x03\xff"), failure.ReasonTimeout},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			module := probetest.Module(t, lab)
			if test.reason == failure.ReasonTimeout {
				module.Timeout = option.Duration(500 * time.Millisecond)
			}
			if test.scheme == "socks5" {
				module.IPProtocol = resolve.IPv4
			}
			module.ProxyURL = probetest.ProxyURL(t, test.scheme+"://"+test.user+labtest.Serve(t, lab, test.server))
			r := probetest.New(t, module).Probe(context.Background(), probetest.Target(t, "localhost:"+port))
			if strings.Contains(fmt.Sprintf("%+v %v", r, r.Failure), "s3cr") {
				t.Errorf("the password is in the result: %+v", r)
			}
			answered, known := r.Reachable()
			if test.reason == "" {
				if !r.Success() || !answered || !slices.ContainsFunc(r.Phases, func(p failure.PhaseTime) bool { return p.Phase == failure.PhaseProxy }) {
					t.Errorf("failure is %+v, phases %v", r.Failure, r.Phases)
				}
				return
			}
			if r.Failure == nil || r.Failure.Phase != failure.PhaseProxy || r.Failure.Reason != test.reason && test.reason != "?" {
				t.Errorf("failure is %+v, want %s", r.Failure, test.reason)
			}
			if known || r.Phases[len(r.Phases)-1].Phase != failure.PhaseProxy || r.Proxy == "" {
				t.Errorf("connected %v (%v), phases %v, proxy %q", answered, known, r.Phases, r.Proxy)
			}
		})
	}
}

// The proxy resolves the target's name, except where its scheme or an option of the
// module needs the addresses here.
func TestWhoResolves(t *testing.T) {
	lab := labtest.Lab(t)
	addr := netip.MustParseAddrPort(labtest.Serve(t, lab, tlstest.Server{}))
	requested := make(chan string, 1)
	hosts := map[string]string{"x.test:443": addr.String()}
	web := labtest.Serve(t, lab, tlstest.Server{Accept: tlstest.HTTPProxy{Hosts: hosts, Asked: func(hostport, _, _ string) { requested <- hostport }}.Serve})
	socks := labtest.Serve(t, lab, tlstest.Server{Accept: tlstest.SOCKSProxy{Hosts: hosts, Asked: func(hostport string) { requested <- hostport }}.Serve})
	resolver := labtest.DNS(t, lab, tlstest.Zone{"x.test": {Addresses: labtest.Addresses("127.0.0.1")}})
	port := fmt.Sprint(addr.Port())
	for _, test := range []struct {
		name, proxy, target string
		change              func(*prober.Module)
		want                string
		remote              netip.AddrPort
	}{
		{"a name", "http://" + web, "x.test", nil, "x.test:443", netip.AddrPort{}},
		{"a name", "socks5h://" + socks, "x.test", nil, "x.test:443", netip.AddrPort{}},
		{"an address", "http://" + web, addr.String(), nil, addr.String(), addr},
		{"an address", "socks5h://" + socks, addr.String(), nil, addr.String(), addr},
		{"an address: the module has a resolver", "http://" + web, "x.test:" + port, func(m *prober.Module) { m.Resolver = resolver }, addr.String(), addr},
		{"an address: the module has a family", "http://" + web, "x.test:" + port, func(m *prober.Module) { m.Resolver, m.IPProtocol = resolver, resolve.IPv4 }, addr.String(), addr},
		{"an address: the module needs all of them", "http://" + web, "x.test:" + port, func(m *prober.Module) { m.Resolver, m.Addresses = resolver, prober.AllAddresses }, addr.String(), addr},
		{"an address: the scheme is socks5", "socks5://" + socks, "x.test:" + port, func(m *prober.Module) { m.Resolver = resolver }, addr.String(), addr},
	} {
		t.Run(test.name, func(t *testing.T) {
			module := probetest.Module(t, lab)
			module.ServerName, module.ProxyURL = "localhost", probetest.ProxyURL(t, test.proxy)
			if test.change != nil {
				test.change(&module)
			}
			r := probetest.New(t, module).Probe(context.Background(), probetest.Target(t, test.target))
			if !r.Success() || r.Remote != test.remote || r.Session.Remote != test.remote {
				t.Errorf("failure is %+v, remote %v", r.Failure, r.Remote)
			}
			if got := <-requested; got != test.want {
				t.Errorf("the proxy was told to connect to %s, want %s", got, test.want)
			}
		})
	}
}

func TestProxyFromEnvironment(t *testing.T) {
	lab := labtest.Lab(t)
	addr := labtest.Serve(t, lab, tlstest.Server{})
	hosts := map[string]string{"x.test:443": addr, "direct.test:443": addr}
	t.Setenv("https_proxy", "")
	t.Setenv("HTTPS_PROXY", "alice:s3cret@"+labtest.Serve(t, lab, tlstest.Server{Accept: tlstest.HTTPProxy{Hosts: hosts, User: "alice", Password: "s3cret"}.Serve}))
	t.Setenv("NO_PROXY", "direct.test")
	module := probetest.Module(t, lab)
	module.ProxyFromEnvironment, module.ServerName = true, "localhost"
	p := probetest.New(t, module)
	if r := p.Probe(context.Background(), probetest.Target(t, "x.test")); !r.Success() || r.Proxy == "" || strings.Contains(r.Proxy, "s3cret") {
		t.Errorf("failure is %+v, proxy %q", r.Failure, r.Proxy)
	}
	if r := p.Probe(context.Background(), probetest.Target(t, addr)); !r.Success() || r.Proxy != "" {
		t.Errorf("on loopback: failure is %+v, proxy %q", r.Failure, r.Proxy)
	}

	t.Setenv("HTTPS_PROXY", "ftp://alice:s3cret@x.test")
	if _, err := prober.New(module, prober.NewProcess()); err == nil || strings.Contains(err.Error(), "s3cret") || !strings.HasPrefix(err.Error(), "proxy_from_environment: ") {
		t.Errorf("error is %v", err)
	}
}

// No format shows the credentials.
func TestProxyURLHidesCredentials(t *testing.T) {
	module := prober.DefaultModule()
	module.ProxyURL = probetest.ProxyURL(t, "http://alice:s3cret@proxy.test")
	p := probetest.New(t, module)
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
		t.Errorf("String is %s", got)
	}
}

func TestProxyURL(t *testing.T) {
	for value, want := range map[string]string{
		"http://proxy.test:3128":   "http://proxy.test:3128",
		"http://proxy.test":        "http://proxy.test:80",
		"https://Proxy.test/":      "https://proxy.test:443",
		"socks5://[2001:db8::1]":   "socks5://[2001:db8::1]:1080",
		"socks5h://192.0.2.7:9050": "socks5h://192.0.2.7:9050",
		"http://:s3cret@proxy":     "http://proxy:80", // a password without a user is ignored
	} {
		if got := probetest.ProxyURL(t, value).String(); got != want {
			t.Errorf("%s is %s, want %s", value, got, want)
		}
	}
	for value, message := range map[string]string{
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
		var u connect.ProxyURL
		err := u.UnmarshalText([]byte(value))
		if err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: error is %v, want one with %q", value, err, message)
		} else if strings.Contains(err.Error(), "s3") {
			t.Errorf("%s: the error quotes the password: %v", value, err)
		}
	}
}

// A server that requires the header gets one with the addresses of the connection,
// where they are known.
func TestProxyProtocol(t *testing.T) {
	lab := labtest.Lab(t)
	headers := make(chan tlstest.ProxyProtocolHeader, 1)
	requiring := tlstest.Server{ProxyProtocol: func(h tlstest.ProxyProtocolHeader) { headers <- h }}
	v4, v6, socket := requiring, requiring, requiring
	v6.Address, socket.Address = "[::1]:0", filepath.Join(t.TempDir(), "x.sock")
	proxy := labtest.Serve(t, lab, tlstest.Server{Accept: tlstest.HTTPProxy{}.Serve})
	for _, test := range []struct {
		name, target string
		proxy        string
		known        bool
	}{
		{"IPv4", labtest.Serve(t, lab, v4), "", true},
		{"IPv6", labtest.Serve(t, lab, v6), "", true},
		{"a Unix socket", "unix://" + labtest.Serve(t, lab, socket), "", false},
		{"a proxy", labtest.Serve(t, lab, v4), "http://" + proxy, false},
	} {
		for i, version := range []connect.ProxyProtocol{connect.ProxyV1, connect.ProxyV2} {
			t.Run(test.name+" "+string(version), func(t *testing.T) {
				module := probetest.Module(t, lab)
				module.ProxyProtocol = version
				if test.proxy != "" {
					module.ProxyURL = probetest.ProxyURL(t, test.proxy)
				}
				r := probetest.New(t, module).Probe(context.Background(), probetest.Target(t, test.target))
				if !r.Success() {
					t.Fatalf("failure is %+v", r.Failure)
				}
				got := <-headers
				if got.Version != i+1 || got.Source.IsValid() != test.known || test.known && (got.Destination != r.Remote || got.Source.Addr() != r.Remote.Addr()) {
					t.Errorf("the header is %+v", got)
				}
			})
		}
	}
	r := probetest.New(t, probetest.Module(t, lab)).Probe(context.Background(), probetest.Target(t, labtest.Serve(t, lab, v4)))
	if r.Success() || !r.Connected {
		t.Errorf("without a header: %+v", r.Failure)
	}
}
