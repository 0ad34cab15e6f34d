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

// mannered is a server with something of everything to find.
var mannered = legacy.Server{
	Versions: []uint16{0x0300, 0x0301, 0x0302, 0x0303},
	Suites:   []uint16{0xc02f, 0xc030, 0x009e, 0x0033, 0xc013, 0x002f, 0x0005},
}

// falsehoods are what a finding says that the whole truth does not.
func falsehoods(c, truth *ciphers.Finding) []string {
	var all []string
	for _, s := range c.Suites {
		if !slices.Contains(truth.Suites, s) {
			all = append(all, "takes "+s.Version.String()+" "+s.Name())
		}
	}
	for _, s := range truth.Suites {
		if c.IsWhole(s.Version) && !slices.Contains(c.Suites, s) {
			all = append(all, "does not take "+s.Version.String()+" "+s.Name())
		}
	}
	for _, g := range c.Groups {
		if slices.Contains(truth.Groups, ciphers.GroupAnswer{g.Group, !g.Accepted}) {
			all = append(all, "wrong about "+g.Group.String())
		}
	}
	if c.Preference != ciphers.UnknownPreference && c.Preference != truth.Preference {
		all = append(all, "wrong about the preference")
	}
	return all
}

// Whatever a server's manners, nothing is said of it that is not so, and what it
// did not answer to is not said to be refused.
func TestCiphersManners(t *testing.T) {
	t.Parallel()
	lab := labtest.Lab(t)
	addr, err := legacy.Start(lab, mannered)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	truth, err := asked(ctx, t, lab, addr, ciphers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const all = "1.2+ c02f c030 009e 0033 c013 002f 0005, 1.1+ 0033 c013 002f 0005, 1.0+ 0033 c013 002f 0005, SSL 3.0+ 0033 c013 002f 0005"
	if suitesOfFinding(truth) != all {
		t.Fatalf("got %s", suitesOfFinding(truth))
	}
	closing := mannered
	closing.Refusal = legacy.RefuseByClosing
	silent := mannered
	silent.Refusal = legacy.RefuseBySilence
	for _, test := range []struct {
		name    string
		server  legacy.Server
		manner  labtest.Wrapper // nil: as in manners
		manners tlstest.ConnectionPolicy
		options ciphers.Options
		within  time.Duration
		whole   bool
	}{
		{"slow", mannered, nil, tlstest.ConnectionPolicy{Delay: time.Millisecond}, ciphers.Options{}, time.Minute, true},
		{"one at a time, the others are reset", mannered, nil, tlstest.ConnectionPolicy{MaxConcurrent: 1, OverLimit: tlstest.RejectByReset}, ciphers.Options{}, time.Minute, true},
		{"one at a time, the others are closed", mannered, nil, tlstest.ConnectionPolicy{MaxConcurrent: 1, OverLimit: tlstest.RejectByClosing}, ciphers.Options{}, time.Minute, true},
		{"one at a time, the others wait", mannered, nil, tlstest.ConnectionPolicy{MaxConcurrent: 1}, ciphers.Options{}, time.Minute, true},
		{"loses every seventh", mannered, labtest.DropEvery(7), tlstest.ConnectionPolicy{}, ciphers.Options{}, time.Minute, true},
		{"hangs up on what it has not got", closing, nil, tlstest.ConnectionPolicy{}, ciphers.Options{}, time.Minute, true},
		{"chokes on more than 128 suites", mannered, labtest.CloseOverSuites(128), tlstest.ConnectionPolicy{}, ciphers.Options{}, time.Minute, true},
		{"bans by closing after 20", mannered, nil, tlstest.ConnectionPolicy{BanAfter: 20, Banned: tlstest.RejectByClosing}, ciphers.Options{}, time.Minute, false},
		{"bans by reset after 20", closing, nil, tlstest.ConnectionPolicy{BanAfter: 20, Banned: tlstest.RejectByReset}, ciphers.Options{}, time.Minute, false},
		{"bans by silence after 20", mannered, nil, tlstest.ConnectionPolicy{BanAfter: 20}, ciphers.Options{}, 2 * time.Second, false},
		{"refuses by silence", silent, nil, tlstest.ConnectionPolicy{}, ciphers.Options{}, 2 * time.Second, false},
		{"has 15 connections to spare", mannered, nil, tlstest.ConnectionPolicy{}, ciphers.Options{Connections: 15}, time.Minute, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			addr := labtest.StartWrapped(t, lab, test.server, test.manner)
			addr, _, err := lab.StartRelay(addr, test.manners)
			if err != nil {
				t.Fatal(err)
			}
			var found *ciphers.Finding
			for range endpointtest.Attempts {
				ctx, cancel := context.WithTimeout(t.Context(), test.within)
				found, err = asked(ctx, t, lab, addr, test.options)
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
				if wrong := falsehoods(found, truth); len(wrong) > 0 {
					t.Errorf("it is said that the server %q", wrong)
				}
				if !test.whole || suitesOfFinding(found) == all {
					break
				}
			}
			if whole := len(found.Whole) == len(hello.Versions); whole != test.whole || whole && suitesOfFinding(found) != all {
				t.Errorf("got %s; versions whole are %v", suitesOfFinding(found), found.Whole)
			}
			if most := int(test.options.Connections); most > 0 && found.Connections != most {
				t.Errorf("%d connections of %d", found.Connections, most)
			}
		})
	}
}

