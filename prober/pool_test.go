package prober_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/check/expect"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/option"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/resolve"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// lasting is a server for pool.test whose certificate has that age and that much time
// left.
func lasting(age, left time.Duration) tlstest.Server {
	return tlstest.Server{Leaf: func(c *x509.Certificate) {
		c.DNSNames, c.NotBefore, c.NotAfter = []string{"pool.test"}, time.Now().Add(-age), time.Now().Add(left)
	}}
}

// poolOf starts servers on 127.0.0.2 and the addresses after it, all of which
// pool.test has, and returns the target with a module to probe it.
func poolOf(t *testing.T, servers ...tlstest.Server) (target.Target, prober.Module) {
	t.Helper()
	lab := labtest.Lab(t)
	var addrs []netip.Addr
	for i := range servers {
		addrs = append(addrs, netip.AddrFrom4([4]byte{127, 0, 0, byte(2 + i)}))
	}
	port, err := lab.StartPool(addrs, servers...)
	if err != nil {
		t.Fatal(err)
	}
	shuffled := slices.Clone(addrs)
	slices.Reverse(shuffled)
	module := probetest.Module(t, lab)
	module.Addresses, module.Resolver = prober.AllAddresses, labtest.DNS(t, lab, tlstest.Zone{"pool.test": {Addresses: shuffled}})
	return probetest.Target(t, fmt.Sprintf("pool.test:%d", port)), module
}

// reasonsOf is the failure of each address of a pool, or "good".
func reasonsOf(p *prober.Pool) []string {
	var all []string
	for _, m := range p.Members {
		if m.Failure == nil {
			all = append(all, "good")
		} else {
			all = append(all, string(m.Failure.Phase)+" "+string(m.Failure.Reason))
		}
	}
	return all
}

// Of five addresses one refuses, one hangs, one has an old certificate and two are
// good: one probe reports all of it, within its deadline.
func TestPool(t *testing.T) {
	t.Parallel()
	fine := lasting(30*labtest.Day, 60*labtest.Day)
	old := lasting(80*labtest.Day, 10*labtest.Day)
	to, module := poolOf(t, fine, tlstest.Server{Refuse: true}, tlstest.Server{Hang: true}, old, fine)
	module.Timeout = option.Duration(3 * time.Second)
	r := probetest.New(t, module).Probe(context.Background(), to)

	want := []string{"good", "connect refused", "connect timeout", "verify stale_certificate", "good"}
	if got := reasonsOf(r.Pool); !slices.Equal(got, want) {
		t.Errorf("the addresses are %q, want %q", got, want)
	}
	if r.Pool.Total != 5 || r.Pool.Failing() != 3 || r.Pool.DistinctCertificates() != 3 {
		t.Errorf("of %d addresses %d fail, with %d certificates", r.Pool.Total, r.Pool.Failing(), r.Pool.DistinctCertificates())
	}
	stale := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.5"), to.Port)
	if f := r.Failure; f == nil || f.Phase != failure.PhaseVerify || f.Reason != failure.ReasonStaleCertificate || f.Address != stale {
		t.Errorf("failure is %+v", f)
	}
	if r.Remote != stale || !r.Connected || !r.Session.Completed || !r.Chain.Valid || r.Chain.Certificates[0].DaysRemaining(time.Now()) > 11 {
		t.Errorf("shown is %v with %+v", r.Remote, r.Chain)
	}
	if r.Phases[0].Phase != failure.PhaseResolve || r.Phases[len(r.Phases)-1].Phase != failure.PhaseVerify || r.Target != to || len(r.Addresses) != 5 {
		t.Errorf("phases are %v, target %v, addresses %v", r.Phases, r.Target, r.Addresses)
	}
	for i, m := range r.Pool.Members {
		if good := want[i] == "good"; good && (m.Session.Duration <= 0 || m.Session.Remote != m.Address) || m.Address.Addr().As4()[3] != byte(2+i) {
			t.Errorf("%v: session is %+v", m.Address, m.Session)
		}
	}
}

