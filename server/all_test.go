package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/prober/check"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest"
)

// observed is the results that an exporter passed on.
type observed struct {
	mutex   sync.Mutex
	results []string
}

func (o *observed) add(module string, requested target.Target, r *prober.Result) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.results = append(o.results, fmt.Sprintf("%s with %s: %t", requested.String(), module, r.Failure == nil))
}

func (o *observed) all() []string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return slices.Sorted(slices.Values(o.results))
}

// runningExporter performs runs until the test ends, or stop is called.
func runningExporter(t *testing.T, maxConcurrent int, load func() (*config.Config, error)) (e *Exporter, seen *observed, stop func()) {
	t.Helper()
	seen = new(observed)
	e, err := New(Options{Load: load, Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), MaxConcurrent: maxConcurrent, Observe: seen.add})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var worker sync.WaitGroup
	worker.Go(func() { e.ServeProbeAll(ctx) })
	stop = func() { cancel(); worker.Wait() }
	t.Cleanup(stop)
	return e, seen, stop
}

// awaitRun waits for the end of a run.
func awaitRun(t *testing.T, e *Exporter) {
	t.Helper()
	for e.Progress().Running {
		select {
		case <-t.Context().Done():
			t.Fatal("the run does not end")
		case <-time.After(time.Millisecond):
		}
	}
}

// A run probes each configured target once with its module, whatever its interval and
// however often it is listed.
func TestProbeAll(t *testing.T) {
	lab := newLab(t)
	good, other := serve(t, lab, tlstest.Server{}), serve(t, lab, tlstest.Server{})
	e, seen, _ := runningExporter(t, 0, labConfig(t, lab, fmt.Sprintf(`targets:
- {targets: [%[1]q, %[2]q], labels: {team: a}}
- {targets: [%[1]q], labels: {team: b}, interval: 6h}
- {targets: [%[1]q], labels: {team: c}, module: untrusting}
`, good, other), "untrusting: {}"))
	if wait := e.ProbeAll(); wait != 0 {
		t.Fatalf("the first run has to wait for %v", wait)
	}
	awaitRun(t, e)
	want := []string{"https://" + good + " with default: true", "https://" + good + " with untrusting: false", "https://" + other + " with default: true"}
	slices.Sort(want)
	if got := seen.all(); !slices.Equal(got, want) {
		t.Errorf("probed: %q, want %q", got, want)
	}
	if n := testutil.ToFloat64(e.self.probes.WithLabelValues("default", noFailure)); n != 2 {
		t.Errorf("%v probes are counted", n)
	}
}

// The next run may begin some time after the end of the last one.
func TestProbeAllIsLimited(t *testing.T) {
	e, seen, _ := runningExporter(t, 0, labConfig(t, newLab(t), "targets: [{targets: ['127.0.0.1:1']}]"))
	now := time.Now()
	e.run.now = func() time.Time { return now }
	ask := func(want int, retryAfter string) {
		t.Helper()
		w := httptest.NewRecorder()
		e.ProbeAllOnRequest(plainViewer{})(w, httptest.NewRequest("POST", "/tls/probe-all", nil))
		if w.Code != want || w.Header().Get("Retry-After") != retryAfter {
			t.Errorf("%d, want %d; Retry-After is %q, want %q", w.Code, want, w.Header().Get("Retry-After"), retryAfter)
		}
		if location := w.Header().Get("Location"); (location == "./") != (want == http.StatusSeeOther) {
			t.Errorf("%d leads to %q", want, location)
		}
		awaitRun(t, e)
	}
	ask(http.StatusSeeOther, "")
	ask(http.StatusTooManyRequests, "60")
	now = now.Add(runInterval - time.Millisecond)
	ask(http.StatusTooManyRequests, "1")
	if n := len(seen.all()); n != 1 {
		t.Errorf("%d probes for one run", n)
	}
	now = now.Add(time.Millisecond)
	ask(http.StatusSeeOther, "")
	if n := len(seen.all()); n != 2 {
		t.Errorf("%d probes for two runs", n)
	}
}