// Two servers behind one address, of which one is ill, and that hang up on what they
// have not got: hanging up says nothing then.
func TestCiphersFickle(t *testing.T) {
	t.Parallel()
	lab := labtest.Lab(t)
	g := legacy.Server{Versions: []uint16{0x0303}, Suites: []uint16{0xc02f}, Refusal: legacy.RefuseByClosing}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	found, err := asked(ctx, t, lab, labtest.StartWrapped(t, lab, g, labtest.DropEvery(2)), ciphers.Options{})
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

// A server that knows no HelloRetryRequest shows its suites and groups when it is
// sent key shares.
func TestCiphersWithKeyShares(t *testing.T) {
	lab := labtest.Lab(t)
	g := legacy.Server{Versions: []uint16{0x0304}, Suites: []uint16{0x1302, 0x1301}, Groups: []tls.CurveID{tls.CurveP384, tls.X25519}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	found, err := asked(ctx, t, lab, labtest.StartWrapped(t, lab, g, labtest.RequireKeyShares()), ciphers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const groups = "secp384r1 x25519 -SecP256r1MLKEM768 -SecP384r1MLKEM1024 -X25519MLKEM768 -ffdhe2048 -ffdhe3072 -secp256r1 -secp521r1 -x448"
	if suitesOfFinding(found) != "1.3+ 1302 1301" || groupsOfFinding(found) != groups || found.Schemes != nil {
		t.Errorf("got %s; %s; %v", suitesOfFinding(found), groupsOfFinding(found), found.Schemes)
	}
}

// A server that picks the same suite whatever is offered, or one that was never
// offered, is not asked for ever, and not taken for one that says no.
func TestCiphersStubborn(t *testing.T) {
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
			found, err := asked(ctx, t, lab, addr, ciphers.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if found.IsWhole(hello.TLS12) || found.Connections > 12 {
				t.Errorf("%d connections: %s", found.Connections, suitesOfFinding(found))
			}
			if taken := slices.Contains(found.Suites, ciphers.Suite{hello.TLS12, uint32(test.suite)}); taken != (test.suite == 0x002f) {
				t.Errorf("got %s", suitesOfFinding(found))
			}
		})
	}
}

// BenchmarkCiphers scans a healthy server: the versions and suites of crypto/tls.
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
		found, err := asked(b.Context(), b, lab, addr, ciphers.Options{})
		if err != nil {
			b.Fatal(err)
		}
		connections = found.Connections
	}
	b.ReportMetric(float64(connections), "conns")
}
