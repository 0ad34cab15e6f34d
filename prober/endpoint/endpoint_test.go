package endpoint_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"testing"
	"time"

	"tls_exporter/prober/connect"
	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/endpoint/endpointtest"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/resolve"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

func TestMain(m *testing.M) { labtest.Main(m) }

// newEndpoint is an endpoint at addrs, without a probe.
func newEndpoint(t *testing.T, o connect.Options, policy guard.Policy, to target.Target, addrs ...netip.AddrPort) *endpoint.Endpoint {
	t.Helper()
	o.IPProtocol = resolve.AnyIP
	route, err := connect.New(o, guard.New(policy, new(guard.Listeners)), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	client, err := handshake.New(handshake.Options{TLSClient: handshake.Auto}, time.Minute, nil, new(handshake.Process))
	if err != nil {
		t.Fatal(err)
	}
	return endpoint.New(route, client, &to, addrs)
}

// handshakeOver performs a handshake on a connection: its first bytes are a ClientHello.
func handshakeOver(t *testing.T, conn net.Conn) {
	t.Helper()
	defer conn.Close()
	if err := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}).HandshakeContext(endpointtest.Within(t)); err != nil {
		t.Error(err)
	}
}

// On every connection the next byte to send is a ClientHello, whatever comes before it.
func TestConnect(t *testing.T) {
	lab := labtest.Lab(t)
	http := "http://" + labtest.Serve(t, lab, tlstest.Server{Accept: tlstest.HTTPProxy{}.Serve})
	socks := "socks5h://" + labtest.Serve(t, lab, tlstest.Server{Accept: tlstest.SOCKSProxy{}.Serve})
	header := func(tlstest.ProxyProtocolHeader) {}
	for _, test := range []struct {
		name   string
		scheme string
		server tlstest.Server
		proxy  string
		header connect.ProxyProtocol
	}{
		{"TLS", "https", tlstest.Server{}, "", ""},
		{"STARTTLS", "smtp", tlstest.Server{StartTLS: "smtp"}, "", ""},
		{"STARTTLS of a binary protocol", "mssql", tlstest.Server{StartTLS: "mssql"}, "", ""},
		{"a proxy", "https", tlstest.Server{}, http, ""},
		{"a SOCKS proxy", "https", tlstest.Server{}, socks, ""},
		{"STARTTLS through a proxy", "imap", tlstest.Server{StartTLS: "imap"}, http, ""},
		{"STARTTLS through a SOCKS proxy", "smtp", tlstest.Server{StartTLS: "smtp"}, socks, ""},
		{"the PROXY protocol", "https", tlstest.Server{ProxyProtocol: header}, "", connect.ProxyV2},
		{"the PROXY protocol and STARTTLS through a proxy", "smtp", tlstest.Server{ProxyProtocol: header, StartTLS: "smtp"}, http, connect.ProxyV1},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr := labtest.Serve(t, lab, test.server)
			o := connect.Options{ProxyProtocol: test.header}
			if test.proxy != "" {
				o.ProxyURL = probetest.ProxyURL(t, test.proxy)
			}
			e := newEndpoint(t, o, guard.Policy{}, probetest.Target(t, test.scheme+"://"+addr), netip.MustParseAddrPort(addr))
			for range 2 {
				conn, err := e.Connect(endpointtest.Within(t))
				if err != nil {
					t.Fatal(err)
				}
				handshakeOver(t, conn)
			}
			recorded, err := e.Handshake(endpointtest.Within(t), func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 })
			if err != nil {
				t.Fatal(err)
			}
			if version := recorded.ConnectionState().Version; version != tls.VersionTLS12 {
				t.Errorf("the version is %s, want that of the change", tls.VersionName(version))
			}
			recorded.Abort()
		})
	}
}

