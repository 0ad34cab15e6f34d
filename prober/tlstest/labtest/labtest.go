// Package labtest starts the lab and servers of it for one test.
package labtest

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest"
)

const Day = 24 * time.Hour

var Now = time.Now().Truncate(time.Second)

// Counted starts a server that counts its connections.
func Counted(t testing.TB, lab *tlstest.Lab, s tlstest.Server) (addr string, calls *atomic.Int64) {
	t.Helper()
	calls = new(atomic.Int64)
	s.Preface = func(_ context.Context, c net.Conn) net.Conn {
		calls.Add(1)
		return c
	}
	addr, err := lab.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	return addr, calls
}

// CertificateFor is a chain for a key.
func CertificateFor(t testing.TB, lab *tlstest.Lab, key crypto.Signer) *tls.Certificate {
	t.Helper()
	leaf, err := lab.Intermediate.Issue(&x509.Certificate{NotBefore: Now.Add(-Day), NotAfter: Now.Add(30 * Day), DNSNames: []string{"localhost"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw, lab.Intermediate.Certificate.Raw}, PrivateKey: key, Leaf: leaf}
}

func MustKey[K crypto.Signer](t testing.TB, key K, err error) crypto.Signer {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Main runs the tests of a package, and fails if a goroutine is left.
func Main(m *testing.M) {
	// The tests that go side by side wait for servers that are slow or silent, and
	// hardly for this machine. What the command line says of it comes later, and wins.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// Lab is a lab that ends with the test.
func Lab(t testing.TB) *tlstest.Lab {
	t.Helper()
	lab, err := tlstest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lab.Close)
	return lab
}

func Serve(t testing.TB, lab *tlstest.Lab, s tlstest.Server) string {
	t.Helper()
	addr, err := lab.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func RSAKey(bits int) func() (crypto.Signer, error) {
	return func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, bits) }
}

// Canned is a server that says these words to whoever calls, and hangs up.
func Canned(words string) tlstest.Server {
	return tlstest.Server{Accept: func(_ context.Context, c net.Conn) {
		io.WriteString(c, words)
		io.Copy(io.Discard, c)
	}}
}

// DNS starts a DNS server that knows these names and no others.
func DNS(t testing.TB, lab *tlstest.Lab, zone tlstest.Zone) target.HostPort {
	t.Helper()
	addr, err := lab.StartDNS(zone)
	if err != nil {
		t.Fatal(err)
	}
	return target.HostPort(addr)
}

func Addresses(words ...string) []netip.Addr {
	var all []netip.Addr
	for _, word := range words {
		all = append(all, netip.MustParseAddr(word))
	}
	return all
}

// Altered lets a test change answers as messages.
func Altered(change func(m *dns.Msg, overTCP bool)) func([]byte, bool) []byte {
	return func(answer []byte, overTCP bool) []byte {
		m := new(dns.Msg)
		if err := m.Unpack(answer); err != nil {
			panic(err)
		}
		change(m, overTCP)
		answer, err := m.Pack()
		if err != nil {
			panic(err)
		}
		return answer
	}
}
