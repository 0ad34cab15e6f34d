package tls13_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/option"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tls13"
	"tls_exporter/prober/tls13/keys"
	"tls_exporter/prober/tls13/tls13test"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// result is what is compared of two handshakes.
type result struct {
	reason    failure.Reason // empty: none
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
		r.chain += string(certificate.Raw)
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

// clients are one that performs handshakes with the TLS 1.3 client where it can,
// and one that uses crypto/tls.
type clients struct{ ours, theirs *handshake.Client }

func newClients(t testing.TB, change func(*handshake.Options)) clients {
	t.Helper()
	made := make([]*handshake.Client, 2)
	for i, which := range []handshake.TLSClient{handshake.Auto, handshake.CryptoTLS} {
		o := handshake.Options{TLSClient: which}
		if change != nil {
			change(&o)
		}
		var err error
		if made[i], err = handshake.New(o, 20*time.Second, nil, new(handshake.Counts)); err != nil {
			t.Fatal(err)
		}
	}
	return clients{made[0], made[1]}
}

// errLeft is told to a client that asks for another connection: the TLS 1.3 client
// has left the server to crypto/tls.
var errLeft = errors.New("no second connection in this test")

// attempt performs one handshake over conn; false: it is left to crypto/tls.
func attempt(c *handshake.Client, conn net.Conn, to *target.Target) (*handshake.Outcome, bool) {
	defer conn.Close()
	h := c.Handshake(context.Background(), conn, &handshake.Peer{Target: to, Connect: func(context.Context) (net.Conn, error) { return nil, errLeft }})
	return h, h.Failure == nil || !errors.Is(h.Failure, errLeft)
}

// both performs a handshake with a server by the TLS 1.3 client, and by crypto/tls.
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
	ours, ok = attempt(c.ours, dial(), &to)
	theirs, _ = attempt(c.theirs, dial(), &to)
	return ours, theirs, ok
}

// What crypto/tls and other servers settle on, client13 settles on as well.
func TestClient13Settles(t *testing.T) {
	lab := labtest.Lab(t)
	c := newClients(t, nil)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	usual := labtest.Made(t, p256, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	signers := map[string]crypto.Signer{"P-256": usual, "P-384": labtest.Made(t, p384, err), "Ed25519": ed}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	signers["P-521"] = labtest.Made(t, p521, err)
	for _, bits := range []int{1024, 2048, 3072} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		signers[fmt.Sprintf("RSA-%d", bits)] = labtest.Made(t, key, err)
	}
	settled := func(name, addr string) {
		t.Run(name, func(t *testing.T) {
			ours, theirs, ok := c.both(t, addr)
			if !ok || ours.Failure != nil || !ours.Session.Completed || resultOf(ours) != resultOf(theirs) {
				t.Errorf("ours (to its end: %v): %v, %+v\ncrypto/tls: %v, %+v", ok, ours.Failure, ours.Session, theirs.Failure, theirs.Session)
			}
		})
	}
	for name, key := range signers {
		certificate := labtest.Certified(t, lab, key)
		settled(name+", crypto/tls", labtest.Serve(t, lab, tlstest.Server{Key: func() (crypto.Signer, error) { return key, nil }}))
		for _, suite := range []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256} {
			for _, group := range []hello.Group{hello.X25519MLKEM768, hello.X25519} {
				addr, heard := tls13test.Serve(t, lab, tls13test.Server{Suite: suite, Group: group}, certificate)
				settled(fmt.Sprintf("%s, %s, %s", name, tls.CipherSuiteName(suite), group), addr)
				for _, who := range []string{"tls13", "crypto/tls"} {
					if h := <-heard; h.Err != nil || !h.Finished || !h.CloseNotify {
						t.Errorf("%s to %s with %s: %+v", who, name, tls.CipherSuiteName(suite), h)
					}
				}
			}
		}
	}
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	for _, scheme := range []tls.SignatureScheme{tls.PSSWithSHA384, tls.PSSWithSHA512} {
		addr, _ := tls13test.Serve(t, lab, tls13test.Server{Scheme: scheme}, labtest.Certified(t, lab, labtest.Made(t, big, err)))
		settled(scheme.String(), addr)
	}
	settled("a protocol is chosen", labtest.Serve(t, lab, tlstest.Server{Config: func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }}))
	settled("an OCSP response is stapled", labtest.Serve(t, lab, tlstest.Server{Config: func(c *tls.Config) {
		c.Certificates[0].OCSPStaple = []byte("not that anybody reads it here")
		c.Certificates[0].SignedCertificateTimestamps = [][]byte{[]byte("nor this")}
	}}))
}

