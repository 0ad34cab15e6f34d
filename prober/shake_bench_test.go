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
	p := newProber(b, labModule(b, lab))
	addr := serve(b, lab, tlstest.Server{})
	endpoint := target(b, addr)
	for _, client := range []struct {
		name  string
		shake func(net.Conn) *handshake
	}{
		{"client13", func(conn net.Conn) *handshake { h, _ := p.shake13(conn, &endpoint); return h }},
		{"crypto-tls", func(conn net.Conn) *handshake { return p.shakeAny(conn, &endpoint) }},
	} {
		b.Run(client.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				conn, err := net.Dial("tcp", addr)
				if err != nil {
					b.Fatal(err)
				}
				conn.SetDeadline(time.Now().Add(time.Minute))
				if h := client.shake(conn); h.err != nil {
					b.Fatal(h.err)
				}
				conn.Close()
			}
		})
	}
}
