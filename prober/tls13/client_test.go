package tls13_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/option"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tls13/tls13test"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// result is what is compared between two handshakes.
type result struct {
	reason    failure.Reason // empty: no failure
	failed    failure.Phase
	session   handshake.Session
	chain     string
	lastPhase failure.Phase
}

func resultOf(h *handshake.Outcome) result {
	r := result{lastPhase: h.Phases[len(h.Phases)-1].Phase}
	if h.Failure != nil {
		r.reason, r.failed = h.Failure.Reason, h.Failure.Phase
	}
	if h.Session != nil {
		r.session = *h.Session
		r.session.Duration = 0
	}
	for _, certificate := range h.Certificates {
		r.chain += string(certificate.X509.Raw)
	}
	return r
}

// failureText is the message of a failure; empty: there is none.
func failureText(h *handshake.Outcome) string {
	if h.Failure == nil {
		return ""
	}
	return h.Failure.Error()
}

// clients are the two that are compared: one tries the TLS 1.3 client first, the other
// uses crypto/tls only.
type clients struct{ tls13, cryptoTLS *handshake.Client }

func newClients(t testing.TB, change func(*handshake.Options)) clients {
	t.Helper()
	made := make([]*handshake.Client, 2)
	for i, which := range []handshake.TLSClient{handshake.Auto, handshake.CryptoTLS} {
		o := handshake.Options{TLSClient: which}
		if change != nil {
			change(&o)
		}
		var err error
		if made[i], err = handshake.New(o, 20*time.Second, nil, new(handshake.Process)); err != nil {
			t.Fatal(err)
		}
	}
	return clients{made[0], made[1]}
}

// errFallback is the answer to a client that opens a second connection: the TLS 1.3
// client returned ErrUnsupported.
var errFallback = errors.New("no second connection in this test")

// attempt performs one handshake over conn; false: the TLS 1.3 client returned
// ErrUnsupported.
func attempt(c *handshake.Client, conn net.Conn, to *target.Target) (*handshake.Outcome, bool) {
	defer conn.Close()
	h := c.Handshake(context.Background(), conn, &handshake.Peer{Target: to, Connect: func(context.Context) (net.Conn, error) { return nil, errFallback }})
	return h, h.Failure == nil || !errors.Is(h.Failure, errFallback)
}

// both performs a handshake with the TLS 1.3 client, and one with crypto/tls; false:
// the TLS 1.3 client returned ErrUnsupported.
func (c clients) both(t *testing.T, addr string) (ours, theirs *handshake.Outcome, ok bool) {
	t.Helper()
	to := probetest.Target(t, addr)
	to.ServerName = "localhost"
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	ours, ok = attempt(c.tls13, dial(), &to)
	theirs, _ = attempt(c.cryptoTLS, dial(), &to)
	return ours, theirs, ok
}

// TestHandshake checks that both clients complete the handshake and agree on its result,
// with crypto/tls and with another server, for each key, cipher suite and group.
func TestHandshake(t *testing.T) {
	lab := labtest.Lab(t)
	c := newClients(t, nil)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	signers := map[string]crypto.Signer{"Ed25519": ed}
	for name, curve := range map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		signers[name] = labtest.MustKey(t, key, err)
	}
	for _, bits := range []int{1024, 2048, 3072} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		signers[fmt.Sprintf("RSA-%d", bits)] = labtest.MustKey(t, key, err)
	}
	agree := func(name, addr string) {
		t.Run(name, func(t *testing.T) {
			ours, theirs, ok := c.both(t, addr)
			if !ok || ours.Failure != nil || !ours.Session.Completed || resultOf(ours) != resultOf(theirs) {
				t.Errorf("tls13 (supported: %v): %v, %+v\ncrypto/tls: %v, %+v", ok, ours.Failure, ours.Session, theirs.Failure, theirs.Session)
			}
		})
	}
	for name, key := range signers {
		certificate := labtest.CertificateFor(t, lab, key)
		agree(name+", crypto/tls", labtest.Serve(t, lab, tlstest.Server{Key: func() (crypto.Signer, error) { return key, nil }}))
		for _, suite := range []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256} {
			for _, group := range []hello.Group{hello.X25519MLKEM768, hello.X25519} {
				addr, received := tls13test.Serve(t, lab, tls13test.Server{Suite: suite, Group: group}, certificate)
				agree(fmt.Sprintf("%s, %s, %s", name, tls.CipherSuiteName(suite), group), addr)
				for _, client := range []string{"tls13", "crypto/tls"} {
					if r := <-received; r.Err != nil || !r.Finished || !r.CloseNotify {
						t.Errorf("from %s, with %s and %s: %+v", client, name, tls.CipherSuiteName(suite), r)
					}
				}
			}
		}
	}
	for _, scheme := range []tls.SignatureScheme{tls.PSSWithSHA384, tls.PSSWithSHA512} {
		addr, _ := tls13test.Serve(t, lab, tls13test.Server{Scheme: scheme}, labtest.CertificateFor(t, lab, signers["RSA-2048"]))
		agree(scheme.String(), addr)
	}
	agree("ALPN", labtest.Serve(t, lab, tlstest.Server{Config: func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }}))
	agree("stapled OCSP response and SCTs", labtest.Serve(t, lab, tlstest.Server{Config: func(c *tls.Config) {
		c.Certificates[0].OCSPStaple = []byte("a response that is not parsed")
		c.Certificates[0].SignedCertificateTimestamps = [][]byte{[]byte("an SCT that is not parsed")}
	}}))
}

