package legacy

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/internal/testclient"
	"tls_exporter/prober/tlstest/internal/wire"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func newLab(t *testing.T) *tlstest.Lab {
	t.Helper()
	lab, err := tlstest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lab.Close)
	return lab
}

func newECDSAKey() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

func start(t *testing.T, lab *tlstest.Lab, s Server) string {
	t.Helper()
	addr, err := Start(lab, s)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// crypto/tls completes a handshake with every suite that both implement.
func TestHandshakeWithCryptoTLS(t *testing.T) {
	lab := newLab(t)
	suites := []uint16{
		tls.TLS_RSA_WITH_RC4_128_SHA, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA,
		tls.TLS_RSA_WITH_AES_128_CBC_SHA256, tls.TLS_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA, tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
		tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA,
	}
	withRSA := start(t, lab, Server{Suites: suites, RequestCertificate: true})
	withEC := start(t, lab, Server{Suites: suites, Base: tlstest.Server{Key: newECDSAKey}, NoExtendedMasterSecret: true})
	for _, suite := range suites {
		for version := uint16(tls.VersionTLS10); version <= tls.VersionTLS12; version++ {
			if !knownSuites[suite].in(version) {
				continue
			}
			t.Run(tls.CipherSuiteName(suite)+" "+tls.VersionName(version), func(t *testing.T) {
				addr := withRSA
				if knownSuites[suite].exchange == exchangeECDHEECDSA {
					addr = withEC
				}
				m := testclient.Handshake(t, addr, func(c *tls.Config) {
					c.InsecureSkipVerify, c.ServerName, c.RootCAs = false, "localhost", testclient.Pool(lab.Root.Certificate)
					c.MinVersion, c.MaxVersion, c.CipherSuites = version, version, []uint16{suite}
				})
				if m.Err() != io.EOF || m.State.CipherSuite != suite || m.State.Version != version {
					t.Errorf("got %#04x, %#04x, %v", m.State.Version, m.State.CipherSuite, m.Err())
				}
			})
		}
	}
}

func TestResumes(t *testing.T) {
	lab := newLab(t)
	addr := start(t, lab, Server{Tickets: TicketsFixed})
	cache := tls.NewLRUClientSessionCache(1)
	for i, want := range []bool{false, true, true} {
		m := testclient.Handshake(t, addr, func(c *tls.Config) {
			c.ServerName, c.RootCAs, c.InsecureSkipVerify = "localhost", testclient.Pool(lab.Root.Certificate), false
			c.ClientSessionCache = cache
		})
		if m.Err() != io.EOF || m.State.DidResume != want {
			t.Errorf("connection %d: resumed %v, %v", i+1, m.State.DidResume, m.Err())
		}
	}
}

func TestRecords(t *testing.T) {
	lab := newLab(t)
	for _, size := range []int{0, 1, 100, wire.MaxPlaintext} {
		addr := start(t, lab, Server{RecordSize: size})
		if m := testclient.Handshake(t, addr); m.Err() != io.EOF {
			t.Errorf("records of %d bytes: %v", size, m.Err())
		}
		c := connect(t, addr)
		c.send(framed(22, offer{version: tls.VersionTLS12, suites: []uint16{ecdheRSAAES}}.message()))
		_, first, err := c.readRecord()
		if err != nil {
			t.Fatal(err)
		}
		switch hello := 4 + 2 + 32 + 33 + 3; {
		case size == 0 && len(first) != hello, size > 0 && size < wire.MaxPlaintext && len(first) != size, size == wire.MaxPlaintext && len(first) < 1000:
			t.Errorf("records of %d bytes: the first has %d", size, len(first))
		}
	}
}

func TestSessionIDs(t *testing.T) {
	lab := newLab(t)
	o := offer{version: tls.VersionTLS12, suites: []uint16{rsaAES}}
	for name, test := range map[string]struct {
		server Server
		want   int
	}{
		"with a cache":    {Server{Suites: []uint16{rsaAES}}, 32},
		"without a cache": {Server{Suites: []uint16{rsaAES}, NoSessionID: true}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sendOffer(t, start(t, lab, test.server), o); len(got.session) != test.want || !got.done {
				t.Errorf("got a session ID of %d bytes", len(got.session))
			}
		})
	}
}

