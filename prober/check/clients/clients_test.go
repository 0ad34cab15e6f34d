package clients_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/clients"
	"tls_exporter/prober/check/clients/clientstest"
	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/endpoint/endpointtest"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
	"tls_exporter/prober/tlstest/legacy"
)

// find returns the finding of a whole probe.
func find(t *testing.T, lab *tlstest.Lab, addr string) *clients.Finding {
	t.Helper()
	m := probetest.Module(t, lab)
	m.Versions.Options, m.Ciphers.Options, m.Clients.Options = new(versions.Options), new(ciphers.Options), new(clients.Options)
	r := probetest.New(t, m).Probe(t.Context(), probetest.Target(t, addr))
	if r.Clients.Finding == nil {
		t.Fatalf("no finding: %+v", r.Outcomes)
	}
	return r.Clients.Finding
}

// findAlone returns the finding without a probe: some servers of the lab never complete a
// handshake.
func findAlone(t *testing.T, addr string) *clients.Finding {
	t.Helper()
	facts, e, ctx := new(clients.Facts), endpointtest.At(t, addr), endpointtest.Within(t)
	var err error
	if facts.Versions, err = (versions.Options{}).Find(ctx, e); err != nil {
		t.Fatal(err)
	}
	if facts.Ciphers, err = (ciphers.Options{}).Find(ctx, e); err != nil {
		t.Fatal(err)
	}
	facts.Chain = &chain.Chain{Certificates: []*chain.Certificate{{KeyAlgorithm: "RSA"}}}
	found, err := new(clients.Options).Judge(facts)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// The simulation says what a server of crypto/tls answers to the ClientHello of each client.
func TestSimulationOfCryptoTLS(t *testing.T) {
	lab := labtest.Lab(t)
	for _, test := range []struct {
		name   string
		key    func() (crypto.Signer, error)
		config func(*tls.Config)
		want   string
	}{
		{name: "defaults, ECDSA", want: "28 yes, 0 no, 0 ?, 0 without suite, 2 without group"},
		{name: "defaults, RSA", key: labtest.RSAKey(2048), want: "28 yes, 0 no, 0 ?, 0 without suite, 2 without group"},
		{name: "TLS 1.3 alone", config: func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }, want: "19 yes, 9 no, 0 ?, 0 without suite, 0 without group"},
		{name: "TLS 1.3 on P-521", key: keyOn(elliptic.P521()), config: func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }, want: "13 yes, 15 no, 0 ?, 0 without suite, 0 without group"},
		{name: "TLS 1.2 on P-521", key: keyOn(elliptic.P521()), config: func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, want: "20 yes, 8 no, 0 ?, 0 without suite, 2 without group"},
		{name: "Ed25519", key: func() (crypto.Signer, error) { _, key, err := ed25519.GenerateKey(rand.Reader); return key, err }, want: "8 yes, 11 no, 9 ?, 0 without suite, 0 without group"},
		{name: "P-521 alone for the key exchange", key: labtest.RSAKey(2048), config: func(c *tls.Config) { c.CurvePreferences = []tls.CurveID{tls.CurveP521} }, want: "23 yes, 5 no, 0 ?, 0 without suite, 0 without group"},
		{name: "GCM with 256 bits alone", key: labtest.RSAKey(2048), config: func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}
		}, want: "26 yes, 2 no, 0 ?, 0 without suite, 2 without group"},
		{name: "TLS 1.0", key: labtest.RSAKey(2048), config: func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 }, want: "13 yes, 15 no, 0 ?, 0 without suite, 2 without group"},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr := labtest.Serve(t, lab, tlstest.Server{Key: test.key, Config: test.config})
			got := clientstest.Compare(t, addr, find(t, lab, addr))
			if got.NoCipher > 3 { // the order of crypto/tls depends on the processor
				t.Errorf("%d without suite", got.NoCipher)
			}
			if got.NoCipher = 0; got.String() != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func keyOn(curve elliptic.Curve) func() (crypto.Signer, error) {
	return func() (crypto.Signer, error) { return ecdsa.GenerateKey(curve, rand.Reader) }
}

