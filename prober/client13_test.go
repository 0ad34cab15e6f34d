package prober

import (
	"bytes"
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

	"tls_exporter/prober/hello"
	"tls_exporter/prober/tlstest"
)

// result is what is compared of two handshakes.
type result struct {
	reason    Reason // empty: none
	failed    Phase
	session   Session
	chain     string
	lastPhase Phase
}

func resultOf(h *Outcome) result {
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
func failureText(h *Outcome) string {
	if h.Failure == nil {
		return ""
	}
	return h.Failure.Error()
}

// clients are one that performs handshakes with the TLS 1.3 client where it can,
// and one that uses crypto/tls.
type clients struct{ ours, theirs *tlsClient }

func newClients(t testing.TB, change func(*HandshakeOptions)) clients {
	t.Helper()
	made := make([]*tlsClient, 2)
	for i, which := range []TLSClient{AutoClient, CryptoTLS} {
		o := HandshakeOptions{TLSClient: which}
		if change != nil {
			change(&o)
		}
		var err error
		if made[i], err = newTLSClient(o, 20*time.Second, nil, new(Handshakes)); err != nil {
			t.Fatal(err)
		}
	}
	return clients{made[0], made[1]}
}

// errLeft is told to a client that asks for another connection: the TLS 1.3 client
// has left the server to crypto/tls.
var errLeft = errors.New("no second connection in this test")

// attempt performs one handshake over conn; false: it is left to crypto/tls.
func attempt(c *tlsClient, conn net.Conn, to *Target) (*Outcome, bool) {
	defer conn.Close()
	h := c.Handshake(context.Background(), conn, &Peer{Target: to, Connect: func(context.Context) (net.Conn, error) { return nil, errLeft }})
	return h, h.Failure == nil || !errors.Is(h.Failure, errLeft)
}

// both performs a handshake with a server by the TLS 1.3 client, and by crypto/tls.
func (c clients) both(t *testing.T, addr string) (ours, theirs *Outcome, ok bool) {
	t.Helper()
	to := target(t, addr)
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

// certified is a chain for a key.
func certified(t testing.TB, lab *tlstest.Lab, key crypto.Signer) *tls.Certificate {
	t.Helper()
	leaf, err := lab.Intermediate.Issue(&x509.Certificate{NotBefore: now.Add(-day), NotAfter: now.Add(30 * day), DNSNames: []string{"localhost"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw, lab.Intermediate.Certificate.Raw}, PrivateKey: key, Leaf: leaf}
}

func made[K crypto.Signer](t testing.TB, key K, err error) crypto.Signer {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// What crypto/tls and other servers settle on, client13 settles on as well.
func TestClient13Settles(t *testing.T) {
	lab := newLab(t)
	c := newClients(t, nil)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	usual := made(t, p256, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	keys := map[string]crypto.Signer{"P-256": usual, "P-384": made(t, p384, err), "Ed25519": ed}
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	keys["P-521"] = made(t, p521, err)
	for _, bits := range []int{1024, 2048, 3072} {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		keys[fmt.Sprintf("RSA-%d", bits)] = made(t, key, err)
	}
	settled := func(name, addr string) {
		t.Run(name, func(t *testing.T) {
			ours, theirs, ok := c.both(t, addr)
			if !ok || ours.Failure != nil || !ours.Session.Completed || resultOf(ours) != resultOf(theirs) {
				t.Errorf("ours (to its end: %v): %v, %+v\ncrypto/tls: %v, %+v", ok, ours.Failure, ours.Session, theirs.Failure, theirs.Session)
			}
		})
	}
	for name, key := range keys {
		certificate := certified(t, lab, key)
		settled(name+", crypto/tls", serve(t, lab, tlstest.Server{Key: func() (crypto.Signer, error) { return key, nil }}))
		for _, suite := range suites13 {
			for _, group := range sharedGroups {
				addr, heard := serve13(t, lab, server13{suite: suite.id, group: group}, certificate)
				settled(fmt.Sprintf("%s, %s, %s", name, tls.CipherSuiteName(suite.id), group), addr)
				for _, who := range []string{"client13", "crypto/tls"} {
					if h := <-heard; h.err != nil || !h.finished || !h.goodbye {
						t.Errorf("%s to %s with %s: %+v", who, name, tls.CipherSuiteName(suite.id), h)
					}
				}
			}
		}
	}
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	for _, scheme := range []tls.SignatureScheme{tls.PSSWithSHA384, tls.PSSWithSHA512} {
		addr, _ := serve13(t, lab, server13{scheme: scheme}, certified(t, lab, made(t, big, err)))
		settled(scheme.String(), addr)
	}
	settled("a protocol is chosen", serve(t, lab, tlstest.Server{Config: func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }}))
	settled("an OCSP response is stapled", serve(t, lab, tlstest.Server{Config: func(c *tls.Config) {
		c.Certificates[0].OCSPStaple = []byte("not that anybody reads it here")
		c.Certificates[0].SignedCertificateTimestamps = [][]byte{[]byte("nor this")}
	}}))
}

// A server that stops speaking is waited for until the deadline, and what it had
// said by then is told.
func TestClient13Waits(t *testing.T) {
	lab := newLab(t)
	module := labModule(t, lab)
	module.Timeout = Duration(500 * time.Millisecond)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	certificate := certified(t, lab, made(t, key, err))
	upTo := func(n int) func([][]byte) [][]byte { return func(all [][]byte) [][]byte { return all[:n] } }
	for name, s := range map[string]server13{
		"after its hello":     {messages: upTo(0)},
		"before its Finished": {messages: upTo(3)},
		"in a record":         {records: func(r [][]byte) [][]byte { r[3] = r[3][:9]; return r }},
		"between two records": {seal: inPieces(10), records: upTo(2)},
		"in its certificate":  {seal: inPieces(100), records: func(r [][]byte) [][]byte { r[1] = r[1][:500]; return r[:2] }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			module := module
			addr, _ := serve13(t, lab, s, certificate)
			ours := newProber(t, module)
			module.TLSClient = CryptoTLS
			theirs := newProber(t, module)
			a, b := ours.Probe(t.Context(), target(t, addr)), theirs.Probe(t.Context(), target(t, addr))
			for _, r := range []*Result{a, b} {
				if r.Failure == nil || r.Failure.Phase != PhaseKeyExchange || r.Failure.Reason != ReasonTimeout {
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
	lab := newLab(t)
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
		to := target(t, serve(t, lab, s))
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

// ccs is a ChangeCipherSpec that the middle of the network wants to see.
var ccs = hello.AppendRecord(nil, hello.TypeChangeCipherSpec, hello.TLS12, []byte{1})

func plainAlert(level byte, d hello.AlertDescription) []byte {
	return hello.AppendRecord(nil, hello.TypeAlert, hello.TLS12, []byte{level, byte(d)})
}

// inPieces seals a message in records of so many bytes.
func inPieces(size int) func(*keys13, byte, []byte) []byte {
	return func(keys *keys13, kind byte, message []byte) (records []byte) {
		for piece := range slices.Chunk(message, size) {
			records = keys.seal(records, kind, piece)
		}
		return records
	}
}

// withFirst has other records sealed before the first message.
func withFirst(kind byte, contents ...[]byte) func(*keys13, byte, []byte) []byte {
	return func(keys *keys13, _ byte, message []byte) (records []byte) {
		if keys.sequence == 0 {
			for _, content := range contents {
				records = keys.seal(records, kind, content)
			}
		}
		return keys.seal(records, hello.TypeHandshake, message)
	}
}

func insert(at int, message []byte) func([][]byte) [][]byte {
	return func(messages [][]byte) [][]byte { return slices.Insert(messages, at, message) }
}

func replace(at int, message []byte) func([][]byte) [][]byte {
	return func(messages [][]byte) [][]byte { messages[at] = message; return messages }
}

func flip(b []byte) []byte { b[len(b)/2] ^= 1; return b }

// What a server does that is not as usual ends as it does with crypto/tls: by its
// hand, or by client13's own where a second connection might cover it up.
func TestClient13IsAsStrict(t *testing.T) {
	lab := newLab(t)
	p, c := newProber(t, labModule(t, lab)), newClients(t, nil)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	certificate := certified(t, lab, made(t, key, err))
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	long, err2 := lab.Intermediate.Issue(&x509.Certificate{NotBefore: now, NotAfter: now.Add(day), ExtraExtensions: []pkix.Extension{
		{Id: asn1.ObjectIdentifier{2, 999, 1}, Value: make([]byte, 100_000)},
	}}, made(t, other, err))
	if err2 != nil {
		t.Fatal(err2)
	}
	extensions := func(list ...hello.Extension) []byte {
		var data []byte
		for _, e := range list {
			data = append(data, byte(e.Type>>8), byte(e.Type))
			data = append(data, prefixed13(2, e.Data)...)
		}
		return message13(hello.MsgEncryptedExtensions, prefixed13(2, data))
	}
	withHello := func(change func(*hello.ServerHello)) server13 { return server13{hello: change} }
	for _, test := range []struct {
		name   string
		server server13
		left   bool   // to crypto/tls
		reason Reason // empty: all is well
	}{
		{name: "records of one byte", server: server13{seal: inPieces(1)}},
		{name: "records of 100 bytes", server: server13{seal: inPieces(100)}},
		{name: "all in one record", server: server13{messages: func(m [][]byte) [][]byte { return [][]byte{bytes.Join(m, nil)} }}},
		{name: "padding", server: server13{seal: func(keys *keys13, kind byte, message []byte) []byte {
			return keys.seal(nil, 0, append(append(bytes.Clone(message), kind), make([]byte, 300)...))
		}}},
		{name: "ChangeCipherSpec", server: server13{after: [][]byte{ccs}}},
		{name: "16 of them", server: server13{after: slices.Repeat([][]byte{ccs}, 16)}},
		{name: "17 of them", server: server13{after: slices.Repeat([][]byte{ccs}, 17)}, left: true, reason: ReasonBadMessage},
		{name: "one that is none", server: server13{after: [][]byte{hello.AppendRecord(nil, hello.TypeChangeCipherSpec, hello.TLS12, []byte{2})}}, left: true, reason: ReasonBadMessage},
		{name: "one in a message", server: server13{seal: inPieces(100), records: func(r [][]byte) [][]byte {
			first := 5 + int(r[1][3])<<8 + int(r[1][4])
			r[1] = slices.Insert(r[1], first, ccs...)
			return r
		}}, left: true, reason: ReasonBadMessage},
		{name: "user_canceled, and on", server: server13{seal: withFirst(hello.TypeAlert, []byte{1, 90})}},
		{name: "an alert", server: server13{seal: withFirst(hello.TypeAlert, []byte{2, 40})}, reason: "alert_handshake_failure"},
		{name: "an alert of no name", server: server13{seal: withFirst(hello.TypeAlert, []byte{2, 250})}, reason: alertUnassigned},
		{name: "a goodbye", server: server13{seal: withFirst(hello.TypeAlert, []byte{1, 0})}, reason: ReasonClosed},
		{name: "half an alert", server: server13{seal: withFirst(hello.TypeAlert, []byte{2})}, left: true, reason: ReasonBadMessage},
		{name: "an alert in plain, too late", server: server13{after: [][]byte{plainAlert(2, 40)}}, reason: ReasonBadMessage},
		{name: "an alert instead", server: server13{before: [][]byte{plainAlert(2, 70)}, hangUp: true}, reason: "alert_protocol_version"},
		{name: "a goodbye instead", server: server13{before: [][]byte{plainAlert(1, 0)}, hangUp: true}, reason: ReasonClosed},
		{name: "a warning, and on", server: server13{before: [][]byte{plainAlert(1, 112)}}, left: true},
		{name: "no TLS", server: server13{before: [][]byte{[]byte("HTTP/1.1 400 Bad Request\r\n\r\n")}}, reason: ReasonNotTLS},
		{name: "a record of SSL 2.0", server: server13{before: [][]byte{{0x80, 3, 0, 0, 1, 0}}}, reason: ReasonNotTLS},
		{name: "application data instead", server: server13{before: [][]byte{hello.AppendRecord(nil, hello.TypeApplicationData, hello.TLS12, []byte("hello"))}}, reason: ReasonNotTLS},
		{name: "application data too early", server: server13{seal: withFirst(hello.TypeApplicationData, []byte("hello"))}, left: true, reason: ReasonBadMessage},
		{name: "a record with nothing in it", server: server13{seal: withFirst(hello.TypeHandshake, nil)}, left: true, reason: ReasonBadMessage},
		{name: "a record that says another version", server: server13{records: func(r [][]byte) [][]byte { r[0][2] = 4; return r }}, left: true, reason: ReasonBadMessage},
		{name: "a record that is too long", server: server13{after: [][]byte{hello.AppendRecord(nil, hello.TypeApplicationData, hello.TLS12, make([]byte, maxCiphertext+1))}}, left: true, reason: ReasonBadMessage},
		{name: "a message that is too long", server: server13{messages: replace(0, []byte{hello.MsgEncryptedExtensions, 0xff, 0xff, 0xff, 0})}, left: true, reason: ReasonTooLarge},
		{name: "extensions that are too long", server: server13{messages: replace(0, extensions(hello.Extension{Type: 28, Data: make([]byte, 65531)})), seal: inPieces(10000)}, left: true, reason: ReasonTooLarge},
		{name: "a long chain", server: server13{chain: func(c [][]byte) [][]byte { return append(c, long.Raw) }, seal: inPieces(10000)}},
		{name: "a bit of the first record", server: server13{records: func(r [][]byte) [][]byte { flip(r[0]); return r }}, reason: ReasonBadMessage},
		{name: "a bit of the last record", server: server13{records: func(r [][]byte) [][]byte { flip(r[3]); return r }}, reason: ReasonBadMessage},
		{name: "two records the other way round", server: server13{records: func(r [][]byte) [][]byte { r[1], r[2] = r[2], r[1]; return r }}, reason: ReasonBadMessage},
		{name: "a bit of the proof", server: server13{proof: flip}, reason: ReasonBadMessage},
		{name: "no proof", server: server13{proof: func([]byte) []byte { return nil }}, reason: ReasonBadMessage},
		{name: "another's proof", server: server13{proof: func(signature []byte) []byte {
			_, forged, _ := sign13(other, 0, signature)
			return forged
		}}, reason: ReasonBadMessage},
		{name: "a bit of the Finished", server: server13{finished: flip}, reason: ReasonBadMessage},
		{name: "half a Finished", server: server13{finished: func(data []byte) []byte { return data[:16] }}, reason: ReasonBadMessage},
		{name: "no Finished", server: server13{messages: func(m [][]byte) [][]byte { return m[:3] }, hangUp: true}, reason: ReasonClosed},
		{name: "no proof at all", server: server13{messages: func(m [][]byte) [][]byte { return slices.Delete(m, 2, 3) }}, left: true, reason: ReasonBadMessage},
		{name: "no certificate and no proof", server: server13{messages: func(m [][]byte) [][]byte { return slices.Delete(m, 1, 3) }}, left: true, reason: ReasonBadMessage},
		{name: "an end in a record", server: server13{records: func(r [][]byte) [][]byte { r[3] = r[3][:20]; return r }, hangUp: true}, reason: ReasonClosed},
		{name: "an end in a header", server: server13{records: func(r [][]byte) [][]byte { r[3] = r[3][:3]; return r }, hangUp: true}, reason: ReasonClosed},
		{name: "an end after a header", server: server13{records: func(r [][]byte) [][]byte { r[3] = r[3][:5]; return r }, hangUp: true}, reason: ReasonClosed},
		{name: "a message before the others", server: server13{messages: insert(0, message13(24, []byte{0}))}, left: true, reason: ReasonBadMessage},
		{name: "a message behind the Finished, in its record", server: server13{messages: func(m [][]byte) [][]byte {
			m[3] = append(m[3], message13(24, []byte{0})...)
			return m
		}}, left: true, reason: ReasonBadMessage},
		{name: "an extension that says nothing", server: server13{messages: replace(0, extensions(hello.Extension{Type: 28, Data: []byte{64, 1}}))}, left: true, reason: ReasonBadMessage}, // the transcript is another one
		{name: "early data that nobody offered", server: server13{messages: replace(0, extensions(hello.Extension{Type: 42}))}, left: true, reason: ReasonBadMessage},
		{name: "a protocol that nobody offered", server: server13{messages: replace(0, extensions(hello.Extension{Type: 16, Data: []byte{0, 4, 3, 'x', 'y', 'z'}}))}, left: true, reason: ReasonBadMessage},
		{name: "two protocols", server: server13{messages: replace(0, extensions(hello.Extension{Type: 16, Data: []byte{0, 6, 2, 'h', '2', 2, 'h', '3'}}))}, left: true, reason: ReasonBadMessage},
		{name: "no certificate", server: server13{chain: func([][]byte) [][]byte { return nil }}, left: true, reason: ReasonBadCertificate},
		{name: "a certificate that is none", server: server13{chain: func(c [][]byte) [][]byte { return append(c, []byte("none")) }}, left: true, reason: ReasonBadCertificate},
		{name: "21 certificates", server: server13{chain: func(c [][]byte) [][]byte { return append(c, slices.Repeat(c[1:], 19)...) }}, left: true},
		{name: "another's certificate", server: server13{chain: func(c [][]byte) [][]byte { return c[1:] }}, reason: ReasonBadMessage},
		{name: "a scheme for another curve", server: server13{scheme: tls.ECDSAWithP384AndSHA384}, left: true, reason: ReasonBadMessage},
		{name: "a scheme of TLS 1.2", server: server13{scheme: tls.PKCS1WithSHA256}, left: true, reason: ReasonBadMessage},
		{name: "a hello of TLS 1.2", server: withHello(func(h *hello.ServerHello) { h.Extensions = nil }), left: true, reason: ReasonBadMessage},
		{name: "a hello that asks for another", server: withHello(func(h *hello.ServerHello) {
			h.Random = [32]byte{0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
				0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C}
		}), left: true, reason: ReasonBadMessage},
		{name: "a hello of a version in the wrong place", server: withHello(func(h *hello.ServerHello) { h.LegacyVersion = hello.TLS13 }), left: true, reason: ReasonBadMessage},
		{name: "a session that is not the client's", server: withHello(func(h *hello.ServerHello) { h.SessionID = nil }), left: true, reason: ReasonBadMessage},
		{name: "a compression", server: withHello(func(h *hello.ServerHello) { h.Compression = 1 }), left: true, reason: ReasonBadMessage},
		{name: "a suite that was not offered", server: withHello(func(h *hello.ServerHello) { h.CipherSuite = 0x1304 }), left: true, reason: ReasonBadMessage},
		{name: "an extension that does not belong there", server: withHello(func(h *hello.ServerHello) {
			h.Extensions = append(h.Extensions, hello.Extension{Type: 16, Data: []byte{0, 3, 2, 'h', '2'}})
		}), left: true, reason: ReasonBadMessage},
		{name: "a session that nobody has", server: withHello(func(h *hello.ServerHello) {
			h.Extensions = append(h.Extensions, hello.Extension{Type: 41, Data: []byte{0, 0}})
		}), left: true, reason: ReasonBadMessage},
		{name: "no share", server: withHello(func(h *hello.ServerHello) { h.Extensions = h.Extensions[:1] }), left: true, reason: ReasonBadMessage},
		{name: "a share of a group that was not offered", server: withHello(func(h *hello.ServerHello) { h.Extensions[1].Data[1]++ }), left: true, reason: ReasonBadMessage},
		{name: "a share that is too short", server: withHello(func(h *hello.ServerHello) { h.Extensions[1].Data = []byte{0, 29, 0, 1, 9} }), left: true, reason: ReasonBadMessage},
		{name: "half a share", server: withHello(func(h *hello.ServerHello) { h.Extensions[1].Data = []byte{0x11, 0xec, 0, 1, 9} }), left: true, reason: ReasonBadMessage},
		{name: "a share that gives no secret", server: withHello(func(h *hello.ServerHello) {
			h.Extensions[1].Data = append([]byte{0, 29, 0, 32}, make([]byte, 32)...)
		}), left: true, reason: ReasonBadMessage},
		{name: "another ciphertext", server: withHello(func(h *hello.ServerHello) { h.Extensions[1].Data[100] ^= 1 }), reason: ReasonBadMessage},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr, heard := serve13(t, lab, test.server, certificate)
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
			own := ours.Failure != nil && (errors.Is(ours.Failure, ErrFinished) || has[*SignatureError](ours.Failure)) // errors of our own
			if ok && failureText(ours) != failureText(theirs) && test.reason != ReasonClosed && !own {
				t.Errorf("our words are %q, those of crypto/tls %q", failureText(ours), failureText(theirs))
			}
			if ok && !test.server.hangUp && len(test.server.before) == 0 {
				if a, b := <-heard, <-heard; a.alert != b.alert || a.finished != b.finished || a.goodbye != b.goodbye {
					t.Errorf("the server hears %+v from us, and %+v from crypto/tls", a, b)
				}
			}
			r := p.Probe(context.Background(), target(t, addr))
			if got := reasonOf(r.Failure); r.Failure != nil && r.Failure.Phase != PhaseVerify && got != string(test.reason) {
				t.Errorf("a probe fails with %q", got)
			}
		})
	}
}