func TestNegotiates(t *testing.T) {
	lab := newLab(t)
	const ssl3, tls10, tls11, tls12 = wire.VersionSSL30, tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12
	all := since(wire.VersionSSL30)
	tests := []struct {
		name    string
		server  Server
		offer   offer
		version uint16
		suite   uint16
	}{
		{"SSL 3.0", Server{Versions: all, Suites: []uint16{rsaAES}}, offer{version: ssl3, suites: []uint16{rsaRC4, rsaAES}}, ssl3, rsaAES},
		{"the newest version of the client", Server{Versions: all, Suites: []uint16{rsaAES}}, offer{version: tls11, suites: []uint16{rsaAES}}, tls11, rsaAES},
		{"the newest version of the server", Server{Versions: []uint16{tls10}, Suites: []uint16{rsaAES}}, offer{version: tls12, suites: []uint16{rsaAES}}, tls10, rsaAES},
		{"the order of the server", Server{Suites: []uint16{rsaRC4, rsaAES}}, offer{version: tls12, suites: []uint16{rsaAES, rsaRC4}}, tls12, rsaRC4},
		{"the order of the client", Server{Suites: []uint16{rsaRC4, rsaAES}, ClientPreference: true}, offer{version: tls12, suites: []uint16{rsaNull, rsaAES, rsaRC4}}, tls12, rsaAES},
		{"no suite of TLS 1.2 in TLS 1.1", Server{Suites: []uint16{rsaAESGCM, rsaAES}}, offer{version: tls11, suites: []uint16{rsaAESGCM, rsaAES}}, tls11, rsaAES},
		{"the suites of a version", Server{SuitesOf: map[uint16][]uint16{tls10: {rsaRC4}}}, offer{version: tls10, suites: []uint16{ecdheRSAAES, rsaRC4}}, tls10, rsaRC4},
		{"NULL", Server{Suites: []uint16{rsaNull}}, offer{version: tls10, suites: []uint16{rsaNull}}, tls10, rsaNull},
		{"DES", Server{Suites: []uint16{rsaDES}}, offer{version: tls10, suites: []uint16{rsaDES}}, tls10, rsaDES},
		{"IDEA", Server{Suites: []uint16{rsaIDEA}}, offer{version: tls10, suites: []uint16{rsaIDEA}}, tls10, rsaIDEA},
		{"SEED", Server{Suites: []uint16{0x0096}}, offer{version: tls10, suites: []uint16{0x0096}}, tls10, 0x0096},
		{"Camellia", Server{Suites: []uint16{0x0041}}, offer{version: tls10, suites: []uint16{0x0041}}, tls10, 0x0041},
		{"ARIA", Server{Suites: []uint16{0xc050}}, offer{version: tls12, suites: []uint16{0xc050}}, tls12, 0xc050},
		{"ChaCha20", Server{Suites: []uint16{0xcca8}}, offer{version: tls12, suites: []uint16{0xcca8}}, tls12, 0xcca8},
		{"a fallback, with TLS_FALLBACK_SCSV ignored", Server{IgnoreFallbackSCSV: true}, offer{version: tls11, suites: []uint16{ecdheRSAAES, 0x5600}}, tls11, ecdheRSAAES},
		{"TLS_FALLBACK_SCSV with the newest version", Server{}, offer{version: tls12, suites: []uint16{ecdheRSAAES, 0x5600}}, tls12, ecdheRSAAES},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := sendOffer(t, start(t, lab, test.server), test.offer)
			if got.version != test.version || got.suite != test.suite || !got.done || got.leaf == nil {
				t.Errorf("got %#04x, %#04x, %q", got.version, got.suite, got.ending)
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	lab := newLab(t)
	unsupported := offer{version: tls.VersionTLS12, suites: []uint16{rsaNull}}
	tests := []struct {
		name   string
		server Server
		offer  offer
		want   string
	}{
		{"an old version", Server{}, offer{version: wire.VersionSSL30, suites: []uint16{ecdheRSAAES}}, "protocol_version"},
		{"unsupported suites", Server{}, unsupported, "handshake_failure"},
		{"unsupported groups", Server{}, offer{version: tls.VersionTLS12, suites: []uint16{ecdheRSAAES}, extensions: groupsExt(30)}, "handshake_failure"},
		{"suites for RSA with an ECDSA key", Server{Base: tlstest.Server{Key: newECDSAKey}}, offer{version: tls.VersionTLS12, suites: []uint16{ecdheRSAAES}}, "handshake_failure"},
		{"an unnecessary fallback", Server{}, offer{version: tls.VersionTLS11, suites: []uint16{ecdheRSAAES, 0x5600}}, "inappropriate_fallback"},
		{"always with handshake_failure", Server{Refusal: RefuseWithHandshakeFailure}, offer{version: wire.VersionSSL30, suites: []uint16{ecdheRSAAES}}, "handshake_failure"},
		{"always with protocol_version", Server{Refusal: RefuseWithProtocolVersion}, unsupported, "protocol_version"},
		{"by closing", Server{Refusal: RefuseByClosing}, unsupported, "closed"},
		{"by reset", Server{Refusal: RefuseByReset}, unsupported, "reset"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := sendOffer(t, start(t, lab, test.server), test.offer); got.ending != test.want || got.version != 0 {
				t.Errorf("got %q, %#04x", got.ending, got.version)
			}
		})
	}
	t.Run("by silence", func(t *testing.T) {
		c := connect(t, start(t, lab, Server{Refusal: RefuseBySilence}))
		c.send(framed(22, unsupported.message()))
		c.Conn.(*net.TCPConn).CloseWrite() // otherwise the server waits
		if got := c.readFlight(); got.ending != "closed" {
			t.Errorf("got %q", got.ending)
		}
	})
	t.Run("a malformed ClientHello", func(t *testing.T) {
		c := connect(t, start(t, lab, Server{}))
		c.send(framed(22, []byte{1, 0, 0, 2, 3, 3}))
		if got := c.readFlight(); got.ending != "decode_error" {
			t.Errorf("got %q", got.ending)
		}
	})
}

// The parameters of key exchanges and their signatures.
func TestKeyExchange(t *testing.T) {
	lab := newLab(t)
	dhe := func(t *testing.T, r flight) (primeBits, length int) {
		prime, rest := field(r.exchange)
		generator, rest := field(rest)
		public, rest := field(rest)
		if bits(generator) != 2 || bits(public) == 0 {
			t.Errorf("generator %x, public value of %d bits", generator, bits(public))
		}
		return bits(prime), len(r.exchange) - len(rest)
	}
	for _, size := range []int{512, 768, 1024, 1536, 2048} {
		addr := start(t, lab, Server{Versions: since(wire.VersionSSL30), Suites: []uint16{dheAES}, PrimeBits: size})
		for _, version := range []uint16{wire.VersionSSL30, tls.VersionTLS10, tls.VersionTLS12} {
			got := sendOffer(t, addr, offer{version: version, suites: []uint16{dheAES}})
			primeBits, length := dhe(t, got)
			if primeBits != size {
				t.Errorf("%d bits, not %d", primeBits, size)
			}
			got.verifyParams(t, length)
		}
	}
	t.Run("export DHE", func(t *testing.T) {
		got := sendOffer(t, start(t, lab, Server{Suites: []uint16{dheExportDES}}), offer{version: tls.VersionTLS10, suites: []uint16{dheExportDES}})
		primeBits, length := dhe(t, got)
		if primeBits != 512 {
			t.Errorf("%d bits", primeBits)
		}
		got.verifyParams(t, length)
	})
	t.Run("export RSA", func(t *testing.T) {
		got := sendOffer(t, start(t, lab, Server{Suites: []uint16{rsaExportRC4}}), offer{version: tls.VersionTLS10, suites: []uint16{rsaExportRC4}})
		modulus, rest := field(got.exchange)
		_, rest = field(rest)
		if bits(modulus) != 512 {
			t.Errorf("%d bits", bits(modulus))
		}
		got.verifyParams(t, len(got.exchange)-len(rest))
	})
	t.Run("anonymous DH", func(t *testing.T) {
		got := sendOffer(t, start(t, lab, Server{Suites: []uint16{anonDHAES}}), offer{version: tls.VersionTLS10, suites: []uint16{anonDHAES}})
		if _, length := dhe(t, got); length != len(got.exchange) || got.leaf != nil {
			t.Errorf("parameters of %d bytes in %d, certificate: %v", length, len(got.exchange), got.leaf != nil)
		}
	})
	for name, key := range map[string]tlstest.Server{"RSA": {}, "ECDSA": {Key: newECDSAKey}} {
		t.Run("ECDHE with "+name, func(t *testing.T) {
			addr := start(t, lab, Server{Base: key})
			for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS12} {
				got := sendOffer(t, addr, offer{version: version, suites: []uint16{ecdheRSAAES, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}})
				got.verifyParams(t, 4+int(got.exchange[3]))
			}
		})
	}
}

