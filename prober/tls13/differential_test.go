package tls13_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"net"
	"slices"
	"testing"
	"testing/cryptotest"
	"time"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tls13/tls13test"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// FuzzDifferential checks that the TLS 1.3 client accepts no answer that crypto/tls
// rejects, rejects none that crypto/tls accepts, and reports the same session or failure,
// whatever a server with the right keys sends. What it leaves to crypto/tls is not
// compared.
func FuzzDifferential(f *testing.F) {
	certificates := differentialCertificates(f)
	for _, seed := range differentialSeeds {
		f.Add(uint8(0), seed)
	}
	for setup := range uint8(32) {
		f.Add(setup, []byte(nil))
	}
	f.Fuzz(func(t *testing.T, setup uint8, code []byte) {
		to := probetest.Target(t, "https://127.0.0.1")
		if setup>>5%2 == 0 {
			to.ServerName = "localhost"
		}
		answer := func(clientHello []byte) []byte {
			s := tls13test.Program(code)
			s.Suite = []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256, tls.TLS_AES_128_GCM_SHA256}[setup>>2%4]
			s.Group = []hello.Group{hello.X25519MLKEM768, hello.X25519}[setup>>4%2]
			flight, err := s.Flight(clientHello, certificates[setup%4])
			if err != nil {
				t.Fatal(err)
			}
			return flight
		}
		for seed := range uint64(differentialTries) {
			cryptotest.SetGlobalRandom(t, seed)
			c := newClients(t, nil) // new ones, which know no server that needs crypto/tls
			ours, ok := attempt(c.tls13, &flightConn{answer: answer}, &to)
			if !ok || slices.ContainsFunc(ours.Certificates, func(p *certificate.Parsed) bool { return p.Err != nil }) {
				return // left to crypto/tls, or a certificate that this client reads on purpose and crypto/tls does not
			}
			theirs, _ := attempt(c.cryptoTLS, &flightConn{answer: answer}, &to)
			if a := resultOf(ours); a == resultOf(theirs) && sameText(ours, theirs, a.reason) {
				return
			}
			if seed == differentialTries-1 {
				compare(t, ours, theirs, resultOf(ours).reason)
			}
		}
	})
}

// differentialTries is how often two results must differ to count. A change may have an
// effect by chance alone: the length of an ECDSA signature, or the value of an encrypted
// byte, is another for each client.
const differentialTries = 30

// differentialCertificates returns a certificate for each type of key.
func differentialCertificates(f *testing.F) []*tls.Certificate {
	lab, err := tlstest.New()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(lab.Close)
	p256, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, ed, err2 := ed25519.GenerateKey(rand.Reader)
	p384, err3 := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	long, err4 := rsa.GenerateKey(rand.Reader, 2048)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		f.Fatal(err)
	}
	var certificates []*tls.Certificate
	for _, key := range []crypto.Signer{p256, ed, p384, long} {
		certificates = append(certificates, labtest.CertificateFor(f, lab, key))
	}
	return certificates
}

// flightConn is a connection to a server that answers the first record with a flight, and
// then closes.
type flightConn struct {
	net.Conn
	answer func(clientHello []byte) []byte
	flight *bytes.Reader // nil: nothing was written yet
}

func (c *flightConn) Write(b []byte) (int, error) {
	if c.flight == nil {
		c.flight = bytes.NewReader(c.answer(bytes.Clone(b[5:])))
	}
	return len(b), nil
}

func (c *flightConn) Read(b []byte) (int, error)     { return c.flight.Read(b) }
func (*flightConn) Close() error                     { return nil }
func (*flightConn) SetDeadline(time.Time) error      { return nil }
func (*flightConn) SetReadDeadline(time.Time) error  { return nil }
func (*flightConn) SetWriteDeadline(time.Time) error { return nil }

// differentialSeeds are programs of tls13test.Program, by what they change.
var differentialSeeds = [][]byte{
	{7, 6, 5, 0, 3, 2, 'h', '2'}, // ALPN
	{7, 6, 5, 0, 3, 2, 'h', '2', 7, 6, 11, 0, 9, 8, 'h', 't', 't', 'p', '/', '1', '.', '1'}, // twice
	{7, 6, 8, 0, 6, 2, 'h', '2', 2, 'h', '3'},                                               // with two protocols
	{7, 0, 0, 7, 3, 4, 0, 2, 0, 29},                                                         // server_name and supported_groups
	{7, 0, 1, 9},                                                                            // server_name with content
	{7, 3, 3, 0, 1, 0},                                                                      // malformed supported_groups
	{7, 22, 0}, {7, 11, 2, 0, 1}, {7, 255, 1, 2, 1, 7}, {8, 3, 0, 0, 9},                     // other extensions
	{12, 0, 2, 5, 1, 0, 0, 1, 7}, {12, 0, 7, 5, 0, 3, 0, 1, 9}, {12, 1, 2, 3, 2, 0, 0}, {12, 1, 7, 2, 0, 0}, // of certificates
	{13, 0, 0, 3, 1, 2, 3}, {13, 1, 1}, {13, 0, 2}, {13, 1, 2, 0, 13, 0, 2}, // certificates
	{9, 0, 0}, {9, 17, 3, 0, 1, 9}, {9, 6, 5, 0, 3, 2, 'h', '2'}, {10, 0, 1}, {10, 0, 3}, {10, 1, 2}, // of the ServerHello
	{10, 1, 0, 4, 0, 29, 0, 0}, {11, 0, 2, 3, 4}, {11, 1, 0}, {11, 2, 2, 0x13, 4}, {11, 3, 1, 1},
	{14, 0, 20}, {14, 1, 1, 14, 2, 100, 14, 3, 9, 14, 4, 5}, {17, 1, 17, 2, 17, 3}, // fragments
	{15, 1, 1, 0}, {15, 1, 0x3f, 0xf9}, {15, 1, 0x3f, 0xfa}, {15, 1, 0x3f, 0xfb}, {15, 2, 0x40, 0}, // padding
	{16, 1, 23}, {16, 4, 21}, {18, 6, 5}, {18, 1}, {18, 6},
	{19, 1, 0, 0, 1, 1, 1}, {19, 1, 15, 0, 1, 1, 1}, {19, 1, 16, 0, 1, 1, 1}, {19, 1, 0, 1, 2, 1, 90}, {19, 1, 0, 1, 2, 2, 40}, {19, 0, 0, 1, 2, 2, 40, 1}, {19, 2, 0, 3, 2, 9, 9}, {19, 4, 0, 2, 0},
	{20, 1, 0, 1, 4}, {20, 0, 0, 1, 15}, {20, 0, 0, 1, 16}, {20, 4, 0, 20, 1}, {21, 4, 0, 20}, {21, 4, 0, 3}, {21, 0, 0, 50},
	{22, 0, 0, 4, 4, 0, 2, 4, 3}, {22, 1, 1, 1, 4, 4, 0, 2, 4, 3, 4, 4, 0, 2, 4, 3},
	{0, 0, 4, 9, 3}, {1, 0, 4, 1, 7, 2}, {2, 0, 4, 1, 7, 2}, {3, 0, 5, 1, 0, 3}, {4, 24, 1, 0, 0, 1}, {4, 24, 1, 0, 1, 4}, {4, 4, 0, 0, 4}, {5, 1}, {5, 3}, {6, 1}, {6, 4},
}
