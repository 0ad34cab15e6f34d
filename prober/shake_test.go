package prober

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

	"tls_exporter/prober/hello"
	"tls_exporter/prober/tlstest"
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
		change func(*HandshakeOptions)
		name   string // overrides the name of the target
	}{
		"a name":                {target: "example.com"},
		"a name with a dot":     {target: "example.com."},
		"an address":            {target: "192.0.2.1"},
		"an address of IPv6":    {target: "[2001:db8::1%eth0]:443"},
		"a socket":              {target: "unix:///run/x.sock"},
		"another name":          {target: "192.0.2.1", name: "other.test"},
		"protocols":             {target: "example.com", change: func(m *HandshakeOptions) { m.ALPN = []Protocol{"a", "spdy/3", "acme-tls/1"} }},
		"no protocols":          {target: "smtps://example.com"},
		"TLS 1.3 alone":         {target: "example.com", change: func(m *HandshakeOptions) { m.MinVersion = tls.VersionTLS13 }},
		"TLS 1.2 and above":     {target: "example.com", change: func(m *HandshakeOptions) { m.MinVersion = tls.VersionTLS12 }},
		"everything, spelt out": {target: "example.com", change: func(m *HandshakeOptions) { m.MinVersion, m.MaxVersion = tls.VersionTLS10, tls.VersionTLS13 }},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClients(t, test.change)
			to := target(t, test.target)
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
	if _, err := NewTLS13(&tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("the client would offer TLS 1.3: %v", err)
	}
}

// No key share is sent twice, though its half of ML-KEM is for a second.
func TestKeySharesAreFresh(t *testing.T) {
	source := &shareSource{groups: sharedGroups}
	take := func() *shares {
		s, err := source.fresh()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first, second := take(), take()
	for _, group := range sharedGroups {
		if a, b := shareIn(append([]byte{0, 0}, first.append(nil)...), group), shareIn(append([]byte{0, 0}, second.append(nil)...), group); bytes.Equal(a, b) || len(a) != len(b) {
			t.Errorf("%s: %x, and again %x", group, a, b)
		}
	}
	if first.kem != second.kem {
		t.Error("the ML-KEM key is another one at once")
	}
	source.kem.made = source.kem.made.Add(-kemAge)
	if third := take(); third.kem == first.kem || bytes.Equal(third.kem.public, first.kem.public) {
		t.Errorf("the ML-KEM key is the same after %s", kemAge)
	}
}

// A server that is not as usual costs a second connection once, and one that comes
// to be as usual is found out.
func TestStrangersAreRemembered(t *testing.T) {
	lab := newLab(t)
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
			p := newProber(t, labModule(t, lab))
			addr, calls := startCounted(t, lab, tlstest.Server{Config: test.config})
			for i, want := range test.want {
				before := calls.Load()
				r := p.Probe(context.Background(), target(t, addr))
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
	lab := newLab(t)
	p := newProber(t, labModule(t, lab))
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	certificate := certified(t, lab, made(t, key, err))
	var calls atomic.Int64
	addr := serve(t, lab, tlstest.Server{Accept: func(_ context.Context, c net.Conn) {
		calls.Add(1)
		server13{before: [][]byte{plainAlert(1, hello.UnrecognizedName)}}.speak(c, certificate)
	}})
	for i, want := range []int64{2, 3, 4} {
		if r := p.Probe(context.Background(), target(t, addr)); r.Session == nil || !r.Session.Completed || calls.Load() != want {
			t.Errorf("probe %d: %d connections so far, want %d: %+v", i+1, calls.Load(), want, r.Failure)
		}
	}
}

// A fault that comes and goes is told when it comes: no second connection makes it
// good.
func TestNothingIsCoveredUp(t *testing.T) {
	lab := newLab(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	certificate := certified(t, lab, made(t, key, err))
	for name, test := range map[string]struct {
		ill    func(c net.Conn)
		reason Reason
	}{
		"hangs up":                {func(c net.Conn) { hello.ReadRecord(c) }, ReasonClosed},
		"hangs up after a header": {func(c net.Conn) { hello.ReadRecord(c); c.Write([]byte{22, 3, 3, 0, 100}) }, ReasonClosed},
		"an alert":                {func(c net.Conn) { hello.ReadRecord(c); c.Write(plainAlert(2, hello.InternalError)) }, "alert_internal_error"},
		"no TLS":                  {func(c net.Conn) { hello.ReadRecord(c); io.WriteString(c, "busy, come back later\r\n") }, ReasonNotTLS},
		"a wrong proof":           {func(c net.Conn) { server13{proof: flip}.speak(c, certificate) }, ReasonBadMessage},
		"a wrong Finished":        {func(c net.Conn) { server13{finished: flip}.speak(c, certificate) }, ReasonBadMessage},
		"a broken record": {func(c net.Conn) {
			server13{records: func(r [][]byte) [][]byte { flip(r[1]); return r }}.speak(c, certificate)
		}, ReasonBadMessage},
		"an alert under keys": {func(c net.Conn) { server13{seal: withFirst(hello.TypeAlert, []byte{2, 80})}.speak(c, certificate) }, "alert_internal_error"},
		"an end in the middle": {func(c net.Conn) {
			server13{messages: func(m [][]byte) [][]byte { return m[:2] }, hangUp: true}.speak(c, certificate)
		}, ReasonClosed},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProber(t, labModule(t, lab))
			var met atomic.Int64
			addr := serve(t, lab, tlstest.Server{Accept: func(_ context.Context, c net.Conn) {
				if met.Add(1) == 1 {
					test.ill(c)
					return
				}
				server13{}.speak(c, certificate)
			}})
			r := p.Probe(context.Background(), target(t, addr))
			if r.Failure == nil || r.Failure.Reason != test.reason || r.Failure.Phase == PhaseVerify {
				t.Errorf("the first probe ends with %+v", r.Failure)
			}
			again := p.Probe(context.Background(), target(t, addr))
			if again.Session == nil || !again.Session.Completed {
				t.Errorf("the second ends with %+v", again.Failure)
			}
		})
	}
}

// Whatever a server says, the handshake ends, and says how.
func FuzzClient13(f *testing.F) {
	lab, err := tlstest.New()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(lab.Close)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	certificate := certified(f, lab, made(f, key, err))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), false)
	f.Add(plainAlert(2, hello.HandshakeFailure), false)
	f.Add(hello.AppendRecord(nil, hello.TypeHandshake, hello.TLS12, []byte{2, 0, 0, 0}), false)
	f.Add([]byte{22, 3, 3, 0xff, 0xff}, false)
	f.Add(message13(hello.MsgEncryptedExtensions, []byte{0, 0}), true)
	f.Add(message13(hello.MsgCertificate, []byte{0, 0, 0, 6, 0, 0, 1, 7, 0, 0}), true)
	f.Add(message13(hello.MsgCertificateVerify, []byte{4, 3, 0, 1, 9}), true)
	f.Add(message13(13, []byte{0, 0, 0}), true)
	c := newClients(f, nil)
	to := target(f, "localhost")
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
				server13{messages: func(m [][]byte) [][]byte { return append(m[:at], said) }, hangUp: true}.speak(server, certificate)
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
		if ok && h.Failure != nil && h.Failure.Reason == ReasonInternal {
			t.Errorf("%v has no reason", h.Failure)
		}
	})
}