func TestGroups(t *testing.T) {
	lab := newLab(t)
	o := offer{version: tls.VersionTLS12, suites: []uint16{ecdheRSAAES}, extensions: groupsExt(24, 23, 29)}
	groups := []tls.CurveID{tls.CurveP521, tls.CurveP256, tls.CurveP384}
	for name, test := range map[string]struct {
		server Server
		want   uint16
	}{
		"the order of the server": {Server{Groups: groups}, 23},
		"the order of the client": {Server{Groups: groups, ClientPreference: true}, 24},
	} {
		t.Run(name, func(t *testing.T) {
			got := sendOffer(t, start(t, lab, test.server), o)
			if group := binary.BigEndian.Uint16(got.exchange[1:]); group != test.want {
				t.Errorf("got group %d", group)
			}
		})
	}
}

func TestExtensions(t *testing.T) {
	lab := newLab(t)
	asking := slices.Concat(ext(0xff01, 0), ext(23), ext(22), ext(35), ext(15, 1))
	cbc := offer{version: tls.VersionTLS12, suites: []uint16{rsaAES}, extensions: asking}
	suites := []uint16{rsaAESGCM, rsaAES}
	tests := []struct {
		name   string
		server Server
		offer  offer
		want   []uint16
	}{
		{"by default", Server{Suites: suites}, cbc, []uint16{23, 0xff01}},
		{"all", Server{Suites: suites, EncryptThenMAC: true, Tickets: TicketsFixed, Heartbeat: HeartbeatFixed}, cbc, []uint16{15, 22, 23, 35, 0xff01}},
		{"none", Server{Suites: suites, NoRenegotiationInfo: true, NoExtendedMasterSecret: true}, cbc, nil},
		{"none that were not offered", Server{Suites: suites, EncryptThenMAC: true, Tickets: TicketsFixed, Heartbeat: HeartbeatFixed},
			offer{version: tls.VersionTLS12, suites: []uint16{rsaAES}}, nil},
		{"no encrypt-then-MAC with GCM", Server{Suites: suites, EncryptThenMAC: true},
			offer{version: tls.VersionTLS12, suites: suites, extensions: asking}, []uint16{23, 0xff01}},
		{"offered by a signaling suite", Server{Suites: suites}, offer{version: tls.VersionTLS12, suites: []uint16{rsaAES, 0x00ff}}, []uint16{0xff01}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := sendOffer(t, start(t, lab, test.server), test.offer)
			var kinds []uint16
			for kind := range got.extensions {
				kinds = append(kinds, kind)
			}
			slices.Sort(kinds)
			if !slices.Equal(kinds, test.want) {
				t.Errorf("got %v", kinds)
			}
		})
	}
}

