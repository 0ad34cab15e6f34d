package tls13_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/option"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tls13"
	"tls_exporter/prober/tls13/tls13test"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// firstHello is the first ClientHello that shake sends to addr.
func firstHello(t *testing.T, shake func(conn net.Conn)) *hello.ClientHello {
	t.Helper()
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		shake(client)
		client.Close()
	}()
	record, err := hello.ReadRecord(server)
	server.Close()
	if err != nil {
		t.Fatal(err)
	}
	h, err := hello.ParseClientHello(record.Payload)
	if err != nil {
		t.Fatal(err)
	}
	h.RecordVersion = record.Version
	return h
}

const keyShareExtension = 51

// client13 offers what crypto/tls offers, byte for byte, but for what is random.
func TestUsualHello(t *testing.T) {
	for name, test := range map[string]struct {
		target string
		change func(*handshake.Options)
		name   string // overrides the name of the target
	}{
		"a name":                {target: "example.com"},
		"a name with a dot":     {target: "example.com."},
		"an address":            {target: "192.0.2.1"},
		"an address of IPv6":    {target: "[2001:db8::1%eth0]:443"},
		"a socket":              {target: "unix:///run/x.sock"},
		"another name":          {target: "192.0.2.1", name: "other.test"},
		"protocols":             {target: "example.com", change: func(m *handshake.Options) { m.ALPN = []option.Protocol{"a", "spdy/3", "acme-tls/1"} }},
		"no protocols":          {target: "smtps://example.com"},
		"TLS 1.3 alone":         {target: "example.com", change: func(m *handshake.Options) { m.MinVersion = tls.VersionTLS13 }},
		"TLS 1.2 and above":     {target: "example.com", change: func(m *handshake.Options) { m.MinVersion = tls.VersionTLS12 }},
		"everything, spelt out": {target: "example.com", change: func(m *handshake.Options) { m.MinVersion, m.MaxVersion = tls.VersionTLS10, tls.VersionTLS13 }},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClients(t, test.change)
			to := probetest.Target(t, test.target)
			to.ServerName = test.name
			ours := firstHello(t, func(conn net.Conn) { attempt(c.ours, conn, &to) })
			theirs := firstHello(t, func(conn net.Conn) { attempt(c.theirs, conn, &to) })
			shares := func(h *hello.ClientHello) []byte {
				i := slices.IndexFunc(h.Extensions, func(e hello.Extension) bool { return e.Type == keyShareExtension })
				data := h.Extensions[i].Data
				h.Extensions[i].Data = nil
				return data
			}
			a, b := shares(ours), shares(theirs)
			if len(a) != len(b) || !slices.Equal(ours.KeyShareGroups(), theirs.KeyShareGroups()) {
				t.Errorf("key shares of %d bytes, and of %d", len(a), len(b))
			}
			if len(ours.SessionID) != len(theirs.SessionID) || bytes.Equal(ours.SessionID, make([]byte, 32)) || ours.Random == [32]byte{} {
				t.Errorf("session %x, random %x", ours.SessionID, ours.Random)
			}
			ours.Random, ours.SessionID, theirs.Random, theirs.SessionID = [32]byte{}, nil, [32]byte{}, nil
			x, err1 := ours.Marshal()
			y, err2 := theirs.Marshal()
			if err := errors.Join(err1, err2); err != nil || !bytes.Equal(x, y) {
				t.Errorf("\n%x, crypto/tls\n%x; %v", x, y, err)
			}
		})
	}
}

// Without TLS 1.3 in the offer there is nothing for client13 to do.
func TestNoUsualHello(t *testing.T) {
	if _, err := tls13.New(&tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); !errors.Is(err, tls13.ErrUnsupported) {
		t.Errorf("the client would offer TLS 1.3: %v", err)
	}
}

