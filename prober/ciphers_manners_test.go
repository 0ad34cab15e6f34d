package prober

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/legacy"
)

// manner is how a server lets people in, beyond the manners that the lab has: it
// may have the conversation, or not.
type manner func(ctx context.Context, c net.Conn, talk func(context.Context, net.Conn))

func loseEvery(nth int64) manner {
	var calls atomic.Int64
	return func(ctx context.Context, c net.Conn, talk func(context.Context, net.Conn)) {
		if calls.Add(1)%nth != 0 {
			talk(ctx, c)
		}
	}
}

// chokeOn hangs up on hellos with more suites than that.
func chokeOn(most int) manner {
	return choosy(func(h *hello.ClientHello) bool { return len(h.CipherSuites) <= most }, nil)
}

// wantShares turns TLS 1.3 down without key shares, as who knows no
// HelloRetryRequest.
func wantShares() manner {
	const keyShare, none = 51, 2 // an extension, and the length of its empty list
	illegal := hello.AppendRecord(nil, hello.TypeAlert, hello.TLS12, []byte{2, byte(hello.IllegalParameter)})
	return choosy(func(h *hello.ClientHello) bool {
		shares, sent := h.Extension(keyShare)
		return !sent || len(shares) > none
	}, illegal)
}

// choosy says something else to hellos that it does not like, and hangs up.
func choosy(likes func(*hello.ClientHello) bool, instead []byte) manner {
	return func(ctx context.Context, c net.Conn, talk func(context.Context, net.Conn)) {
		const header = 5
		record := make([]byte, header)
		if _, err := io.ReadFull(c, record); err != nil {
			return
		}
		record = append(record, make([]byte, int(record[3])<<8|int(record[4]))...)
		if _, err := io.ReadFull(c, record[header:]); err != nil {
			return
		}
		if h, err := hello.ParseClientHello(record[header:]); err != nil || !likes(h) {
			c.Write(instead)
			return
		}
		talk(ctx, &replayed{c, bytes.NewReader(record)})
	}
}

// replayed is a connection of which something was read already.
type replayed struct {
	net.Conn
	first *bytes.Reader
}

func (c *replayed) Read(b []byte) (int, error) {
	if c.first.Len() > 0 {
		return c.first.Read(b)
	}
	return c.Conn.Read(b)
}

func (c *replayed) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

func startMannered(t *testing.T, lab *tlstest.Lab, g legacy.Server, m manner) string {
	t.Helper()
	s, err := g.Make(lab)
	if err != nil {
		t.Fatal(err)
	}
	if talk := s.Accept; m != nil {
		s.Accept = func(ctx context.Context, c net.Conn) { m(ctx, c, talk) }
	}
	addr, err := lab.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// mannered is a server with something of everything to find.
var mannered = legacy.Server{
	Versions: []uint16{0x0300, 0x0301, 0x0302, 0x0303},
	Suites:   []uint16{0xc02f, 0xc030, 0x009e, 0x0033, 0xc013, 0x002f, 0x0005},
}

// falsehoods are what a finding says that the whole truth does not.
func falsehoods(c, truth *Ciphers) []string {
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
		if slices.Contains(truth.Groups, GroupAnswer{g.Group, !g.Taken}) {
			all = append(all, "wrong about "+g.Group.String())
		}
	}
	if c.Preference != UnknownPreference && c.Preference != truth.Preference {
		all = append(all, "wrong about the preference")
	}
	return all
}