func TestRequestCertificate(t *testing.T) {
	lab := newLab(t)
	addr := start(t, lab, Server{RequestCertificate: true})
	if got := sendOffer(t, addr, offer{version: tls.VersionTLS12, suites: []uint16{ecdheRSAAES}}); !got.request {
		t.Error("no CertificateRequest")
	}
	identity, err := lab.Identity(tlstest.Server{})
	if err != nil {
		t.Fatal(err)
	}
	m := testclient.Handshake(t, addr, func(c *tls.Config) { c.Certificates = []tls.Certificate{identity} })
	if m.Err() != io.EOF {
		t.Errorf("with a certificate: %v", m.Err())
	}
}

// helloV2 is a CLIENT-HELLO of SSL 2.0 that offers these cipher kinds.
func helloV2(version uint16, kinds ...uint32) []byte {
	b := binary.BigEndian.AppendUint16([]byte{1}, version)
	b = binary.BigEndian.AppendUint16(b, uint16(3*len(kinds)))
	b = append(b, 0, 0, 0, 16)
	for _, kind := range kinds {
		b = append(b, byte(kind>>16), byte(kind>>8), byte(kind))
	}
	b = append(b, "sixteen of bytes"...)
	return append([]byte{0x80, byte(len(b))}, b...)
}

