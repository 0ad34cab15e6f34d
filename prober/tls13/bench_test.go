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

// BenchmarkHandshake measures one handshake after another. The server is in the same
// process and in the figures: only their difference is that between the clients.
func BenchmarkHandshake(b *testing.B) {
	lab := labtest.Lab(b)
	c := newClients(b, nil)
	addr := labtest.Serve(b, lab, tlstest.Server{})
	endpoint := probetest.Target(b, addr)
	for _, client := range []struct {
		name   string
		client *handshake.Client
	}{{"tls13", c.tls13}, {"crypto-tls", c.cryptoTLS}} {
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
