package vulnerabilities

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"strings"
	"testing"

	"tls_exporter/prober/endpoint/endpointtest"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
	"tls_exporter/prober/tlstest/legacy"
)

// What is split at Finished is a part of what was received.
func FuzzAfterFinished(f *testing.F) {
	finished := hello.AppendRecord(hello.AppendRecord(nil, hello.TypeChangeCipherSpec, hello.TLS12, []byte{1}), hello.TypeHandshake, hello.TLS12, make([]byte, 40))
	f.Add(finished)
	f.Add(append(finished, "after"...))
	f.Fuzz(func(t *testing.T, received []byte) {
		record, rest, err := splitAtFinished(received)
		if err == nil && (len(record)+len(rest) > len(received) || !bytes.HasSuffix(received, rest)) {
			t.Errorf("%x is split into %x and %x", received, record, rest)
		}
	})
}

// Only an answer that is longer than what was sent leaks memory.
func FuzzLeaks(f *testing.F) {
	honest := append([]byte{heartbeatResponse, 0, heartbeatSent}, make([]byte, heartbeatSent+16)...)
	leaking := append([]byte{heartbeatResponse, 0, heartbeatClaimed}, make([]byte, heartbeatClaimed+16)...)
	f.Add(honest)
	f.Add(leaking)
	f.Fuzz(func(t *testing.T, answer []byte) {
		if leaks(answer) && len(answer) < heartbeatHeader+heartbeatClaimed {
			t.Errorf("%x has no byte beyond those that were sent", answer)
		}
	})
}

// keyFor makes keys for a suite; nil: any key will do.
func keyFor(suite uint16) func() (crypto.Signer, error) {
	if strings.Contains(tls.CipherSuiteName(suite), "ECDSA") {
		return func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }
	}
	return nil
}

// TestClientRenegotiation has all of sessionSuites, and every way to refuse.
func TestClientRenegotiation(t *testing.T) {
	t.Parallel()
	lab := labtest.Lab(t)
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
				t.Run(fmt.Sprintf("%s %s %d", tls.CipherSuiteName(suite), tls.VersionName(version), kind), func(t *testing.T) {
					t.Parallel()
					testClientRenegotiation(t, lab, server, want)
				})
			}
		}
	}
}

func testClientRenegotiation(t *testing.T, lab *tlstest.Lab, server legacy.Server, want bool) {
	t.Helper()
	addr, err := legacy.Start(lab, server)
	if err != nil {
		t.Fatal(err)
	}
	s := newScanner(endpointtest.At(t, addr))
	if err := s.firstHello(endpointtest.Within(t)); err != nil {
		t.Fatal(err)
	}
	s.insideSession(endpointtest.Within(t))
	if got, ok := s.answers[ClientRenegotiation]; !ok || got.Vulnerable != want {
		t.Errorf("got %+v, want %v", got, want)
	}
}

// NSS renegotiates, and refuses to negotiate the protocol again.
func TestClientRenegotiationWithoutALPN(t *testing.T) {
	t.Parallel()
	testClientRenegotiation(t, labtest.Lab(t), legacy.Server{Renegotiation: legacy.RenegotiationAccepted, RefusesSecondALPN: true}, true)
}

// A server that closes on a close_notify before it answers what came with it, as Erlang/OTP
// does, gets none before it has answered.
func TestCloseNotifyComesAfterTheAnswer(t *testing.T) {
	t.Parallel()
	lab := labtest.Lab(t)
	testClientRenegotiation(t, lab, legacy.Server{Renegotiation: legacy.RenegotiationAccepted, ClosesFirst: true}, true)
	for _, test := range []struct {
		name   Name
		server legacy.Server
	}{
		{ClientRenegotiation, legacy.Server{Renegotiation: legacy.RenegotiationAccepted}},
		{Heartbleed, legacy.Server{Heartbeat: legacy.HeartbeatVulnerable}},
		{ROBOT, legacy.Server{Suites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}, RSAOracle: legacy.RSAOracleAlone}},
	} {
		t.Run(string(test.name), func(t *testing.T) {
			t.Parallel()
			test.server.ClosesFirst = true
			addr, err := legacy.Start(lab, test.server)
			if err != nil {
				t.Fatal(err)
			}
			found, err := Options{}.Find(endpointtest.Within(t), endpointtest.At(t, addr))
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range found.Answers {
				if a.Vulnerable != (a.Name == test.name) {
					t.Errorf("%+v", a)
				}
			}
		})
	}
}