// A server that stops speaking is waited for until the deadline, and what it had
// said by then is told.
func TestClient13Waits(t *testing.T) {
	lab := labtest.Lab(t)
	module := probetest.Module(t, lab)
	module.Timeout = option.Duration(500 * time.Millisecond)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	certificate := labtest.Certified(t, lab, labtest.Made(t, key, err))
	upTo := func(n int) func([][]byte) [][]byte { return func(all [][]byte) [][]byte { return all[:n] } }
	for name, s := range map[string]tls13test.Server{
		"after its hello":     {Messages: upTo(0)},
		"before its Finished": {Messages: upTo(3)},
		"in a record":         {Records: func(r [][]byte) [][]byte { r[3] = r[3][:9]; return r }},
		"between two records": {Seal: tls13test.Fragments(10), Records: upTo(2)},
		"in its certificate":  {Seal: tls13test.Fragments(100), Records: func(r [][]byte) [][]byte { r[1] = r[1][:500]; return r[:2] }},
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
					t.Errorf("the probe ends with %+v", r.Failure)
				}
			}
			if (a.Session == nil) != (b.Session == nil) || (a.Chain == nil) != (b.Chain == nil) || a.Session != nil && *a.Session != *b.Session {
				t.Errorf("ours: %+v, %v; crypto/tls: %+v, %v", a.Session, a.Chain, b.Session, b.Chain)
			}
		})
	}
}

// oneByOne is a connection on which every byte comes by itself.
type oneByOne struct{ net.Conn }

func (c oneByOne) Read(b []byte) (int, error) { return c.Conn.Read(b[:min(len(b), 1)]) }

// It is all the same in which pieces the network brings an answer.
func TestClient13TakesPieces(t *testing.T) {
	lab := labtest.Lab(t)
	c := newClients(t, nil)
	for name, s := range map[string]tlstest.Server{
		"a server of TLS 1.3": {},
		"an alert": {Config: func(c *tls.Config) {
			c.MinVersion, c.MaxVersion = tls.VersionTLS13, tls.VersionTLS13
			c.GetConfigForClient = noName
		}},
		"no TLS": {Accept: func(_ context.Context, c net.Conn) {
			hello.ReadRecord(c)
			io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}},
	} {
		to := probetest.Target(t, labtest.Serve(t, lab, s))
		to.ServerName = "localhost"
		var seen [2]result
		for i := range seen {
			conn, err := net.Dial("tcp", to.HostPort())
			if err != nil {
				t.Fatal(err)
			}
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			if i == 1 {
				conn = oneByOne{conn}
			}
			h, ok := attempt(c.ours, conn, &to)
			if seen[i] = resultOf(h); !ok {
				t.Errorf("%s: it is left to crypto/tls", name)
			}
		}
		if seen[0] != seen[1] {
			t.Errorf("%s: in pieces it is %+v, else %+v", name, seen[1], seen[0])
		}
	}
}

// noName is a server that knows no name.
func noName(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errors.New("whom do you want?") }

