package prober_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// stapleCase is a server that staples, or does not, and what is told about it.
type stapleCase struct {
	name     string
	server   tlstest.Server
	status   certstatus.Status
	problems []chain.Problem
}

func stapleCases(t *testing.T, lab *tlstest.Lab) []stapleCase {
	t.Helper()
	delegate, err := lab.Intermediate.OCSPDelegate()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := lab.Root.Intermediate("Another CA")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	stapled := func(o tlstest.OCSP) tlstest.Server { return tlstest.Server{Staple: tlstest.Stapled(o)} }
	demanded := func(o tlstest.OCSP) tlstest.Server {
		return tlstest.Server{Leaf: tlstest.MustStaple, Staple: tlstest.Stapled(o)}
	}
	raw := func(der []byte) tlstest.Server {
		return tlstest.Server{Staple: func(*x509.Certificate, *tlstest.CA) ([]byte, error) { return der, nil }}
	}
	old := tlstest.OCSP{ThisUpdate: now.Add(-48 * time.Hour), NextUpdate: now.Add(-24 * time.Hour)}
	missing, revoked := []chain.Problem{chain.ProblemMissingStaple}, []chain.Problem{chain.ProblemRevoked}
	return []stapleCase{
		{"none", tlstest.Server{}, certstatus.NotOffered, nil},
		{"good", stapled(tlstest.OCSP{}), certstatus.Good, nil},
		{"good, of a delegate", stapled(tlstest.OCSP{Signer: delegate}), certstatus.Good, nil},
		{"revoked", stapled(tlstest.OCSP{Status: tlstest.OCSPRevoked}), certstatus.Revoked, revoked},
		{"unknown", stapled(tlstest.OCSP{Status: tlstest.OCSPUnknown}), certstatus.Unknown, nil},
		{"expired", stapled(old), certstatus.Expired, nil},
		{"of another CA", stapled(tlstest.OCSP{Signer: stranger}), certstatus.Invalid, nil},
		{"tryLater", raw(tlstest.OCSPError(3)), certstatus.Invalid, nil},
		{"HTML", raw([]byte("<html>")), certstatus.Invalid, nil},
		{"too large", raw(make([]byte, certstatus.MaxResponse+1)), certstatus.Invalid, nil},
		{"demanded, and good", demanded(tlstest.OCSP{}), certstatus.Good, nil},
		{"demanded, and none", tlstest.Server{Leaf: tlstest.MustStaple}, certstatus.NotOffered, missing},
		{"demanded, and expired", demanded(old), certstatus.Expired, missing},
		{"demanded, and unknown", demanded(tlstest.OCSP{Status: tlstest.OCSPUnknown}), certstatus.Unknown, missing},
		{"demanded, and of another CA", demanded(tlstest.OCSP{Signer: stranger}), certstatus.Invalid, missing},
		{"demanded, and revoked", demanded(tlstest.OCSP{Status: tlstest.OCSPRevoked}), certstatus.Revoked, revoked},
	}
}

// Each client, and each version, sees the staple alike.
func TestStaple(t *testing.T) {
	lab := labtest.Lab(t)
	cases := stapleCases(t, lab)
	for _, client := range []struct {
		name   string
		change func(*prober.Module)
		server func(*tls.Config)
	}{
		{"TLS 1.3 client", func(*prober.Module) {}, nil},
		{"crypto/tls", func(m *prober.Module) { m.TLSClient = handshake.CryptoTLS }, nil},
		{"TLS 1.2", func(*prober.Module) {}, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }},
		{"TLS 1.0", func(*prober.Module) {}, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 }},
		{"HelloRetryRequest", func(*prober.Module) {}, func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP521} }},
	} {
		m := probetest.Module(t, lab)
		client.change(&m)
		p := probetest.New(t, m)
		for _, test := range cases {
			t.Run(client.name+"/"+test.name, func(t *testing.T) {
				t.Parallel()
				server := test.server
				server.Config = client.server
				at := probetest.Target(t, labtest.Serve(t, lab, server))
				for range 2 { // the second answer is the cached one
					checkStaple(t, p.Probe(t.Context(), at), test)
				}
			})
		}
	}
}

