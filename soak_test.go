//go:build e2e

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tls_exporter/prober/tlstest"
)

const (
	// soakTimeout is the timeout of every probe, and so the duration of a probe of a silent
	// endpoint. All of them have to start within it to be in flight at once.
	soakTimeout = 15 * time.Second

	// soakGrace is how long after its timeout an answer counts as lost, and how long the
	// exporter may take to release everything after the last probe.
	soakGrace = time.Minute

	// soakSpare is how many other files each side may open.
	soakSpare = 400

	// soakSlack is how many more goroutines or files than before are not a leak.
	soakSlack = 5

	// soakKept is how many more bytes of the heap than before are not a leak: the history
	// of the pages, and the capacity of maps. Go also keeps a part of each goroutine that
	// has ended, for reuse.
	soakKept             = 5 << 20
	soakKeptPerGoroutine = 512

	// soakEach is the limit of resident bytes for each probe in flight: half as much again
	// as docs/scaling.md says, because other probes run at the same time.
	soakEach = 60_000

	soakSilent  = 8  // silent endpoints, each with its own address
	soakClients = 20 // addresses of clients, so that none is above its share
)

// Thousands of probes wait for silent endpoints, while other probes are answered and the
// configuration is reloaded every second. Afterwards everything is released.
func TestSoak(t *testing.T) {
	probes := soakRoom(t, soakNumber(t, "SOAK_PROBES", 10_000))
	length := time.Duration(soakNumber(t, "SOAK_SECONDS", 10)) * time.Second

	lab, caFile := newLab(t)
	config := write(t, filepath.Join(t.TempDir(), "targets.yml"),
		fmt.Sprintf("modules: {default: {ca_file: %q, timeout: %s}}\n", caFile, soakTimeout))
	var silent []string
	for i := range soakSilent {
		silent = append(silent, soakEndpoint(t, lab, "silent", fmt.Sprintf("127.0.0.%d:0", 2+i)))
	}
	var healthy, hostile []string
	for _, name := range []string{"healthy", "tls12-only", "tls13-only"} {
		healthy = append(healthy, soakEndpoint(t, lab, name, ""))
	}
	for _, name := range []string{"endless", "garbage", "plain-http", "closes-at-once", "closes-mid-handshake", "resets-mid-handshake", "refused"} {
		hostile = append(hostile, soakEndpoint(t, lab, name, ""))
	}

	exporter := soakExporter(t, "--config.file="+config, "--web.enable-lifecycle", "--web.enable-pprof",
		fmt.Sprintf("--probe.max-concurrent=%d", 2*probes+1000))
	s := &soak{url: exporter, clients: make([]*http.Client, soakClients)}
	for i := range s.clients {
		s.clients[i] = soakClient(100 + i)
	}
	busy, watcher := soakClient(98), soakClient(99)
	idle := func() {
		for _, client := range append(slices.Clone(s.clients), busy) {
			client.CloseIdleConnections()
		}
	}
	t.Cleanup(func() { idle(); watcher.CloseIdleConnections() })

	// What is allocated once is allocated before the first measurement.
	for _, target := range slices.Concat(healthy, hostile) {
		s.get(busy, "/probe?target="+url.QueryEscape(target), "tls_probe_success ", nil)
	}
	s.reload(busy)
	idle()
	before := soakAtRest(t, watcher, s.url, nil)

	begin := time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var hanging, others sync.WaitGroup
	var waited, good, bad, reloads atomic.Int64
	every := func(pause time.Duration, work func()) {
		others.Go(func() {
			for ctx.Err() == nil {
				work()
				select {
				case <-ctx.Done():
				case <-time.After(pause):
				}
			}
		})
	}
	for _, target := range healthy {
		every(50*time.Millisecond, func() { s.probe(busy, target, "1", &good) })
	}
	for _, target := range hostile {
		every(50*time.Millisecond, func() { s.probe(busy, target, "0", &bad) })
	}
	every(time.Second, func() {
		s.reload(busy)
		reloads.Add(1)
	})
	var peak soakFigures
	every(200*time.Millisecond, func() {
		if now, err := soakMeasure(watcher, s.url); err != nil {
			s.fail("/metrics: %v", err)
		} else {
			peak.raise(now)
		}
	})
	for i := range probes {
		hanging.Go(func() {
			client, target := s.clients[i%soakClients], silent[i%soakSilent]
			for again := true; again; again = time.Since(begin) < length {
				s.probe(client, target, "0", &waited)
			}
		})
		if i%10 == 0 {
			time.Sleep(time.Millisecond) // so that not all connect at once
		}
	}
	hanging.Wait()
	cancel()
	others.Wait()
	took := time.Since(begin)

	idle()
	after := soakAtRest(t, watcher, s.url, &before)
	if kept := after["go_memstats_heap_alloc_bytes"] - before["go_memstats_heap_alloc_bytes"]; kept > soakKept+soakKeptPerGoroutine*peak["go_goroutines"] {
		t.Errorf("%.0f bytes are left on the heap", kept)
	}
	t.Logf("%d probes of silent endpoints in flight at once, for %s\n%s", probes, took.Round(time.Second/10), soakTable(before, peak, after))
	each := (peak["process_resident_memory_bytes"] - before["process_resident_memory_bytes"]) / float64(probes)
	t.Logf("resident at the peak: %.1f kB for each probe in flight", each/1000)
	if each > soakEach {
		t.Errorf("%.1f kB for each probe in flight, which is too much", each/1000)
	}
	t.Logf("answers: %d of silent endpoints, %d of healthy, %d of hostile; %d reloads", waited.Load(), good.Load(), bad.Load(), reloads.Load())
	if peak["tls_exporter_probes_in_flight"] < float64(probes) {
		t.Errorf("at most %v probes were in flight at once, not %d", peak["tls_exporter_probes_in_flight"], probes)
	}
	for _, n := range []*atomic.Int64{&waited, &good, &bad, &reloads} {
		if n.Load() == 0 {
			t.Error("one kind of request was never answered")
		}
	}
	s.report(t)
}

