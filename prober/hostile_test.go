package prober_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"tls_exporter/prober"
	"tls_exporter/prober/connect"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/option"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// hostileTimeout is the timeout of the probes that have to run into it: enough to get
// that far on a busy machine. The others have to end by themselves, within
// hostileBound. slack is how much later than its timeout a probe may end on such a
// machine.
const (
	hostileTimeout = 1500 * time.Millisecond
	hostileBound   = 5 * time.Second
	slack          = 2 * time.Second
)

// attack is one thing that a hostile endpoint does, and the expected result.
type attack struct {
	name   string
	server tlstest.Server
	phase  failure.Phase // of the failure; empty: the probe succeeds
	reason failure.Reason
	scheme string               // default: https
	change func(*prober.Module) // of the module; nil: none
}

// Whatever an endpoint does, the probe ends by its deadline, reports what happened,
// and shows nothing that is unsafe to print. TestMain checks that no goroutine is
// left, and the count of descriptors that no socket is.
func TestHostile(t *testing.T) {
	before := descriptors(t)
	t.Run("endpoints", func(t *testing.T) {
		lab := labtest.Lab(t)
		ca := probetest.Module(t, lab)
		for _, a := range attacks(t, lab) {
			module := ca
			module.Timeout = option.Duration(hostileBound)
			if a.reason == failure.ReasonTimeout {
				module.Timeout = option.Duration(hostileTimeout)
			}
			if a.change != nil {
				a.change(&module)
			}
			p := probetest.New(t, module)
			addr := labtest.Serve(t, lab, a.server)
			t.Run(a.name, func(t *testing.T) {
				t.Parallel()
				a.probe(t, p, probetest.Target(t, cmp.Or(a.scheme, "https")+"://"+addr))
			})
		}
	})
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors are open, and %d were before", after, before)
	}
}

// probe probes the endpoint and compares the result with the expected one.
func (a attack) probe(t *testing.T, p *prober.Prober, to target.Target) {
	start := time.Now()
	r := p.Probe(context.Background(), to)
	if took := time.Since(start); took > p.Timeout()+slack {
		t.Errorf("it took %v", took)
	}
	var got failure.Failure
	if r.Failure != nil {
		got = *r.Failure
	}
	t.Logf("%-55s %-13s %s", a.name, got.Phase, got.Reason)
	if got.Phase != a.phase || got.Reason != a.reason {
		t.Errorf("failed in %q with %q (%.300v), want %q with %q", got.Phase, got.Reason, got.Err, a.phase, a.reason)
	}
	for what, s := range shown(r) {
		if !presentable(s) {
			t.Errorf("%s must not be shown: %d bytes, %.100q", what, len(s), s)
		}
	}
	for _, s := range messages(r) {
		if len(s) > 2048+len("…") || !utf8.ValidString(s) {
			t.Errorf("a message of %d bytes: %.100q", len(s), s)
		}
	}
}

// messages are the sentences for people. They may have several lines.
func messages(r *prober.Result) []string {
	var all []string
	if r.Failure != nil {
		all = append(all, r.Failure.Err.Error())
	}
	if r.Chain != nil {
		for _, found := range r.Chain.Problems {
			all = append(all, found.Detail)
		}
	}
	return all
}

// shown is every text of a Result that may become a label value, by what it is.
func shown(r *prober.Result) map[string]string {
	all := make(map[string]string)
	if r.Session != nil {
		all["ALPN"] = r.Session.ALPN
	}
	if r.Chain == nil {
		return all
	}
	for i, c := range r.Chain.Certificates {
		for what, s := range map[string]string{
			"subject": c.SubjectCN, "issuer": c.IssuerCN, "serial number": c.SerialNumber, "DNS names": c.DNSNames,
			"key": c.KeyAlgorithm, "signature": c.SignatureAlgorithm, "fingerprint": c.FingerprintSHA256, "SPKI": c.SPKISHA256,
		} {
			all[fmt.Sprintf("%s of certificate %d", what, i)] = s
		}
	}
	return all
}

