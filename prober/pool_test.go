package prober

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

	"tls_exporter/prober/tlstest"
)

// lasting is a server for pool.test whose certificate is so old and has so much
// left.
func lasting(age, left time.Duration) tlstest.Server {
	return tlstest.Server{Leaf: func(c *x509.Certificate) {
		c.DNSNames, c.NotBefore, c.NotAfter = []string{"pool.test"}, time.Now().Add(-age), time.Now().Add(left)
	}}
}

// poolOf starts servers on 127.0.0.2 and the addresses after it, all of which
// pool.test has, and returns the target with a module to probe it.
func poolOf(t *testing.T, servers ...tlstest.Server) (Target, Module) {
	t.Helper()
	lab := newLab(t)
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
	module := labModule(t, lab)
	module.Addresses, module.Resolver = AllAddresses, startDNS(t, lab, tlstest.Zone{"pool.test": {Addresses: shuffled}})
	return target(t, fmt.Sprintf("pool.test:%d", port)), module
}

// reasonsOf is what is wrong with each address of a pool.
func reasonsOf(p *Pool) []string {
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

// Five addresses of which one refuses, one hangs, one serves an old certificate
// and two are fine: one probe tells all of it, within its deadline.
func TestPool(t *testing.T) {
	t.Parallel()
	fine := lasting(30*day, 60*day)
	old := lasting(80*day, 10*day)
	to, module := poolOf(t, fine, tlstest.Server{Refuse: true}, tlstest.Server{Hang: true}, old, fine)
	module.Timeout = Duration(3 * time.Second)
	r := newProber(t, module).Probe(context.Background(), to)

	want := []string{"good", "connect refused", "connect timeout", "verify stale_certificate", "good"}
	if got := reasonsOf(r.Pool); !slices.Equal(got, want) {
		t.Errorf("the addresses are %q, want %q", got, want)
	}
	if r.Pool.Total != 5 || r.Pool.Failing() != 3 || r.Pool.DistinctCertificates() != 3 {
		t.Errorf("of %d addresses %d fail, with %d certificates", r.Pool.Total, r.Pool.Failing(), r.Pool.DistinctCertificates())
	}
	stale := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.5"), to.Port)
	if f := r.Failure; f == nil || f.Phase != PhaseVerify || f.Reason != ReasonStaleCertificate || f.Address != stale {
		t.Errorf("failure is %+v", f)
	}
	if r.Remote != stale || !r.Connected || !r.Session.Completed || !r.Chain.Valid || r.Chain.Certificates[0].DaysRemaining(time.Now()) > 11 {
		t.Errorf("shown is %v with %+v", r.Remote, r.Chain)
	}
	if r.Phases[0].Phase != PhaseResolve || r.Phases[len(r.Phases)-1].Phase != PhaseVerify || r.Target != to || len(r.Addresses) != 5 {
		t.Errorf("phases are %v, target %v, addresses %v", r.Phases, r.Target, r.Addresses)
	}
	for i, m := range r.Pool.Members {
		if good := want[i] == "good"; good && (m.Session.Duration <= 0 || m.Session.Remote != m.Address) || m.Address.Addr().As4()[3] != byte(2+i) {
			t.Errorf("%v: session is %+v", m.Address, m.Session)
		}
	}
}

// What a pool's failure is, and which of its addresses is shown.
func TestPoolVerdict(t *testing.T) {
	fine, ending := lasting(30*day, 60*day), lasting(30*day, 40*day)
	expired := lasting(90*day, -day)
	refusing := tlstest.Server{Refuse: true}
	alert := tlstest.Server{Accept: canned("\x15\x03\x03\x00\x02\x02\x28").Accept}
	misnamed := tlstest.Server{}
	demanding := lasting(30*day, 60*day)
	demanding.Config = func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }
	old := lasting(30*day, 60*day)
	old.Config = func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11 }
	for _, test := range []struct {
		name    string
		servers []tlstest.Server
		expect  *ExpectOptions
		reasons string
		failure string // empty: the probe succeeds
		shown   int
	}{
		{"all good, the first to end is shown", []tlstest.Server{fine, ending, fine}, nil, "good, good, good", "", 1},
		{"a good one where another is down", []tlstest.Server{refusing, fine}, nil, "connect refused, good", "connect refused", 1},
		{"a good one where another will not talk", []tlstest.Server{fine, alert}, nil, "good, server_hello alert_handshake_failure", "server_hello alert_handshake_failure", 0},
		{"a bad chain before all else", []tlstest.Server{refusing, fine, expired, alert}, nil,
			"connect refused, good, verify expired, server_hello alert_handshake_failure", "verify expired", 2},
		{"the gravest of bad chains", []tlstest.Server{misnamed, expired}, nil, "verify name_mismatch, verify expired", "verify expired", 1},
		{"all down", []tlstest.Server{refusing, alert}, nil, "connect refused, server_hello alert_handshake_failure", "server_hello alert_handshake_failure", 1},
		{"an expectation that one does not meet", []tlstest.Server{fine, old}, &ExpectOptions{MinVersion: tls.VersionTLS12}, "good, expect min_version", "expect min_version", 1},
		{"a locked door, as expected", []tlstest.Server{demanding, demanding}, &ExpectOptions{ClientCertificateRequired: true}, "good, good", "", 0},
		{"a locked door and an open one", []tlstest.Server{demanding, fine}, &ExpectOptions{ClientCertificateRequired: true},
			"good, expect client_certificate_required", "expect client_certificate_required", 1},
		{"a locked door and one that is down", []tlstest.Server{refusing, demanding}, &ExpectOptions{ClientCertificateRequired: true}, "connect refused, good", "connect refused", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			to, module := poolOf(t, test.servers...)
			module.Expect.Options = test.expect
			r := newProber(t, module).Probe(context.Background(), to)
			if got := strings.Join(reasonsOf(r.Pool), ", "); got != test.reasons {
				t.Errorf("the addresses are %s, want %s", got, test.reasons)
			}
			failure := ""
			if f := r.Failure; f != nil {
				failure = string(f.Phase) + " " + string(f.Reason)
				if !f.Address.IsValid() {
					t.Error("the failure is nobody's")
				}
			}
			if failure != test.failure || r.Pool.Shown != test.shown {
				t.Errorf("failure is %q of %d shown, want %q of %d", failure, r.Pool.Shown, test.failure, test.shown)
			}
			if m := r.Pool.Members[test.shown]; r.Session != m.Session || r.Chain != m.Chain {
				t.Error("what is shown is another address's")
			}
		})
	}
}

