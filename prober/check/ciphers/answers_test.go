package ciphers_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/endpoint/endpointtest"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
	"tls_exporter/prober/tlstest/legacy"
)

// fullServer is a server with several versions and many kinds of suites.
var fullServer = legacy.Server{
	Versions: []uint16{0x0300, 0x0301, 0x0302, 0x0303},
	Suites:   []uint16{0xc02f, 0xc030, 0x009e, 0x0033, 0xc013, 0x002f, 0x0005},
}

// falseAnswers returns what a finding says that is not true.
func falseAnswers(c, truth *ciphers.Finding) []string {
	var all []string
	for _, s := range c.Suites {
		if !slices.Contains(truth.Suites, s) {
			all = append(all, "accepts "+s.Version.String()+" "+s.Name())
		}
	}
	for _, s := range truth.Suites {
		if c.IsWhole(s.Version) && !slices.Contains(c.Suites, s) {
			all = append(all, "refuses "+s.Version.String()+" "+s.Name())
		}
	}
	for _, g := range c.Groups {
		if slices.Contains(truth.Groups, ciphers.GroupAnswer{g.Group, !g.Accepted}) {
			all = append(all, "the wrong answer for "+g.Group.String())
		}
	}
	if c.Preference != ciphers.UnknownPreference && c.Preference != truth.Preference {
		all = append(all, "the wrong preference")
	}
	return all
}