// A server that is not as usual costs a second connection once, and one that comes
// to be as usual is found out.
func TestStrangersAreRemembered(t *testing.T) {
	lab := labtest.Lab(t)
	for name, test := range map[string]struct {
		config func(*tls.Config)
		want   []int64 // connections of one probe after the other
	}{
		"as usual":                    {want: []int64{1, 1, 1}},
		"TLS 1.2":                     {func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, []int64{2, 1, 1}},
		"TLS 1.0":                     {func(c *tls.Config) { c.MaxVersion = tls.VersionTLS10 }, []int64{2, 1, 1}},
		"another group":               {func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP384} }, []int64{2, 1, 1}},
		"asking for a certificate":    {func(c *tls.Config) { c.ClientAuth = tls.RequestClientCert }, []int64{2, 1, 1}},
		"demanding a certificate":     {func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }, []int64{2, 1, 1}},
		"as usual after one of old":   {changing(tls.VersionTLS12, tls.VersionTLS12, tls.VersionTLS13), []int64{2, 1, 1, 1}},
		"old after a few as usual":    {changing(tls.VersionTLS13, tls.VersionTLS13, tls.VersionTLS12, tls.VersionTLS12, tls.VersionTLS12), []int64{1, 1, 2, 1}},
		"old for no longer than once": {changing(tls.VersionTLS12, tls.VersionTLS13), []int64{2, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			p := probetest.New(t, probetest.Module(t, lab))
			addr, calls := labtest.Counted(t, lab, tlstest.Server{Config: test.config})
			for i, want := range test.want {
				before := calls.Load()
				r := p.Probe(context.Background(), probetest.Target(t, addr))
				if r.Failure != nil && name != "demanding a certificate" || r.Session == nil || r.Chain == nil || !r.Chain.Valid {
					t.Errorf("probe %d: %+v", i+1, r.Failure)
				}
				if took := calls.Load() - before; took != want {
					t.Errorf("probe %d took %d connections, want %d", i+1, took, want)
				}
			}
		})
	}
}

// changing has a server speak one version at most to each client in turn, and the
// last one to all who follow.
func changing(versions ...uint16) func(*tls.Config) {
	var met atomic.Int64
	return func(c *tls.Config) {
		plain := c.Clone()
		c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			config := plain.Clone()
			config.MaxVersion = versions[min(int(met.Add(1)), len(versions))-1]
			return config, nil
		}
	}
}