// presentable tells whether a text is safe in a label. The longest texts are the DNS
// names of a certificate.
func presentable(s string) bool {
	unfit := func(r rune) bool { return !unicode.IsPrint(r) }
	return utf8.ValidString(s) && len(s) <= 1024 && !strings.ContainsFunc(s, unfit)
}

// descriptors counts the open files and sockets of this process, where the system
// lists them. Pipes and anonymous inodes do not count: the runtime keeps some, for
// example to copy from one socket to another.
func descriptors(t *testing.T) int {
	t.Helper()
	const all = "/proc/self/fd"
	open, err := os.ReadDir(all)
	if err != nil {
		return 0
	}
	return len(slices.DeleteFunc(open, func(d os.DirEntry) bool {
		what, err := os.Readlink(filepath.Join(all, d.Name()))
		return err != nil || strings.HasPrefix(what, "pipe:") || strings.HasPrefix(what, "anon_inode:")
	}))
}

func attacks(t *testing.T, lab *tlstest.Lab) []attack {
	return slices.Concat(slow(t, lab), endless(), malformed(), postHandshake(), interrupted(t, lab), certificates(t, lab), onPath(t, lab))
}

// onPath are attacks of a proxy.
func onPath(t *testing.T, lab *tlstest.Lab) []attack {
	proxy := target.HostPort(labtest.Serve(t, lab, tlstest.Server{Accept: floods([]byte("HTTP/1.1 200 OK\r\n"), []byte("X: y\r\n"))}))
	slow := target.HostPort(labtest.Serve(t, lab, tlstest.Server{Accept: drip([]byte("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 500)))}))
	through := func(proxy target.HostPort) func(*prober.Module) {
		return func(m *prober.Module) { m.ProxyURL = connect.ProxyURL{Scheme: "http", Address: proxy} }
	}
	return []attack{
		{name: "a proxy's header without end", change: through(proxy), phase: failure.PhaseProxy, reason: failure.ReasonTooLarge},
		{name: "a proxy's header byte by byte", change: through(slow), phase: failure.PhaseProxy, reason: failure.ReasonTimeout},
	}
}

// A probe of the worst of them stays within the limits on memory, during the probe
// and after it. The memory of the server counts too, so the test uses only those
// whose server needs little.
func TestHostileMemory(t *testing.T) {
	const rounds, most, kept = 20, 4 << 20, 1 << 20
	lab := labtest.Lab(t)
	module := probetest.Module(t, lab)
	for _, a := range slices.Concat(endless(), certificates(t, lab)) {
		if !slices.Contains([]string{
			"a ServerHello of 16 MB", "a certificate message of 16 MB", "a ServerHello of 64 kB in fragments of one byte", "a line of a greeting",
			"a serial number of 50,000 bytes", "a leaf with 10,000 other names",
			"50 kB in every field", "a chain of 16 MB",
		}, a.name) {
			continue
		}
		t.Run(a.name, func(t *testing.T) {
			p, to := probetest.New(t, module), probetest.Target(t, cmp.Or(a.scheme, "https")+"://"+labtest.Serve(t, lab, a.server))
			p.Probe(t.Context(), to) // allocates what is allocated once
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			for range rounds {
				p.Probe(t.Context(), to)
			}
			runtime.ReadMemStats(&after)
			each := (after.TotalAlloc - before.TotalAlloc) / rounds
			runtime.GC()
			runtime.ReadMemStats(&after)
			grown := (int64(after.HeapInuse) - int64(before.HeapInuse)) / rounds
			t.Logf("%-55s %5d kB allocated, %5d kB kept", a.name, each>>10, grown>>10)
			if each > most || grown > kept {
				t.Errorf("a probe allocates %d bytes and keeps %d", each, grown)
			}
		})
	}
}