func TestSSL2(t *testing.T) {
	lab := newLab(t)
	addr := start(t, lab, Server{Versions: since(wire.VersionSSL20), Suites: []uint16{rsaAES}, CipherKinds: []uint32{kindRC4Export, kind3DES}})

	t.Run("common cipher kinds", func(t *testing.T) {
		c := connect(t, addr)
		c.send(helloV2(wire.VersionSSL20, kindIDEA, kind3DES, kindRC4Export))
		header := make([]byte, 2)
		if _, err := io.ReadFull(c, header); err != nil {
			t.Fatal(err)
		}
		body := make([]byte, int(header[0]&0x7f)<<8|int(header[1]))
		if _, err := io.ReadFull(c, body); err != nil {
			t.Fatal(err)
		}
		length := int(binary.BigEndian.Uint16(body[5:]))
		if !bytes.Equal(body[:5], []byte{4, 0, 1, 0, 2}) || !bytes.Equal(body[7:11], []byte{0, 6, 0, 16}) || len(body) != 11+length+6+16 {
			t.Fatalf("got %x and %d bytes", body[:11], len(body))
		}
		leaf, err := x509.ParseCertificate(body[11 : 11+length])
		if err != nil || leaf.CheckSignatureFrom(lab.Intermediate.Certificate) != nil {
			t.Errorf("the certificate: %v", err)
		}
		if kinds := body[11+length : 17+length]; !bytes.Equal(kinds, []byte{2, 0, 0x80, 7, 0, 0xc0}) {
			t.Errorf("kinds %x", kinds)
		}
	})
	t.Run("no common cipher kind", func(t *testing.T) {
		if got := testclient.Exchange(t, addr, helloV2(wire.VersionSSL20, kindIDEA)); !bytes.Equal(got, []byte{0x80, 3, 0, 0, 1}) {
			t.Errorf("got %x", got)
		}
	})
	t.Run("a ClientHello of TLS", func(t *testing.T) {
		c := connect(t, addr)
		c.send(helloV2(tls.VersionTLS11, kind3DES, uint32(rsaAES)))
		if got := c.readFlight(); got.version != tls.VersionTLS11 || got.suite != rsaAES || !got.done {
			t.Errorf("got %#04x, %#04x, %q", got.version, got.suite, got.ending)
		}
	})
	t.Run("a server without SSL 2.0", func(t *testing.T) {
		c := connect(t, start(t, lab, Server{}))
		c.send(helloV2(wire.VersionSSL20, kind3DES))
		if got := c.readFlight(); got.ending != "protocol_version" {
			t.Errorf("got %q", got.ending)
		}
	})
}

