package wide_test

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
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/tls13/keys"
	"tls_exporter/prober/tls13/tls13test"
	"tls_exporter/prober/tls13/wide"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

func certificate(t *testing.T, lab *tlstest.Lab) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return labtest.CertificateFor(t, lab, labtest.MustKey(t, key, err))
}

// TestHandshake performs a handshake in every group and with every suite, with a key
// share at once and after a HelloRetryRequest.
func TestHandshake(t *testing.T) {
	lab := labtest.Lab(t)
	leaf := certificate(t, lab)
	type test struct {
		name   string
		server tls13test.Server
		offer  wide.Offer
		retry  bool
	}
	var tests []test
	for _, group := range wide.Groups {
		if group == hello.MLKEM768 || group == hello.MLKEM1024 {
			continue // the server of the test has neither: see TestShares
		}
		tests = append(tests,
			test{group.String(), tls13test.Server{Group: group}, wide.Offer{Share: group}, false},
			test{group.String() + " after a HelloRetryRequest", tls13test.Server{Group: group}, wide.Offer{}, true})
	}
	for _, suite := range wide.Suites {
		tests = append(tests, test{suite.String(), tls13test.Server{Group: hello.X25519, Suite: uint16(suite)}, wide.Offer{Share: hello.X25519}, false})
	}
	tests = append(tests,
		test{"another share, and a cookie", tls13test.Server{Group: hello.FFDHE2048, Cookie: []byte("cookie")}, wide.Offer{Share: hello.X25519}, true},
		test{"requests a certificate", tls13test.Server{Group: hello.X448, RequestCertificate: true}, wide.Offer{}, true},
		test{"messages in small records", tls13test.Server{Group: hello.X25519, Seal: tls13test.Fragments(7)}, wide.Offer{}, true},
	)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			addr, received := tls13test.Serve(t, lab, test.server, leaf)
			c := dial(t, addr)
			test.offer.ServerName = "localhost"
			state, err := wide.Handshake(c, test.offer)
			if err != nil {
				t.Fatal(err)
			}
			if state.Group != test.server.Group || test.server.Suite != 0 && state.CipherSuite != hello.CipherSuite(test.server.Suite) ||
				state.HelloRetryRequest != test.retry || state.ClientCertificateRequested != test.server.RequestCertificate {
				t.Errorf("state is %+v", state)
			}
			if !slices.EqualFunc(state.Certificates, leaf.Certificate, bytes.Equal) || state.Proof != wide.Proved || state.Scheme != 0x0403 {
				t.Errorf("%d certificates, proof %d, scheme %s", len(state.Certificates), state.Proof, state.Scheme)
			}
			c.Close()
			if got := <-received; !got.Finished || !got.CloseNotify || got.Err != nil {
				t.Errorf("the server received %+v", got)
			}
		})
	}
}

// TestAlert checks that an alert of the server is told.
func TestAlert(t *testing.T) {
	lab := labtest.Lab(t)
	addr := labtest.Serve(t, lab, tlstest.Server{})
	_, err := wide.Handshake(dial(t, addr), wide.Offer{Groups: []hello.Group{hello.MLKEM768}})
	if received, ok := errors.AsType[*hello.AlertError](err); !ok || received.Description != hello.HandshakeFailure {
		t.Errorf("got %v", err)
	}
}

