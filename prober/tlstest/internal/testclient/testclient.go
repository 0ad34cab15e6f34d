// Package testclient has the clients that tests of the lab connect with.
package testclient

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"testing"
)

// Dial connects to addr. The connection is closed when the test ends.
func Dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// Exchange sends request, closes the sending side, and returns all that the
// server sends until it closes.
func Exchange(t *testing.T, addr string, request []byte) []byte {
	t.Helper()
	c := Dial(t, addr)
	if _, err := c.Write(request); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// Connection is how a connection of a crypto/tls client went.
type Connection struct {
	State     tls.ConnectionState
	Handshake error // of the handshake
	After     error // of the first read after it; io.EOF after a close_notify
}

// Err is the first error. It is io.EOF if all went well.
func (c Connection) Err() error { return cmp.Or(c.Handshake, c.After) }

// Handshake connects to addr, completes a handshake, sends close_notify, and
// waits for the server's. Certificates are not verified unless change asks for
// it.
func Handshake(t *testing.T, addr string, change ...func(*tls.Config)) Connection {
	t.Helper()
	config := &tls.Config{
		InsecureSkipVerify: true, // tests verify the chain themselves
		MinVersion:         tls.VersionTLS10,
		NextProtos:         []string{"h2", "http/1.1"},
	}
	for _, c := range change {
		c(config)
	}
	raw := Dial(t, addr)
	defer raw.Close()
	conn := tls.Client(raw, config)
	var c Connection
	c.Handshake = conn.HandshakeContext(t.Context())
	c.State = conn.ConnectionState()
	if c.Handshake == nil {
		// A server that has already rejected the client does not need the close_notify.
		_ = conn.CloseWrite()
		_, c.After = conn.Read(make([]byte, 1))
	}
	return c
}

// Pool returns a pool of certificates.
func Pool(certificates ...*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certificates {
		p.AddCert(c)
	}
	return p
}