// However a server limits connections or fails, no answer is false, and what it did not
// answer is not reported as refused.
func TestCiphersWithConnectionPolicies(t *testing.T) {
	t.Parallel()
	lab := labtest.Lab(t)
	addr, err := legacy.Start(lab, fullServer)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	truth, err := find(ctx, t, lab, addr, ciphers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const all = "1.2+ c02f c030 009e 0033 c013 002f 0005, 1.1+ 0033 c013 002f 0005, 1.0+ 0033 c013 002f 0005, SSL 3.0+ 0033 c013 002f 0005"
	if suitesOfFinding(truth) != all {
		t.Fatalf("got %s", suitesOfFinding(truth))
	}
	closing := fullServer
	closing.Refusal = legacy.RefuseByClosing
	silent := fullServer
	silent.Refusal = legacy.RefuseBySilence
	for _, test := range []struct {
		name    string
		server  legacy.Server
		fault   labtest.Wrapper // nil: none
		policy  tlstest.ConnectionPolicy
		options ciphers.Options
		within  time.Duration
		whole   bool // the finding has to be complete
	}{
		{"slow", fullServer, nil, tlstest.ConnectionPolicy{Delay: time.Millisecond}, ciphers.Options{}, time.Minute, true},
		{"one at a time, the others are reset", fullServer, nil, tlstest.ConnectionPolicy{MaxConcurrent: 1, OverLimit: tlstest.RejectByReset}, ciphers.Options{}, time.Minute, true},
		{"one at a time, the others are closed", fullServer, nil, tlstest.ConnectionPolicy{MaxConcurrent: 1, OverLimit: tlstest.RejectByClosing}, ciphers.Options{}, time.Minute, true},
		{"one at a time, the others wait", fullServer, nil, tlstest.ConnectionPolicy{MaxConcurrent: 1}, ciphers.Options{}, time.Minute, true},
		{"loses every seventh connection", fullServer, labtest.DropEvery(7), tlstest.ConnectionPolicy{}, ciphers.Options{}, time.Minute, true},
		{"closes the connection to refuse", closing, nil, tlstest.ConnectionPolicy{}, ciphers.Options{}, time.Minute, true},
		{"fails on more than 128 suites", fullServer, labtest.CloseOverSuites(128), tlstest.ConnectionPolicy{}, ciphers.Options{}, time.Minute, true},
		{"bans by closing after 20", fullServer, nil, tlstest.ConnectionPolicy{BanAfter: 20, Banned: tlstest.RejectByClosing}, ciphers.Options{}, time.Minute, false},
		{"bans by reset after 20", closing, nil, tlstest.ConnectionPolicy{BanAfter: 20, Banned: tlstest.RejectByReset}, ciphers.Options{}, time.Minute, false},
		{"bans by silence after 20", fullServer, nil, tlstest.ConnectionPolicy{BanAfter: 20}, ciphers.Options{}, 2 * time.Second, false},
		{"refuses by silence", silent, nil, tlstest.ConnectionPolicy{}, ciphers.Options{}, 2 * time.Second, false},
		{"a budget of 15 connections", fullServer, nil, tlstest.ConnectionPolicy{}, ciphers.Options{Connections: 15}, time.Minute, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			addr := labtest.StartWrapped(t, lab, test.server, test.fault)
			addr, _, err := lab.StartRelay(addr, test.policy)
			if err != nil {
				t.Fatal(err)
			}
			var found *ciphers.Finding
			for range endpointtest.Attempts {
				ctx, cancel := context.WithTimeout(t.Context(), test.within)
				found, err = find(ctx, t, lab, addr, test.options)
				cancel()
				if err != nil && test.whole {
					found = new(ciphers.Finding)
					t.Log(err)
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%d connections: %s", found.Connections, suitesOfFinding(found))
				if wrong := falseAnswers(found, truth); len(wrong) > 0 {
					t.Errorf("the finding has %q", wrong)
				}
				if !test.whole || suitesOfFinding(found) == all {
					break
				}
			}
			if whole := len(found.Whole) == len(hello.Versions); whole != test.whole || whole && suitesOfFinding(found) != all {
				t.Errorf("got %s; whole versions are %v", suitesOfFinding(found), found.Whole)
			}
			if most := int(test.options.Connections); most > 0 && found.Connections != most {
				t.Errorf("%d connections of %d", found.Connections, most)
			}
		})
	}
}

// Of two servers behind one address one is faulty, and both refuse by closing the
// connection. Then a closed connection says nothing.
func TestCiphersOfUnreliableServer(t *testing.T) {
	t.Parallel()
	lab := labtest.Lab(t)
	g := legacy.Server{Versions: []uint16{0x0303}, Suites: []uint16{0xc02f}, Refusal: legacy.RefuseByClosing}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	found, err := find(ctx, t, lab, labtest.StartWrapped(t, lab, g, labtest.DropEvery(2)), ciphers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if suitesOfFinding(found) != "1.3, 1.2 c02f, 1.1, 1.0, SSL 3.0, SSL 2.0" {
		t.Errorf("got %s", suitesOfFinding(found))
	}
	if got := groupsOfFinding(found); got != "secp256r1 secp384r1 x25519" {
		t.Errorf("groups are %s", got)
	}
}

// A server without HelloRetryRequest shows its suites and groups if it gets key shares.
func TestCiphersWithKeyShares(t *testing.T) {
	lab := labtest.Lab(t)
	g := legacy.Server{Versions: []uint16{0x0304}, Suites: []uint16{0x1302, 0x1301}, Groups: []tls.CurveID{tls.CurveP384, tls.X25519}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	found, err := find(ctx, t, lab, labtest.StartWrapped(t, lab, g, labtest.RequireKeyShares()), ciphers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const groups = "secp384r1 x25519 -SecP256r1MLKEM768 -SecP384r1MLKEM1024 -X25519MLKEM768 -ffdhe2048 -ffdhe3072 -secp256r1 -secp521r1 -x448"
	if suitesOfFinding(found) != "1.3+ 1302 1301" || groupsOfFinding(found) != groups || found.Schemes != nil {
		t.Errorf("got %s; %s; %v", suitesOfFinding(found), groupsOfFinding(found), found.Schemes)
	}
}

// A server that always selects the same suite, or one that was not offered, is asked
// only a few times. Its list of suites is not reported as whole.
func TestCiphersOfStubbornServer(t *testing.T) {
	lab := labtest.Lab(t)
	for _, test := range []struct {
		name  string
		suite hello.CipherSuite
	}{
		{"always the same", 0x002f},
		{"never offered", 0xfafa},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := &hello.ServerHello{LegacyVersion: hello.TLS12, CipherSuite: test.suite}
			message, err := answer.MarshalMessage()
			if err != nil {
				t.Fatal(err)
			}
			done := []byte{14, 0, 0, 0} // ServerHelloDone
			record := hello.AppendRecord(nil, hello.TypeHandshake, hello.TLS12, slices.Concat(message, done))
			addr, err := lab.Start(tlstest.Server{Accept: func(_ context.Context, c net.Conn) {
				c.Write(record)
				io.Copy(io.Discard, c)
			}})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			found, err := find(ctx, t, lab, addr, ciphers.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if found.IsWhole(hello.TLS12) || found.Connections > 12 {
				t.Errorf("%d connections: %s", found.Connections, suitesOfFinding(found))
			}
			if accepted := slices.Contains(found.Suites, ciphers.Suite{hello.TLS12, uint32(test.suite)}); accepted != (test.suite == 0x002f) {
				t.Errorf("got %s", suitesOfFinding(found))
			}
		})
	}
}

// BenchmarkCiphers scans a server without failures: the versions and suites of
// crypto/tls.
func BenchmarkCiphers(b *testing.B) {
	lab, err := tlstest.New()
	if err != nil {
		b.Fatal(err)
	}
	defer lab.Close()
	addr, err := lab.Start(tlstest.Server{Key: labtest.RSAKey(2048)})
	if err != nil {
		b.Fatal(err)
	}
	connections := 0
	for b.Loop() {
		found, err := find(b.Context(), b, lab, addr, ciphers.Options{})
		if err != nil {
			b.Fatal(err)
		}
		connections = found.Connections
	}
	b.ReportMetric(float64(connections), "conns")
}