// TestWithCryptoTLS performs handshakes with another implementation.
func TestWithCryptoTLS(t *testing.T) {
	lab := labtest.Lab(t)
	for name, key := range map[string]func() (any, error){
		"ECDSA":   func() (any, error) { return ecdsa.GenerateKey(elliptic.P521(), rand.Reader) },
		"RSA":     func() (any, error) { return rsa.GenerateKey(rand.Reader, 1024) },
		"Ed25519": func() (any, error) { _, key, err := ed25519.GenerateKey(rand.Reader); return key, err },
	} {
		made, err := key()
		if err != nil {
			t.Fatal(err)
		}
		leaf := labtest.CertificateFor(t, lab, made.(crypto.Signer))
		for _, request := range []tls.ClientAuthType{tls.NoClientCert, tls.RequestClientCert} {
			done := make(chan error, 1)
			addr := labtest.Serve(t, lab, tlstest.Server{
				Config: func(c *tls.Config) { c.Certificates, c.ClientAuth = []tls.Certificate{*leaf}, request },
				Inside: func(_ context.Context, c net.Conn) { _, err := c.Read(make([]byte, 1)); done <- err },
			})
			state, err := wide.Handshake(dial(t, addr), wide.Offer{ServerName: "localhost", Share: hello.SecP384r1})
			if err != nil || state.Proof != wide.Proved || !bytes.Equal(state.Certificates[0], leaf.Certificate[0]) {
				t.Errorf("%s: %+v, %v", name, state, err)
			}
			if err := <-done; !errors.Is(err, io.EOF) {
				t.Errorf("%s: the server reads %v after the handshake", name, err)
			}
		}
	}
}

// TestDeviations checks what is told of servers that violate RFC 8446: what was learned
// before, and the error.
func TestDeviations(t *testing.T) {
	lab := labtest.Lab(t)
	leaf := certificate(t, lab)
	long := bytes.Repeat([]byte{0}, 300<<10)
	for _, test := range []struct {
		name         string
		server       tls13test.Server
		err          string
		certificates int // 0 if there is no state
		alert        hello.AlertDescription
	}{
		{"wrong signature", tls13test.Server{Signature: tls13test.FlipBit}, wide.ErrSignature.Error(), 2, hello.DecryptError},
		{"wrong Finished", tls13test.Server{Finished: tls13test.FlipBit}, wide.ErrFinished.Error(), 2, hello.DecryptError},
		{"alert after the ServerHello", tls13test.Server{After: [][]byte{tls13test.PlaintextAlert(2, hello.HandshakeFailure)}}, "remote error: fatal alert handshake_failure", 0, 0},
		{"protected alert", tls13test.Server{Seal: tls13test.Prepend(hello.TypeAlert, []byte{2, 80})}, "remote error: fatal alert internal_error", 0, 0},
		{"wrong bit in a record", tls13test.Server{Records: func(r [][]byte) [][]byte { tls13test.FlipBit(r[1]); return r }}, "a record of the server fails authentication", 0, hello.BadRecordMAC},
		{"Finished instead of a CertificateVerify", tls13test.Server{Messages: func(m [][]byte) [][]byte { return slices.Delete(m, 2, 3) }}, "a message of type 20 instead of 15: the server sent an unexpected message", 2, hello.UnexpectedMessage},
		{"malformed Certificate", tls13test.Server{Certificate: func(b []byte) []byte { return b[:len(b)-1] }}, "malformed Certificate", 0, hello.DecodeError},
		{"suite that was not offered", tls13test.Server{Hello: func(h *hello.ServerHello) { h.CipherSuite = 0x1306 }}, "the server selected something that was not offered", 0, 0},
		{"TLS 1.2", tls13test.Server{Hello: func(h *hello.ServerHello) { h.Extensions = h.Extensions[1:] }}, "the server selected something that was not offered", 0, 0},
		{"group that was not offered", tls13test.Server{Hello: func(h *hello.ServerHello) { h.Extensions[1].Data[1] = 41 }}, "the server selected something that was not offered", 0, 0},
		{"invalid key share", tls13test.Server{Hello: func(h *hello.ServerHello) { clear(h.Extensions[1].Data[4:]) }}, "crypto/ecdh: bad X25519 remote ECDH input: low order point", 0, 0},
		{"closed", tls13test.Server{Messages: func(m [][]byte) [][]byte { return m[:2] }, Close: true}, "EOF", 2, 0},
		{"17 ChangeCipherSpec", tls13test.Server{After: slices.Repeat([][]byte{tls13test.ChangeCipherSpec}, 17)}, "the server sent too many records without a message", 0, 0},
		{"message over 256 kB", tls13test.Server{Messages: tls13test.Replace(0, tls13test.Message(hello.MsgEncryptedExtensions, long)), Seal: tls13test.Fragments(1 << 14)}, "too much", 0, 0},
		{"heartbeat", tls13test.Server{Seal: tls13test.Prepend(hello.TypeHeartbeat, []byte{1})}, "the server sent an unexpected message", 0, hello.UnexpectedMessage},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.server.Group = hello.X25519
			addr, received := tls13test.Serve(t, lab, test.server, leaf)
			c := dial(t, addr)
			state, err := wide.Handshake(c, wide.Offer{Share: hello.X25519})
			if err == nil || err.Error() != test.err {
				t.Errorf("error is %v, want %s", err, test.err)
			}
			if certificates := len(certificatesOf(state)); certificates != test.certificates {
				t.Errorf("%d certificates, want %d", certificates, test.certificates)
			}
			c.Close()
			if test.server.Close {
				return
			}
			if got := <-received; got.Alert != test.alert || got.Finished {
				t.Errorf("the server received %+v, want %s", got, test.alert)
			}
		})
	}
}