// A certificate is stale when it is due, and its successor has been there for
// longer than it has left; not while one is rolled out, and not because each
// address has its own.
func TestStale(t *testing.T) {
	type lifetime struct{ age, left time.Duration }
	for _, test := range []struct {
		name       string
		old, newer lifetime
		stale      bool
	}{
		{"forgotten", lifetime{80 * day, 10 * day}, lifetime{20 * day, 70 * day}, true},
		{"forgotten, of 6 days", lifetime{5*day + 12*time.Hour, 12 * time.Hour}, lifetime{36 * time.Hour, 108 * time.Hour}, true},
		{"forgotten, of a year", lifetime{390 * day, 8 * day}, lifetime{20 * day, 378 * day}, true},
		{"being rolled out", lifetime{60 * day, 30 * day}, lifetime{time.Hour, 90 * day}, false},
		{"being rolled out, of 6 days", lifetime{4*day + time.Hour, 47 * time.Hour}, lifetime{2 * time.Hour, 6 * day}, false},
		{"its own", lifetime{50 * day, 40 * day}, lifetime{45 * day, 45 * day}, false},
		{"the same dates", lifetime{80 * day, 10 * day}, lifetime{80 * day, 10 * day}, false},
		{"a shorter one", lifetime{80 * day, 10 * day}, lifetime{50 * day, 5 * day}, false},
	} {
		member := func(l lifetime) *Member {
			cert := &x509.Certificate{NotBefore: now.Add(-l.age), NotAfter: now.Add(l.left)}
			return &Member{Chain: &Chain{Valid: true, Certificates: []*Certificate{{X509: cert, FingerprintSHA256: fmt.Sprint(l)}}}}
		}
		p := &Pool{Members: []*Member{member(test.old), {}, member(test.newer)}}
		p.failStale(now)
		if stale := p.Members[0].Failure != nil; stale != test.stale || p.Members[1].Failure != nil {
			t.Errorf("%s: stale is %v", test.name, stale)
		}
	}
	bad := &Failure{Phase: PhaseVerify, Reason: "unknown_authority"}
	p := &Pool{Members: []*Member{
		{Chain: &Chain{Certificates: []*Certificate{{X509: &x509.Certificate{NotBefore: now.Add(-80 * day), NotAfter: now.Add(10 * day)}}}}},
		{Chain: &Chain{Certificates: []*Certificate{{X509: &x509.Certificate{NotBefore: now.Add(-20 * day), NotAfter: now.Add(70 * day)}}}}, Failure: bad},
	}}
	if p.failStale(now); p.Members[0].Failure != nil {
		t.Error("a bad certificate has taken the place of a good one")
	}
}

