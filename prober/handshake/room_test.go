package handshake_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"testing"

	"tls_exporter/prober/bounded"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// TestRoom performs handshakes with servers that send large certificates, until there is
// no room for more: the certificates of an outcome need it until the outcome is released.
func TestRoom(t *testing.T) {
	lab := labtest.Lab(t)
	large := func(c *x509.Certificate) {
		for i := range 4000 {
			c.DNSNames = append(c.DNSNames, fmt.Sprintf("host%d.example.test", i))
		}
	}
	for _, highest := range []uint16{tls.VersionTLS13, tls.VersionTLS12} {
		t.Run(tls.VersionName(highest), func(t *testing.T) {
			addr := labtest.Serve(t, lab, tlstest.Server{Leaf: large, Config: func(c *tls.Config) { c.MaxVersion = highest }})
			c := newClient(t, handshake.Auto)
			to := probetest.Target(t, addr)
			perform := func(ctx context.Context) *handshake.Outcome {
				conn, err := dial(addr)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				return c.Handshake(ctx, conn, &handshake.Peer{Target: &to, Connect: func(context.Context) (net.Conn, error) { return dial(addr) }})
			}
			over, cancel := context.WithCancel(t.Context())
			cancel()
			var all []*handshake.Outcome
			for len(all) < bounded.MaxLarge {
				h := perform(t.Context())
				if h.Failure != nil {
					t.Fatalf("handshake %d: %v", len(all)+1, h.Failure)
				}
				all = append(all, h)
			}
			if h := perform(over); h.Failure == nil || h.Failure.Reason != failure.ReasonLocalResources {
				t.Errorf("one more: %v, want local_resources", h.Failure)
			}
			for _, h := range all {
				h.Release()
			}
			if h := perform(t.Context()); h.Failure != nil {
				t.Errorf("after the release of all: %v", h.Failure)
			}
		})
	}
}
