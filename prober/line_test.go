package prober

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tls_exporter/prober/tlstest"
)

func TestClientCertificateIsShown(t *testing.T) {
	lab := newLab(t)
	module := labModule(t, lab)
	module.ClientCertificate = clientCertificate(t, lab)
	p := newProber(t, module)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		addr := serve(t, lab, tlstest.Server{Config: func(c *tls.Config) {
			c.MinVersion, c.MaxVersion, c.ClientAuth = version, version, tls.RequireAnyClientCert
		}})
		r := p.Probe(context.Background(), target(t, addr))
		if !r.Success() || !r.Session.ClientCertificateRequested {
			t.Errorf("%s: failure is %+v, session is %+v", tls.VersionName(version), r.Failure, r.Session)
		}
	}
}

func clientCertificate(t *testing.T, lab *tlstest.Lab) *ClientCertificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := lab.Intermediate.Issue(&x509.Certificate{NotBefore: now.Add(-day), NotAfter: now.Add(day)}, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := &ClientCertificate{CertFile: filepath.Join(t.TempDir(), "c.pem"), KeyFile: filepath.Join(t.TempDir(), "c.key")}
	for file, block := range map[string]*pem.Block{c.CertFile: {Type: "CERTIFICATE", Bytes: cert.Raw}, c.KeyFile: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// A server that asks for a certificate and takes none for an answer is healthy.
func TestClientCertificateIsOptional(t *testing.T) {
	lab := newLab(t)
	p := newProber(t, labModule(t, lab))
	addr := serve(t, lab, tlstest.Server{Config: func(c *tls.Config) { c.ClientAuth = tls.RequestClientCert }})
	r := p.Probe(context.Background(), target(t, addr))
	if !r.Success() || !r.Session.ClientCertificateRequested {
		t.Errorf("failure is %+v, session is %+v", r.Failure, r.Session)
	}
}

// What a ClientHello says follows from the target and the module.
func TestOffer(t *testing.T) {
	lab := newLab(t)
	hellos := make(chan *tls.ClientHelloInfo, 1)
	addr := serve(t, lab, tlstest.Server{Config: func(c *tls.Config) {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) { hellos <- hello; return nil, nil }
	}})
	_, port, _ := net.SplitHostPort(addr)
	for _, test := range []struct {
		name, target, serverName string
		change                   func(*Module)
		sni                      string
		alpn                     []string
		versions                 []uint16 // newest first
		success                  bool
	}{
		{name: "a name", target: "localhost:" + port, sni: "localhost", alpn: []string{"h2", "http/1.1"}, versions: []uint16{0x304, 0x303, 0x302, 0x301}, success: true},
		{name: "an IP address is verified and not sent", target: addr, alpn: []string{"h2", "http/1.1"}, versions: []uint16{0x304, 0x303, 0x302, 0x301}, success: true},
		{name: "a server name", target: addr, serverName: "other.test", sni: "other.test", alpn: []string{"h2", "http/1.1"}, versions: []uint16{0x304, 0x303, 0x302, 0x301}},
		{name: "the module's server name", target: addr, change: func(m *Module) { m.ServerName = "localhost" }, sni: "localhost", alpn: []string{"h2", "http/1.1"}, versions: []uint16{0x304, 0x303, 0x302, 0x301}, success: true},
		{name: "no ALPN for other schemes", target: "tls://localhost:" + port, sni: "localhost", versions: []uint16{0x304, 0x303, 0x302, 0x301}, success: true},
		{name: "the module's ALPN", target: "tls://localhost:" + port, change: func(m *Module) { m.ALPN = []Protocol{"http/1.1"} }, sni: "localhost", alpn: []string{"http/1.1"}, versions: []uint16{0x304, 0x303, 0x302, 0x301}, success: true},
		{name: "the module's versions", target: addr, change: func(m *Module) { m.MinVersion, m.MaxVersion = 0x302, 0x303 }, alpn: []string{"h2", "http/1.1"}, versions: []uint16{0x303, 0x302}, success: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			module := labModule(t, lab)
			module.IPProtocol = IPv4
			if test.change != nil {
				test.change(&module)
			}
			to := target(t, test.target)
			to.ServerName = test.serverName
			r := newProber(t, module).Probe(context.Background(), to)
			hello := <-hellos
			if hello.ServerName != test.sni || !slices.Equal(hello.SupportedProtos, test.alpn) || !slices.Equal(hello.SupportedVersions, test.versions) {
				t.Errorf("offered %q %q %x", hello.ServerName, hello.SupportedProtos, hello.SupportedVersions)
			}
			if r.Success() != test.success {
				t.Errorf("failure is %+v", r.Failure)
			}
		})
	}
}

