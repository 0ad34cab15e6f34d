package certstatus_test

import (
	"crypto/x509"
	"testing"
	"time"

	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/tlstest"
)

// An answer is used again until one of its dates passes, for an hour at most, and never for
// another response, certificate or issuer.
func TestStaplesCache(t *testing.T) {
	p := newPKI(t)
	now := time.Now().Truncate(time.Second)
	issuers := [][]byte{p.ca.Certificate.Raw}
	delegate := p.delegate(p.ca, func(c *x509.Certificate) { c.NotAfter = now.Add(10 * time.Minute) })
	young := p.delegate(p.ca, func(c *x509.Certificate) { c.NotBefore = now.Add(20 * time.Minute) })
	for _, test := range []struct {
		name        string
		response    tlstest.OCSP
		first, then certstatus.Status
		again       time.Duration // after which the answer is the same one
		later       time.Duration // after which it is another one
	}{
		{"an hour", tlstest.OCSP{}, "good", "good", time.Hour - 1, time.Hour},
		{"nextUpdate", tlstest.OCSP{NextUpdate: now.Add(time.Minute)}, "good", "expired", time.Minute, time.Minute + 1},
		{"a day after thisUpdate", tlstest.OCSP{NoNextUpdate: true, ThisUpdate: now.Add(time.Minute - 24*time.Hour)}, "good", "expired", time.Minute, time.Minute + 1},
		{"thisUpdate", tlstest.OCSP{ThisUpdate: now.Add(7 * time.Minute)}, "invalid", "good", 2*time.Minute - 1, 2 * time.Minute},
		{"the end of the delegate", tlstest.OCSP{Signer: delegate}, "good", "invalid", 10 * time.Minute, 10*time.Minute + 1},
		{"the beginning of the delegate", tlstest.OCSP{Signer: young}, "invalid", "good", 20*time.Minute - 1, 20 * time.Minute},
		{"before the answer was made", tlstest.OCSP{}, "good", "good", 0, -time.Second},
		{"revoked for ever", tlstest.OCSP{Status: tlstest.OCSPRevoked, NextUpdate: now.Add(time.Minute)}, "revoked", "revoked", time.Minute, 2 * time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			staples, der := certstatus.NewStaples(), p.respond(test.response)
			judge := func(after time.Duration) *certstatus.Answer {
				return staples.Judge(der, p.leaf, issuers, now.Add(after))
			}
			first := judge(0)
			if first.Status != test.first || first.Source != certstatus.Staple {
				t.Fatalf("%s: %s", first.Status, first.Detail)
			}
			if judge(test.again) != first {
				t.Errorf("after %s the response is judged again", test.again)
			}
			if then := judge(test.later); then == first || then.Status != test.then {
				t.Errorf("after %s: %s, the same answer: %v", test.later, then.Status, then == first)
			}
		})
	}
}

func TestStaplesKey(t *testing.T) {
	p := newPKI(t)
	now := time.Now()
	staples, good := certstatus.NewStaples(), p.respond(tlstest.OCSP{})
	ca, other := p.ca.Certificate.Raw, p.other.Certificate.Raw
	for _, test := range []struct {
		name    string
		staple  []byte
		leaf    *x509.Certificate
		issuers [][]byte
		want    certstatus.Status
	}{
		{"its issuer", good, p.leaf, [][]byte{ca}, "good"},
		{"its issuer among others", good, p.leaf, [][]byte{other, p.namesake.Certificate.Raw, ca}, "good"},
		{"another issuer", good, p.leaf, [][]byte{other}, "invalid"},
		{"an issuer of the same name", good, p.leaf, [][]byte{p.namesake.Certificate.Raw}, "invalid"},
		{"no issuer", good, p.leaf, nil, "invalid"},
		{"an issuer that cannot be read", good, p.leaf, [][]byte{{0x30, 0}}, "invalid"},
		{"another certificate", good, p.neighbour, [][]byte{ca}, "invalid"},
		{"the same serial number of another CA", good, p.twin, [][]byte{other}, "invalid"},
		{"another response", p.respond(tlstest.OCSP{Status: tlstest.OCSPRevoked}), p.leaf, [][]byte{ca}, "revoked"},
		{"no response", nil, p.leaf, [][]byte{ca}, "not_offered"},
		{"an empty response", []byte{}, p.leaf, nil, "not_offered"},
	} {
		for range 2 { // the first and the cached answer
			if got := staples.Judge(test.staple, test.leaf, test.issuers, now); got.Status != test.want {
				t.Errorf("%s: %s, want %s: %s", test.name, got.Status, test.want, got.Detail)
			}
		}
	}
	if none := staples.Judge(nil, p.leaf, nil, now); none.Size() != 0 || (*certstatus.Answer)(nil).Size() != 0 {
		t.Error("the answer about nothing, which all results share, has a size")
	}
}

// Nothing is allocated where nothing is stapled, as with most servers.
func TestNothingStapledCostsNothing(t *testing.T) {
	p, staples, now := newPKI(t), certstatus.NewStaples(), time.Now()
	if n := testing.AllocsPerRun(100, func() { staples.Judge(nil, p.leaf, nil, now) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkStaple(b *testing.B) {
	p := newPKI(b)
	der, issuers, now := p.respond(tlstest.OCSP{Signer: p.delegate(p.ca)}), [][]byte{p.ca.Certificate.Raw}, time.Now()
	b.Run("judged", func(b *testing.B) {
		for b.Loop() {
			certstatus.NewStaples().Judge(der, p.leaf, issuers, now)
		}
	})
	b.Run("cached", func(b *testing.B) {
		staples := certstatus.NewStaples()
		for b.Loop() {
			staples.Judge(der, p.leaf, issuers, now)
		}
	})
}
