package handshake_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tls13/tls13test"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// client is a client with its counts.
type client struct {
	*handshake.Client
	process handshake.Process
}

func newClient(t *testing.T, which handshake.TLSClient) *client {
	t.Helper()
	c := new(client)
	var err error
	if c.Client, err = handshake.New(handshake.Options{TLSClient: which}, 10*time.Second, nil, &c.process); err != nil {
		t.Fatal(err)
	}
	return c
}

// dial opens a connection to addr, with a deadline.
func dial(addr string) (net.Conn, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(10 * time.Second))
}

// handshake performs a handshake with a server. It opens up to n connections.
func (c *client) handshake(t *testing.T, addr string, n int) *handshake.Outcome {
	t.Helper()
	to := probetest.Target(t, addr)
	connect := func(context.Context) (net.Conn, error) {
		if n--; n < 0 {
			return nil, errors.New("too many connections")
		}
		return dial(addr)
	}
	conn, err := connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return c.Handshake(t.Context(), conn, &handshake.Peer{Target: &to, Connect: connect})
}

// count checks how many handshakes each client performed.
func (c *client) count(t *testing.T, tls13, cryptoTLS uint64) {
	t.Helper()
	if a, b := c.process.Counts.TLS13.Load(), c.process.Counts.CryptoTLS.Load(); a != tls13 || b != cryptoTLS {
		t.Errorf("%d handshakes of tls13 and %d of crypto/tls are counted, want %d and %d", a, b, tls13, cryptoTLS)
	}
}

// TestCounts checks that each handshake counts once, whatever its outcome is, for the
// client that performed it.
func TestCounts(t *testing.T) {
	lab := labtest.Lab(t)
	certificate := newCertificate(t, lab)
	tls12 := func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }
	for name, test := range map[string]struct {
		server      tlstest.Server
		which       handshake.TLSClient
		connections int
		failed      bool
		tls13       uint64
		cryptoTLS   uint64
	}{
		"TLS 1.3":                        {connections: 1, tls13: 1},
		"TLS 1.3, with crypto/tls":       {which: handshake.CryptoTLS, connections: 1, cryptoTLS: 1},
		"TLS 1.2":                        {server: tlstest.Server{Config: tls12}, connections: 2, cryptoTLS: 1},
		"TLS 1.2, with crypto/tls":       {server: tlstest.Server{Config: tls12}, which: handshake.CryptoTLS, connections: 1, cryptoTLS: 1},
		"TLS 1.2, no second connection":  {server: tlstest.Server{Config: tls12}, connections: 1, failed: true},
		"wrong signature":                {server: deviating(tls13test.Server{Signature: tls13test.FlipBit}, certificate), connections: 1, failed: true, tls13: 1},
		"wrong signature and crypto/tls": {server: deviating(tls13test.Server{Signature: tls13test.FlipBit}, certificate), which: handshake.CryptoTLS, connections: 1, failed: true, cryptoTLS: 1},
		"not TLS":                        {server: labtest.Canned("220 ready\r\n"), connections: 1, failed: true, tls13: 1},
		"closed":                         {server: tlstest.Server{Accept: func(_ context.Context, c net.Conn) { hello.ReadRecord(c) }}, connections: 1, failed: true, tls13: 1},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, test.which)
			h := c.handshake(t, labtest.Serve(t, lab, test.server), test.connections)
			if (h.Failure != nil) != test.failed {
				t.Errorf("the failure is %+v", h.Failure)
			}
			c.count(t, test.tls13, test.cryptoTLS)
		})
	}
}

// deviating is a server of the lab that deviates from RFC 8446.
func deviating(s tls13test.Server, certificate *tls.Certificate) tlstest.Server {
	return tlstest.Server{Accept: func(_ context.Context, c net.Conn) { s.Handle(c, certificate) }}
}

// TestCryptoTLSOnly checks that the TLS 1.3 client performs no handshake if crypto_tls is
// configured, neither the first one with a server nor a later one, and whatever the
// server does.
func TestCryptoTLSOnly(t *testing.T) {
	lab := labtest.Lab(t)
	certificate := newCertificate(t, lab)
	c := newClient(t, handshake.CryptoTLS)
	want := uint64(0)
	servers := []tlstest.Server{{}, {Config: func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }}}
	for _, fault := range intermittent(certificate) {
		servers = append(servers, tlstest.Server{Accept: func(_ context.Context, c net.Conn) { fault.handle(c) }})
	}
	for _, server := range servers {
		addr := labtest.Serve(t, lab, server)
		for range 3 {
			c.handshake(t, addr, 1)
			want++
			c.count(t, 0, want)
		}
	}
}

// TestFallbackEnds checks that the TLS 1.3 client is used again with a server after one
// handshake that it would have supported.
func TestFallbackEnds(t *testing.T) {
	lab := labtest.Lab(t)
	addr := labtest.Serve(t, lab, tlstest.Server{Config: versions(tls.VersionTLS12, tls.VersionTLS12, tls.VersionTLS12, tls.VersionTLS13)})
	c := newClient(t, handshake.Auto)
	for _, want := range [][2]uint64{{0, 1}, {0, 2}, {0, 3}, {1, 3}, {2, 3}} {
		if h := c.handshake(t, addr, 2); h.Failure != nil {
			t.Fatal(h.Failure)
		}
		c.count(t, want[0], want[1])
	}
}

// TestRecordIsNotCounted checks that a handshake of Record is not counted.
func TestRecordIsNotCounted(t *testing.T) {
	lab := labtest.Lab(t)
	addr := labtest.Serve(t, lab, tlstest.Server{})
	c := newClient(t, handshake.Auto)
	to := probetest.Target(t, addr)
	conn, err := dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Record(t.Context(), conn, &to, func(*tls.Config) {})
	if err != nil {
		t.Fatal(err)
	}
	r.Finish()
	c.count(t, 0, 0)
}

// TestAlertsAreNotHidden checks that an alert that ends the handshake is its failure, for
// each number, without protection and with it: no other connection hides it.
func TestAlertsAreNotHidden(t *testing.T) {
	lab := labtest.Lab(t)
	certificate := newCertificate(t, lab)
	plaintext := func(d hello.AlertDescription) tls13test.Server {
		return tls13test.Server{Before: [][]byte{tls13test.PlaintextAlert(2, d)}, Close: true}
	}
	protected := func(d hello.AlertDescription) tls13test.Server {
		return tls13test.Server{Seal: tls13test.Prepend(hello.TypeAlert, []byte{2, byte(d)})}
	}
	for name, server := range map[string]func(hello.AlertDescription) tls13test.Server{"plaintext": plaintext, "protected": protected} {
		for number := range 256 {
			d := hello.AlertDescription(number)
			if d == hello.UserCanceled && name == "protected" {
				continue // ignored: TestDeviations of package tls13
			}
			t.Run(fmt.Sprintf("%s %s", name, d), func(t *testing.T) {
				c := newClient(t, handshake.Auto)
				h := c.handshake(t, labtest.Serve(t, lab, deviating(server(d), certificate)), 1)
				want := failure.ForAlert(d)
				if d == hello.CloseNotify {
					want = failure.ReasonClosed
				}
				if h.Failure == nil || h.Failure.Reason != want {
					t.Errorf("the failure is %+v, want %s", h.Failure, want)
				}
				c.count(t, 1, 0)
			})
		}
	}
}