func certificatesOf(s *wide.State) [][]byte {
	if s == nil {
		return nil
	}
	return s.Certificates
}

// TestSecondRetry checks that a second HelloRetryRequest ends the handshake (RFC 8446
// section 4.1.4).
func TestSecondRetry(t *testing.T) {
	lab := labtest.Lab(t)
	addr := labtest.Serve(t, lab, tlstest.Server{Accept: func(_ context.Context, c net.Conn) {
		for _, group := range []byte{29, 30, 29, 30} {
			record, err := hello.ReadRecord(c)
			if err != nil {
				return
			}
			offer, err := hello.ParseClientHello(record.Payload)
			if err != nil {
				return
			}
			request := hello.ServerHello{LegacyVersion: hello.TLS12, SessionID: offer.SessionID, CipherSuite: 0x1301, Extensions: []hello.Extension{
				{Type: 43, Data: []byte{3, 4}}, {Type: 51, Data: []byte{0, group}},
			}}
			copy(request.Random[:], tls13test.RetryRandom[:])
			message, err := request.MarshalMessage()
			if err != nil {
				return
			}
			c.Write(hello.AppendRecord(nil, hello.TypeHandshake, hello.TLS12, message))
		}
	}})
	state, err := wide.Handshake(dial(t, addr), wide.Offer{})
	if state != nil || err == nil || err.Error() != "the server sent an unexpected message" {
		t.Errorf("%+v, %v", state, err)
	}
}

// FuzzHandshake sends arbitrary answers, without protection and with it.
func FuzzHandshake(f *testing.F) {
	lab := labtest.Lab(f)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	leaf := labtest.CertificateFor(f, lab, key)
	f.Add([]byte{22, 3, 3, 0, 4, 2, 0, 0, 0}, false)
	f.Add([]byte{8, 0, 0, 2, 0, 0, 11, 0, 0, 4, 0, 0, 0, 0}, true)
	f.Add([]byte{13, 0, 0, 3, 0, 0, 0}, true)
	f.Fuzz(func(t *testing.T, answer []byte, protected bool) {
		client, server := net.Pipe()
		defer client.Close()
		go func() {
			defer server.Close()
			if !protected {
				hello.ReadRecord(server)
				server.Write(answer)
				return
			}
			tls13test.Server{Group: hello.X25519, Close: true, Seal: func(k *keys.Traffic, i int, message []byte) []byte {
				if i == 0 {
					return k.Seal(nil, hello.TypeHandshake, answer[:min(len(answer), 1<<14)])
				}
				return k.Seal(nil, hello.TypeHandshake, message)
			}}.Handle(server, leaf)
		}()
		state, err := wide.Handshake(&greeting{Conn: client}, wide.Offer{Share: hello.X25519})
		if err == nil && state.Proof != wide.Proved {
			t.Errorf("no error, and no proof: %+v", state)
		}
	})
}

// greeting is a connection that sends the first write only: nobody reads the others.
type greeting struct {
	net.Conn
	sent bool
}

func (c *greeting) Write(b []byte) (int, error) {
	if c.sent {
		return len(b), nil
	}
	c.sent = true
	return c.Conn.Write(b)
}