// Connections go to the address of the endpoint, not to others of its name, and a proxy
// is told to connect there.
func TestConnectToTheSameAddress(t *testing.T) {
	lab := labtest.Lab(t)
	addrs := labtest.Addresses("127.0.0.1", "127.0.0.2", "127.0.0.3")
	port, err := lab.StartPool(addrs, tlstest.Server{}, tlstest.Server{}, tlstest.Server{Refuse: true})
	if err != nil {
		t.Fatal(err)
	}
	resolver := labtest.DNS(t, lab, tlstest.Zone{"x.test": {Addresses: addrs}})
	requested := make(chan string, 10)
	proxy := labtest.Serve(t, lab, tlstest.Server{Accept: tlstest.HTTPProxy{Asked: func(hostport, _, _ string) { requested <- hostport }}.Serve})
	at := probetest.Target(t, "x.test")
	at.Port = port

	for _, addr := range addrs[:2] {
		want := netip.AddrPortFrom(addr, port)
		direct := newEndpoint(t, connect.Options{Resolver: resolver}, guard.Policy{}, at, want)
		proxied := newEndpoint(t, connect.Options{Resolver: resolver, ProxyURL: probetest.ProxyURL(t, "http://"+proxy)}, guard.Policy{}, at, want)
		for range 3 {
			conn, err := direct.Connect(endpointtest.Within(t))
			if err != nil {
				t.Fatal(err)
			}
			if got := conn.RemoteAddr().String(); got != want.String() {
				t.Errorf("connected to %s, want %s", got, want)
			}
			conn.Close()
			if conn, err = proxied.Connect(endpointtest.Within(t)); err != nil {
				t.Fatal(err)
			}
			conn.Close()
			if got := <-requested; got != want.String() {
				t.Errorf("the proxy was told to connect to %s, want %s", got, want)
			}
		}
	}

	gone := newEndpoint(t, connect.Options{Resolver: resolver}, guard.Policy{}, at, netip.AddrPortFrom(addrs[2], port))
	if conn, err := gone.Connect(endpointtest.Within(t)); failure.Of(err) != failure.ReasonRefused {
		t.Errorf("where the address refuses: connection %v, error %v", conn, err)
	}
}

// An error of Connect is a failure with its phase and its reason, also where Handshake
// returns it.
func TestConnectFails(t *testing.T) {
	lab := labtest.Lab(t)
	denied := guard.Policy{Deny: []guard.Rule{{Host: "*"}}}
	for _, test := range []struct {
		name   string
		scheme string
		server tlstest.Server
		proxy  *tlstest.Server
		policy guard.Policy
		phase  failure.Phase
		reason failure.Reason
	}{
		{"refused", "https", tlstest.Server{Refuse: true}, nil, guard.Policy{}, failure.PhaseConnect, failure.ReasonRefused},
		{"no answer", "https", tlstest.Server{Hang: true}, nil, guard.Policy{}, failure.PhaseConnect, failure.ReasonTimeout},
		{"denied", "https", tlstest.Server{}, nil, denied, failure.PhaseConnect, failure.ReasonDenied},
		{"a proxy that refuses", "https", tlstest.Server{}, &tlstest.Server{Accept: tlstest.HTTPProxy{User: "alice"}.Serve}, guard.Policy{}, failure.PhaseProxy, failure.ReasonProxyRefused},
		{"a proxy that is gone", "https", tlstest.Server{}, &tlstest.Server{Refuse: true}, guard.Policy{}, failure.PhaseProxy, failure.ReasonRefused},
		{"no STARTTLS", "smtp", tlstest.Server{StartTLS: "smtp", StartTLSFault: tlstest.StartTLSNotOffered}, nil, guard.Policy{}, failure.PhaseStartTLS, failure.ReasonStartTLSNotOffered},
		{"an injection", "smtp", tlstest.Server{StartTLS: "smtp", StartTLSFault: tlstest.StartTLSInjected}, nil, guard.Policy{}, failure.PhaseStartTLS, failure.ReasonStartTLSInjection},
		{"STARTTLS without an answer", "smtp", tlstest.Server{StartTLS: "smtp", StartTLSFault: tlstest.StartTLSStalled}, nil, guard.Policy{}, failure.PhaseStartTLS, failure.ReasonTimeout},
		{"no STARTTLS through a proxy", "imap", tlstest.Server{StartTLS: "imap", StartTLSFault: tlstest.StartTLSNotOffered}, &tlstest.Server{Accept: tlstest.HTTPProxy{}.Serve}, guard.Policy{}, failure.PhaseStartTLS, failure.ReasonStartTLSNotOffered},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			addr := labtest.Serve(t, lab, test.server)
			var o connect.Options
			if test.proxy != nil {
				o.ProxyURL = probetest.ProxyURL(t, "http://"+labtest.Serve(t, lab, *test.proxy))
			}
			e := newEndpoint(t, o, test.policy, probetest.Target(t, test.scheme+"://"+addr), netip.MustParseAddrPort(addr))
			_, err := e.Connect(deadline(t, test.reason))
			_, errOfHandshake := e.Handshake(deadline(t, test.reason), func(*tls.Config) {})
			for _, err := range []error{err, errOfHandshake} {
				if f, ok := err.(*failure.Failure); !ok || f.Phase != test.phase || f.Reason != test.reason || f.Err == nil {
					t.Errorf("error is %#v, want %s in the phase %s", err, test.reason, test.phase)
				}
			}
		})
	}
}

// deadline is a context that is short where a timeout is expected.
func deadline(t *testing.T, want failure.Reason) context.Context {
	if want != failure.ReasonTimeout {
		return endpointtest.Within(t)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}