// soakNumber is a number from the environment; without it that of the short test.
func soakNumber(t *testing.T, name string, short int) int {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		return short
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q: must be a number above 0", name, value)
	}
	return n
}

// soakRoom is how many of the wanted probes are possible with the limit of open files: each
// needs two here, and two in the exporter.
func soakRoom(t *testing.T, wanted int) int {
	t.Helper()
	need := uint64(2*wanted + soakSpare)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur >= need {
		return wanted
	}
	raised := syscall.Rlimit{Cur: need, Max: max(need, limit.Max)}
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised) == nil {
		return wanted
	}
	limit.Cur = limit.Max // a higher limit needs CAP_SYS_RESOURCE
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur < 2*soakSpare {
		t.Fatalf("a process may open only %d files here", limit.Cur)
	}
	room := int(limit.Cur-soakSpare) / 2
	t.Logf("%d probes instead of %d: the limit is %d open files, and this process may not raise it", room, wanted, limit.Cur)
	return room
}

// soakEndpoint starts the server of a scenario.
func soakEndpoint(t *testing.T, lab *tlstest.Lab, name, address string) string {
	t.Helper()
	all := tlstest.Scenarios()
	i := slices.IndexFunc(all, func(scenario tlstest.Scenario) bool { return scenario.Name == name })
	if i < 0 {
		t.Fatalf("the lab has no scenario %s", name)
	}
	server, err := all[i].Make(lab)
	if err != nil {
		t.Fatal(err)
	}
	server.Address = address
	return endpoint(t, lab, server)
}

// soakExporter runs the program as a separate process until the test ends.
func soakExporter(t *testing.T, args ...string) (url string) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "tls_exporter")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	address := freeAddress(t)
	log := new(output)
	command := exec.Command(binary, append(args, "--web.listen-address="+address, "--log.level=error")...)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Signal(syscall.SIGTERM)
		if err := command.Wait(); err != nil {
			t.Errorf("after SIGTERM: %v", err)
		}
		if log.String() != "" {
			t.Errorf("the log is not empty:\n%s", log)
		}
	})
	for deadline := time.Now().Add(soakGrace); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return "http://" + address
		}
	}
	t.Fatalf("nothing listens on %s", address)
	return ""
}

// soakClient sends requests from 127.0.0.<host>, over any number of connections.
func soakClient(host int) *http.Client {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(host))}}
	return &http.Client{
		Timeout:   soakTimeout + soakGrace,
		Transport: &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 1 << 20},
	}
}

// soak sends requests, and collects failures.
type soak struct {
	url     string
	clients []*http.Client

	mutex    sync.Mutex
	failures int
	first    []string // failures
}