// The simulation says what servers answer that have what crypto/tls does not have.
func TestSimulationOfLegacy(t *testing.T) {
	t.Parallel()
	lab := labtest.Lab(t)
	const tls10, tls11, tls12, tls13 = tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13
	dhe := []uint16{0x009f, 0x0033, 0x0016}
	for _, test := range []struct {
		name   string
		server legacy.Server
		want   string
	}{
		{"defaults", legacy.Server{}, "28 yes, 0 no, 0 ?, 0 without suite, 2 without group"},
		{"TLS 1.3, the client's order", legacy.Server{Versions: []uint16{tls12, tls13}, Suites: []uint16{0x1301, 0x1302, 0x1303, 0xc02f, 0xc030, 0xcca8, 0x002f}, ClientPreference: true}, "27 yes, 1 no, 0 ?, 0 without suite, 2 without group"},
		{"TLS 1.3, the server's order", legacy.Server{Versions: []uint16{tls12, tls13}, Suites: []uint16{0x1303, 0x1301, 0xcca8, 0xc02f, 0xc030, 0x002f}, Groups: []tls.CurveID{tls.CurveP256, tls.X25519}}, "27 yes, 1 no, 0 ?, 11 without suite, 19 without group"},
		{"SSL 3.0", legacy.Server{Versions: []uint16{0x0300}, Suites: []uint16{0x0005, 0x000a, 0x002f}}, "4 yes, 24 no, 0 ?, 0 without suite, 0 without group"},
		{"TLS 1.0 and 1.1, static RSA", legacy.Server{Versions: []uint16{tls10, tls11}, Suites: []uint16{0x002f, 0x0035, 0x000a}}, "15 yes, 13 no, 0 ?, 0 without suite, 0 without group"},
		{"no TLS 1.1 in between", legacy.Server{Versions: []uint16{tls10, tls12}, SuitesOf: map[uint16][]uint16{tls10: {0xc013, 0x002f}, tls12: {0xc02f}}}, "27 yes, 1 no, 0 ?, 0 without suite, 2 without group"},
		{"ECDHE with SHA-1", legacy.Server{Versions: []uint16{tls10}, Suites: []uint16{0xc013, 0xc014}}, "13 yes, 15 no, 0 ?, 0 without suite, 2 without group"},
		{"DHE with 512 bits", legacy.Server{Versions: []uint16{tls12}, Suites: dhe, PrimeBits: 512}, "2 yes, 26 no, 0 ?, 0 without suite, 0 without group"},
		{"DHE with 768 bits", legacy.Server{Versions: []uint16{tls12}, Suites: dhe, PrimeBits: 768}, "3 yes, 25 no, 0 ?, 0 without suite, 0 without group"},
		{"DHE with 1024 bits", legacy.Server{Versions: []uint16{tls12}, Suites: dhe, PrimeBits: 1024}, "10 yes, 18 no, 0 ?, 0 without suite, 0 without group"},
		{"DHE with 1536 bits, TLS 1.0", legacy.Server{Versions: []uint16{tls10}, Suites: []uint16{0x0033, 0x002f}, PrimeBits: 1536}, "12 yes, 16 no, 0 ?, 0 without suite, 0 without group"},
		{"DHE with 2048 bits, the client's order", legacy.Server{Versions: []uint16{tls10, tls12}, Suites: []uint16{0x009f, 0x0033, 0xc013, 0x002f}, ClientPreference: true}, "28 yes, 0 no, 0 ?, 0 without suite, 0 without group"},
		{"DHE, export suites with 512 bits", legacy.Server{Versions: []uint16{tls10, tls12}, Suites: []uint16{0x0033, 0x0014}, PrimeBits: 1024}, "10 yes, 18 no, 0 ?, 0 without suite, 0 without group"},
		{"DHE, the groups of RFC 7919 or its own prime", legacy.Server{Versions: []uint16{tls12}, Suites: []uint16{0x0033, 0xc013}, FiniteGroups: legacy.FiniteGroupsFollowed, PrimeBits: 1024}, "26 yes, 2 no, 0 ?, 0 without suite, 0 without group"},
		{"DHE, the groups of RFC 7919 alone", legacy.Server{Versions: []uint16{tls12}, Suites: []uint16{0x0033, 0xc013}, FiniteGroups: legacy.FiniteGroupsRequired, PrimeBits: 1024}, "27 yes, 1 no, 0 ?, 0 without suite, 2 without group"},
		{"DHE, none to clients with groups of RFC 7919", legacy.Server{Versions: []uint16{tls12}, Suites: []uint16{0x0033, 0xc013}, FiniteGroups: legacy.FiniteGroupsUnknown, PrimeBits: 1024}, "26 yes, 1 no, 1 ?, 5 without suite, 0 without group"},
		{"no secure renegotiation", legacy.Server{NoRenegotiationInfo: true}, "25 yes, 3 no, 0 ?, 0 without suite, 2 without group"},
		{"P-384 alone", legacy.Server{Versions: []uint16{tls12, tls13}, Suites: []uint16{0x1302, 0xc030}, Groups: []tls.CurveID{tls.CurveP384}}, "25 yes, 3 no, 0 ?, 0 without suite, 0 without group"},
		{"rare suites", legacy.Server{Versions: []uint16{tls12}, Suites: []uint16{0xc0a0, 0xc050, 0x0088, 0x0041}}, "3 yes, 25 no, 0 ?, 0 without suite, 0 without group"},
		{"ECDSA", legacy.Server{Base: tlstest.Server{Key: keyOn(elliptic.P256())}, Suites: []uint16{0xcca9, 0xc02b, 0xc02c, 0xc009}}, "20 yes, 0 no, 8 ?, 0 without suite, 2 without group"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			addr, err := legacy.Start(lab, test.server)
			if err != nil {
				t.Fatal(err)
			}
			if got := clientstest.Compare(t, addr, findAlone(t, addr)).String(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// The row of crypto/tls is what this Go offers, with the settings of a new program.
func TestRecordedGo(t *testing.T) {
	row := clients.Table[slices.Index(clients.Names, "go_1_26")]
	if !strings.HasPrefix(runtime.Version(), "go1.26") {
		t.Skipf("this is %s; record it, and add a row if it offers something else", runtime.Version())
	}
	t.Setenv("GODEBUG", "tls10server=0,tls3des=0,tlsrsakex=0,tlssha1=0") // go.mod sets others
	client, server := net.Pipe()
	var handshake sync.WaitGroup
	handshake.Go(func() { tls.Client(client, &tls.Config{ServerName: "localhost"}).Handshake() })
	record, err := hello.ReadRecord(server)
	server.Close()
	handshake.Wait()
	if err != nil {
		t.Fatal(err)
	}
	h, err := hello.ParseClientHello(record.Payload)
	if err != nil {
		t.Fatal(err)
	}
	if h.CipherSuites[0] != row.Suites[0] {
		t.Skip("this processor has no AES, and another order")
	}
	clientstest.CompareOffer(t, &row, h)
}
