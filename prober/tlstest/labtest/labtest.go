// Package labtest starts the lab of package tlstest, and its servers, for one test.
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

// Day is a duration of 24 hours.
const Day = 24 * time.Hour

// Now is the time at which the test started, to the second.
var Now = time.Now().Truncate(time.Second)

// Counted starts a server that counts its connections.
func Counted(t testing.TB, lab *tlstest.Lab, s tlstest.Server) (addr string, connections *atomic.Int64) {
	t.Helper()
	connections = new(atomic.Int64)
	s.Preface = func(_ context.Context, c net.Conn) net.Conn {
		connections.Add(1)
		return c
	}
	addr, err := lab.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	return addr, connections
}

// CertificateFor issues a chain for localhost with a key. It is valid for 30 days.
func CertificateFor(t testing.TB, lab *tlstest.Lab, key crypto.Signer) *tls.Certificate {
	t.Helper()
	leaf, err := lab.Intermediate.Issue(&x509.Certificate{NotBefore: Now.Add(-Day), NotAfter: Now.Add(30 * Day), DNSNames: []string{"localhost"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{leaf.Raw, lab.Intermediate.Certificate.Raw}, PrivateKey: key, Leaf: leaf}
}

// MustKey returns a key, and fails the test if err is not nil.
func MustKey[K crypto.Signer](t testing.TB, key K, err error) crypto.Signer {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// Main runs the tests of a package, and fails if a goroutine is left.
func Main(m *testing.M) {
	// Parallel tests wait for servers that are slow or silent, and need little CPU.
	// The command line is parsed later and overrides this.
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

// Serve starts a server and returns its address.
func Serve(t testing.TB, lab *tlstest.Lab, s tlstest.Server) string {
	t.Helper()
	addr, err := lab.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// RSAKey returns a function that generates an RSA key.
func RSAKey(bits int) func() (crypto.Signer, error) {
	return func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, bits) }
}

// Canned returns a server that sends a fixed answer to each connection, and then reads
// until the client closes it.
func Canned(answer string) tlstest.Server {
	return tlstest.Server{Accept: func(_ context.Context, c net.Conn) {
		io.WriteString(c, answer)
		io.Copy(io.Discard, c)
	}}
}

// DNS starts a DNS server for the names of zone, and returns its address.
func DNS(t testing.TB, lab *tlstest.Lab, zone tlstest.Zone) target.HostPort {
	t.Helper()
	addr, err := lab.StartDNS(zone)
	if err != nil {
		t.Fatal(err)
	}
	return target.HostPort(addr)
}

// Addresses parses IP addresses that are valid.
func Addresses(addrs ...string) []netip.Addr {
	var all []netip.Addr
	for _, addr := range addrs {
		all = append(all, netip.MustParseAddr(addr))
	}
	return all
}

// Records parses records as zone files have them, without the name: "TLSA 3 1 1 ab12".
func Records(t testing.TB, records ...string) []tlstest.Record {
	t.Helper()
	var all []tlstest.Record
	for _, record := range records {
		parsed, err := dns.NewRR(". 0 IN " + record)
		if err != nil {
			t.Fatal(err)
		}
		packed := make([]byte, dns.MaxMsgSize)
		end, err := dns.PackRR(parsed, packed, 0, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		const before = 11 // the name, which is the root, and the rest of the header
		all = append(all, tlstest.Record{Type: parsed.Header().Rrtype, Data: packed[before:end]})
	}
	return all
}

// Altered returns a function for tlstest.Name that changes answers in parsed form.
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
