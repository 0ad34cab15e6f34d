package tls13_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net"
	"sync"
	"testing"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tls13/tls13test"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// FuzzClient checks that a handshake ends with either a session or a failure with a
// reason, whatever a server sends.
func FuzzClient(f *testing.F) {
	lab, err := tlstest.New()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(lab.Close)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	certificate := labtest.CertificateFor(f, lab, labtest.MustKey(f, key, err))
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), false)
	f.Add(tls13test.PlaintextAlert(2, hello.HandshakeFailure), false)
	f.Add(hello.AppendRecord(nil, hello.TypeHandshake, hello.TLS12, []byte{2, 0, 0, 0}), false)
	f.Add([]byte{22, 3, 3, 0xff, 0xff}, false)
	f.Add(tls13test.Message(hello.MsgEncryptedExtensions, []byte{0, 0}), true)
	f.Add(tls13test.Message(hello.MsgCertificate, []byte{0, 0, 0, 6, 0, 0, 1, 7, 0, 0}), true)
	f.Add(tls13test.Message(hello.MsgCertificateVerify, []byte{4, 3, 0, 1, 9}), true)
	f.Add(tls13test.Message(13, []byte{0, 0, 0}), true)
	to := probetest.Target(f, "localhost")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { listener.Close() })
	f.Fuzz(func(t *testing.T, answer []byte, protected bool) {
		var serving sync.WaitGroup
		serving.Go(func() {
			server, err := listener.Accept()
			if err != nil {
				return
			}
			defer server.Close()
			server.SetDeadline(time.Now().Add(10 * time.Second))
			if protected { // after none, some or all of the messages before Finished
				at := len(answer) % 4
				tls13test.Server{Messages: func(m [][]byte) [][]byte { return append(m[:at], answer) }, Close: true}.Handle(server, certificate)
				return
			}
			if _, err := hello.ReadRecord(server); err == nil {
				server.Write(answer)
			}
		})
		client, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		client.SetDeadline(time.Now().Add(10 * time.Second))
		c := newClients(t, nil) // new ones, which know no server that needs crypto/tls
		h, ok := attempt(c.tls13, client, &to)
		serving.Wait()
		if h.Failure == nil && (h.Session == nil || !h.Session.Completed || len(h.Certificates) == 0) {
			t.Errorf("a handshake without failure has the session %+v", h.Session)
		}
		if ok && h.Failure != nil && h.Failure.Reason == failure.ReasonInternal {
			t.Errorf("%v has no reason", h.Failure)
		}
	})
}
