package handshake_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tls13/tls13test"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// TestFallbackIsRemembered checks how many connections a probe opens: a server that the
// TLS 1.3 client does not support costs a second one once, and is tried again with that
// client after a handshake that it would have supported.
func TestFallbackIsRemembered(t *testing.T) {
	lab := labtest.Lab(t)
	for name, test := range map[string]struct {
		config func(*tls.Config)
		want   []int64 // connections of each probe
	}{
		"supported":                      {want: []int64{1, 1, 1}},
		"TLS 1.2":                        {func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, []int64{2, 1, 1}},
		"TLS 1.0":                        {func(c *tls.Config) { c.MaxVersion = tls.VersionTLS10 }, []int64{2, 1, 1}},
		"another group":                  {func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP384} }, []int64{2, 1, 1}},
		"requests a client certificate":  {func(c *tls.Config) { c.ClientAuth = tls.RequestClientCert }, []int64{2, 1, 1}},
		"requires a client certificate":  {func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }, []int64{2, 1, 1}},
		"TLS 1.2, then TLS 1.3":          {versions(tls.VersionTLS12, tls.VersionTLS12, tls.VersionTLS13), []int64{2, 1, 1, 1}},
		"TLS 1.3, then TLS 1.2":          {versions(tls.VersionTLS13, tls.VersionTLS13, tls.VersionTLS12, tls.VersionTLS12, tls.VersionTLS12), []int64{1, 1, 2, 1}},
		"TLS 1.2 in one connection only": {versions(tls.VersionTLS12, tls.VersionTLS13), []int64{2, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			p := probetest.New(t, probetest.Module(t, lab))
			addr, calls := labtest.Counted(t, lab, tlstest.Server{Config: test.config})
			for i, want := range test.want {
				before := calls.Load()
				r := p.Probe(context.Background(), probetest.Target(t, addr))
				if r.Failure != nil && name != "requires a client certificate" || r.Session == nil || r.Chain == nil || !r.Chain.Valid {
					t.Errorf("probe %d: %+v", i+1, r.Failure)
				}
				if got := calls.Load() - before; got != want {
					t.Errorf("probe %d opened %d connections, want %d", i+1, got, want)
				}
			}
		})
	}
}

// versions makes a server accept up to one version on each connection in turn. The last
// one is for all later connections.
func versions(list ...uint16) func(*tls.Config) {
	var connections atomic.Int64
	return func(c *tls.Config) {
		base := c.Clone()
		c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			config := base.Clone()
			config.MaxVersion = list[min(int(connections.Add(1)), len(list))-1]
			return config, nil
		}
	}
}

// TestPermanentFallback checks that a server that only the TLS 1.3 client rejects is not
// tried with it in each probe.
func TestPermanentFallback(t *testing.T) {
	lab := labtest.Lab(t)
	p := probetest.New(t, probetest.Module(t, lab))
	certificate := newCertificate(t, lab)
	var calls atomic.Int64
	addr := labtest.Serve(t, lab, tlstest.Server{Accept: func(_ context.Context, c net.Conn) {
		calls.Add(1)
		tls13test.Server{Before: [][]byte{tls13test.PlaintextAlert(1, hello.UnrecognizedName)}}.Handle(c, certificate)
	}})
	for i, want := range []int64{2, 3, 4} {
		if r := p.Probe(context.Background(), probetest.Target(t, addr)); r.Session == nil || !r.Session.Completed || calls.Load() != want {
			t.Errorf("probe %d: %d connections so far, want %d: %+v", i+1, calls.Load(), want, r.Failure)
		}
	}
}

