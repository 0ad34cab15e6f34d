package tlstest

import (
	"bytes"
	"crypto/ecdh"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"
)

func startLegacy(t *testing.T, lab *Lab, g Legacy) string {
	t.Helper()
	addr, err := lab.StartLegacy(g)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// What crypto/tls can speak, it is the judge of.
func TestLegacyShakesHandsWithCryptoTLS(t *testing.T) {
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
	withRSA := startLegacy(t, lab, Legacy{Suites: suites, AsksForCertificate: true})
	withEC := startLegacy(t, lab, Legacy{Suites: suites, Server: Server{Key: newKey}, NoExtendedMasterSecret: true})
	for _, suite := range suites {
		for version := uint16(versionTLS10); version <= versionTLS12; version++ {
			if !legacySuites[suite].in(version) {
				continue
			}
			t.Run(tls.CipherSuiteName(suite)+" "+tls.VersionName(version), func(t *testing.T) {
				addr := withRSA
				if legacySuites[suite].exchange == exchangeECDHEECDSA {
					addr = withEC
				}
				m := meet(t, addr, func(c *tls.Config) {
					c.InsecureSkipVerify, c.ServerName, c.RootCAs = false, "localhost", pool(lab.Root.Certificate)
					c.MinVersion, c.MaxVersion, c.CipherSuites = version, version, []uint16{suite}
				})
				if m.err() != io.EOF || m.state.CipherSuite != suite || m.state.Version != version {
					t.Errorf("got %#04x, %#04x, %v", m.state.Version, m.state.CipherSuite, m.err())
				}
			})
		}
	}
}

func TestLegacyResumes(t *testing.T) {
	lab := newLab(t)
	addr := startLegacy(t, lab, Legacy{Tickets: TicketsHealed})
	cache := tls.NewLRUClientSessionCache(1)
	for i, want := range []bool{false, true, true} {
		m := meet(t, addr, func(c *tls.Config) {
			c.ServerName, c.RootCAs, c.InsecureSkipVerify = "localhost", pool(lab.Root.Certificate), false
			c.ClientSessionCache = cache
		})
		if m.err() != io.EOF || m.state.DidResume != want {
			t.Errorf("visit %d: resumed %v, %v", i+1, m.state.DidResume, m.err())
		}
	}
}

func TestLegacyRecords(t *testing.T) {
	lab := newLab(t)
	for _, size := range []int{0, 1, 100, maxRecordPayload} {
		addr := startLegacy(t, lab, Legacy{RecordBytes: size})
		if m := meet(t, addr); m.err() != io.EOF {
			t.Errorf("records of %d bytes: %v", size, m.err())
		}
		c := call(t, addr)
		c.say(framed(22, offer{version: versionTLS12, suites: []uint16{ecdheRSAAES}}.message()))
		_, first, err := c.record()
		if err != nil {
			t.Fatal(err)
		}
		switch hello := 4 + 2 + 32 + 33 + 3; {
		case size == 0 && len(first) != hello, size > 0 && size < maxRecordPayload && len(first) != size, size == maxRecordPayload && len(first) < 1000:
			t.Errorf("records of %d bytes: the first has %d", size, len(first))
		}
	}
}

func TestLegacyGivesSessionIDs(t *testing.T) {
	lab := newLab(t)
	o := offer{version: versionTLS12, suites: []uint16{rsaAES}}
	for name, test := range map[string]struct {
		legacy Legacy
		want   int
	}{
		"by itself":       {Legacy{Suites: []uint16{rsaAES}}, 32},
		"without a cache": {Legacy{Suites: []uint16{rsaAES}, NoSessionID: true}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := ask(t, startLegacy(t, lab, test.legacy), o); len(got.session) != test.want || !got.done {
				t.Errorf("got a session ID of %d bytes", len(got.session))
			}
		})
	}
}

