package tlstest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"go/build"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	lab, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for _, illness := range Illnesses() {
		server, err := illness.Make(lab)
		if err != nil {
			t.Fatal(err)
		}
		addr := start(t, lab, server)
		if !server.Refuse {
			converse(t, addr)
		}
	}
	lab.Close()
	lab.Close()
	goleak.VerifyNone(t)
	if len(lab.open) != 0 {
		t.Errorf("%d sockets are still open", len(lab.open))
	}
}

// converse leaves one connection before a word was said, and one after.
func converse(t *testing.T, addr string) {
	dial(t, addr)
	if _, err := dial(t, addr).Write(helloOfNothing); err != nil {
		t.Error(err)
	}
}

func TestCloseCutsConnections(t *testing.T) {
	lab := newLab(t)
	c := dial(t, start(t, lab, Server{Accept: keepSilent}))
	lab.Close()
	if n, err := c.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes from a closed lab", n)
	}
}

func TestCloseEndsTheContextOfAccept(t *testing.T) {
	lab := newLab(t)
	called := make(chan struct{})
	addr := start(t, lab, Server{Accept: func(ctx context.Context, _ net.Conn) {
		close(called)
		<-ctx.Done()
	}})
	dial(t, addr)
	<-called
	lab.Close()
}

func TestStartAfterClose(t *testing.T) {
	lab := newLab(t)
	lab.Close()
	for _, server := range []Server{{}, {Refuse: true}} {
		if addr, err := lab.Start(server); err == nil {
			t.Errorf("a closed lab started a server at %s", addr)
		}
	}
}

func TestRootPEM(t *testing.T) {
	lab := newLab(t)
	block, rest := pem.Decode(lab.RootPEM())
	if block == nil || block.Type != "CERTIFICATE" || !bytes.Equal(block.Bytes, lab.Root.Certificate.Raw) || len(rest) != 0 {
		t.Errorf("RootPEM is %q", lab.RootPEM())
	}
}

// The demo is part of the program, and the prober's tests use the lab: it can
// import neither.
func TestImports(t *testing.T) {
	pkg, err := build.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	stranger := func(path string) bool {
		return path == "testing" || strings.HasPrefix(path, "tls_exporter") || strings.Contains(path, ".")
	}
	if i := slices.IndexFunc(pkg.Imports, stranger); i >= 0 {
		t.Errorf("the lab imports %s", pkg.Imports[i])
	}
}

func newLab(t *testing.T) *Lab {
	t.Helper()
	lab, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lab.Close)
	return lab
}

func start(t *testing.T, lab *Lab, s Server) string {
	t.Helper()
	addr, err := lab.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

// exchange says something, and goodbye, and hears what comes until the server's goodbye.
func exchange(t *testing.T, addr string, words []byte) []byte {
	t.Helper()
	c := dial(t, addr)
	if _, err := c.Write(words); err != nil {
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

// meeting is what a client of crypto/tls experiences.
type meeting struct {
	state     tls.ConnectionState
	handshake error // how the handshake ended
	after     error // how the conversation ended, if there was one: a polite server's is io.EOF
}

func (m meeting) err() error {
	if m.handshake != nil {
		return m.handshake
	}
	return m.after
}

// meet shakes hands, says goodbye, and waits for the server's goodbye.
func meet(t *testing.T, addr string, change ...func(*tls.Config)) meeting {
	t.Helper()
	config := &tls.Config{
		InsecureSkipVerify: true, // the tests judge
		MinVersion:         tls.VersionTLS10,
		NextProtos:         []string{"h2", "http/1.1"},
	}
	for _, c := range change {
		c(config)
	}
	raw := dial(t, addr)
	defer raw.Close()
	conn := tls.Client(raw, config)
	var m meeting
	m.handshake = conn.HandshakeContext(t.Context())
	m.state = conn.ConnectionState()
	if m.handshake == nil {
		// A server that has already turned the client away does not need the goodbye.
		_ = conn.CloseWrite()
		_, m.after = conn.Read(make([]byte, 1))
	}
	return m
}

// presented is the chain that a patient sends, also when it then turns away.
func presented(t *testing.T, p patient) []*x509.Certificate {
	t.Helper()
	m := meet(t, p.addr)
	if len(m.state.PeerCertificates) == 0 {
		t.Fatalf("no certificates: %v", m.err())
	}
	return m.state.PeerCertificates
}

func pool(certificates ...*x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	for _, c := range certificates {
		p.AddCert(c)
	}
	return p
}