func checkStaple(t *testing.T, r *prober.Result, want stapleCase) {
	t.Helper()
	if r.Staple == nil || r.Staple.Status != want.status || r.Staple.Source != certstatus.Staple {
		t.Fatalf("%+v, %v", r.Staple, r.Failure)
	}
	if got := problemsOf(r.Chain); !slices.Equal(got, want.problems) || r.Chain.Valid != (want.problems == nil) {
		t.Errorf("problems are %v, valid is %v", r.Chain.Problems, r.Chain.Valid)
	}
	if want.problems == nil {
		if !r.Success() {
			t.Errorf("failed with %v", r.Failure)
		}
	} else if r.Success() || r.Failure.Phase != failure.PhaseVerify || r.Failure.Reason != failure.Reason(want.problems[0]) {
		t.Errorf("failed with %v", r.Failure)
	}
}

// The chain decides whose signature counts, and whether anything is known.
func TestStapleIssuer(t *testing.T) {
	lab := labtest.Lab(t)
	unknown, err := tlstest.NewRoot("Unknown Root")
	if err != nil {
		t.Fatal(err)
	}
	demanding, err := lab.Root.Intermediate("Demanding CA", tlstest.MustStaple)
	if err != nil {
		t.Fatal(err)
	}
	stapled := tlstest.Stapled(tlstest.OCSP{})
	leafOnly := func(leaf *x509.Certificate) []*x509.Certificate { return []*x509.Certificate{leaf} }
	p := probetest.New(t, probetest.Module(t, lab))
	for _, test := range []stapleCase{
		{"the issuer is not sent", tlstest.Server{Staple: stapled, Chain: leafOnly}, certstatus.Invalid, []chain.Problem{chain.ProblemIncompleteChain}},
		{"the issuer is not sent, and a staple is demanded", tlstest.Server{Leaf: tlstest.MustStaple, Staple: stapled, Chain: leafOnly}, certstatus.Invalid, []chain.Problem{chain.ProblemIncompleteChain}},
		{"the issuer is sent, and not trusted", tlstest.Server{Staple: stapled, Issuer: unknown}, certstatus.Good, []chain.Problem{chain.ProblemUnknownAuthority}},
		{"the issuer is the root, which is not sent", tlstest.Server{Staple: stapled, Issuer: lab.Root, Chain: leafOnly}, certstatus.Good, nil},
		{"expired, and revoked", tlstest.Server{Staple: tlstest.Stapled(tlstest.OCSP{Status: tlstest.OCSPRevoked}), Leaf: func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }}, certstatus.Revoked, []chain.Problem{chain.ProblemRevoked, chain.ProblemExpired}},
		{"the CA demands it", tlstest.Server{Issuer: demanding}, certstatus.NotOffered, []chain.Problem{chain.ProblemMissingStaple}},
		{"the CA demands it, and it is good", tlstest.Server{Issuer: demanding, Staple: stapled}, certstatus.Good, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkStaple(t, p.Probe(t.Context(), probetest.Target(t, labtest.Serve(t, lab, test.server))), test)
		})
	}
}

// A certificate that crypto/x509 cannot read may have a staple, too.
func TestStapleOfUnreadable(t *testing.T) {
	lab := labtest.Lab(t)
	p := probetest.New(t, probetest.Module(t, lab))
	server := tlstest.Server{Staple: tlstest.Stapled(tlstest.OCSP{Status: tlstest.OCSPRevoked}), RawChain: func(chain [][]byte) [][]byte {
		chain[0] = append(slices.Clone(chain[0]), 0)
		return chain
	}}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server.Config = func(c *tls.Config) { c.MaxVersion = version }
		r := p.Probe(t.Context(), probetest.Target(t, labtest.Serve(t, lab, server)))
		if r.Staple == nil || r.Staple.Status != certstatus.Revoked || !r.Chain.Has(chain.ProblemRevoked) || !r.Chain.Has(chain.ProblemBadCertificate) {
			t.Errorf("%s: %+v, %v, %v", tls.VersionName(version), r.Staple, r.Failure, r.Chain)
			continue
		}
		leaf := r.Chain.Certificates[0]
		fingerprint, ok1 := leaf.FingerprintHash()
		key, ok2 := leaf.SPKIHash()
		if want, err := strconv.ParseUint(leaf.FingerprintSHA256[:12], 16, 64); err != nil || !ok1 || !ok2 || uint64(fingerprint) != want || key == 0 || !leaf.Expires() || leaf.DNSNames != "localhost" {
			t.Errorf("%s: %+v", tls.VersionName(version), leaf)
		}
	}
}