// A run over silent targets has a bounded number of probes, takes no slot from scrapes, and
// ends with the exporter: then the probes that it cut short are no results.
func TestProbeAllLeavesSlots(t *testing.T) {
	lab := newLab(t)
	arrived := make(chan struct{})
	silent := tlstest.Server{Accept: func(ctx context.Context, c net.Conn) {
		select {
		case arrived <- struct{}{}:
		case <-ctx.Done():
		}
		<-ctx.Done()
	}}
	var targets []string
	for range 5 {
		targets = append(targets, serve(t, lab, silent))
	}
	scraped := []string{serve(t, lab, silent), serve(t, lab, silent)}
	const most = 8
	e, seen, stop := runningExporter(t, most, labConfig(t, lab, "targets: [{targets: ['"+strings.Join(targets, "','")+"']}]"))
	if InRun(most) != 2 {
		t.Fatalf("a run has %d probes in flight", InRun(most))
	}
	e.ProbeAll()
	<-arrived
	<-arrived // the run has all its probes in flight
	if p := e.Progress(); p != (Progress{Running: true, Total: 5}) {
		t.Errorf("the progress is %+v", p)
	}
	if wait := e.ProbeAll(); wait != 0 || len(e.run.requested) != 0 {
		t.Errorf("during a run another one is requested, to begin in %v", wait)
	}

	ctx, cancel := context.WithCancel(context.Background())
	var scrapes sync.WaitGroup
	for i := range most / 2 { // as many as without a run
		scrapes.Go(func() {
			w := httptest.NewRecorder()
			e.probe(w, httptest.NewRequest("GET", "/probe?target="+scraped[i%2], nil).WithContext(ctx))
			if w.Code != http.StatusOK {
				t.Errorf("a scrape during a run: %d %s", w.Code, w.Body)
			}
		})
	}
	for range most / 2 {
		<-arrived
	}
	if n := testutil.ToFloat64(e.self.inFlight); n != most/2+2 {
		t.Errorf("%v probes are in flight", n)
	}
	if got := seen.all(); len(got) != 0 {
		t.Errorf("before the end there are results: %q", got)
	}
	stop()
	if got := seen.all(); len(got) != 0 {
		t.Errorf("the exporter's end is a result: %q", got)
	}
	cancel()
	scrapes.Wait()
}

// A target whose scan takes longer than a probe is probed again, but not for ever.
func TestPending(t *testing.T) {
	for reason, want := range map[failure.Reason]bool{failure.ReasonPending: true, failure.ReasonTimeout: false, "": false} {
		r := &prober.Result{Outcomes: []check.Outcome{{Name: "versions"}, {Name: "ciphers"}}}
		if reason != "" {
			r.Outcomes[1].Failure = &failure.Failure{Reason: reason}
		}
		if got := pending(r); got != want {
			t.Errorf("%s: %t", reason, got)
		}
	}
	held := make(chan struct{})
	defer close(held)
	lab := newLab(t)
	slow := serve(t, lab, tlstest.Server{Config: func(c *tls.Config) {
		c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			if !slices.Contains(hello.SupportedVersions, tls.VersionTLS13) { // only the scan asks for less
				<-held
			}
			return nil, nil
		}
	}})
	loader := new(config.Loader)
	t.Cleanup(loader.Close)
	dir := t.TempDir()
	file := filepath.Join(dir, "targets.yml")
	for path, content := range map[string]string{filepath.Join(dir, "ca.pem"): string(lab.RootPEM()), file: fmt.Sprintf(`
modules: {scan: {ca_file: ca.pem, timeout: 2s, versions: {}}}
targets: [{targets: [%q], module: scan}]
`, slow)} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e, seen, _ := runningExporter(t, 0, func() (*config.Config, error) { return loader.Load(file) })
	e.ProbeAll()
	awaitRun(t, e)
	if got := seen.all(); len(got) != triesInRun {
		t.Errorf("while the scan runs, the target is probed %d times: %q", len(got), got)
	}
}

func TestInRun(t *testing.T) {
	for most, want := range map[int]int{1: 1, 3: 1, 8: 2, 200: 50, 1000: 64} {
		if got := InRun(most); got != want {
			t.Errorf("%d of %d, want %d", got, most, want)
		}
	}
}

// A page of another site cannot make a browser start a run; the exporter's own page can.
func TestProbeAllIsNotCrossSite(t *testing.T) {
	external, err := NewExternal("https://monitoring.example.com/tls", "/")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		headers []string
		status  int
	}{
		{nil, http.StatusSeeOther},
		{[]string{"Sec-Fetch-Site", "same-origin"}, http.StatusSeeOther},
		{[]string{"Origin", "http://example.com"}, http.StatusSeeOther},             // the host of httptest
		{[]string{"Origin", "https://monitoring.example.com"}, http.StatusSeeOther}, // a proxy changed the host
		{[]string{"Origin", "http://monitoring.example.com"}, http.StatusForbidden},
		{[]string{"Sec-Fetch-Site", "cross-site", "Origin", "http://evil.test"}, http.StatusForbidden},
		{[]string{"Origin", "http://evil.test"}, http.StatusForbidden},
		{[]string{"Origin", "http://evil.test", "X-Forwarded-Host", "evil.test"}, http.StatusForbidden},
		{[]string{"Origin", "null"}, http.StatusForbidden},
	} {
		e := newTestExporter(t, nil)
		e.crossOrigin = external.crossOrigin()
		r := httptest.NewRequest("POST", "/probe-all", nil)
		for i := 0; i < len(test.headers); i += 2 {
			r.Header.Set(test.headers[i], test.headers[i+1])
		}
		w := httptest.NewRecorder()
		e.ProbeAllOnRequest(plainViewer{})(w, r)
		if w.Code != test.status || e.Progress().Running != (test.status == http.StatusSeeOther) {
			t.Errorf("%q: %d, want %d; running: %t", test.headers, w.Code, test.status, e.Progress().Running)
		}
	}
}