func TestLegacyTakes(t *testing.T) {
	lab := newLab(t)
	const ssl3, tls10, tls11, tls12 = versionSSL30, versionTLS10, versionTLS11, versionTLS12
	all := since(versionSSL30)
	tests := []struct {
		name    string
		legacy  Legacy
		offer   offer
		version uint16
		suite   uint16
	}{
		{"SSL 3.0", Legacy{Versions: all, Suites: []uint16{rsaAES}}, offer{version: ssl3, suites: []uint16{rsaRC4, rsaAES}}, ssl3, rsaAES},
		{"the newest that the client has", Legacy{Versions: all, Suites: []uint16{rsaAES}}, offer{version: tls11, suites: []uint16{rsaAES}}, tls11, rsaAES},
		{"the newest that it has itself", Legacy{Versions: []uint16{tls10}, Suites: []uint16{rsaAES}}, offer{version: tls12, suites: []uint16{rsaAES}}, tls10, rsaAES},
		{"its own order", Legacy{Suites: []uint16{rsaRC4, rsaAES}}, offer{version: tls12, suites: []uint16{rsaAES, rsaRC4}}, tls12, rsaRC4},
		{"the client's order", Legacy{Suites: []uint16{rsaRC4, rsaAES}, ClientsChoice: true}, offer{version: tls12, suites: []uint16{rsaNull, rsaAES, rsaRC4}}, tls12, rsaAES},
		{"no suite of TLS 1.2 before it", Legacy{Suites: []uint16{rsaAESGCM, rsaAES}}, offer{version: tls11, suites: []uint16{rsaAESGCM, rsaAES}}, tls11, rsaAES},
		{"a version's own suites", Legacy{SuitesOf: map[uint16][]uint16{tls10: {rsaRC4}}}, offer{version: tls10, suites: []uint16{ecdheRSAAES, rsaRC4}}, tls10, rsaRC4},
		{"NULL", Legacy{Suites: []uint16{rsaNull}}, offer{version: tls10, suites: []uint16{rsaNull}}, tls10, rsaNull},
		{"DES", Legacy{Suites: []uint16{rsaDES}}, offer{version: tls10, suites: []uint16{rsaDES}}, tls10, rsaDES},
		{"IDEA", Legacy{Suites: []uint16{rsaIDEA}}, offer{version: tls10, suites: []uint16{rsaIDEA}}, tls10, rsaIDEA},
		{"SEED", Legacy{Suites: []uint16{0x0096}}, offer{version: tls10, suites: []uint16{0x0096}}, tls10, 0x0096},
		{"Camellia", Legacy{Suites: []uint16{0x0041}}, offer{version: tls10, suites: []uint16{0x0041}}, tls10, 0x0041},
		{"ARIA", Legacy{Suites: []uint16{0xc050}}, offer{version: tls12, suites: []uint16{0xc050}}, tls12, 0xc050},
		{"ChaCha20", Legacy{Suites: []uint16{0xcca8}}, offer{version: tls12, suites: []uint16{0xcca8}}, tls12, 0xcca8},
		{"what an unknown fallback falls back to", Legacy{IgnoresFallback: true}, offer{version: tls11, suites: []uint16{ecdheRSAAES, 0x5600}}, tls11, ecdheRSAAES},
		{"a fallback that is none", Legacy{}, offer{version: tls12, suites: []uint16{ecdheRSAAES, 0x5600}}, tls12, ecdheRSAAES},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := ask(t, startLegacy(t, lab, test.legacy), test.offer)
			if got.version != test.version || got.suite != test.suite || !got.done || got.leaf == nil {
				t.Errorf("got %#04x, %#04x, %q", got.version, got.suite, got.ending)
			}
		})
	}
}