func TestTLS13(t *testing.T) {
	lab := newLab(t)
	addr := start(t, lab, Server{Versions: []uint16{tls.VersionTLS12, tls.VersionTLS13}, Groups: []tls.CurveID{tls.CurveP256, tls.X25519}})
	key, err := ecdh.X25519().GenerateKey(bytes.NewReader(wire.Filler(64)))
	if err != nil {
		t.Fatal(err)
	}
	share := append([]byte{0, 36, 0, 29, 0, 32}, key.PublicKey().Bytes()...)
	hello := func(groups ...uint16) offer {
		return offer{version: tls.VersionTLS12, suites: []uint16{0x1301, ecdheRSAAES}, session: wire.Filler(32),
			extensions: slices.Concat(ext(43, 4, 3, 4, 3, 3), groupsExt(groups...), ext(51, share...))}
	}
	read := func(c *client) flight {
		_, payload, err := c.readRecord()
		if err != nil {
			t.Fatal(err)
		}
		r := flight{extensions: map[uint16][]byte{}}
		r.parse(t, payload[0], payload[4:])
		return r
	}
	t.Run("with a share of the selected group", func(t *testing.T) {
		c := connect(t, addr)
		c.send(framed(22, hello(29).message()))
		got := read(c)
		entry := got.extensions[51]
		if got.suite != 0x1301 || !bytes.Equal(got.extensions[43], []byte{3, 4}) || !bytes.Equal(entry[:4], []byte{0, 29, 0, 32}) || !bytes.Equal(got.session, wire.Filler(32)) {
			t.Fatalf("got %+v", got)
		}
		if _, err := ecdh.X25519().NewPublicKey(entry[4:]); err != nil {
			t.Error(err)
		}
	})
	t.Run("with a share of another group", func(t *testing.T) {
		c := connect(t, addr)
		c.send(framed(22, hello(29, 23).message()))
		if got := read(c); !bytes.Equal(got.random, helloRetryRequest) || !bytes.Equal(got.extensions[51], []byte{0, 23}) {
			t.Fatalf("got %+v", got)
		}
		share = append([]byte{0, 69, 0, 23, 0, 65}, wire.Filler(65)...)
		c.send(framed(20, []byte{1}))
		c.send(framed(22, hello(29, 23).message()))
		if got := read(c); bytes.Equal(got.random, helloRetryRequest) || len(got.extensions[51]) != 69 {
			t.Fatalf("got %+v", got)
		}
	})
	t.Run("with a client of TLS 1.2", func(t *testing.T) {
		if got := sendOffer(t, addr, offer{version: tls.VersionTLS12, suites: []uint16{0x1301, ecdheRSAAES}}); got.version != tls.VersionTLS12 || !got.done {
			t.Errorf("got %#04x, %q", got.version, got.ending)
		}
	})
}

func TestUnsupportedOptions(t *testing.T) {
	lab := newLab(t)
	for name, s := range map[string]Server{
		"a suite with Kerberos":  {Suites: []uint16{0x001e}},
		"a suite of a version":   {SuitesOf: map[uint16][]uint16{tls.VersionTLS10: {0x001e}}},
		"a prime of 1000 bits":   {PrimeBits: 1000},
		"records of 20000 bytes": {RecordSize: 20000},
		"a brainpool group":      {Groups: []tls.CurveID{26}},
		"an unknown STARTTLS":    {Base: tlstest.Server{StartTLS: "gopher"}},
		"a key that cannot sign": {Base: tlstest.Server{Leaf: func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA256WithRSA }}},
	} {
		if addr, err := Start(lab, s); err == nil {
			t.Errorf("%s: started at %s", name, addr)
		}
	}
}

func TestStartTLS(t *testing.T) {
	lab := newLab(t)
	addr := start(t, lab, Server{Base: tlstest.Server{StartTLS: "smtp"}})
	c := connect(t, addr)
	c.SetReadDeadline(time.Now().Add(wire.Timeout))
	first := make([]byte, 4)
	if _, err := io.ReadFull(c, first); err != nil || string(first) != "220 " {
		t.Errorf("got %q, %v", first, err)
	}
}

func TestPrimesAreSafe(t *testing.T) {
	for size, p := range primes {
		half := new(big.Int).Rsh(p, 1)
		if p.BitLen() != size || !p.ProbablyPrime(20) || !half.ProbablyPrime(20) {
			t.Errorf("the prime of %d bits is not a safe prime", size)
		}
	}
}
