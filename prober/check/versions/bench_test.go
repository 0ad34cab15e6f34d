package versions_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/endpoint/endpointtest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// BenchmarkVersions compares the scan of a server without failures with a handshake of
// crypto/tls for each of the six versions, which covers only four of them. CPU time
// is that of client and server.
func BenchmarkVersions(b *testing.B) {
	lab := labtest.Lab(b)
	server, err := lab.Start(tlstest.Server{})
	if err != nil {
		b.Fatal(err)
	}
	addr, traffic := countingRelay(b, server)
	e := endpointtest.At(b, addr)

	b.Run("scan", func(b *testing.B) {
		measure(b, traffic, func() {
			ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
			defer cancel()
			if found, err := (versions.Options{}).Find(ctx, e); err != nil || len(found.Answers) != 6 {
				b.Fatal(found, err)
			}
		})
	})
	b.Run("six-handshakes", func(b *testing.B) {
		measure(b, traffic, func() {
			for i := range 6 {
				conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10 + uint16(i)%4})
				if err != nil {
					b.Fatal(err)
				}
				conn.Close()
			}
		})
	})
}

// measure also reports CPU time, and bytes on the wire.
func measure(b *testing.B, traffic *atomic.Int64, do func()) {
	before, bytes := cpu(b), traffic.Load()
	n := 0
	for b.Loop() {
		do()
		n++
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(n), "cpu-ns/op")
	b.ReportMetric(float64(traffic.Load()-bytes)/float64(n), "wire-B/op")
}

func cpu(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// countingRelay relays to a server and counts the bytes.
func countingRelay(b *testing.B, server string) (addr string, traffic *atomic.Int64) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	traffic = new(atomic.Int64)
	var group sync.WaitGroup
	relay := func(to, from net.Conn) {
		n, _ := io.Copy(to, from)
		traffic.Add(n)
		to.Close()
		from.Close()
	}
	group.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				return
			}
			group.Go(func() { relay(client, upstream) })
			group.Go(func() { relay(upstream, client) })
		}
	})
	b.Cleanup(func() { listener.Close(); group.Wait() })
	return listener.Addr().String(), traffic
}
