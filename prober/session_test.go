package prober

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"strings"
	"testing"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/legacy"
)

// sealed13 is a server's record of TLS 1.3.
func sealed13(t testing.TB, suite uint16, secret []byte, sequence uint64, kind uint8, content []byte) []byte {
	t.Helper()
	keys, err := suite13For(suite).newKeys(secret)
	if err != nil {
		t.Fatal(err)
	}
	keys.sequence = sequence
	inner := append(append(bytes.Clone(content), kind), 0, 0) // with padding
	length := len(inner) + keys.aead.Overhead()
	header := []byte{hello.TypeApplicationData, 3, 3, byte(length >> 8), byte(length)}
	return append(header, keys.aead.Seal(nil, keys.nonce(), inner, header)...)
}

// newTicket is a NewSessionTicket, with early data of 16384 bytes or none.
func newTicket(early bool) []byte {
	body := []byte{0, 0, 0, 60, 0, 0, 0, 0, 0, 0, 1, 'T', 0, 0}
	if early {
		body = append(body[:len(body)-2], 0, 8, 0, 42, 0, 4, 0, 0, 0x40, 0)
	}
	return append([]byte{4, 0, 0, byte(len(body))}, body...)
}

// TestAfter13 reads what real servers send, which crypto/tls over TCP does not.
func TestAfter13(t *testing.T) {
	for _, suite := range []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_AES_256_GCM_SHA384, tls.TLS_CHACHA20_POLY1305_SHA256} {
		secret := make([]byte, 32)
		if suite == tls.TLS_AES_256_GCM_SHA384 {
			secret = make([]byte, 48)
		}
		rand.Read(secret)
		seal := func(sequence uint64, kind uint8, content []byte) []byte {
			return sealed13(t, suite, secret, sequence, kind, content)
		}
		other := sealed13(t, suite, bytes.Repeat([]byte{1}, len(secret)), 0, hello.TypeHandshake, newTicket(true))
		plain, early := newTicket(false), newTicket(true)
		for _, test := range []struct {
			name  string
			heard [][]byte
			want  after13
		}{
			{"nothing", nil, after13{}},
			{"other keys", [][]byte{other}, after13{}},
			{"two tickets in one record", [][]byte{other, seal(0, hello.TypeHandshake, append(plain, plain...))}, after13{tickets: 2}},
			{"early data", [][]byte{seal(0, hello.TypeHandshake, early), seal(1, hello.TypeHandshake, plain)}, after13{tickets: 2, earlyData: 16384}},
			{"a ticket in pieces", [][]byte{seal(0, hello.TypeHandshake, early[:7]), seal(1, hello.TypeHandshake, early[7:])}, after13{tickets: 1, earlyData: 16384}},
			{"goodbye", [][]byte{seal(0, hello.TypeAlert, []byte{1, 0})}, after13{goodbye: true}},
			{"another alert", [][]byte{seal(0, hello.TypeAlert, []byte{2, 80})}, after13{}},
			{"data, and then goodbye", [][]byte{seal(0, hello.TypeApplicationData, []byte("220 ready")), seal(1, hello.TypeAlert, []byte{1, 0})}, after13{goodbye: true}},
			{"cut off", [][]byte{seal(0, hello.TypeHandshake, early)[:20]}, after13{}},
		} {
			got, err := readAfter13(suite, secret, bytes.Join(test.heard, nil))
			if err != nil || got != test.want {
				t.Errorf("%s, %s: %+v, %v; want %+v", tls.CipherSuiteName(suite), test.name, got, err, test.want)
			}
		}
	}
}