// Whatever a server's manners, nothing is said of it that is not so, and what it
// did not answer to is not said to be refused.
func TestCiphersManners(t *testing.T) {
	t.Parallel()
	lab := newLab(t)
	addr, err := legacy.Start(lab, mannered)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	truth, err := asked(ctx, t, lab, addr, CiphersOptions{})
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
		manner  manner // nil: as in manners
		manners tlstest.ConnectionPolicy
		options CiphersOptions
		within  time.Duration
		whole   bool
	}{
		{"slow", mannered, nil, tlstest.ConnectionPolicy{Delay: time.Millisecond}, CiphersOptions{}, time.Minute, true},
		{"one at a time, the others are reset", mannered, nil, tlstest.ConnectionPolicy{MaxConcurrent: 1, OverLimit: tlstest.RejectByReset}, CiphersOptions{}, time.Minute, true},
		{"one at a time, the others are closed", mannered, nil, tlstest.ConnectionPolicy{MaxConcurrent: 1, OverLimit: tlstest.RejectByClosing}, CiphersOptions{}, time.Minute, true},
		{"one at a time, the others wait", mannered, nil, tlstest.ConnectionPolicy{MaxConcurrent: 1}, CiphersOptions{}, time.Minute, true},
		{"loses every seventh", mannered, loseEvery(7), tlstest.ConnectionPolicy{}, CiphersOptions{}, time.Minute, true},
		{"hangs up on what it has not got", closing, nil, tlstest.ConnectionPolicy{}, CiphersOptions{}, time.Minute, true},
		{"chokes on more than 128 suites", mannered, chokeOn(128), tlstest.ConnectionPolicy{}, CiphersOptions{}, time.Minute, true},
		{"bans by closing after 20", mannered, nil, tlstest.ConnectionPolicy{BanAfter: 20, Banned: tlstest.RejectByClosing}, CiphersOptions{}, time.Minute, false},
		{"bans by reset after 20", closing, nil, tlstest.ConnectionPolicy{BanAfter: 20, Banned: tlstest.RejectByReset}, CiphersOptions{}, time.Minute, false},
		{"bans by silence after 20", mannered, nil, tlstest.ConnectionPolicy{BanAfter: 20}, CiphersOptions{}, 2 * time.Second, false},
		{"refuses by silence", silent, nil, tlstest.ConnectionPolicy{}, CiphersOptions{}, 2 * time.Second, false},
		{"has 15 connections to spare", mannered, nil, tlstest.ConnectionPolicy{}, CiphersOptions{Connections: 15}, time.Minute, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			addr := startMannered(t, lab, test.server, test.manner)
			addr, _, err := lab.StartRelay(addr, test.manners)
			if err != nil {
				t.Fatal(err)
			}
			var found *Ciphers
			for range attempts {
				ctx, cancel := context.WithTimeout(t.Context(), test.within)
				found, err = asked(ctx, t, lab, addr, test.options)
				cancel()
				if err != nil && test.whole {
					found = new(Ciphers)
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
	lab := newLab(t)
	g := legacy.Server{Versions: []uint16{0x0303}, Suites: []uint16{0xc02f}, Refusal: legacy.RefuseByClosing}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	found, err := asked(ctx, t, lab, startMannered(t, lab, g, loseEvery(2)), CiphersOptions{})
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
	lab := newLab(t)
	g := legacy.Server{Versions: []uint16{0x0304}, Suites: []uint16{0x1302, 0x1301}, Groups: []tls.CurveID{tls.CurveP384, tls.X25519}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	found, err := asked(ctx, t, lab, startMannered(t, lab, g, wantShares()), CiphersOptions{})
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
	lab := newLab(t)
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
			found, err := asked(ctx, t, lab, addr, CiphersOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if found.IsWhole(hello.TLS12) || found.Connections > 12 {
				t.Errorf("%d connections: %s", found.Connections, suitesOfFinding(found))
			}
			if taken := slices.Contains(found.Suites, TakenSuite{hello.TLS12, uint32(test.suite)}); taken != (test.suite == 0x002f) {
				t.Errorf("got %s", suitesOfFinding(found))
			}
		})
	}
}

// A pace is kept between the beginnings of connections, whoever makes them, and a
// scan that keeps it has the time for that.
func TestInquiryPace(t *testing.T) {
	q := newInquiry(nil, 3, time.Hour)
	for i, least := range []time.Duration{0, 59 * time.Minute, 119 * time.Minute} {
		if pause, ok := q.admit(); !ok || pause < least || pause > least+time.Minute {
			t.Errorf("connection %d has to wait for %s", i+1, pause)
		}
	}
	if _, ok := q.admit(); ok || !q.done() || q.connections() != 3 {
		t.Errorf("a fourth connection of three; %d used", q.connections())
	}
	if patience := (CiphersOptions{Connections: 100, Pace: Duration(time.Second)}).Patience(); patience < 100*time.Second+scanPatience {
		t.Errorf("a scan of 100 seconds has %s", patience)
	}
}

// BenchmarkCiphers scans a healthy server: the versions and suites of crypto/tls.
func BenchmarkCiphers(b *testing.B) {
	lab, err := tlstest.New()
	if err != nil {
		b.Fatal(err)
	}
	defer lab.Close()
	addr, err := lab.Start(tlstest.Server{Key: rsaKey(2048)})
	if err != nil {
		b.Fatal(err)
	}
	connections := 0
	for b.Loop() {
		found, err := asked(b.Context(), b, lab, addr, CiphersOptions{})
		if err != nil {
			b.Fatal(err)
		}
		connections = found.Connections
	}
	b.ReportMetric(float64(connections), "conns")
}