func TestLegacyRefuses(t *testing.T) {
	lab := newLab(t)
	strange := offer{version: versionTLS12, suites: []uint16{rsaNull}}
	tests := []struct {
		name   string
		legacy Legacy
		offer  offer
		want   string
	}{
		{"an old version", Legacy{}, offer{version: versionSSL30, suites: []uint16{ecdheRSAAES}}, "protocol_version"},
		{"strange suites", Legacy{}, strange, "handshake_failure"},
		{"strange groups", Legacy{}, offer{version: versionTLS12, suites: []uint16{ecdheRSAAES}, extensions: groupsExt(30)}, "handshake_failure"},
		{"suites for RSA with an elliptic key", Legacy{Server: Server{Key: newKey}}, offer{version: versionTLS12, suites: []uint16{ecdheRSAAES}}, "handshake_failure"},
		{"a needless fallback", Legacy{}, offer{version: versionTLS11, suites: []uint16{ecdheRSAAES, 0x5600}}, "inappropriate_fallback"},
		{"always with one alert", Legacy{Refusal: RefuseHandshakeFailure}, offer{version: versionSSL30, suites: []uint16{ecdheRSAAES}}, "handshake_failure"},
		{"always with the other", Legacy{Refusal: RefuseProtocolVersion}, strange, "protocol_version"},
		{"without a word", Legacy{Refusal: RefuseByClosing}, strange, "closed"},
		{"with a reset", Legacy{Refusal: RefuseByReset}, strange, "reset"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := ask(t, startLegacy(t, lab, test.legacy), test.offer); got.ending != test.want || got.version != 0 {
				t.Errorf("got %q, %#04x", got.ending, got.version)
			}
		})
	}
	t.Run("with silence", func(t *testing.T) {
		c := call(t, startLegacy(t, lab, Legacy{Refusal: RefuseBySilence}))
		c.say(framed(22, strange.message()))
		c.Conn.(*net.TCPConn).CloseWrite() // the only thing that ends it
		if got := c.hear(); got.ending != "closed" {
			t.Errorf("got %q", got.ending)
		}
	})
	t.Run("what is no ClientHello", func(t *testing.T) {
		c := call(t, startLegacy(t, lab, Legacy{}))
		c.say(framed(22, []byte{1, 0, 0, 2, 3, 3}))
		if got := c.hear(); got.ending != "decode_error" {
			t.Errorf("got %q", got.ending)
		}
	})
}

// The parameters of key exchanges, and that they are signed.
func TestLegacyKeyExchange(t *testing.T) {
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
		addr := startLegacy(t, lab, Legacy{Versions: since(versionSSL30), Suites: []uint16{dheAES}, PrimeBits: size})
		for _, version := range []uint16{versionSSL30, versionTLS10, versionTLS12} {
			got := ask(t, addr, offer{version: version, suites: []uint16{dheAES}})
			primeBits, length := dhe(t, got)
			if primeBits != size {
				t.Errorf("%d bits, not %d", primeBits, size)
			}
			got.signedParams(t, length)
		}
	}
	t.Run("export DHE", func(t *testing.T) {
		got := ask(t, startLegacy(t, lab, Legacy{Suites: []uint16{dheExportDES}}), offer{version: versionTLS10, suites: []uint16{dheExportDES}})
		primeBits, length := dhe(t, got)
		if primeBits != 512 {
			t.Errorf("%d bits", primeBits)
		}
		got.signedParams(t, length)
	})
	t.Run("export RSA", func(t *testing.T) {
		got := ask(t, startLegacy(t, lab, Legacy{Suites: []uint16{rsaExportRC4}}), offer{version: versionTLS10, suites: []uint16{rsaExportRC4}})
		modulus, rest := field(got.exchange)
		_, rest = field(rest)
		if bits(modulus) != 512 {
			t.Errorf("%d bits", bits(modulus))
		}
		got.signedParams(t, len(got.exchange)-len(rest))
	})
	t.Run("anonymous DH", func(t *testing.T) {
		got := ask(t, startLegacy(t, lab, Legacy{Suites: []uint16{anonDHAES}}), offer{version: versionTLS10, suites: []uint16{anonDHAES}})
		if _, length := dhe(t, got); length != len(got.exchange) || got.leaf != nil {
			t.Errorf("%d bytes of %d, and a certificate %v", length, len(got.exchange), got.leaf != nil)
		}
	})
	for name, key := range map[string]Server{"RSA": {}, "ECDSA": {Key: newKey}} {
		t.Run("ECDHE with "+name, func(t *testing.T) {
			addr := startLegacy(t, lab, Legacy{Server: key})
			for _, version := range []uint16{versionTLS10, versionTLS12} {
				got := ask(t, addr, offer{version: version, suites: []uint16{ecdheRSAAES, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}})
				got.signedParams(t, 4+int(got.exchange[3]))
			}
		})
	}
}

func TestLegacyGroups(t *testing.T) {
	lab := newLab(t)
	o := offer{version: versionTLS12, suites: []uint16{ecdheRSAAES}, extensions: groupsExt(24, 23, 29)}
	groups := []tls.CurveID{tls.CurveP521, tls.CurveP256, tls.CurveP384}
	for name, test := range map[string]struct {
		legacy Legacy
		want   uint16
	}{
		"its own order":      {Legacy{Groups: groups}, 23},
		"the client's order": {Legacy{Groups: groups, ClientsChoice: true}, 24},
	} {
		t.Run(name, func(t *testing.T) {
			got := ask(t, startLegacy(t, lab, test.legacy), o)
			if group := binary.BigEndian.Uint16(got.exchange[1:]); group != test.want {
				t.Errorf("got group %d", group)
			}
		})
	}
}

