package tlstest

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"go/build"
	"net"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"tls_exporter/prober/tlstest/internal/testclient"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestCloseReleasesEverything(t *testing.T) {
	lab, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for _, scenario := range Scenarios() {
		server, err := scenario.Make(lab)
		if err != nil {
			t.Fatal(err)
		}
		addr := start(t, lab, server)
		if !server.Refuse {
			connectTwice(t, addr)
		}
	}
	lab.Close()
	lab.Close()
	goleak.VerifyNone(t)
	if len(lab.open) != 0 {
		t.Errorf("%d sockets are still open", len(lab.open))
	}
}

// connectTwice leaves one connection open without data, and one with data.
func connectTwice(t *testing.T, addr string) {
	testclient.Dial(t, addr)
	if _, err := testclient.Dial(t, addr).Write(emptyHello); err != nil {
		t.Error(err)
	}
}

func TestCloseClosesConnections(t *testing.T) {
	lab := newLab(t)
	c := testclient.Dial(t, start(t, lab, Server{Accept: discardInput}))
	lab.Close()
	if n, err := c.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes from a closed lab", n)
	}
}

func TestCloseCancelsTheContextOfAccept(t *testing.T) {
	lab := newLab(t)
	called := make(chan struct{})
	addr := start(t, lab, Server{Accept: func(ctx context.Context, _ net.Conn) {
		close(called)
		<-ctx.Done()
	}})
	testclient.Dial(t, addr)
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

// The program contains the demo, and the prober's tests use the lab. So the lab
// imports nothing of the exporter and no third-party package.
func TestImports(t *testing.T) {
	pkg, err := build.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	forbidden := func(path string) bool {
		if path == "tls_exporter/prober/tlstest/internal/wire" {
			return false
		}
		return path == "testing" || strings.HasPrefix(path, "tls_exporter") || strings.Contains(path, ".")
	}
	if i := slices.IndexFunc(pkg.Imports, forbidden); i >= 0 {
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

// presented is the chain that an endpoint sends, also if it then rejects the client.
func presented(t *testing.T, e endpoint) []*x509.Certificate {
	t.Helper()
	m := testclient.Handshake(t, e.addr)
	if len(m.State.PeerCertificates) == 0 {
		t.Fatalf("no certificates: %v", m.Err())
	}
	return m.State.PeerCertificates
}
