//go:build e2e

package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/responder"
)

const (
	revocationGroups = 20 // of targets, each with a responder and a CRL of its own
	revocationAtOnce = 32 // probes

	// revocationRounding is how much longer than its validity an answer may be used, whose
	// times are in whole seconds.
	revocationRounding = 2 * time.Second
)

// The responders of two thousand targets flap: they are right, wrong, slow, silent or gone.
// Certificates are revoked meanwhile. No target is ever good unless its CA said so, in an
// answer that is still valid, and none is revoked that was not. Afterwards everything is
// released.
//
// A CA is not asked twice within a minute, so that only a run of several minutes has more
// than one download of each answer. In the short one, answers expire.
func TestSoakRevocation(t *testing.T) {
	length := time.Duration(soakNumber(t, "SOAK_SECONDS", 10)) * time.Second
	targets := soakNumber(t, "SOAK_TARGETS", 2000)
	soakRoom(t, targets)

	lab, caFile := newLab(t)
	f := newFlapping(t, lab, targets, max(4*time.Second, length/6), length > time.Minute)
	config := write(t, filepath.Join(t.TempDir(), "targets.yml"), fmt.Sprintf("modules: {default: {ca_file: %q, timeout: 5s, revocation: {max_age: 1s}}}\n", caFile))
	exporter := soakExporter(t, "--config.file="+config, "--web.enable-pprof")
	f.soak = &soak{url: exporter}
	busy, watcher := soakClient(98), soakClient(99)
	t.Cleanup(func() { busy.CloseIdleConnections(); watcher.CloseIdleConnections() })

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var others sync.WaitGroup
	others.Go(func() { f.flap(ctx) })
	// What is allocated once for each target, and what is kept of each answer, is allocated
	// before the first measurement.
	f.probeFor(ctx, busy, warmUp(length))
	busy.CloseIdleConnections()
	before := soakAtRest(t, watcher, exporter, nil)

	var peak soakFigures
	others.Go(func() {
		for pause(ctx, 200*time.Millisecond) {
			if now, err := soakMeasure(watcher, exporter); err != nil {
				f.fail("/metrics: %v", err)
			} else {
				peak.raise(now)
			}
		}
	})
	f.probeFor(ctx, busy, length)
	cancel()
	others.Wait()
	busy.CloseIdleConnections()
	after := soakAtRest(t, watcher, exporter, &before)
	if kept := after["go_memstats_heap_alloc_bytes"] - before["go_memstats_heap_alloc_bytes"]; kept > soakKept+soakKeptPerGoroutine*peak["go_goroutines"] {
		t.Errorf("%.0f bytes are left on the heap", kept)
	}
	t.Logf("%d targets for %s, answers valid for %s\n%s", targets, length, f.validity, soakTable(before, peak, after))
	f.summarize(t, length > time.Minute)
	f.report(t)
}

// warmUp is for how long targets are probed before the first measurement: in a short run,
// once.
func warmUp(length time.Duration) time.Duration {
	if length > time.Minute {
		return length / 2
	}
	return 0
}

// summarize prints what was seen. In a long run each status that the CA's servers cause has to
// be there. In a short one it is chance which of the states of a few servers are seen, so that
// each has to be there by one source or the other, except revoked.
func (f *flapping) summarize(t *testing.T, long bool) {
	requests := 0
	for _, g := range f.groups {
		for _, s := range g.sources {
			requests += s.Requests(s.url)
		}
	}
	t.Logf("%d changes of responders, %d revocations, %d requests of the exporter", f.changes, f.revocations, requests)
	for i, status := range revocationStatuses {
		ocsp, crl := f.seen[0][i].Load(), f.seen[1][i].Load()
		t.Logf("%-12s %8d by ocsp %8d by crl", status, ocsp, crl)
		switch {
		case status == "not_offered" || status == "unknown":
		case long && (ocsp == 0 || crl == 0):
			t.Errorf("a source was never %s", status)
		case status != "revoked" && ocsp+crl == 0:
			t.Errorf("nothing was ever %s", status)
		}
	}
}

var revocationStatuses = []string{"good", "revoked", "unknown", "expired", "invalid", "unavailable", "not_offered"}

// flapping is a CA whose responders flap, and the truth about its certificates.
type flapping struct {
	*soak
	validity time.Duration // of an answer
	groups   []*flappingGroup
	targets  []*flappingTarget
	seen     [2][7]atomic.Int64 // by source and status

	changes, revocations int
}

// flappingGroup are targets that have their sources in common: OCSP and CRL.
type flappingGroup struct{ sources [2]*flappingSource }

// flappingSource is a server, and until when it could give signed answers that are in time.
type flappingSource struct {
	*responder.Responder
	url    string
	states []responder.State // it changes between them; the first ones are right

	mutex sync.Mutex
	until time.Time // zero: it can now
}

// flappingRight is how many states of a source are right.
const flappingRight = 3

// flappingStates are the states of the two sources. The last one is silence.
var flappingStates = [2][]responder.State{
	{responder.Good, responder.Delegated, responder.Slow,
		responder.Expired, responder.Future, responder.WrongSigner, responder.DelegateWithoutUsage, responder.TryLater, responder.OtherCertificate,
		responder.NotFound, responder.HTML, responder.Truncated, responder.Closed, responder.Empty, responder.Silent},
	{responder.Good, responder.Shard, responder.Slow,
		responder.Expired, responder.Future, responder.WrongSigner, responder.OtherShard, responder.Delta, responder.Indirect,
		responder.NotFound, responder.HTML, responder.Truncated, responder.Closed, responder.Endless, responder.Silent},
}

