package prober

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// A certificate is stale when a later one has been valid for at least twice as long as
// it has left: not during a rollout, and not where each address has its own.
func TestStale(t *testing.T) {
	type lifetime struct{ age, left time.Duration }
	for _, test := range []struct {
		name       string
		old, newer lifetime
		stale      bool
	}{
		{"left out", lifetime{80 * labtest.Day, 10 * labtest.Day}, lifetime{20 * labtest.Day, 70 * labtest.Day}, true},
		{"left out, of 6 days", lifetime{5*labtest.Day + 12*time.Hour, 12 * time.Hour}, lifetime{36 * time.Hour, 108 * time.Hour}, true},
		{"left out, of a year", lifetime{390 * labtest.Day, 8 * labtest.Day}, lifetime{20 * labtest.Day, 378 * labtest.Day}, true},
		{"during a rollout", lifetime{60 * labtest.Day, 30 * labtest.Day}, lifetime{time.Hour, 90 * labtest.Day}, false},
		{"during a rollout, of 6 days", lifetime{4*labtest.Day + time.Hour, 47 * time.Hour}, lifetime{2 * time.Hour, 6 * labtest.Day}, false},
		{"its own, renewed in time", lifetime{50 * labtest.Day, 40 * labtest.Day}, lifetime{45 * labtest.Day, 45 * labtest.Day}, false},
		{"the same dates", lifetime{80 * labtest.Day, 10 * labtest.Day}, lifetime{80 * labtest.Day, 10 * labtest.Day}, false},
		{"the newer one expires first", lifetime{80 * labtest.Day, 10 * labtest.Day}, lifetime{50 * labtest.Day, 5 * labtest.Day}, false},
	} {
		member := func(l lifetime) *Member {
			cert := &chain.Certificate{NotBefore: labtest.Now.Add(-l.age), NotAfter: labtest.Now.Add(l.left), FingerprintSHA256: fmt.Sprint(l)}
			return &Member{Chain: &chain.Chain{Valid: true, Certificates: []*chain.Certificate{cert}}}
		}
		p := &Pool{Members: []*Member{member(test.old), {}, member(test.newer)}}
		p.failStale(labtest.Now)
		if stale := p.Members[0].Failure != nil; stale != test.stale || p.Members[1].Failure != nil {
			t.Errorf("%s: stale is %v", test.name, stale)
		}
	}
	bad := &failure.Failure{Phase: failure.PhaseVerify, Reason: "unknown_authority"}
	p := &Pool{Members: []*Member{
		{Chain: &chain.Chain{Certificates: []*chain.Certificate{{NotBefore: labtest.Now.Add(-80 * labtest.Day), NotAfter: labtest.Now.Add(10 * labtest.Day)}}}},
		{Chain: &chain.Chain{Certificates: []*chain.Certificate{{NotBefore: labtest.Now.Add(-20 * labtest.Day), NotAfter: labtest.Now.Add(70 * labtest.Day)}}}, Failure: bad},
	}}
	if p.failStale(labtest.Now); p.Members[0].Failure != nil {
		t.Error("a certificate with a failure made another one stale")
	}
}

// An old certificate is stale when several addresses share a newer one, and no fewer
// than have the old one. Here "old" and "new" both expire in months; the others are
// each on one address only.
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
			cert := &chain.Certificate{FingerprintSHA256: name, NotBefore: labtest.Now.Add(-labtest.Day), NotAfter: labtest.Now.Add(map[string]time.Duration{"new": 89 * labtest.Day, "old": 60 * labtest.Day, "own1": 61 * labtest.Day, "own2": 62 * labtest.Day, "own3": 63 * labtest.Day}[name])}
			p.Members = append(p.Members, &Member{Chain: &chain.Chain{Valid: true, Certificates: []*chain.Certificate{cert}}})
		}
		p.failStale(labtest.Now)
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

// A failure that is found after all addresses were probed is about the shown one.
func TestFailPool(t *testing.T) {
	found := &failure.Failure{Phase: failure.PhaseVerify, Reason: "revoked"}
	r := &Result{Failure: found, Pool: &Pool{Shown: 1, Members: []*Member{
		{Failure: &failure.Failure{Phase: failure.PhaseConnect, Reason: failure.ReasonRefused}},
		{Address: netip.MustParseAddrPort("192.0.2.7:443")},
	}}}
	r.failPool()
	if r.Failure.Reason != "revoked" || r.Failure.Address != r.Pool.Members[1].Address || r.Pool.Failing() != 2 {
		t.Errorf("failure is %+v, %d fail", r.Failure, r.Pool.Failing())
	}
}

// A panic at one address is a failure of that address, and the others are probed.
func TestPoolContainsAPanic(t *testing.T) {
	lab := labtest.Lab(t)
	addrs := labtest.Addresses("127.0.0.2", "127.0.0.3")
	port, err := lab.StartPool(addrs, tlstest.Server{Refuse: true}, tlstest.Server{})
	if err != nil {
		t.Fatal(err)
	}
	m := DefaultModule()
	m.Addresses, m.Resolver = AllAddresses, labtest.DNS(t, lab, tlstest.Zone{"pool.test": {Addresses: addrs}})
	process := NewProcess()
	t.Cleanup(process.Cache.Close)
	p, err := New(m, process)
	if err != nil {
		t.Fatal(err)
	}
	p.client = nil // the handshake panics; the refusing address does not get that far
	r := p.Probe(t.Context(), target.Target{Scheme: "https", Host: "pool.test", Port: port})
	var got []failure.Reason
	for _, member := range r.Pool.Members {
		got = append(got, member.Failure.Reason)
	}
	if !slices.Equal(got, []failure.Reason{failure.ReasonRefused, failure.ReasonInternal}) || !strings.Contains(r.Pool.Members[1].Failure.Error(), "panic: ") || r.Failure.Reason != failure.ReasonRefused {
		t.Errorf("the addresses are %q, failure %+v", got, r.Failure)
	}
}