func TestLegacyExtensions(t *testing.T) {
	lab := newLab(t)
	asking := slices.Concat(ext(0xff01, 0), ext(23), ext(22), ext(35), ext(15, 1))
	cbc := offer{version: versionTLS12, suites: []uint16{rsaAES}, extensions: asking}
	suites := []uint16{rsaAESGCM, rsaAES}
	tests := []struct {
		name   string
		legacy Legacy
		offer  offer
		want   []uint16
	}{
		{"those of a healthy server", Legacy{Suites: suites}, cbc, []uint16{23, 0xff01}},
		{"all", Legacy{Suites: suites, EncryptThenMAC: true, Tickets: TicketsHealed, Heartbeat: HeartbeatHealed}, cbc, []uint16{15, 22, 23, 35, 0xff01}},
		{"none", Legacy{Suites: suites, NoRenegotiationInfo: true, NoExtendedMasterSecret: true}, cbc, nil},
		{"none that were not asked for", Legacy{Suites: suites, EncryptThenMAC: true, Tickets: TicketsHealed, Heartbeat: HeartbeatHealed},
			offer{version: versionTLS12, suites: []uint16{rsaAES}}, nil},
		{"no MAC after what has none", Legacy{Suites: suites, EncryptThenMAC: true},
			offer{version: versionTLS12, suites: suites, extensions: asking}, []uint16{23, 0xff01}},
		{"what a suite asks for", Legacy{Suites: suites}, offer{version: versionTLS12, suites: []uint16{rsaAES, 0x00ff}}, []uint16{0xff01}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := ask(t, startLegacy(t, lab, test.legacy), test.offer)
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

func TestLegacyAsksForCertificates(t *testing.T) {
	lab := newLab(t)
	addr := startLegacy(t, lab, Legacy{AsksForCertificate: true})
	if got := ask(t, addr, offer{version: versionTLS12, suites: []uint16{ecdheRSAAES}}); !got.request {
		t.Error("it did not ask")
	}
	identity, err := lab.identity(Server{})
	if err != nil {
		t.Fatal(err)
	}
	m := meet(t, addr, func(c *tls.Config) { c.Certificates = []tls.Certificate{identity} })
	if m.err() != io.EOF {
		t.Errorf("with a certificate: %v", m.err())
	}
}

// helloV2 is a CLIENT-HELLO of SSL 2.0 that offers kinds of three bytes.
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

func TestLegacySSL2(t *testing.T) {
	lab := newLab(t)
	addr := startLegacy(t, lab, Legacy{Versions: since(versionSSL20), Suites: []uint16{rsaAES}, Kinds: []uint32{kindRC4Export, kind3DES}})

	t.Run("the kinds in common", func(t *testing.T) {
		c := call(t, addr)
		c.say(helloV2(versionSSL20, kindIDEA, kind3DES, kindRC4Export))
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
	t.Run("no kind in common", func(t *testing.T) {
		if got := exchange(t, addr, helloV2(versionSSL20, kindIDEA)); !bytes.Equal(got, []byte{0x80, 3, 0, 0, 1}) {
			t.Errorf("got %x", got)
		}
	})
	t.Run("an offer of TLS", func(t *testing.T) {
		c := call(t, addr)
		c.say(helloV2(versionTLS11, kind3DES, uint32(rsaAES)))
		if got := c.hear(); got.version != versionTLS11 || got.suite != rsaAES || !got.done {
			t.Errorf("got %#04x, %#04x, %q", got.version, got.suite, got.ending)
		}
	})
	t.Run("a server that has none", func(t *testing.T) {
		c := call(t, startLegacy(t, lab, Legacy{}))
		c.say(helloV2(versionSSL20, kind3DES))
		if got := c.hear(); got.ending != "protocol_version" {
			t.Errorf("got %q", got.ending)
		}
	})
}

func TestLegacyTLS13(t *testing.T) {
	lab := newLab(t)
	addr := startLegacy(t, lab, Legacy{Versions: []uint16{versionTLS12, versionTLS13}, Groups: []tls.CurveID{tls.CurveP256, tls.X25519}})
	key, err := ecdh.X25519().GenerateKey(bytes.NewReader(noise(64)))
	if err != nil {
		t.Fatal(err)
	}
	share := append([]byte{0, 36, 0, 29, 0, 32}, key.PublicKey().Bytes()...)
	hello := func(groups ...uint16) offer {
		return offer{version: versionTLS12, suites: []uint16{0x1301, ecdheRSAAES}, session: noise(32),
			extensions: slices.Concat(ext(43, 4, 3, 4, 3, 3), groupsExt(groups...), ext(51, share...))}
	}
	read := func(c *caller) flight {
		_, payload, err := c.record()
		if err != nil {
			t.Fatal(err)
		}
		r := flight{extensions: map[uint16][]byte{}}
		r.take(t, payload[0], payload[4:])
		return r
	}
	t.Run("with a share of its group", func(t *testing.T) {
		c := call(t, addr)
		c.say(framed(22, hello(29).message()))
		got := read(c)
		entry := got.extensions[51]
		if got.suite != 0x1301 || !bytes.Equal(got.extensions[43], []byte{3, 4}) || !bytes.Equal(entry[:4], []byte{0, 29, 0, 32}) || !bytes.Equal(got.session, noise(32)) {
			t.Fatalf("got %+v", got)
		}
		if _, err := ecdh.X25519().NewPublicKey(entry[4:]); err != nil {
			t.Error(err)
		}
	})
	t.Run("with a share of another", func(t *testing.T) {
		c := call(t, addr)
		c.say(framed(22, hello(29, 23).message()))
		if got := read(c); !bytes.Equal(got.random, helloRetryRequest) || !bytes.Equal(got.extensions[51], []byte{0, 23}) {
			t.Fatalf("got %+v", got)
		}
		share = append([]byte{0, 69, 0, 23, 0, 65}, noise(65)...)
		c.say(framed(20, []byte{1}))
		c.say(framed(22, hello(29, 23).message()))
		if got := read(c); bytes.Equal(got.random, helloRetryRequest) || len(got.extensions[51]) != 69 {
			t.Fatalf("got %+v", got)
		}
	})
	t.Run("for a client of TLS 1.2", func(t *testing.T) {
		if got := ask(t, addr, offer{version: versionTLS12, suites: []uint16{0x1301, ecdheRSAAES}}); got.version != versionTLS12 || !got.done {
			t.Errorf("got %#04x, %q", got.version, got.ending)
		}
	})
}

func TestLegacyKnowsItsLimits(t *testing.T) {
	lab := newLab(t)
	for name, g := range map[string]Legacy{
		"a suite with Kerberos":  {Suites: []uint16{0x001e}},
		"one of a version":       {SuitesOf: map[uint16][]uint16{versionTLS10: {0x001e}}},
		"a prime of 1000 bits":   {PrimeBits: 1000},
		"records of 20000 bytes": {RecordBytes: 20000},
		"a group of brainpool":   {Groups: []tls.CurveID{26}},
		"an unknown STARTTLS":    {Server: Server{StartTLS: "gopher"}},
		"a key that cannot sign": {Server: Server{Leaf: func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA256WithRSA }}},
	} {
		if addr, err := lab.StartLegacy(g); err == nil {
			t.Errorf("%s: started at %s", name, addr)
		}
	}
}

func TestLegacyAfterSTARTTLS(t *testing.T) {
	lab := newLab(t)
	addr := startLegacy(t, lab, Legacy{Server: Server{StartTLS: "smtp"}})
	c := call(t, addr)
	c.SetReadDeadline(time.Now().Add(patience))
	first := make([]byte, 4)
	if _, err := io.ReadFull(c, first); err != nil || string(first) != "220 " {
		t.Errorf("got %q, %v", first, err)
	}
}

func TestPrimesAreSafe(t *testing.T) {
	for size, p := range primes {
		half := new(big.Int).Rsh(p, 1)
		if p.BitLen() != size || !p.ProbablyPrime(20) || !half.ProbablyPrime(20) {
			t.Errorf("that of %d bits is not", size)
		}
	}
}
