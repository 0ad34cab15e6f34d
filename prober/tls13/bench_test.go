package tls13_test

import (
	"net"
	"testing"
	"time"

	"tls_exporter/prober/handshake"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// BenchmarkShake is one handshake after the other with the same server, which is
// in the figures as well: their difference is between the clients.
func BenchmarkShake(b *testing.B) {
	lab := labtest.Lab(b)
	c := newClients(b, nil)
	addr := labtest.Serve(b, lab, tlstest.Server{})
	endpoint := probetest.Target(b, addr)
	for _, client := range []struct {
		name   string
		client *handshake.Client
	}{{"tls13", c.ours}, {"crypto-tls", c.theirs}} {
		b.Run(client.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				conn, err := net.Dial("tcp", addr)
				if err != nil {
					b.Fatal(err)
				}
				conn.SetDeadline(time.Now().Add(time.Minute))
				if h, _ := attempt(client.client, conn, &endpoint); h.Failure != nil {
					b.Fatal(h.Failure)
				}
			}
		})
	}
}
