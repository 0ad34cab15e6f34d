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

// BenchmarkVersions holds a scan of a healthy server's versions beside what it
// spares: a handshake of crypto/tls for each of the six, which would see only
// four of them. CPU is that of both sides.
func BenchmarkVersions(b *testing.B) {
	lab := labtest.Lab(b)
	server, err := lab.Start(tlstest.Server{})
	if err != nil {
		b.Fatal(err)
	}
	addr, traffic := wiretap(b, server)
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

// measure reports CPU time and bytes on the wire beside the time.
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

// wiretap stands before a server and counts the bytes that pass.
func wiretap(b *testing.B, server string) (addr string, traffic *atomic.Int64) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	traffic = new(atomic.Int64)
	var group sync.WaitGroup
	pass := func(to, from net.Conn) {
		n, _ := io.Copy(to, from)
		traffic.Add(n)
		to.Close()
		from.Close()
	}
	group.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", server)
			if err != nil {
				near.Close()
				return
			}
			group.Go(func() { pass(near, far) })
			group.Go(func() { pass(far, near) })
		}
	})
	b.Cleanup(func() { listener.Close(); group.Wait() })
	return listener.Addr().String(), traffic
}