func FuzzAfter13(f *testing.F) {
	secret := make([]byte, 32)
	f.Add(sealed13(f, tls.TLS_AES_128_GCM_SHA256, secret, 0, hello.TypeHandshake, newTicket(true)))
	f.Fuzz(func(t *testing.T, heard []byte) {
		if got, err := readAfter13(tls.TLS_AES_128_GCM_SHA256, secret, heard); err != nil || got.earlyData > 0 && got.tickets == 0 {
			t.Errorf("%+v, %v", got, err)
		}
		// As if it had been sealed.
		sealed := sealed13(t, tls.TLS_AES_128_GCM_SHA256, secret, 0, hello.TypeHandshake, heard[:min(len(heard), 1<<14)])
		if got, err := readAfter13(tls.TLS_AES_128_GCM_SHA256, secret, sealed); err != nil || got.goodbye {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func FuzzAfterFinished(f *testing.F) {
	finished := hello.AppendRecord(hello.AppendRecord(nil, hello.TypeChangeCipherSpec, hello.TLS12, []byte{1}), hello.TypeHandshake, hello.TLS12, make([]byte, 40))
	f.Add(finished)
	f.Add(append(finished, "beyond"...))
	f.Fuzz(func(t *testing.T, heard []byte) {
		record, rest, err := splitAtFinished(heard)
		if err == nil && (len(record)+len(rest) > len(heard) || !bytes.HasSuffix(heard, rest)) {
			t.Errorf("%x is split into %x and %x", heard, record, rest)
		}
	})
}

func FuzzBleeds(f *testing.F) {
	honest := append([]byte{heartbeatResponse, 0, heartbeatBrought}, make([]byte, heartbeatBrought+16)...)
	bled := append([]byte{heartbeatResponse, 0, heartbeatClaimed}, make([]byte, heartbeatClaimed+16)...)
	f.Add(honest)
	f.Add(bled)
	f.Fuzz(func(t *testing.T, answer []byte) {
		if bleeds(answer) && len(answer) < heartbeatHeader+heartbeatClaimed {
			t.Errorf("%x has no byte that was not sent", answer)
		}
	})
}

func TestSecretLog(t *testing.T) {
	var log secretLog
	for _, line := range []string{"CLIENT_RANDOM 01 02\n", "SERVER_TRAFFIC_SECRET_0 03 04\n", "CLIENT_RANDOM nothing\n"} {
		if n, err := log.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	random, secret, ok := log.find("SERVER_TRAFFIC_SECRET_0")
	if hex.EncodeToString(random) != "03" || hex.EncodeToString(secret) != "04" || !ok {
		t.Errorf("%x %x %v", random, secret, ok)
	}
	if _, _, ok := log.find("EXPORTER_SECRET"); ok {
		t.Error("a secret that is not there")
	}
}

// keyFor is a key that a suite takes; nil: any.
func keyFor(suite uint16) func() (crypto.Signer, error) {
	if strings.Contains(tls.CipherSuiteName(suite), "ECDSA") {
		return func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }
	}
	return nil
}

// TestClientRenegotiation has every suite whose sessions we go on with, and every
// way to say no.
func TestClientRenegotiation(t *testing.T) {
	t.Parallel()
	lab := newLab(t)
	for _, suite := range sessionSuites() {
		for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12} {
			if suite12For(suite).since > version {
				continue
			}
			for kind, want := range map[legacy.Renegotiation]bool{
				legacy.RenegotiationAccepted: true, legacy.RenegotiationRefused: false, legacy.RenegotiationFatal: false,
				legacy.RenegotiationClosed: false, legacy.RenegotiationIgnored: false,
			} {
				server := legacy.Server{Suites: []uint16{suite}, Versions: []uint16{version}, Renegotiation: kind, Base: tlstest.Server{Key: keyFor(suite)}}
				addr, err := legacy.Start(lab, server)
				if err != nil {
					t.Fatal(err)
				}
				s := newWoundScan(lookAt(t, lab, addr))
				if err := s.greet(within(t)); err != nil {
					t.Fatal(err)
				}
				s.insideSession(within(t))
				if got, told := s.answers[ClientRenegotiation]; !told || got.Vulnerable != want {
					t.Errorf("%s, %s, %d: %+v, want %v", tls.CipherSuiteName(suite), tls.VersionName(version), kind, got, want)
				}
			}
		}
	}
}

// TestRudenessIsNoResumption has a server that takes sessions up again found so,
// or not judged.
func TestRudenessIsNoResumption(t *testing.T) {
	t.Parallel()
	lab := newLab(t)
	server := serve(t, lab, tlstest.Server{})
	for name, manners := range rude {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := ResumptionOptions{}.Find(within(t), lookThrough(t, lab, server, manners))
			if found == nil {
				t.Logf("nothing: %v", err)
				return
			}
			for _, m := range found.Methods {
				if !m.Supported && (m.Method == ResumeByTicket || m.Method == ResumeByPSK) {
					t.Errorf("%+v", m)
				}
			}
		})
	}
}