// What is odd to client13 alone is not tried anew with every probe.
func TestOddStrangersStay(t *testing.T) {
	lab := labtest.Lab(t)
	p := probetest.New(t, probetest.Module(t, lab))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	certificate := labtest.Certified(t, lab, labtest.Made(t, key, err))
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

// A fault that comes and goes is told when it comes: no second connection makes it
// good.
func TestNothingIsCoveredUp(t *testing.T) {
	lab := labtest.Lab(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	certificate := labtest.Certified(t, lab, labtest.Made(t, key, err))
	for name, test := range map[string]struct {
		ill    func(c net.Conn)
		reason failure.Reason
	}{
		"hangs up":                {func(c net.Conn) { hello.ReadRecord(c) }, failure.ReasonClosed},
		"hangs up after a header": {func(c net.Conn) { hello.ReadRecord(c); c.Write([]byte{22, 3, 3, 0, 100}) }, failure.ReasonClosed},
		"an alert":                {func(c net.Conn) { hello.ReadRecord(c); c.Write(tls13test.PlaintextAlert(2, hello.InternalError)) }, "alert_internal_error"},
		"no TLS":                  {func(c net.Conn) { hello.ReadRecord(c); io.WriteString(c, "busy, come back later\r\n") }, failure.ReasonNotTLS},
		"a wrong proof":           {func(c net.Conn) { tls13test.Server{Signature: tls13test.FlipBit}.Handle(c, certificate) }, failure.ReasonBadMessage},
		"a wrong Finished":        {func(c net.Conn) { tls13test.Server{Finished: tls13test.FlipBit}.Handle(c, certificate) }, failure.ReasonBadMessage},
		"a broken record": {func(c net.Conn) {
			tls13test.Server{Records: func(r [][]byte) [][]byte { tls13test.FlipBit(r[1]); return r }}.Handle(c, certificate)
		}, failure.ReasonBadMessage},
		"an alert under keys": {func(c net.Conn) {
			tls13test.Server{Seal: tls13test.Prepend(hello.TypeAlert, []byte{2, 80})}.Handle(c, certificate)
		}, "alert_internal_error"},
		"an end in the middle": {func(c net.Conn) {
			tls13test.Server{Messages: func(m [][]byte) [][]byte { return m[:2] }, Close: true}.Handle(c, certificate)
		}, failure.ReasonClosed},
	} {
		t.Run(name, func(t *testing.T) {
			p := probetest.New(t, probetest.Module(t, lab))
			var met atomic.Int64
			addr := labtest.Serve(t, lab, tlstest.Server{Accept: func(_ context.Context, c net.Conn) {
				if met.Add(1) == 1 {
					test.ill(c)
					return
				}
				tls13test.Server{}.Handle(c, certificate)
			}})
			r := p.Probe(context.Background(), probetest.Target(t, addr))
			if r.Failure == nil || r.Failure.Reason != test.reason || r.Failure.Phase == failure.PhaseVerify {
				t.Errorf("the first probe ends with %+v", r.Failure)
			}
			again := p.Probe(context.Background(), probetest.Target(t, addr))
			if again.Session == nil || !again.Session.Completed {
				t.Errorf("the second ends with %+v", again.Failure)
			}
		})
	}
}

// Whatever a server says, the handshake ends, and says how.
func FuzzClient(f *testing.F) {
	lab, err := tlstest.New()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(lab.Close)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	certificate := labtest.Certified(f, lab, labtest.Made(f, key, err))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), false)
	f.Add(tls13test.PlaintextAlert(2, hello.HandshakeFailure), false)
	f.Add(hello.AppendRecord(nil, hello.TypeHandshake, hello.TLS12, []byte{2, 0, 0, 0}), false)
	f.Add([]byte{22, 3, 3, 0xff, 0xff}, false)
	f.Add(tls13test.Message(hello.MsgEncryptedExtensions, []byte{0, 0}), true)
	f.Add(tls13test.Message(hello.MsgCertificate, []byte{0, 0, 0, 6, 0, 0, 1, 7, 0, 0}), true)
	f.Add(tls13test.Message(hello.MsgCertificateVerify, []byte{4, 3, 0, 1, 9}), true)
	f.Add(tls13test.Message(13, []byte{0, 0, 0}), true)
	c := newClients(f, nil)
	to := probetest.Target(f, "localhost")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { listener.Close() })
	f.Fuzz(func(t *testing.T, said []byte, sealed bool) {
		var serving sync.WaitGroup
		serving.Go(func() {
			server, err := listener.Accept()
			if err != nil {
				return
			}
			defer server.Close()
			server.SetDeadline(time.Now().Add(10 * time.Second))
			if sealed { // in the place of what comes under keys, or behind some of it
				at := len(said) % 4
				tls13test.Server{Messages: func(m [][]byte) [][]byte { return append(m[:at], said) }, Close: true}.Handle(server, certificate)
				return
			}
			if _, err := hello.ReadRecord(server); err == nil {
				server.Write(said)
			}
		})
		client, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		client.SetDeadline(time.Now().Add(10 * time.Second))
		h, ok := attempt(c.ours, client, &to)
		serving.Wait()
		if h.Failure == nil && (h.Session == nil || !h.Session.Completed || len(h.Certificates) == 0) {
			t.Errorf("a handshake that is neither whole nor failed: %+v", h.Session)
		}
		if ok && h.Failure != nil && h.Failure.Reason == failure.ReasonInternal {
			t.Errorf("%v has no reason", h.Failure)
		}
	})
}