// TestFallbackIsOfOneScheme checks that what one scheme needs is not remembered for
// another one at the same port: a proxy in front may lead their ALPN offers to different
// servers.
func TestFallbackIsOfOneScheme(t *testing.T) {
	lab := labtest.Lab(t)
	p := probetest.New(t, probetest.Module(t, lab))
	addr, calls := labtest.Counted(t, lab, tlstest.Server{Config: func(c *tls.Config) {
		old := c.Clone()
		old.MaxVersion = tls.VersionTLS12
		c.GetConfigForClient = func(asked *tls.ClientHelloInfo) (*tls.Config, error) {
			if len(asked.SupportedProtos) > 0 {
				return old, nil
			}
			return nil, nil
		}
	}})
	for i, test := range []struct {
		target string
		want   int64 // connections
	}{{"https://" + addr, 2}, {"tls://" + addr, 1}, {"https://" + addr, 1}} {
		before := calls.Load()
		if r := p.Probe(context.Background(), probetest.Target(t, test.target)); r.Failure != nil {
			t.Errorf("probe %d: %+v", i+1, r.Failure)
		}
		if got := calls.Load() - before; got != test.want {
			t.Errorf("probe %d of %s opened %d connections, want %d", i+1, test.target, got, test.want)
		}
	}
}

// intermittent are faults that may be absent on the next connection.
func intermittent(certificate *tls.Certificate) map[string]fault {
	return map[string]fault{
		"closed after the ClientHello": {func(c net.Conn) { hello.ReadRecord(c) }, failure.ReasonClosed},
		"closed after a header":        {func(c net.Conn) { hello.ReadRecord(c); c.Write([]byte{22, 3, 3, 0, 100}) }, failure.ReasonClosed},
		"alert":                        {func(c net.Conn) { hello.ReadRecord(c); c.Write(tls13test.PlaintextAlert(2, hello.InternalError)) }, "alert_internal_error"},
		"not TLS":                      {func(c net.Conn) { hello.ReadRecord(c); io.WriteString(c, "busy, come back later\r\n") }, failure.ReasonNotTLS},
		"wrong signature":              {func(c net.Conn) { tls13test.Server{Signature: tls13test.FlipBit}.Handle(c, certificate) }, failure.ReasonBadMessage},
		"wrong Finished":               {func(c net.Conn) { tls13test.Server{Finished: tls13test.FlipBit}.Handle(c, certificate) }, failure.ReasonBadMessage},
		"wrong bit in a record": {func(c net.Conn) {
			tls13test.Server{Records: func(r [][]byte) [][]byte { tls13test.FlipBit(r[1]); return r }}.Handle(c, certificate)
		}, failure.ReasonBadMessage},
		"protected alert": {func(c net.Conn) {
			tls13test.Server{Seal: tls13test.Prepend(hello.TypeAlert, []byte{2, 80})}.Handle(c, certificate)
		}, "alert_internal_error"},
		"closed within the messages": {func(c net.Conn) {
			tls13test.Server{Messages: func(m [][]byte) [][]byte { return m[:2] }, Close: true}.Handle(c, certificate)
		}, failure.ReasonClosed},
	}
}

type fault struct {
	handle func(c net.Conn)
	reason failure.Reason
}

// TestIntermittentFaultsAreReported checks that a probe reports a fault of its first
// connection: no second connection hides it.
func TestIntermittentFaultsAreReported(t *testing.T) {
	lab := labtest.Lab(t)
	certificate := newCertificate(t, lab)
	for name, test := range intermittent(certificate) {
		t.Run(name, func(t *testing.T) {
			p := probetest.New(t, probetest.Module(t, lab))
			var connections atomic.Int64
			addr := labtest.Serve(t, lab, tlstest.Server{Accept: func(_ context.Context, c net.Conn) {
				if connections.Add(1) == 1 {
					test.handle(c)
					return
				}
				tls13test.Server{}.Handle(c, certificate)
			}})
			r := p.Probe(context.Background(), probetest.Target(t, addr))
			if r.Failure == nil || r.Failure.Reason != test.reason || r.Failure.Phase == failure.PhaseVerify {
				t.Errorf("the first probe fails with %+v", r.Failure)
			}
			again := p.Probe(context.Background(), probetest.Target(t, addr))
			if again.Session == nil || !again.Session.Completed {
				t.Errorf("the second probe fails with %+v", again.Failure)
			}
		})
	}
}

// newCertificate returns a certificate of the lab with a P-256 key.
func newCertificate(t *testing.T, lab *tlstest.Lab) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return labtest.CertificateFor(t, lab, labtest.MustKey(t, key, err))
}