// Which failure is that of the pool, and which address is shown.
func TestPoolVerdict(t *testing.T) {
	fine, expiring := lasting(30*labtest.Day, 60*labtest.Day), lasting(30*labtest.Day, 40*labtest.Day)
	expired := lasting(90*labtest.Day, -labtest.Day)
	refusing := tlstest.Server{Refuse: true}
	alert := tlstest.Server{Accept: labtest.Canned("\x15\x03\x03\x00\x02\x02\x28").Accept}
	misnamed := tlstest.Server{}
	demanding := lasting(30*labtest.Day, 60*labtest.Day)
	demanding.Config = func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }
	old := lasting(30*labtest.Day, 60*labtest.Day)
	old.Config = func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }
	for _, test := range []struct {
		name    string
		servers []tlstest.Server
		expect  *expect.Options
		reasons string
		failure string // empty: the probe succeeds
		shown   int
	}{
		{"all good: the first to expire is shown", []tlstest.Server{fine, expiring, fine}, nil, "good, good, good", "", 1},
		{"one is down", []tlstest.Server{refusing, fine}, nil, "connect refused, good", "connect refused", 1},
		{"one fails the handshake", []tlstest.Server{fine, alert}, nil, "good, server_hello alert_handshake_failure", "server_hello alert_handshake_failure", 0},
		{"a bad chain is the most severe", []tlstest.Server{refusing, fine, expired, alert}, nil,
			"connect refused, good, verify expired, server_hello alert_handshake_failure", "verify expired", 2},
		{"the most severe of two bad chains", []tlstest.Server{misnamed, expired}, nil, "verify name_mismatch, verify expired", "verify expired", 1},
		{"all down", []tlstest.Server{refusing, alert}, nil, "connect refused, server_hello alert_handshake_failure", "server_hello alert_handshake_failure", 1},
		{"an expectation that one address does not meet", []tlstest.Server{fine, old}, &expect.Options{MinVersion: tls.VersionTLS12}, "good, expect min_version", "expect min_version", 1},
		{"client certificates required, as expected", []tlstest.Server{demanding, demanding}, &expect.Options{ClientCertificateRequired: true}, "good, good", "", 0},
		{"client certificates required at one of two", []tlstest.Server{demanding, fine}, &expect.Options{ClientCertificateRequired: true},
			"good, expect client_certificate_required", "expect client_certificate_required", 1},
		{"client certificates required, and one is down", []tlstest.Server{refusing, demanding}, &expect.Options{ClientCertificateRequired: true}, "connect refused, good", "connect refused", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			to, module := poolOf(t, test.servers...)
			module.Expect.Options = test.expect
			r := probetest.New(t, module).Probe(context.Background(), to)
			if got := strings.Join(reasonsOf(r.Pool), ", "); got != test.reasons {
				t.Errorf("the addresses are %s, want %s", got, test.reasons)
			}
			failure := ""
			if f := r.Failure; f != nil {
				failure = string(f.Phase) + " " + string(f.Reason)
				if !f.Address.IsValid() {
					t.Error("the failure has no address")
				}
			}
			if failure != test.failure || r.Pool.Shown != test.shown {
				t.Errorf("failure is %q of %d shown, want %q of %d", failure, r.Pool.Shown, test.failure, test.shown)
			}
			if m := r.Pool.Members[test.shown]; r.Session != m.Session || r.Chain != m.Chain {
				t.Error("the session or the chain is that of another address")
			}
		})
	}
}

// The members of a pool are bounded, and Total counts the others too.
func TestPoolIsBounded(t *testing.T) {
	lab := labtest.Lab(t)
	var many []netip.Addr
	for i := range resolve.MaxAddresses + 8 {
		many = append(many, netip.AddrFrom4([4]byte{127, 0, 1, byte(i)}))
	}
	module := probetest.Module(t, lab)
	module.Addresses, module.Resolver = prober.AllAddresses, labtest.DNS(t, lab, tlstest.Zone{"many.test": {Addresses: many}})
	r := probetest.New(t, module).Probe(context.Background(), probetest.Target(t, "many.test:1"))
	if r.Pool.Total != resolve.MaxAddresses+8 || len(r.Pool.Members) != resolve.MaxAddresses || r.Pool.Failing() != resolve.MaxAddresses || len(r.Addresses) != resolve.MaxAddresses {
		t.Errorf("of %d addresses %d were probed", r.Pool.Total, len(r.Pool.Members))
	}
	if r.Failure == nil || r.Failure.Reason != failure.ReasonRefused || r.Pool.DistinctCertificates() != 0 {
		t.Errorf("failure is %+v", r.Failure)
	}
}

// An address is a pool of one, also through a proxy. A Unix socket is no pool.
func TestPoolOfOne(t *testing.T) {
	lab := labtest.Lab(t)
	addr := labtest.Serve(t, lab, tlstest.Server{})
	socket := labtest.Serve(t, lab, tlstest.Server{Address: t.TempDir() + "/x.sock"})
	proxy := labtest.Serve(t, lab, tlstest.Server{Accept: tlstest.HTTPProxy{}.Serve})
	module := probetest.Module(t, lab)
	module.Addresses = prober.AllAddresses
	for _, by := range []string{"", "http://" + proxy} {
		if by != "" {
			module.ProxyURL = probetest.ProxyURL(t, by)
		}
		r := probetest.New(t, module).Probe(context.Background(), probetest.Target(t, addr))
		if !r.Success() || len(r.Pool.Members) != 1 || r.Remote.String() != addr || (r.Proxy == "") != (by == "") {
			t.Errorf("by %q: failure is %+v, pool %+v", by, r.Failure, r.Pool)
		}
	}
	if r := probetest.New(t, module).Probe(context.Background(), probetest.Target(t, "unix://"+socket)); !r.Success() || r.Pool != nil {
		t.Errorf("failure is %+v, pool %+v", r.Failure, r.Pool)
	}
	module.IPProtocol = resolve.IPv6
	if r := probetest.New(t, module).Probe(context.Background(), probetest.Target(t, addr)); r.Failure == nil || r.Failure.Reason != failure.ReasonNoAddress || r.Pool != nil {
		t.Errorf("failure is %+v, pool %+v", r.Failure, r.Pool)
	}
}