// Old kit can be looked at: suites and keys that Go's client turns away by default.
func TestOldKit(t *testing.T) {
	lab := newLab(t)
	p := newProber(t, labModule(t, lab))
	for _, test := range []struct {
		name   string
		server tlstest.Server
		suite  uint16
	}{
		{"3DES", tlstest.Server{Config: only(tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA), Key: rsaKey(2048)}, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA},
		{"RSA key exchange", tlstest.Server{Config: only(tls.TLS_RSA_WITH_AES_128_GCM_SHA256), Key: rsaKey(2048)}, tls.TLS_RSA_WITH_AES_128_GCM_SHA256},
		{"RC4", tlstest.Server{Config: only(tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA)}, tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA},
		{"an RSA key of 768 bits", tlstest.Server{Config: only(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256), Key: rsaKey(768)}, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := p.Probe(context.Background(), target(t, serve(t, lab, test.server)))
			if r.Session == nil || !r.Session.Completed || r.Session.CipherSuite != test.suite || r.Chain == nil {
				t.Errorf("session is %+v, failure is %+v", r.Session, r.Failure)
			}
		})
	}
}

func only(suite uint16) func(*tls.Config) {
	return func(c *tls.Config) { c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{suite} }
}

func TestExpect(t *testing.T) {
	lab := newLab(t)
	healthy := serve(t, lab, tlstest.Server{})
	demanding := serve(t, lab, tlstest.Server{Config: func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }})
	misnamed := serve(t, lab, tlstest.Server{
		Leaf:   func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"other.test"}, nil },
		Config: func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert },
	})
	rootFile := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(rootFile, lab.RootPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	pin := Pin(newCertificate(lab.Intermediate.Certificate).SPKISHA256)
	for _, test := range []struct {
		name, addr string
		expect     ExpectOptions
		reason     Reason // of the failure; empty: none
	}{
		{"a version that is met", healthy, ExpectOptions{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS13}, ""},
		{"a version too new", healthy, ExpectOptions{MaxVersion: tls.VersionTLS12}, "max_version"},
		{"a pin of the intermediate", healthy, ExpectOptions{Pins: []Pin{Pin(strings.Repeat("0", 64)), pin}}, ""},
		{"a pin of nobody", healthy, ExpectOptions{Pins: []Pin{Pin(strings.Repeat("0", 64))}}, "pin"},
		{"the issuer", healthy, ExpectOptions{Issuer: "Lab Intermediate"}, ""},
		{"another issuer", healthy, ExpectOptions{Issuer: "Lab Root"}, "issuer"},
		{"ALPN", healthy, ExpectOptions{ALPN: []Protocol{"h2"}}, ""},
		{"another ALPN", healthy, ExpectOptions{ALPN: []Protocol{"h3"}}, "alpn"},
		{"a group", healthy, ExpectOptions{Group: []Group{"x25519", "X25519MLKEM768"}}, ""},
		{"another group", healthy, ExpectOptions{Group: []Group{"secp521r1"}}, "group"},
		{"another certificate on disk", healthy, ExpectOptions{SameAsFile: rootFile}, "same_as_file"},
		{"a door that is locked", demanding, ExpectOptions{ClientCertificateRequired: true}, ""},
		{"a door that is open", healthy, ExpectOptions{ClientCertificateRequired: true}, "client_certificate_required"},
		{"the alert", demanding, ExpectOptions{Alert: "certificate_required"}, ""},
		{"another alert", demanding, ExpectOptions{Alert: "unknown_ca"}, "alert_certificate_required"},
		{"no alert", healthy, ExpectOptions{Alert: "unknown_ca"}, "alert"},
		{"a locked door with a bad chain", misnamed, ExpectOptions{ClientCertificateRequired: true}, "name_mismatch"},
	} {
		t.Run(test.name, func(t *testing.T) {
			module := labModule(t, lab)
			module.Expect.Options = &test.expect
			r := newProber(t, module).Probe(context.Background(), target(t, test.addr))
			var got Reason
			if r.Failure != nil {
				got = r.Failure.Reason
			}
			if got != test.reason {
				t.Errorf("failure is %+v, want %q; expectations %+v", r.Failure, test.reason, r.Expect.Finding)
			}
			if len(r.Outcomes) != 1 || r.Outcomes[0].Name != "expect" || r.Outcomes[0].Failure != nil {
				t.Errorf("checks are %+v", r.Outcomes)
			}
		})
	}
}