// set changes the state.
func (s *flappingSource) set(state responder.State) {
	right := slices.Contains(s.states[:flappingRight], state)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.Set(s.url, state)
	if right {
		s.until = time.Time{}
	} else if s.until.IsZero() {
		s.until = time.Now()
	}
}

// answered reports whether it could give a signed answer at any time since at.
func (s *flappingSource) answered(at time.Time) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.until.IsZero() || !s.until.Before(at)
}

// flap changes the state to one that is right in half of the cases.
func (s *flappingSource) flap() {
	if mathrand.IntN(2) == 0 {
		s.set(s.states[mathrand.IntN(flappingRight)])
	} else {
		s.set(s.states[flappingRight+mathrand.IntN(len(s.states)-flappingRight)])
	}
}

// flappingTarget is a target and when its certificate was revoked.
type flappingTarget struct {
	addr    string
	serial  *big.Int
	group   *flappingGroup
	revoked atomic.Pointer[time.Time] // nil: it was not
}

func (f *flapping) revoke(target *flappingTarget) {
	if target.revoked.Load() != nil {
		return
	}
	for _, source := range target.group.sources {
		source.Revoke(target.serial, 1)
	}
	now := time.Now()
	target.revoked.Store(&now)
	f.revocations++
}

// newFlapping starts the servers. Without silence no source is ever silent: the download of
// its answer takes half a minute.
func newFlapping(t *testing.T, lab *tlstest.Lab, targets int, validity time.Duration, silence bool) *flapping {
	t.Helper()
	f := &flapping{validity: validity}
	for range revocationGroups {
		f.groups = append(f.groups, newFlappingGroup(t, lab, validity, silence))
	}
	for i := range targets {
		serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
		if err != nil {
			t.Fatal(err)
		}
		group := f.groups[i%revocationGroups]
		target := &flappingTarget{serial: serial, group: group, addr: endpoint(t, lab, tlstest.Server{Leaf: func(c *x509.Certificate) {
			c.SerialNumber, c.OCSPServer, c.CRLDistributionPoints = serial, []string{group.sources[0].url}, []string{group.sources[1].url}
		}})}
		f.targets = append(f.targets, target)
		if i%20 == 0 {
			f.revoke(target)
		}
	}
	return f
}

func newFlappingGroup(t *testing.T, lab *tlstest.Lab, validity time.Duration, silence bool) *flappingGroup {
	t.Helper()
	g := new(flappingGroup)
	for i := range g.sources {
		r, err := responder.Start(lab, lab.Intermediate)
		if err != nil {
			t.Fatal(err)
		}
		r.Slow, r.Validity = time.Second, validity
		g.sources[i] = &flappingSource{Responder: r, url: [2]string{r.OCSP("it"), r.CRL("it")}[i], states: flappingStates[i], until: time.Unix(1, 0)}
		if s := g.sources[i]; !silence {
			s.states = s.states[:len(s.states)-1]
		}
		g.sources[i].flap()
	}
	return g
}

// flap changes a source every tenth of a second, and revokes a certificate every second.
func (f *flapping) flap(ctx context.Context) {
	for pause(ctx, 100*time.Millisecond) {
		f.groups[mathrand.IntN(len(f.groups))].sources[mathrand.IntN(2)].flap()
		if f.changes++; f.changes%10 == 0 {
			f.revoke(f.targets[mathrand.IntN(len(f.targets))])
		}
	}
}

// pause waits, and reports whether ctx has not ended.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// probeFor probes all targets, again and again for a while, and at least once.
func (f *flapping) probeFor(ctx context.Context, client *http.Client, length time.Duration) {
	begin := time.Now()
	for f.probeAll(ctx, client); time.Since(begin) < length; {
		f.probeAll(ctx, client)
	}
}

// probeAll probes each target once.
func (f *flapping) probeAll(ctx context.Context, client *http.Client) {
	var workers sync.WaitGroup
	var next atomic.Int64
	for range revocationAtOnce {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(f.targets)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				f.probe(client, f.targets[i])
			}
		})
	}
	workers.Wait()
}

var revocationRow = regexp.MustCompile(`(?m)^tls_revocation_info\{position="0",source="(ocsp|crl)",status="(\w+)"`)

// probe probes a target, and compares what the exporter says with the truth.
func (f *flapping) probe(client *http.Client, target *flappingTarget) {
	begin := time.Now()
	response, err := client.Get(f.url + "/probe?target=" + url.QueryEscape(target.addr))
	if err != nil {
		f.fail("%s: %v", target.addr, err)
		return
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	rows := revocationRow.FindAllStringSubmatch(string(page), -1)
	if err != nil || len(rows) != 2 {
		f.fail("%s: %d, %v, without both sources:\n%s", target.addr, response.StatusCode, err, page)
		return
	}
	for _, row := range rows {
		source := map[string]int{"ocsp": 0, "crl": 1}[row[1]]
		for i, status := range revocationStatuses {
			if status == row[2] {
				f.seen[source][i].Add(1)
			}
		}
		f.judge(target, source, row[2], begin)
	}
}

// judge fails where good or revoked is not true.
func (f *flapping) judge(target *flappingTarget, source int, status string, begin time.Time) {
	oldest := begin.Add(-f.validity - revocationRounding) // of the answers that may be in use
	revoked := target.revoked.Load()
	switch status {
	case "good":
		if !target.group.sources[source].answered(oldest) {
			f.fail("%s is good by source %d, which gave no answer after %s", target.addr, source, oldest)
		}
		if revoked != nil && revoked.Before(oldest) {
			f.fail("%s is good by source %d, and was revoked at %s", target.addr, source, revoked)
		}
	case "revoked":
		if revoked == nil {
			f.fail("%s is revoked by source %d, and was not", target.addr, source)
		}
	}
}