// A server that rejects a client without a certificate has shown its staple by then. That it
// has none is not known: the handshake has not ended.
func TestStapleOfFailedHandshake(t *testing.T) {
	lab := labtest.Lab(t)
	p := probetest.New(t, probetest.Module(t, lab))
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, stapled := range []bool{true, false} {
			server := tlstest.Server{Leaf: tlstest.MustStaple, Config: func(c *tls.Config) {
				c.MinVersion, c.MaxVersion, c.ClientAuth = version, version, tls.RequireAnyClientCert
			}}
			if stapled {
				server.Staple = tlstest.Stapled(tlstest.OCSP{Status: tlstest.OCSPRevoked})
			}
			r := p.Probe(t.Context(), probetest.Target(t, labtest.Serve(t, lab, server)))
			if r.Session.Completed || r.Failure.Phase != failure.PhaseKeyExchange {
				t.Fatalf("the handshake did not fail: %v", r.Failure)
			}
			if got := r.Staple != nil && r.Staple.Status == certstatus.Revoked && r.Chain.Has(chain.ProblemRevoked); got != stapled || r.Chain.Has(chain.ProblemMissingStaple) {
				t.Errorf("%s, stapled %v: %+v, %v", tls.VersionName(version), stapled, r.Staple, r.Chain.Problems)
			}
		}
	}
}

// Each address of a pool is judged alike, and the revoked one is shown.
func TestStapleOfPool(t *testing.T) {
	lab := labtest.Lab(t)
	addrs := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")}
	names := func(c *x509.Certificate) { c.DNSNames = []string{"pool.test"} }
	port, err := lab.StartPool(addrs, tlstest.Server{Leaf: names, Staple: tlstest.Stapled(tlstest.OCSP{})},
		tlstest.Server{Leaf: names, Staple: tlstest.Stapled(tlstest.OCSP{Status: tlstest.OCSPRevoked})},
		tlstest.Server{Leaf: func(c *x509.Certificate) { names(c); tlstest.MustStaple(c) }})
	if err != nil {
		t.Fatal(err)
	}
	m := probetest.Module(t, lab)
	m.Addresses = prober.AllAddresses
	m.Resolver = labtest.DNS(t, lab, tlstest.Zone{"pool.test": {Addresses: addrs}})
	r := probetest.New(t, m).Probe(t.Context(), probetest.Target(t, "pool.test:"+strconv.Itoa(int(port))))
	if r.Pool == nil {
		t.Fatal(r.Failure)
	}
	for i, want := range []failure.Reason{"", "revoked", "missing_staple"} {
		var got failure.Reason
		if f := r.Pool.Members[i].Failure; f != nil {
			got = f.Reason
		}
		if got != want {
			t.Errorf("%s: %q, want %q", addrs[i], got, want)
		}
	}
	if r.Pool.Shown != 1 || r.Staple.Status != certstatus.Revoked || r.Failure.Reason != "revoked" || r.Failure.Address.Addr() != addrs[1] {
		t.Errorf("shown is %d, %+v, %v", r.Pool.Shown, r.Staple, r.Failure)
	}
}

// What is told of a staple is bounded, as everything from a server.
func TestStapleDetail(t *testing.T) {
	lab := labtest.Lab(t)
	hostile := tlstest.Server{Leaf: tlstest.MustStaple, Staple: func(*x509.Certificate, *tlstest.CA) ([]byte, error) {
		return []byte(strings.Repeat("\x1b[31m\u202e", 3000)), nil
	}}
	r := probetest.New(t, probetest.Module(t, lab)).Probe(t.Context(), probetest.Target(t, labtest.Serve(t, lab, hostile)))
	for _, text := range []string{r.Staple.Detail, r.Chain.Problems[0].Detail} {
		if len(text) > 400 || strings.ContainsAny(text, "\x1b\u202e") {
			t.Errorf("%q", text)
		}
	}
}