// An expectation that nothing could be held against is not met and not unmet.
func TestExpectNothing(t *testing.T) {
	module := DefaultModule()
	module.Expect.Options = &ExpectOptions{Pins: []Pin{"00"}, MinVersion: tls.VersionTLS12}
	r := newProber(t, module).Probe(context.Background(), target(t, "127.0.0.1:1"))
	if r.Failure.Reason != ReasonRefused || r.Expect.Finding != nil || r.Outcomes[0].Failure == nil {
		t.Errorf("failure is %+v, expect is %+v", r.Failure, r.Expect.Finding)
	}
}

// Of several addresses the first to answer wins; one that hangs holds up
// nobody, and the failures of all are told.
func TestRace(t *testing.T) {
	lab := newLab(t)
	addr := netip.MustParseAddrPort(serve(t, lab, tlstest.Server{}))
	refusing := netip.MustParseAddrPort(serve(t, lab, tlstest.Server{Refuse: true}))
	hanging := netip.MustParseAddrPort("127.0.0.9:9")
	guard := NewGuard(Policy{}, new(Listeners))
	guard.Control = func(ctx context.Context, _, address string, _ syscall.RawConn) error {
		if address == hanging.String() {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
	route, err := NewRoute(ConnectOptions{IPProtocol: AnyIP}, guard, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		addrs []netip.AddrPort
		want  Reason // empty: it connects
	}{
		{"the first refuses", []netip.AddrPort{refusing, addr}, ""},
		{"the first hangs", []netip.AddrPort{hanging, addr}, ""},
		{"all refuse", []netip.AddrPort{refusing, refusing, refusing}, ReasonRefused},
		{"one refuses, one hangs", []netip.AddrPort{refusing, hanging}, ReasonRefused},
		{"all hang", []netip.AddrPort{hanging, hanging}, ReasonTimeout},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), 400*time.Millisecond)
			if test.want == "" {
				ctx, cancel = context.WithTimeout(context.Background(), 20*time.Second)
			}
			defer cancel()
			conn, err := route.race(ctx, new(Target), test.addrs)
			if err == nil {
				defer conn.Close()
				if test.want != "" || addrPort(conn.RemoteAddr()) != addr {
					t.Errorf("connected to %v, want %q", conn.RemoteAddr(), test.want)
				}
			} else if got := Of(err); got != test.want {
				t.Errorf("%v is %s, want %s", err, got, test.want)
			}
		})
	}
}

func TestInterleave(t *testing.T) {
	var addrs []netip.Addr
	for _, s := range strings.Fields("::1 ::2 ::3 1.1.1.1 2.2.2.2") {
		addrs = append(addrs, netip.MustParseAddr(s))
	}
	var got []string
	for _, addr := range interleave(addrs) {
		got = append(got, addr.String())
	}
	if want := "::1 1.1.1.1 ::2 2.2.2.2 ::3"; strings.Join(got, " ") != want {
		t.Errorf("the order is %v, want %s", got, want)
	}
}

func TestFamilies(t *testing.T) {
	lab := newLab(t)
	addr := serve(t, lab, tlstest.Server{})
	module := labModule(t, lab)
	module.IPProtocol = IPv6
	r := newProber(t, module).Probe(context.Background(), target(t, addr))
	if r.Failure == nil || r.Failure.Reason != ReasonNoAddress {
		t.Errorf("an IPv4 address with ip6 is %+v", r.Failure)
	}
}