// The pool has gone over to a certificate when several addresses share it, and
// no fewer than have the old one: "old" and "new" are two certificates that are
// both far from their end, the others are each address's own.
func TestStaleIsOutnumbered(t *testing.T) {
	for leaves, stale := range map[string]string{
		"new new old":         "old",
		"new new old old":     "old old",
		"new old old":         "",
		"new old":             "",
		"new new":             "",
		"own1 own2 own3":      "",
		"new new own1":        "own1",
		"new new new old old": "old old",
	} {
		p := new(Pool)
		for _, name := range strings.Fields(leaves) {
			cert := &x509.Certificate{NotBefore: now.Add(-day), NotAfter: now.Add(map[string]time.Duration{"new": 89 * day, "old": 60 * day, "own1": 61 * day, "own2": 62 * day, "own3": 63 * day}[name])}
			p.Members = append(p.Members, &Member{Chain: &Chain{Valid: true, Certificates: []*Certificate{{X509: cert, FingerprintSHA256: name}}}})
		}
		p.failStale(now)
		var got []string
		for _, m := range p.Members {
			if m.Failure != nil {
				got = append(got, m.leaf().FingerprintSHA256)
			}
		}
		if strings.Join(got, " ") != stale {
			t.Errorf("%s: stale are %v, want %s", leaves, got, stale)
		}
	}
}

// What a check finds after all addresses were visited is the shown one's.
func TestPoolIsSettled(t *testing.T) {
	found := &Failure{Phase: PhaseVerify, Reason: "revoked"}
	r := &Result{Failure: found, Pool: &Pool{Shown: 1, Members: []*Member{
		{Failure: &Failure{Phase: PhaseConnect, Reason: ReasonRefused}},
		{Address: netip.MustParseAddrPort("192.0.2.7:443")},
	}}}
	r.aggregate()
	if r.Failure.Reason != "revoked" || r.Failure.Address != r.Pool.Members[1].Address || r.Pool.Failing() != 2 {
		t.Errorf("failure is %+v, %d fail", r.Failure, r.Pool.Failing())
	}
}

// The members of a pool are bounded, and how many there would be is told.
func TestPoolIsBounded(t *testing.T) {
	lab := newLab(t)
	var many []netip.Addr
	for i := range MaxAddresses + 8 {
		many = append(many, netip.AddrFrom4([4]byte{127, 0, 1, byte(i)}))
	}
	module := labModule(t, lab)
	module.Addresses, module.Resolver = AllAddresses, startDNS(t, lab, tlstest.Zone{"many.test": {Addresses: many}})
	r := newProber(t, module).Probe(context.Background(), target(t, "many.test:1"))
	if r.Pool.Total != MaxAddresses+8 || len(r.Pool.Members) != MaxAddresses || r.Pool.Failing() != MaxAddresses || len(r.Addresses) != MaxAddresses {
		t.Errorf("of %d addresses %d were probed", r.Pool.Total, len(r.Pool.Members))
	}
	if r.Failure == nil || r.Failure.Reason != ReasonRefused || r.Pool.DistinctCertificates() != 0 {
		t.Errorf("failure is %+v", r.Failure)
	}
}

// An address is a pool of one, through a proxy as well; a socket is none.
func TestPoolOfOne(t *testing.T) {
	lab := newLab(t)
	addr := serve(t, lab, tlstest.Server{})
	socket := serve(t, lab, tlstest.Server{Address: t.TempDir() + "/x.sock"})
	proxy := serve(t, lab, tlstest.Server{Accept: tlstest.HTTPProxy{}.Serve})
	module := labModule(t, lab)
	module.Addresses = AllAddresses
	for _, by := range []string{"", "http://" + proxy} {
		if by != "" {
			module.ProxyURL = proxyURL(t, by)
		}
		r := newProber(t, module).Probe(context.Background(), target(t, addr))
		if !r.Success() || len(r.Pool.Members) != 1 || r.Remote.String() != addr || (r.Proxy == "") != (by == "") {
			t.Errorf("by %q: failure is %+v, pool %+v", by, r.Failure, r.Pool)
		}
	}
	if r := newProber(t, module).Probe(context.Background(), target(t, "unix://"+socket)); !r.Success() || r.Pool != nil {
		t.Errorf("failure is %+v, pool %+v", r.Failure, r.Pool)
	}
	module.IPProtocol = IPv6
	if r := newProber(t, module).Probe(context.Background(), target(t, addr)); r.Failure == nil || r.Failure.Reason != ReasonNoAddress || r.Pool != nil {
		t.Errorf("failure is %+v, pool %+v", r.Failure, r.Pool)
	}
}

// A panic over one address is that address's, and the others are probed.
func TestPoolContainsAPanic(t *testing.T) {
	to, module := poolOf(t, tlstest.Server{Refuse: true}, lasting(30*day, 60*day))
	p := newProber(t, module)
	p.client = nil // the handshake panics; an address that refuses does not come to it
	r := p.Probe(context.Background(), to)
	if got := reasonsOf(r.Pool); !slices.Equal(got, []string{"connect refused", "verify internal"}) || !strings.Contains(r.Failure.Err.Error(), "panic: ") {
		t.Errorf("the addresses are %q, failure %+v", got, r.Failure)
	}
}
