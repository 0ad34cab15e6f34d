package prober

import (
	"net"
	"testing"
	"time"

	"tls_exporter/prober/tlstest"
)

// BenchmarkShake is one handshake after the other with the same server, which is
// in the figures as well: their difference is between the clients.
func BenchmarkShake(b *testing.B) {
	lab := newLab(b)
	c := newClients(b, nil)
	addr := serve(b, lab, tlstest.Server{})
	endpoint := target(b, addr)
	for _, client := range []struct {
		name   string
		client *tlsClient
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