func TestIPv6Endpoint(t *testing.T) {
	lab := newLab(t)
	addr := serve(t, lab, tlstest.Server{Address: "[::1]:0"})
	r := newProber(t, labModule(t, lab)).Probe(context.Background(), target(t, addr))
	if !r.Success() || !r.Remote.Addr().Is6() || r.Session.ServerName != "" {
		t.Errorf("failure is %+v, session %+v", r.Failure, r.Session)
	}
}

// A Unix socket is probed like a port. For which name is not asked unless
// somebody says one.
func TestUnixSocket(t *testing.T) {
	lab := newLab(t)
	healthy := serve(t, lab, tlstest.Server{Address: filepath.Join(t.TempDir(), "x @y.sock")})
	untrusted := serve(t, lab, tlstest.Server{Address: filepath.Join(t.TempDir(), "y.sock"), SelfSigned: true})
	for _, test := range []struct {
		name, path, serverName string
		connected              bool
		reason                 Reason
	}{
		{"no name", healthy, "", true, ""},
		{"a name", healthy, "localhost", true, ""},
		{"another name", healthy, "other.test", true, "name_mismatch"},
		{"no trust", untrusted, "", true, "self_signed"},
		{"no socket", healthy + "x", "", false, ReasonRefused},
	} {
		t.Run(test.name, func(t *testing.T) {
			module := labModule(t, lab)
			module.ServerName = ServerName(test.serverName)
			r := newProber(t, module).Probe(context.Background(), target(t, "unix://"+test.path))
			if got := reasonOf(r.Failure); r.Success() != (test.reason == "") || !r.Success() && got != string(test.reason) {
				t.Errorf("failure is %+v, want %q", r.Failure, test.reason)
			}
			if r.Connected != test.connected || r.Remote.IsValid() || len(r.Addresses) > 0 {
				t.Errorf("connected %v to %v of %v", r.Connected, r.Remote, r.Addresses)
			}
			if test.connected && (r.Chain.Name != test.serverName || r.Session.ServerName != test.serverName || test.serverName == "" && r.Chain.Has(ProblemNameMismatch)) {
				t.Errorf("chain is %+v, session %+v", r.Chain, r.Session)
			}
		})
	}
}

// The module says from where to connect, and the caller where to.
func TestAddresses(t *testing.T) {
	lab := newLab(t)
	from := make(chan net.Addr, 1)
	addr := serve(t, lab, tlstest.Server{Config: func(c *tls.Config) {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			from <- hello.Conn.RemoteAddr()
			return nil, nil
		}
	}})
	module := labModule(t, lab)
	module.SourceAddress, module.Resolver = "127.0.0.77", "127.0.0.1:1" // which need not be asked
	to, err := target(t, "localhost:1").At(addr)
	if err != nil {
		t.Fatal(err)
	}
	r := newProber(t, module).Probe(context.Background(), to)
	if !r.Success() || r.Remote.String() != addr || r.Session.ServerName != "localhost" || r.Addresses != nil {
		t.Errorf("failure is %+v, remote %v, session %+v", r.Failure, r.Remote, r.Session)
	}
	if got := addrPort(<-from).Addr().String(); got != "127.0.0.77" {
		t.Errorf("it came from %s", got)
	}
	if r := newProber(t, module).Probe(context.Background(), target(t, "[::1]:1")); r.Failure == nil || r.Failure.Reason != ReasonNoAddress {
		t.Errorf("to another family: failure is %+v", r.Failure)
	}
	module.SourceAddress = "192.0.2.1" // of nobody
	if r := newProber(t, module).Probe(context.Background(), to); r.Failure == nil || r.Failure.Phase != PhaseConnect || r.Failure.Reason != ReasonUnreachable {
		t.Errorf("from nowhere: failure is %+v", r.Failure)
	}
}

// A scheme that is still to come says so, and opens nothing that it cannot use.
func TestSchemesToCome(t *testing.T) {
	lab := newLab(t)
	addr := serve(t, lab, tlstest.Server{Accept: func(ctx context.Context, _ net.Conn) { <-ctx.Done() }})
	p := newProber(t, labModule(t, lab))
	for _, s := range schemes {
		if s.start != overQUIC {
			continue
		}
		r := p.Probe(context.Background(), target(t, string(s.name)+"://"+addr))
		if r.Failure == nil || r.Failure.Reason != ReasonInternal || !strings.Contains(r.Failure.Err.Error(), "not supported by this version of tls_exporter") {
			t.Errorf("%s: failure is %+v", s.name, r.Failure)
		}
	}
}