func (s *soak) fail(format string, args ...any) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.failures++; len(s.first) < 10 {
		s.first = append(s.first, fmt.Sprintf(format, args...))
	}
}

func (s *soak) report(t *testing.T) {
	t.Helper()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.failures > 0 {
		t.Errorf("%d answers are lost or wrong; the first:\n%s", s.failures, strings.Join(s.first, "\n"))
	}
}

func (s *soak) probe(client *http.Client, target, success string, answers *atomic.Int64) {
	s.get(client, "/probe?target="+url.QueryEscape(target), "\ntls_probe_success "+success+"\n", answers)
}

func (s *soak) get(client *http.Client, path, want string, answers *atomic.Int64) {
	response, err := client.Get(s.url + path)
	s.check(path, want, response, err, answers)
}

func (s *soak) reload(client *http.Client) {
	const path = "/-/reload"
	response, err := client.Post(s.url+path, "", nil)
	s.check(path, "", response, err, nil)
}

func (s *soak) check(path, want string, response *http.Response, err error, answers *atomic.Int64) {
	if err != nil {
		s.fail("%s: %v", path, err)
		return
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(want)) {
		s.fail("%s: %d, %v, without %q:\n%s", path, response.StatusCode, err, want, body)
		return
	}
	if answers != nil {
		answers.Add(1)
	}
}

// soakMetrics are the metrics that the test measures.
var soakMetrics = []string{
	"tls_exporter_probes_in_flight", "go_goroutines", "process_open_fds",
	"process_resident_memory_bytes", "go_memstats_heap_inuse_bytes", "go_memstats_heap_alloc_bytes", "go_memstats_stack_inuse_bytes",
}

// soakFigures are the values of soakMetrics.
type soakFigures map[string]float64

func (f *soakFigures) raise(now soakFigures) {
	if *f == nil {
		*f = make(soakFigures)
	}
	for name, value := range now {
		(*f)[name] = max((*f)[name], value)
	}
}

// soakMeasure reads the metrics of the exporter.
func soakMeasure(client *http.Client, url string) (soakFigures, error) {
	response, err := client.Get(url + "/metrics")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	figures := make(soakFigures)
	for line := range strings.Lines(string(page)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !slices.Contains(soakMetrics, name) {
			continue
		}
		if figures[name], err = strconv.ParseFloat(value, 64); err != nil {
			return nil, err
		}
	}
	if len(figures) != len(soakMetrics) {
		return nil, fmt.Errorf("/metrics has only %v", figures)
	}
	return figures, nil
}

// soakAtRest waits until no probe is in flight and no more files and goroutines exist than
// before; without before, until two measurements are the same. It returns a measurement
// after a garbage collection.
func soakAtRest(t *testing.T, client *http.Client, url string, before *soakFigures) soakFigures {
	t.Helper()
	counts := []string{"go_goroutines", "process_open_fds"}
	var now, last soakFigures
	for deadline := time.Now().Add(soakGrace); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		var err error
		if now, err = soakMeasure(client, url); err != nil {
			t.Fatal(err)
		}
		moved := func(name string) bool {
			if before != nil {
				return now[name] > (*before)[name]+soakSlack
			}
			return now[name] != last[name]
		}
		if now["tls_exporter_probes_in_flight"] == 0 && !slices.ContainsFunc(counts, moved) {
			return soakCollected(t, client, url)
		}
		last = now
	}
	t.Errorf("after %s the figures are still too high: %v", soakGrace, now)
	return now
}

// soakCollected measures after two garbage collections: a sync.Pool survives the first.
func soakCollected(t *testing.T, client *http.Client, url string) soakFigures {
	t.Helper()
	for range 2 {
		response, err := client.Get(url + "/debug/pprof/heap?gc=1")
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("heap profile: %d, %v", response.StatusCode, err)
		}
	}
	now, err := soakMeasure(client, url)
	if err != nil {
		t.Fatal(err)
	}
	return now
}

func soakTable(before, peak, after soakFigures) string {
	var table strings.Builder
	fmt.Fprintf(&table, "%-32s %12s %12s %12s", "", "before", "peak", "after")
	for _, name := range soakMetrics {
		fmt.Fprintf(&table, "\n%-32s %12.0f %12.0f %12.0f", name, before[name], peak[name], after[name])
	}
	return table.String()
}