// TestTimeout checks that a server that stops sending is a timeout, and that the result
// has what it sent before.
func TestTimeout(t *testing.T) {
	lab := labtest.Lab(t)
	module := probetest.Module(t, lab)
	module.Timeout = option.Duration(500 * time.Millisecond)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	certificate := labtest.CertificateFor(t, lab, labtest.MustKey(t, key, err))
	first := func(n int) func([][]byte) [][]byte { return func(all [][]byte) [][]byte { return all[:n] } }
	for name, s := range map[string]tls13test.Server{
		"after the ServerHello": {Messages: first(0)},
		"before Finished":       {Messages: first(3)},
		"within a record":       {Records: func(r [][]byte) [][]byte { r[3] = r[3][:9]; return r }},
		"between two records":   {Seal: tls13test.Fragments(10), Records: first(2)},
		"within Certificate":    {Seal: tls13test.Fragments(100), Records: func(r [][]byte) [][]byte { r[1] = r[1][:500]; return r[:2] }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			module := module
			addr, _ := tls13test.Serve(t, lab, s, certificate)
			ours := probetest.New(t, module)
			module.TLSClient = handshake.CryptoTLS
			theirs := probetest.New(t, module)
			a, b := ours.Probe(t.Context(), probetest.Target(t, addr)), theirs.Probe(t.Context(), probetest.Target(t, addr))
			for _, r := range []*prober.Result{a, b} {
				if r.Failure == nil || r.Failure.Phase != failure.PhaseKeyExchange || r.Failure.Reason != failure.ReasonTimeout {
					t.Errorf("the failure is %+v", r.Failure)
				}
			}
			if (a.Session == nil) != (b.Session == nil) || (a.Chain == nil) != (b.Chain == nil) || a.Session != nil && *a.Session != *b.Session {
				t.Errorf("tls13: %+v, %v; crypto/tls: %+v, %v", a.Session, a.Chain, b.Session, b.Chain)
			}
		})
	}
}

// oneByteConn is a connection that returns one byte per read.
type oneByteConn struct{ net.Conn }

func (c oneByteConn) Read(b []byte) (int, error) { return c.Conn.Read(b[:min(len(b), 1)]) }

// TestShortReads checks that the result does not depend on how the network splits an
// answer.
func TestShortReads(t *testing.T) {
	lab := labtest.Lab(t)
	c := newClients(t, nil)
	for name, s := range map[string]tlstest.Server{
		"TLS 1.3": {},
		"alert": {Config: func(c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS13, tls.VersionTLS13
			c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errors.New("unknown name") }
		}},
		"not TLS": {Accept: func(_ context.Context, c net.Conn) {
			hello.ReadRecord(c)
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}},
	} {
		to := probetest.Target(t, labtest.Serve(t, lab, s))
		to.ServerName = "localhost"
		var results [2]result
		for i := range results {
			conn, err := net.Dial("tcp", to.HostPort())
			if err != nil {
				t.Fatal(err)
			}
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			if i == 1 {
				conn = oneByteConn{conn}
			}
			h, ok := attempt(c.tls13, conn, &to)
			if results[i] = resultOf(h); !ok {
				t.Errorf("%s: not supported", name)
			}
		}
		if results[0] != results[1] {
			t.Errorf("%s: with short reads %+v, otherwise %+v", name, results[1], results[0])
		}
	}
}