// Whatever a server does for ever, the probe ends by its deadline and says in
// which phase. TestMain sees to it that no goroutine stays.
func TestDeadline(t *testing.T) {
	lab := newLab(t)
	repeat := func(bytes string) func(context.Context, net.Conn) {
		return func(ctx context.Context, c net.Conn) {
			for ctx.Err() == nil {
				if _, err := c.Write([]byte(bytes)); err != nil {
					return
				}
			}
		}
	}
	drip := func(bytes string) func(context.Context, net.Conn) {
		return func(ctx context.Context, c net.Conn) {
			c.Write([]byte(bytes))
			<-ctx.Done()
		}
	}
	module := labModule(t, lab)
	module.Timeout = Duration(500 * time.Millisecond)
	p := newProber(t, module)
	for _, test := range []struct {
		name   string
		accept func(context.Context, net.Conn)
		phase  Phase
		reason Reason
	}{
		{"silence", drip(""), PhaseServerHello, ReasonTimeout},
		{"the beginning of a record", drip("\x16\x03"), PhaseKeyExchange, ReasonTimeout},
		{"a record of an endless ServerHello", drip("\x16\x03\x03\x00\x05\x02\x00\x40\x00\x03"), PhaseKeyExchange, ReasonTimeout},
		{"garbage without end", repeat("\x00\x01\x02\x03\x04\x05\x06\x07"), PhaseServerHello, ReasonNotTLS},
		{"empty handshake records without end", repeat("\x16\x03\x03\x00\x00"), PhaseKeyExchange, "?"},
		{"warnings without end", repeat("\x15\x03\x03\x00\x02\x01\x70"), PhaseServerHello, "?"},
		{"change cipher specs without end", repeat("\x14\x03\x03\x00\x01\x01"), PhaseServerHello, "?"},
	} {
		t.Run(test.name, func(t *testing.T) {
			start := time.Now()
			r := p.Probe(context.Background(), target(t, serve(t, lab, tlstest.Server{Accept: test.accept})))
			if r.Failure == nil || r.Failure.Phase != test.phase || r.Failure.Reason != test.reason && test.reason != "?" {
				t.Errorf("failure is %+v, want %s with %s", r.Failure, test.phase, test.reason)
			}
			if test.reason == "?" {
				t.Logf("%s: %v", r.Failure.Reason, r.Failure.Err)
			}
			if limit := start.Add(10 * p.Timeout()); time.Now().After(limit) {
				t.Errorf("it took %v", time.Since(start))
			}
		})
	}
}

// A context that ends before the module's timeout ends the probe too.
func TestCancel(t *testing.T) {
	lab := newLab(t)
	addr := serve(t, lab, tlstest.Server{Accept: func(ctx context.Context, _ net.Conn) { <-ctx.Done() }})
	p := newProber(t, labModule(t, lab))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if r := p.Probe(ctx, target(t, addr)); r.Failure == nil || r.Failure.Reason != ReasonTimeout {
		t.Errorf("failure is %+v", r.Failure)
	}
}

// The certificates that reach a Result are bounded, however many are sent.
func TestLongChain(t *testing.T) {
	lab := newLab(t)
	addr := serve(t, lab, tlstest.Server{Chain: func(leaf *x509.Certificate) []*x509.Certificate {
		return append([]*x509.Certificate{leaf}, slices.Repeat([]*x509.Certificate{lab.Intermediate.Certificate}, 100)...)
	}})
	r := newProber(t, labModule(t, lab)).Probe(context.Background(), target(t, addr))
	if len(r.Chain.Certificates) != MaxCertificates || !r.Success() {
		t.Errorf("%d certificates, failure %+v", len(r.Chain.Certificates), r.Failure)
	}
}

func TestNewRefuses(t *testing.T) {
	module := DefaultModule()
	module.CAFile = "testdata/none.pem"
	if _, err := New(module, NewProcess()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
}
