package prober_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/option"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// endlessly sends a beginning, and then the same bytes until the client closes.
func endlessly(begin, rest string) func(net.Conn) {
	return func(c net.Conn) {
		_, err := io.WriteString(c, begin)
		for chunk := strings.Repeat(rest, 1+(16<<10)/len(rest)); err == nil; {
			_, err = io.WriteString(c, chunk)
		}
	}
}

// Whatever the server of a CA does, the probe ends by its deadline, says nothing good, and
// shows nothing that is unsafe to print. The download ends with the process, and leaves
// neither a goroutine nor a socket.
func TestHostileServersOfCAs(t *testing.T) {
	before := descriptors(t)
	t.Run("servers", func(t *testing.T) {
		lab := labtest.Lab(t)
		const ok = "HTTP/1.1 200 OK\r\n"
		entry := "\x30\x21\x02\x10" + strings.Repeat("\x11", 16) + "\x17\x0d260101000000Z"
		begin := beginOfCRL(lab, 1<<30/35)
		for name, serve := range map[string]func(net.Conn){
			"silent":                       func(c net.Conn) { io.Copy(io.Discard, c) },
			"closes":                       func(net.Conn) {},
			"endless header":               endlessly(ok, "X-Header: \x1b[31m\r\n"),
			"endless status line":          endlessly("HTTP/1.1 200 ", "OK"),
			"endless interim responses":    endlessly("", "HTTP/1.1 100 Continue\r\n\r\n"),
			"endless zeros":                endlessly(ok+"\r\n", "\x00"),
			"endless sequences":            endlessly(ok+"\r\n", "\x30\x80"),
			"a CRL of a gigabyte":          endlessly(ok+"\r\n"+begin, entry),
			"a CRL of a gigabyte in parts": endlessly(ok+"Transfer-Encoding: chunked\r\n\r\n"+fmt.Sprintf("%x\r\n%s\r\n", len(begin), begin), fmt.Sprintf("%x\r\n%s\r\n", len(entry), entry)),
			"another length than it has":   endlessly(ok+"Content-Length: 99999999999999\r\n\r\n", "\x30"),
			"a negative length":            endlessly(ok+"Content-Length: -1\r\n\r\n", "\x30"),
			"a redirect to itself":         endlessly("HTTP/1.1 302 \x1b[31m\r\nLocation: /\u202e\r\n\r\n", "x"),
			"terminal codes":               endlessly("\x1b[31m\r\n\r\n", "\x1b[2J"),
		} {
			addr := labtest.Serve(t, lab, tlstest.Server{Accept: func(_ context.Context, c net.Conn) {
				c.Read(make([]byte, 4096))
				serve(c)
			}})
			server := labtest.Serve(t, lab, tlstest.Server{Leaf: func(c *x509.Certificate) {
				c.OCSPServer, c.CRLDistributionPoints = []string{"http://" + addr + "/ocsp"}, []string{"http://" + addr + "/crl"}
			}})
			m := probetest.Module(t, lab)
			m.Timeout = option.Duration(hostileBound)
			m.Revocation.Enable().MaxBytes = 16 << 20
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				process := prober.NewProcess()
				p, err := prober.New(m, process)
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					start := time.Now()
					r := p.Probe(context.Background(), probetest.Target(t, server))
					if took := time.Since(start); took > p.Timeout()+slack {
						t.Errorf("it took %v", took)
					}
					nothingProven(t, r, strings.HasPrefix(name, "a CRL"))
				}
				process.Close()
				if kept := process.Downloads.Bytes(); kept > 16<<10 {
					t.Errorf("%d bytes are kept", kept)
				}
			})
		}
	})
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors are open, and %d were before", after, before)
	}
}

// nothingProven requires that no source has proven anything, and that the endpoint is not
// blamed. A large CRL is read until it is too large.
func nothingProven(t *testing.T, r *prober.Result, large bool) {
	t.Helper()
	if !r.Success() || r.Revocation.Finding == nil {
		t.Fatalf("%v, %+v", r.Failure, r.Outcomes)
	}
	for _, cert := range r.Revocation.Finding.Certificates {
		for _, a := range cert.Answers {
			switch {
			case a.Status != certstatus.Unavailable && a.Status != certstatus.Invalid && a.Status != certstatus.NotOffered, a.Reason == failure.ReasonInternal:
				t.Errorf("%s of %d is %s (%s)", a.Source, cert.Position, a.Status, a.Reason)
			case large && a.Source == certstatus.CRL && a.Status == certstatus.Invalid:
				t.Errorf("it was not read to its limit: %+v", a)
			case !presentable(a.Detail):
				t.Errorf("shows %.100q", a.Detail)
			}
		}
	}
}

// A CRL of 35 MB that is not a valid one at its end takes no more memory, while it is read,
// than its index: some 7 MB.
func TestMemoryOfHostileCRL(t *testing.T) {
	lab := labtest.Lab(t)
	const entries = 1_000_000
	begin := beginOfCRL(lab, entries)
	entry := []byte("\x30\x21\x02\x10" + strings.Repeat("\x11", 16) + "\x17\x0d260101000000Z")
	var peak atomic.Uint64
	addr := labtest.Serve(t, lab, tlstest.Server{Accept: func(_ context.Context, c net.Conn) {
		c.Read(make([]byte, 4096))
		io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n"+begin)
		chunk := make([]byte, 0, 1000*len(entry))
		for i := range entries {
			entry[4], entry[5], entry[6] = byte(i>>16)&0x7f|1, byte(i>>8), byte(i)
			if chunk = append(chunk, entry...); len(chunk) == cap(chunk) {
				if _, err := c.Write(chunk); err != nil {
					return
				}
				chunk = chunk[:0]
			}
		}
		peak.Store(heap())
	}})
	server := labtest.Serve(t, lab, tlstest.Server{Leaf: func(c *x509.Certificate) { c.CRLDistributionPoints = []string{"http://" + addr + "/crl"} }})
	m := probetest.Module(t, lab)
	m.Revocation.Enable()
	p := probetest.New(t, m)
	base := heap()
	for {
		r := p.Probe(t.Context(), probetest.Target(t, server))
		if r.Revocation.Finding.Certificates[0].Answers[1].Reason != failure.ReasonPending {
			nothingProven(t, r, false)
			break
		}
		runtime.Gosched()
	}
	used := int64(peak.Load()) - int64(base)
	t.Logf("%d bytes while the CRL is read", used)
	if used < 1<<20 || used > 12<<20 {
		t.Errorf("%d bytes while the CRL is read", used)
	}
}

// beginOfCRL is the begin of a CRL of the lab's intermediate, up to its first entry of 35
// bytes.
func beginOfCRL(lab *tlstest.Lab, entries int) string {
	name := string(lab.Intermediate.Certificate.RawSubject)
	head := "\x02\x01\x01" + "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02" + name + "\x17\x0d261101000000Z" + "\x17\x0d361101000000Z"
	size := func(n int) string { return string([]byte{0x84, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}) }
	list := "\x30" + size(35*entries)
	tbs := "\x30" + size(35*entries+len(head)+len(list)) + head + list
	return "\x30" + size(len(tbs)+35*entries+100) + tbs
}

// heap is how many bytes are in use.
func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
