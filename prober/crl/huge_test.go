package crl_test

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/certstatus"
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

// A list that is too large for dates proves what it has, and ReadFor finds the date.
func TestRevokedInLargeList(t *testing.T) {
	t.Parallel()
	ca := newCA(t)
	huge, err := responder.NewHugeCRL(ca, 125_000)
	if err != nil {
		t.Fatal(err)
	}
	list, err := crl.Read(stream(t, huge), ca.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	revoked, good := certificate(ca), certificate(ca)
	revoked.SerialNumber = huge.Serial(60_000)
	for _, test := range []struct {
		cert *x509.Certificate
		now  time.Time
		want certstatus.Status
	}{
		{revoked, list.ThisUpdate, certstatus.Revoked},
		{good, list.ThisUpdate, certstatus.Good},
		{revoked, list.NextUpdate.Add(time.Second), certstatus.Expired}, // it may have been on hold
		{good, list.NextUpdate.Add(time.Second), certstatus.Expired},
	} {
		if got := list.Judge(test.cert, ca.Certificate, here, test.now); got.Status != test.want || !got.RevokedAt.IsZero() {
			t.Errorf("%+v; want %s", got, test.want)
		}
	}
	alone, err := crl.ReadFor(stream(t, huge), ca.Certificate, revoked.SerialNumber)
	if err != nil {
		t.Fatal(err)
	}
	got := alone.Judge(revoked, ca.Certificate, here, list.NextUpdate.Add(time.Second))
	if got.Status != certstatus.Revoked || got.RevokedAt.Year() != 2026 || alone.Entries != 125_000 || alone.Size() > 4096 {
		t.Errorf("%+v, %d entries, %d bytes", got, alone.Entries, alone.Size())
	}
}

// TestResident measures what a process needs that reads a list of that many entries:
//
//	CRL_ENTRIES=10000000 go test -count=1 -run TestResident -v ./prober/crl
//
// The list comes from this process, so that making it does not count.
func TestResident(t *testing.T) {
	entries, err := strconv.Atoi(os.Getenv("CRL_ENTRIES"))
	if err != nil {
		t.Skip("CRL_ENTRIES is not set")
	}
	ca := newCA(t)
	huge, err := responder.NewHugeCRL(ca, entries)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(os.Args[0], "-test.run=^TestReadInput$", "-test.v")
	command.Env = append(os.Environ(), "CRL_ENTRIES=", "CRL_ISSUER="+base64.StdEncoding.EncodeToString(ca.Certificate.Raw))
	command.Stdin = stream(t, huge)
	output, err := command.CombinedOutput()
	t.Logf("%d bytes of DER\n%s", huge.Size(), output)
	if err != nil {
		t.Error(err)
	}
}

// TestReadInput is the other process of TestResident.
func TestReadInput(t *testing.T) {
	der, err := base64.StdEncoding.DecodeString(os.Getenv("CRL_ISSUER"))
	if err != nil || len(der) == 0 {
		t.Skip("TestResident runs this")
	}
	issuer, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	before, start := memory(t), time.Now()
	list, err := crl.Read(os.Stdin, issuer)
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	runtime.GC()
	t.Logf("%d entries in %v, %d bytes by Size; before:%s; after:%s", list.Entries, took.Round(time.Millisecond), list.Size(), before, memory(t))
	runtime.KeepAlive(list)
}

// memory is what Linux says about the memory of this process: now, and at most so far.
func memory(t *testing.T) string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	var lines string
	for line := range strings.Lines(string(status)) {
		if strings.HasPrefix(line, "VmRSS:") || strings.HasPrefix(line, "VmHWM:") {
			lines += " " + strings.Join(strings.Fields(line), " ")
		}
	}
	return lines
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
	cert := certificate(ca)
	for b.Loop() {
		if got := list.Judge(cert, ca.Certificate, here, list.ThisUpdate); got.Status != certstatus.Good {
			b.Fatal(got)
		}
	}
}
