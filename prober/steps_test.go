package prober_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/expect"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/option"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/resolve"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

func TestClientCertificateIsShown(t *testing.T) {
	lab := labtest.Lab(t)
	module := probetest.Module(t, lab)
	module.ClientCertificate = clientCertificate(t, lab)
	p := probetest.New(t, module)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		addr := labtest.Serve(t, lab, tlstest.Server{Config: func(c *tls.Config) {
			c.MinVersion, c.MaxVersion, c.ClientAuth = version, version, tls.RequireAnyClientCert
		}})
		r := p.Probe(context.Background(), probetest.Target(t, addr))
		if !r.Success() || !r.Session.ClientCertificateRequested {
			t.Errorf("%s: failure is %+v, session is %+v", tls.VersionName(version), r.Failure, r.Session)
		}
	}
}

func clientCertificate(t *testing.T, lab *tlstest.Lab) *handshake.ClientCertificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := lab.Intermediate.Issue(&x509.Certificate{NotBefore: labtest.Now.Add(-labtest.Day), NotAfter: labtest.Now.Add(labtest.Day)}, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := &handshake.ClientCertificate{CertFile: filepath.Join(t.TempDir(), "c.pem"), KeyFile: filepath.Join(t.TempDir(), "c.key")}
	for file, block := range map[string]*pem.Block{c.CertFile: {Type: "CERTIFICATE", Bytes: cert.Raw}, c.KeyFile: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// A server that requests a client certificate and accepts clients without one is
// healthy.
func TestClientCertificateIsOptional(t *testing.T) {
	lab := labtest.Lab(t)
	p := probetest.New(t, probetest.Module(t, lab))
	addr := labtest.Serve(t, lab, tlstest.Server{Config: func(c *tls.Config) { c.ClientAuth = tls.RequestClientCert }})
	r := p.Probe(context.Background(), probetest.Target(t, addr))
	if !r.Success() || !r.Session.ClientCertificateRequested {
		t.Errorf("failure is %+v, session is %+v", r.Failure, r.Session)
	}
}

// The target and the module decide what the ClientHello offers.
func TestOffer(t *testing.T) {
	lab := labtest.Lab(t)
	hellos := make(chan *tls.ClientHelloInfo, 1)
	addr := labtest.Serve(t, lab, tlstest.Server{Config: func(c *tls.Config) {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) { hellos <- hello; return nil, nil }
	}})
	_, port, _ := net.SplitHostPort(addr)
	for _, test := range []struct {
		name, target, serverName string
		change                   func(*prober.Module)
		sni                      string
		alpn                     []string
		versions                 []uint16 // newest first
		success                  bool
	}{
		{name: "a name", target: "localhost:" + port, sni: "localhost", alpn: []string{"h2", "http/1.1"}, versions: []uint16{0x304, 0x303, 0x302, 0x301}, success: true},
		{name: "an IP address is verified and not sent", target: addr, alpn: []string{"h2", "http/1.1"}, versions: []uint16{0x304, 0x303, 0x302, 0x301}, success: true},
		{name: "a server name", target: addr, serverName: "other.test", sni: "other.test", alpn: []string{"h2", "http/1.1"}, versions: []uint16{0x304, 0x303, 0x302, 0x301}},
		{name: "the module's server name", target: addr, change: func(m *prober.Module) { m.ServerName = "localhost" }, sni: "localhost", alpn: []string{"h2", "http/1.1"}, versions: []uint16{0x304, 0x303, 0x302, 0x301}, success: true},
		{name: "no ALPN for other schemes", target: "tls://localhost:" + port, sni: "localhost", versions: []uint16{0x304, 0x303, 0x302, 0x301}, success: true},
		{name: "the module's ALPN", target: "tls://localhost:" + port, change: func(m *prober.Module) { m.ALPN = []option.Protocol{"http/1.1"} }, sni: "localhost", alpn: []string{"http/1.1"}, versions: []uint16{0x304, 0x303, 0x302, 0x301}, success: true},
		{name: "the module's versions", target: addr, change: func(m *prober.Module) { m.MinVersion, m.MaxVersion = 0x302, 0x303 }, alpn: []string{"h2", "http/1.1"}, versions: []uint16{0x303, 0x302}, success: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			module := probetest.Module(t, lab)
			module.IPProtocol = resolve.IPv4
			if test.change != nil {
				test.change(&module)
			}
			to := probetest.Target(t, test.target)
			to.ServerName = test.serverName
			r := probetest.New(t, module).Probe(context.Background(), to)
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

// Suites and keys that Go's client rejects by default can be probed.
func TestLegacySuites(t *testing.T) {
	lab := labtest.Lab(t)
	p := probetest.New(t, probetest.Module(t, lab))
	for _, test := range []struct {
		name   string
		server tlstest.Server
		suite  uint16
	}{
		{"3DES", tlstest.Server{Config: only(tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA), Key: labtest.RSAKey(2048)}, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA},
		{"RSA key exchange", tlstest.Server{Config: only(tls.TLS_RSA_WITH_AES_128_GCM_SHA256), Key: labtest.RSAKey(2048)}, tls.TLS_RSA_WITH_AES_128_GCM_SHA256},
		{"RC4", tlstest.Server{Config: only(tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA)}, tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA},
		{"an RSA key of 768 bits", tlstest.Server{Config: only(tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256), Key: labtest.RSAKey(768)}, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := p.Probe(context.Background(), probetest.Target(t, labtest.Serve(t, lab, test.server)))
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
	lab := labtest.Lab(t)
	healthy := labtest.Serve(t, lab, tlstest.Server{})
	demanding := labtest.Serve(t, lab, tlstest.Server{Config: func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }})
	misnamed := labtest.Serve(t, lab, tlstest.Server{
		Leaf:   func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"other.test"}, nil },
		Config: func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert },
	})
	rootFile := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(rootFile, lab.RootPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	spki := sha256.Sum256(lab.Intermediate.Certificate.RawSubjectPublicKeyInfo)
	pin := option.Pin(hex.EncodeToString(spki[:]))
	for _, test := range []struct {
		name, addr string
		expect     expect.Options
		reason     failure.Reason // of the failure; empty: none
	}{
		{"an accepted version", healthy, expect.Options{MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS13}, ""},
		{"a version that is too new", healthy, expect.Options{MaxVersion: tls.VersionTLS12}, "max_version"},
		{"a pin of the intermediate", healthy, expect.Options{Pins: []option.Pin{option.Pin(strings.Repeat("0", 64)), pin}}, ""},
		{"a pin of another key", healthy, expect.Options{Pins: []option.Pin{option.Pin(strings.Repeat("0", 64))}}, "pin"},
		{"the issuer", healthy, expect.Options{Issuer: "Lab Intermediate"}, ""},
		{"another issuer", healthy, expect.Options{Issuer: "Lab Root"}, "issuer"},
		{"the key of the issuer", healthy, expect.Options{IssuerSPKI: []option.Pin{pin}}, ""},
		{"the key of another issuer", healthy, expect.Options{IssuerSPKI: []option.Pin{option.Pin(strings.Repeat("0", 64))}}, "issuer_spki"},
		{"an issuer without an organization", healthy, expect.Options{IssuerOrganization: "Example Trust"}, "issuer_organization"},
		{"a backup key in use", healthy, expect.Options{Pins: []option.Pin{option.Pin(strings.Repeat("0", 64))}, BackupPins: []option.Pin{pin}}, "backup_pin"},
		{"names", healthy, expect.Options{Names: []expect.Name{"localhost", "127.0.0.1"}}, ""},
		{"another name", healthy, expect.Options{Names: []expect.Name{"localhost", "other.test"}}, "names"},
		{"a key", healthy, expect.Options{KeyType: []option.KeyType{"RSA", "ECDSA P-256"}}, ""},
		{"another key", healthy, expect.Options{KeyType: []option.KeyType{"RSA"}}, "key_type"},
		{"days", healthy, expect.Options{MinDays: 0.1}, ""},
		{"more days", healthy, expect.Options{MinDays: 10000}, "min_days"},
		{"more of the lifetime", healthy, expect.Options{MinLifetimeRatio: 0.9999}, "min_lifetime_ratio"},
		{"ALPN", healthy, expect.Options{ALPN: []option.Protocol{"h2"}}, ""},
		{"another ALPN", healthy, expect.Options{ALPN: []option.Protocol{"h3"}}, "alpn"},
		{"a group", healthy, expect.Options{Group: []option.Group{"x25519", "X25519MLKEM768"}}, ""},
		{"another group", healthy, expect.Options{Group: []option.Group{"secp521r1"}}, "group"},
		{"another certificate on disk", healthy, expect.Options{SameAsFile: rootFile}, "same_as_file"},
		{"a client certificate is required", demanding, expect.Options{ClientCertificateRequired: true}, ""},
		{"no client certificate is required", healthy, expect.Options{ClientCertificateRequired: true}, "client_certificate_required"},
		{"the alert", demanding, expect.Options{Alert: "certificate_required"}, ""},
		{"another alert", demanding, expect.Options{Alert: "unknown_ca"}, "alert_certificate_required"},
		{"no alert", healthy, expect.Options{Alert: "unknown_ca"}, "alert"},
		{"a client certificate is required, and the chain is bad", misnamed, expect.Options{ClientCertificateRequired: true}, "name_mismatch"},
	} {
		t.Run(test.name, func(t *testing.T) {
			module := probetest.Module(t, lab)
			module.Expect.Options = &test.expect
			r := probetest.New(t, module).Probe(context.Background(), probetest.Target(t, test.addr))
			var got failure.Reason
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

// Without a handshake an expectation is neither met nor unmet.
func TestExpectWithoutHandshake(t *testing.T) {
	module := prober.DefaultModule()
	module.Expect.Options = &expect.Options{Pins: []option.Pin{"00"}, MinVersion: tls.VersionTLS12}
	r := probetest.New(t, module).Probe(context.Background(), probetest.Target(t, "127.0.0.1:1"))
	if r.Failure.Reason != failure.ReasonRefused || r.Expect.Finding != nil || r.Outcomes[0].Failure == nil {
		t.Errorf("failure is %+v, expect is %+v", r.Failure, r.Expect.Finding)
	}
}

func TestFamilyWithoutAddress(t *testing.T) {
	lab := labtest.Lab(t)
	addr := labtest.Serve(t, lab, tlstest.Server{})
	module := probetest.Module(t, lab)
	module.IPProtocol = resolve.IPv6
	r := probetest.New(t, module).Probe(context.Background(), probetest.Target(t, addr))
	if r.Failure == nil || r.Failure.Reason != failure.ReasonNoAddress {
		t.Errorf("an IPv4 address with ip6 is %+v", r.Failure)
	}
}

func TestIPv6Endpoint(t *testing.T) {
	lab := labtest.Lab(t)
	addr := labtest.Serve(t, lab, tlstest.Server{Address: "[::1]:0"})
	r := probetest.New(t, probetest.Module(t, lab)).Probe(context.Background(), probetest.Target(t, addr))
	if !r.Success() || !r.Remote.Addr().Is6() || r.Session.ServerName != "" {
		t.Errorf("failure is %+v, session %+v", r.Failure, r.Session)
	}
}

// A Unix socket is probed like a port. Its name is verified only if the module or the
// caller sets one.
func TestUnixSocket(t *testing.T) {
	lab := labtest.Lab(t)
	healthy := labtest.Serve(t, lab, tlstest.Server{Address: filepath.Join(t.TempDir(), "x @y.sock")})
	untrusted := labtest.Serve(t, lab, tlstest.Server{Address: filepath.Join(t.TempDir(), "y.sock"), SelfSigned: true})
	for _, test := range []struct {
		name, path, serverName string
		connected              bool
		reason                 failure.Reason
	}{
		{"no name", healthy, "", true, ""},
		{"a name", healthy, "localhost", true, ""},
		{"another name", healthy, "other.test", true, "name_mismatch"},
		{"untrusted", untrusted, "", true, "self_signed"},
		{"no socket", healthy + "x", "", false, failure.ReasonRefused},
	} {
		t.Run(test.name, func(t *testing.T) {
			module := probetest.Module(t, lab)
			module.ServerName = target.ServerName(test.serverName)
			r := probetest.New(t, module).Probe(context.Background(), probetest.Target(t, "unix://"+test.path))
			if r.Success() != (test.reason == "") || !r.Success() && r.Failure.Reason != test.reason {
				t.Errorf("failure is %+v, want %q", r.Failure, test.reason)
			}
			if r.Connected != test.connected || r.Remote.IsValid() || len(r.Addresses) > 0 {
				t.Errorf("connected %v to %v of %v", r.Connected, r.Remote, r.Addresses)
			}
			if test.connected && (r.Chain.Name != test.serverName || r.Session.ServerName != test.serverName || test.serverName == "" && r.Chain.Has(chain.ProblemNameMismatch)) {
				t.Errorf("chain is %+v, session %+v", r.Chain, r.Session)
			}
		})
	}
}

// The module sets the local address, and the caller the remote one.
func TestAddresses(t *testing.T) {
	lab := labtest.Lab(t)
	from := make(chan net.Addr, 1)
	addr := labtest.Serve(t, lab, tlstest.Server{Config: func(c *tls.Config) {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			from <- hello.Conn.RemoteAddr()
			return nil, nil
		}
	}})
	module := probetest.Module(t, lab)
	module.SourceAddress, module.Resolver = "127.0.0.77", "127.0.0.1:1" // not needed, because the caller sets the address
	to, err := probetest.Target(t, "localhost:1").At(addr)
	if err != nil {
		t.Fatal(err)
	}
	r := probetest.New(t, module).Probe(context.Background(), to)
	if !r.Success() || r.Remote.String() != addr || r.Session.ServerName != "localhost" || r.Addresses != nil {
		t.Errorf("failure is %+v, remote %v, session %+v", r.Failure, r.Remote, r.Session)
	}
	if got := netip.MustParseAddrPort((<-from).String()).Addr().String(); got != "127.0.0.77" {
		t.Errorf("the connection came from %s", got)
	}
	if r := probetest.New(t, module).Probe(context.Background(), probetest.Target(t, "[::1]:1")); r.Failure == nil || r.Failure.Reason != failure.ReasonNoAddress {
		t.Errorf("to the other family: failure is %+v", r.Failure)
	}
	module.SourceAddress = "192.0.2.1" // not of this machine
	if r := probetest.New(t, module).Probe(context.Background(), to); r.Failure == nil || r.Failure.Phase != failure.PhaseConnect || r.Failure.Reason != failure.ReasonLocalResources {
		t.Errorf("from an address of another machine: failure is %+v", r.Failure)
	}
}

// Whatever a server repeats without end, the probe ends by its deadline and reports
// the phase. TestMain checks that no goroutine is left.
func TestDeadline(t *testing.T) {
	lab := labtest.Lab(t)
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
	module := probetest.Module(t, lab)
	module.Timeout = option.Duration(500 * time.Millisecond)
	p := probetest.New(t, module)
	for _, test := range []struct {
		name   string
		accept func(context.Context, net.Conn)
		phase  failure.Phase
		reason failure.Reason
	}{
		{"silence", drip(""), failure.PhaseServerHello, failure.ReasonTimeout},
		{"the beginning of a record", drip("\x16\x03"), failure.PhaseKeyExchange, failure.ReasonTimeout},
		{"a record of an endless ServerHello", drip("\x16\x03\x03\x00\x05\x02\x00\x40\x00\x03"), failure.PhaseKeyExchange, failure.ReasonTimeout},
		{"garbage without end", repeat("\x00\x01\x02\x03\x04\x05\x06\x07"), failure.PhaseServerHello, failure.ReasonNotTLS},
		{"empty handshake records without end", repeat("\x16\x03\x03\x00\x00"), failure.PhaseKeyExchange, "?"},
		{"warnings without end", repeat("\x15\x03\x03\x00\x02\x01\x70"), failure.PhaseServerHello, "?"},
		{"change cipher specs without end", repeat("\x14\x03\x03\x00\x01\x01"), failure.PhaseServerHello, "?"},
	} {
		t.Run(test.name, func(t *testing.T) {
			start := time.Now()
			r := p.Probe(context.Background(), probetest.Target(t, labtest.Serve(t, lab, tlstest.Server{Accept: test.accept})))
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

// A context that ends before the module's timeout ends the probe.
func TestCancel(t *testing.T) {
	lab := labtest.Lab(t)
	addr := labtest.Serve(t, lab, tlstest.Server{Accept: func(ctx context.Context, _ net.Conn) { <-ctx.Done() }})
	p := probetest.New(t, probetest.Module(t, lab))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if r := p.Probe(ctx, probetest.Target(t, addr)); r.Failure == nil || r.Failure.Reason != failure.ReasonTimeout {
		t.Errorf("failure is %+v", r.Failure)
	}
}

// A Result has at most 20 certificates, however many are sent.
func TestLongChain(t *testing.T) {
	lab := labtest.Lab(t)
	addr := labtest.Serve(t, lab, tlstest.Server{Chain: func(leaf *x509.Certificate) []*x509.Certificate {
		return append([]*x509.Certificate{leaf}, slices.Repeat([]*x509.Certificate{lab.Intermediate.Certificate}, 100)...)
	}})
	r := probetest.New(t, probetest.Module(t, lab)).Probe(context.Background(), probetest.Target(t, addr))
	if len(r.Chain.Certificates) != 20 || !r.Success() {
		t.Errorf("%d certificates, failure %+v", len(r.Chain.Certificates), r.Failure)
	}
}

func TestNewError(t *testing.T) {
	module := prober.DefaultModule()
	module.CAFile = "testdata/none.pem"
	if _, err := prober.New(module, prober.NewProcess()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
}
