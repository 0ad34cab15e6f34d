package check_test

import (
	"context"
	"runtime"
	"strconv"
	"testing"
	"time"

	"tls_exporter/prober/check"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/check/vulnerabilities"
	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/target"
)

// given are the options of a check whose finding is given.
type given[Finding any] struct {
	finding func() *Finding `key:"-"`
}

func (g given[Finding]) Find(context.Context, *endpoint.Endpoint) (*Finding, error) {
	return g.finding(), nil
}
func (g given[Finding]) MaxAge() time.Duration { return time.Hour }

func slotOf[Finding check.Sized](finding func() *Finding) *check.Cached[given[Finding], Finding] {
	slot := new(check.Cached[given[Finding], Finding])
	slot.Options = &given[Finding]{finding}
	return slot
}

// BenchmarkCached reports the memory of the cached findings of 100,000 targets, three
// each.
func BenchmarkCached(b *testing.B) {
	const targets = 100_000
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		cache := check.NewCache()
		for i := range targets {
			e := &endpoint.Endpoint{Target: &target.Target{Scheme: "https", Host: "host-" + strconv.Itoa(i) + ".test", Port: 443}}
			run := &check.Run{Endpoint: e, Cache: cache}
			slotOf(func() *versions.Finding { return &versions.Finding{Answers: make([]versions.Answer, 6)} }).Ask(b.Context(), run, "versions")
			slotOf(func() *ciphers.Finding {
				return &ciphers.Finding{Suites: make([]ciphers.Suite, 12), Groups: make([]ciphers.GroupAnswer, 10), Schemes: make([]hello.SignatureScheme, 6)}
			}).Ask(b.Context(), run, "ciphers")
			slotOf(func() *vulnerabilities.Finding {
				return &vulnerabilities.Finding{Answers: make([]vulnerabilities.Answer, 12)}
			}).Ask(b.Context(), run, "vulnerabilities")
			run.Wait()
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/targets, "B/target")
		cache.Close()
	}
}
