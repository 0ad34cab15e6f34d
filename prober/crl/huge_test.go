package crl_test

import (
	"crypto/x509"
	"fmt"
	"io"
	"runtime"
	"testing"

	"tls_exporter/prober/crl"
	"tls_exporter/prober/tlstest/responder"
)

// stream is the list as it comes from a connection.
func stream(t testing.TB, huge *responder.HugeCRL) io.Reader {
	in, out := io.Pipe()
	t.Cleanup(func() { in.Close() })
	go func() {
		_, err := huge.WriteTo(out)
		out.CloseWithError(err)
	}()
	return in
}

// liveHeap is what is in use after a collection, in bytes.
func liveHeap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A million serial numbers take 6.4 MB, while the list is read and afterwards.
func TestMillion(t *testing.T) {
	const entries, perEntry = 1_000_000, 6.4
	ca := newCA(t)
	huge, err := responder.NewHugeCRL(ca, entries)
	if err != nil {
		t.Fatal(err)
	}
	before := liveHeap()
	list, err := crl.Read(stream(t, huge), ca.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	live := liveHeap() - before
	t.Logf("%d entries, %d bytes of DER: %d bytes live, %d by Size", list.Entries, huge.Size(), live, list.Size())
	if list.Entries != entries || live > entries*perEntry || live > int64(list.Size())*21/20 {
		t.Errorf("%d entries take %d bytes; Size says %d", list.Entries, live, list.Size())
	}
	for i := 0; i < entries; i += 1000 {
		if !list.Contains(huge.Serial(i)) {
			t.Fatalf("entry %d is not in the list", i)
		}
		if list.Contains(huge.Serial(entries + i)) {
			t.Fatalf("serial number %d is in the list", entries+i)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	for _, entries := range []int{100, 100_000, 1_000_000, 10_000_000} {
		b.Run(fmt.Sprint(entries), func(b *testing.B) {
			ca := newCA(b)
			huge, err := responder.NewHugeCRL(ca, entries)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(huge.Size())
			b.ReportAllocs()
			for b.Loop() {
				if _, err := crl.Read(stream(b, huge), ca.Certificate); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkJudge(b *testing.B) {
	ca := newCA(b)
	huge, err := responder.NewHugeCRL(ca, 1_000_000)
	if err != nil {
		b.Fatal(err)
	}
	list, err := crl.Read(stream(b, huge), ca.Certificate)
	if err != nil {
		b.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: huge.Serial(-1), RawIssuer: ca.Certificate.RawSubject}
	for b.Loop() {
		list.Judge(cert, ca.Certificate, "", list.ThisUpdate)
	}
}