// What a server does that is not as usual ends as it does with crypto/tls: by its
// hand, or by client13's own where a second connection might cover it up.
func TestClient13IsAsStrict(t *testing.T) {
	lab := labtest.Lab(t)
	p, c := probetest.New(t, probetest.Module(t, lab)), newClients(t, nil)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	certificate := labtest.Certified(t, lab, labtest.Made(t, key, err))
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	long, err2 := lab.Intermediate.Issue(&x509.Certificate{NotBefore: labtest.Now, NotAfter: labtest.Now.Add(labtest.Day), ExtraExtensions: []pkix.Extension{
		{Id: asn1.ObjectIdentifier{2, 999, 1}, Value: make([]byte, 100_000)},
	}}, labtest.Made(t, other, err))
	if err2 != nil {
		t.Fatal(err2)
	}
	extensions := func(list ...hello.Extension) []byte {
		var data []byte
		for _, e := range list {
			data = append(data, byte(e.Type>>8), byte(e.Type))
			data = append(data, tls13test.Vector(2, e.Data)...)
		}
		return tls13test.Message(hello.MsgEncryptedExtensions, tls13test.Vector(2, data))
	}
	withHello := func(change func(*hello.ServerHello)) tls13test.Server { return tls13test.Server{Hello: change} }
	for _, test := range []struct {
		name   string
		server tls13test.Server
		left   bool           // to crypto/tls
		reason failure.Reason // empty: all is well
	}{
		{name: "records of one byte", server: tls13test.Server{Seal: tls13test.Fragments(1)}},
		{name: "records of 100 bytes", server: tls13test.Server{Seal: tls13test.Fragments(100)}},
		{name: "all in one record", server: tls13test.Server{Messages: func(m [][]byte) [][]byte { return [][]byte{bytes.Join(m, nil)} }}},
		{name: "padding", server: tls13test.Server{Seal: func(traffic *keys.Traffic, _ int, message []byte) []byte {
			return traffic.Seal(nil, 0, append(append(bytes.Clone(message), hello.TypeHandshake), make([]byte, 300)...))
		}}},
		{name: "ChangeCipherSpec", server: tls13test.Server{After: [][]byte{tls13test.ChangeCipherSpec}}},
		{name: "16 of them", server: tls13test.Server{After: slices.Repeat([][]byte{tls13test.ChangeCipherSpec}, 16)}},
		{name: "17 of them", server: tls13test.Server{After: slices.Repeat([][]byte{tls13test.ChangeCipherSpec}, 17)}, left: true, reason: failure.ReasonBadMessage},
		{name: "one that is none", server: tls13test.Server{After: [][]byte{hello.AppendRecord(nil, hello.TypeChangeCipherSpec, hello.TLS12, []byte{2})}}, left: true, reason: failure.ReasonBadMessage},
		{name: "one in a message", server: tls13test.Server{Seal: tls13test.Fragments(100), Records: func(r [][]byte) [][]byte {
			first := 5 + int(r[1][3])<<8 + int(r[1][4])
			r[1] = slices.Insert(r[1], first, tls13test.ChangeCipherSpec...)
			return r
		}}, left: true, reason: failure.ReasonBadMessage},
		{name: "user_canceled, and on", server: tls13test.Server{Seal: tls13test.Prepend(hello.TypeAlert, []byte{1, 90})}},
		{name: "an alert", server: tls13test.Server{Seal: tls13test.Prepend(hello.TypeAlert, []byte{2, 40})}, reason: "alert_handshake_failure"},
		{name: "an alert of no name", server: tls13test.Server{Seal: tls13test.Prepend(hello.TypeAlert, []byte{2, 250})}, reason: failure.AlertUnassigned},
		{name: "a goodbye", server: tls13test.Server{Seal: tls13test.Prepend(hello.TypeAlert, []byte{1, 0})}, reason: failure.ReasonClosed},
		{name: "half an alert", server: tls13test.Server{Seal: tls13test.Prepend(hello.TypeAlert, []byte{2})}, left: true, reason: failure.ReasonBadMessage},
		{name: "an alert in plain, too late", server: tls13test.Server{After: [][]byte{tls13test.PlaintextAlert(2, 40)}}, reason: failure.ReasonBadMessage},
		{name: "an alert instead", server: tls13test.Server{Before: [][]byte{tls13test.PlaintextAlert(2, 70)}, Close: true}, reason: "alert_protocol_version"},
		{name: "a goodbye instead", server: tls13test.Server{Before: [][]byte{tls13test.PlaintextAlert(1, 0)}, Close: true}, reason: failure.ReasonClosed},
		{name: "a warning, and on", server: tls13test.Server{Before: [][]byte{tls13test.PlaintextAlert(1, 112)}}, left: true},
		{name: "no TLS", server: tls13test.Server{Before: [][]byte{[]byte("HTTP/1.1 400 Bad Request\r\n\r\n")}}, reason: failure.ReasonNotTLS},
		{name: "a record of SSL 2.0", server: tls13test.Server{Before: [][]byte{{0x80, 3, 0, 0, 1, 0}}}, reason: failure.ReasonNotTLS},
		{name: "application data instead", server: tls13test.Server{Before: [][]byte{hello.AppendRecord(nil, hello.TypeApplicationData, hello.TLS12, []byte("hello"))}}, reason: failure.ReasonNotTLS},
		{name: "application data too early", server: tls13test.Server{Seal: tls13test.Prepend(hello.TypeApplicationData, []byte("hello"))}, left: true, reason: failure.ReasonBadMessage},
		{name: "a record with nothing in it", server: tls13test.Server{Seal: tls13test.Prepend(hello.TypeHandshake, nil)}, left: true, reason: failure.ReasonBadMessage},
		{name: "a record that says another version", server: tls13test.Server{Records: func(r [][]byte) [][]byte { r[0][2] = 4; return r }}, left: true, reason: failure.ReasonBadMessage},
		{name: "a record that is too long", server: tls13test.Server{After: [][]byte{hello.AppendRecord(nil, hello.TypeApplicationData, hello.TLS12, make([]byte, 1<<14+256+1))}}, left: true, reason: failure.ReasonBadMessage},
		{name: "a message that is too long", server: tls13test.Server{Messages: tls13test.Replace(0, []byte{hello.MsgEncryptedExtensions, 0xff, 0xff, 0xff, 0})}, left: true, reason: failure.ReasonTooLarge},
		{name: "extensions that are too long", server: tls13test.Server{Messages: tls13test.Replace(0, extensions(hello.Extension{Type: 28, Data: make([]byte, 65531)})), Seal: tls13test.Fragments(10000)}, left: true, reason: failure.ReasonTooLarge},
		{name: "a long chain", server: tls13test.Server{Certificates: func(c [][]byte) [][]byte { return append(c, long.Raw) }, Seal: tls13test.Fragments(10000)}},
		{name: "a bit of the first record", server: tls13test.Server{Records: func(r [][]byte) [][]byte { tls13test.FlipBit(r[0]); return r }}, reason: failure.ReasonBadMessage},
		{name: "a bit of the last record", server: tls13test.Server{Records: func(r [][]byte) [][]byte { tls13test.FlipBit(r[3]); return r }}, reason: failure.ReasonBadMessage},
		{name: "two records the other way round", server: tls13test.Server{Records: func(r [][]byte) [][]byte { r[1], r[2] = r[2], r[1]; return r }}, reason: failure.ReasonBadMessage},
		{name: "a bit of the proof", server: tls13test.Server{Signature: tls13test.FlipBit}, reason: failure.ReasonBadMessage},
		{name: "no proof", server: tls13test.Server{Signature: func([]byte) []byte { return nil }}, reason: failure.ReasonBadMessage},
		{name: "another's proof", server: tls13test.Server{Signature: func(signature []byte) []byte {
			_, forged, _ := tls13test.Sign(other, 0, signature)
			return forged
		}}, reason: failure.ReasonBadMessage},
		{name: "a bit of the Finished", server: tls13test.Server{Finished: tls13test.FlipBit}, reason: failure.ReasonBadMessage},
		{name: "half a Finished", server: tls13test.Server{Finished: func(data []byte) []byte { return data[:16] }}, reason: failure.ReasonBadMessage},
		{name: "no Finished", server: tls13test.Server{Messages: func(m [][]byte) [][]byte { return m[:3] }, Close: true}, reason: failure.ReasonClosed},
		{name: "no proof at all", server: tls13test.Server{Messages: func(m [][]byte) [][]byte { return slices.Delete(m, 2, 3) }}, left: true, reason: failure.ReasonBadMessage},
		{name: "no certificate and no proof", server: tls13test.Server{Messages: func(m [][]byte) [][]byte { return slices.Delete(m, 1, 3) }}, left: true, reason: failure.ReasonBadMessage},
		{name: "an end in a record", server: tls13test.Server{Records: func(r [][]byte) [][]byte { r[3] = r[3][:20]; return r }, Close: true}, reason: failure.ReasonClosed},
		{name: "an end in a header", server: tls13test.Server{Records: func(r [][]byte) [][]byte { r[3] = r[3][:3]; return r }, Close: true}, reason: failure.ReasonClosed},
		{name: "an end after a header", server: tls13test.Server{Records: func(r [][]byte) [][]byte { r[3] = r[3][:5]; return r }, Close: true}, reason: failure.ReasonClosed},
		{name: "a message before the others", server: tls13test.Server{Messages: tls13test.Insert(0, tls13test.Message(24, []byte{0}))}, left: true, reason: failure.ReasonBadMessage},
		{name: "a message behind the Finished, in its record", server: tls13test.Server{Messages: func(m [][]byte) [][]byte {
			m[3] = append(m[3], tls13test.Message(24, []byte{0})...)
			return m
		}}, left: true, reason: failure.ReasonBadMessage},
		{name: "an extension that says nothing", server: tls13test.Server{Messages: tls13test.Replace(0, extensions(hello.Extension{Type: 28, Data: []byte{64, 1}}))}, left: true, reason: failure.ReasonBadMessage}, // the transcript is another one
		{name: "early data that nobody offered", server: tls13test.Server{Messages: tls13test.Replace(0, extensions(hello.Extension{Type: 42}))}, left: true, reason: failure.ReasonBadMessage},
		{name: "a protocol that nobody offered", server: tls13test.Server{Messages: tls13test.Replace(0, extensions(hello.Extension{Type: 16, Data: []byte{0, 4, 3, 'x', 'y', 'z'}}))}, left: true, reason: failure.ReasonBadMessage},
		{name: "two protocols", server: tls13test.Server{Messages: tls13test.Replace(0, extensions(hello.Extension{Type: 16, Data: []byte{0, 6, 2, 'h', '2', 2, 'h', '3'}}))}, left: true, reason: failure.ReasonBadMessage},
		{name: "no certificate", server: tls13test.Server{Certificates: func([][]byte) [][]byte { return nil }}, left: true, reason: failure.ReasonBadCertificate},
		{name: "a certificate that is none", server: tls13test.Server{Certificates: func(c [][]byte) [][]byte { return append(c, []byte("none")) }}, left: true, reason: failure.ReasonBadCertificate},
		{name: "21 certificates", server: tls13test.Server{Certificates: func(c [][]byte) [][]byte { return append(c, slices.Repeat(c[1:], 19)...) }}, left: true},
		{name: "another's certificate", server: tls13test.Server{Certificates: func(c [][]byte) [][]byte { return c[1:] }}, reason: failure.ReasonBadMessage},
		{name: "a scheme for another curve", server: tls13test.Server{Scheme: tls.ECDSAWithP384AndSHA384}, left: true, reason: failure.ReasonBadMessage},
		{name: "a scheme of TLS 1.2", server: tls13test.Server{Scheme: tls.PKCS1WithSHA256}, left: true, reason: failure.ReasonBadMessage},
		{name: "a hello of TLS 1.2", server: withHello(func(h *hello.ServerHello) { h.Extensions = nil }), left: true, reason: failure.ReasonBadMessage},
		{name: "a hello that asks for another", server: withHello(func(h *hello.ServerHello) {
			h.Random = [32]byte{0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
				0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C}
		}), left: true, reason: failure.ReasonBadMessage},
		{name: "a hello of a version in the wrong place", server: withHello(func(h *hello.ServerHello) { h.LegacyVersion = hello.TLS13 }), left: true, reason: failure.ReasonBadMessage},
		{name: "a session that is not the client's", server: withHello(func(h *hello.ServerHello) { h.SessionID = nil }), left: true, reason: failure.ReasonBadMessage},
		{name: "a compression", server: withHello(func(h *hello.ServerHello) { h.Compression = 1 }), left: true, reason: failure.ReasonBadMessage},
		{name: "a suite that was not offered", server: withHello(func(h *hello.ServerHello) { h.CipherSuite = 0x1304 }), left: true, reason: failure.ReasonBadMessage},
		{name: "an extension that does not belong there", server: withHello(func(h *hello.ServerHello) {
			h.Extensions = append(h.Extensions, hello.Extension{Type: 16, Data: []byte{0, 3, 2, 'h', '2'}})
		}), left: true, reason: failure.ReasonBadMessage},
		{name: "a session that nobody has", server: withHello(func(h *hello.ServerHello) {
			h.Extensions = append(h.Extensions, hello.Extension{Type: 41, Data: []byte{0, 0}})
		}), left: true, reason: failure.ReasonBadMessage},
		{name: "no share", server: withHello(func(h *hello.ServerHello) { h.Extensions = h.Extensions[:1] }), left: true, reason: failure.ReasonBadMessage},
		{name: "a share of a group that was not offered", server: withHello(func(h *hello.ServerHello) { h.Extensions[1].Data[1]++ }), left: true, reason: failure.ReasonBadMessage},
		{name: "a share that is too short", server: withHello(func(h *hello.ServerHello) { h.Extensions[1].Data = []byte{0, 29, 0, 1, 9} }), left: true, reason: failure.ReasonBadMessage},
		{name: "half a share", server: withHello(func(h *hello.ServerHello) { h.Extensions[1].Data = []byte{0x11, 0xec, 0, 1, 9} }), left: true, reason: failure.ReasonBadMessage},
		{name: "a share that gives no secret", server: withHello(func(h *hello.ServerHello) {
			h.Extensions[1].Data = append([]byte{0, 29, 0, 32}, make([]byte, 32)...)
		}), left: true, reason: failure.ReasonBadMessage},
		{name: "another ciphertext", server: withHello(func(h *hello.ServerHello) { h.Extensions[1].Data[100] ^= 1 }), reason: failure.ReasonBadMessage},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr, heard := tls13test.Serve(t, lab, test.server, certificate)
			ours, theirs, ok := c.both(t, addr)
			if ok == test.left {
				t.Errorf("left to crypto/tls: %v: %v", !ok, ours.Failure)
			}
			if got := resultOf(theirs); got.reason != test.reason {
				t.Errorf("crypto/tls says %q: %v", got.reason, theirs.Failure)
			}
			if ok && resultOf(ours) != resultOf(theirs) {
				t.Errorf("ours:       %v %+v\ncrypto/tls: %v %+v", failureText(ours), ours.Session, failureText(theirs), theirs.Session)
			}
			own := ours.Failure != nil && errors.Is(ours.Failure, tls13.ErrFinished) // errors with texts of their own
			if _, signature := errors.AsType[*tls13.SignatureError](error(cmp.Or(ours.Failure, new(failure.Failure)))); signature {
				own = true
			}
			if ok && failureText(ours) != failureText(theirs) && test.reason != failure.ReasonClosed && !own {
				t.Errorf("our words are %q, those of crypto/tls %q", failureText(ours), failureText(theirs))
			}
			if ok && !test.server.Close && len(test.server.Before) == 0 {
				if a, b := <-heard, <-heard; a.Alert != b.Alert || a.Finished != b.Finished || a.CloseNotify != b.CloseNotify {
					t.Errorf("the server hears %+v from us, and %+v from crypto/tls", a, b)
				}
			}
			r := p.Probe(context.Background(), probetest.Target(t, addr))
			if got := reasonOf(r.Failure); r.Failure != nil && r.Failure.Phase != failure.PhaseVerify && got != string(test.reason) {
				t.Errorf("a probe fails with %q", got)
			}
		})
	}
}

func reasonOf(f *failure.Failure) string {
	if f == nil {
		return ""
	}
	return string(f.Reason)
}
