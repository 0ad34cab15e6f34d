package server

import (
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"tls_exporter/collector/collectortest"
	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/prober/check"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/tlstest"
)

// Prometheus drops samples after 5 minutes. So whatever the interval of a target is, it
// is scraped every 4 minutes at least, at a whole part of the interval.
func TestTargetsAreScrapedOftenEnough(t *testing.T) {
	for interval, want := range map[string]struct{ scrape, timeout, parameter string }{
		"30s":   {"30000ms", "10500ms", ""},
		"5s":    {"5000ms", "5000ms", ""},
		"4m":    {"240000ms", "10500ms", ""},
		"5m":    {"150000ms", "10500ms", "5m0s"},
		"10m":   {"200000ms", "10500ms", "10m0s"},
		"1h":    {"240000ms", "10500ms", "1h0m0s"},
		"1h30m": {"234782ms", "10500ms", "1h30m0s"},
		"24h":   {"240000ms", "10500ms", "24h0m0s"},
	} {
		e := newTestExporter(t, labConfig(t, newLab(t), "targets: [{targets: [example.com], interval: "+interval+"}]"))
		var list []discovered
		if err := json.Unmarshal(get(e, "/targets").Body.Bytes(), &list); err != nil {
			t.Fatal(err)
		}
		got := list[0].Labels
		if got["__scrape_interval__"] != want.scrape || got["__scrape_timeout__"] != want.timeout || got["__param_interval"] != want.parameter {
			t.Errorf("interval %s: %v, want %v", interval, got, want)
		}
	}
}

// hourly is an exporter with one target of the lab, with an interval of an hour, and
// the scrape of it. The clock of the answers starts at the time of the first probe.
func hourly(t *testing.T, lab *tlstest.Lab, address string, modules ...string) (e *Exporter, scrape func(after time.Duration) string) {
	t.Helper()
	e = newTestExporter(t, labConfig(t, lab, "targets: [{targets: ['"+address+"'], interval: 1h}]", modules...))
	return e, func(after time.Duration) string {
		e.kept.now = func() time.Time { return time.Now().Add(after) }
		w := get(e, "/probe?target="+address+"&interval=1h0m0s", "Accept", "application/openmetrics-text; version=1.0.0")
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
			t.Errorf("%d %v", w.Code, w.Header())
		}
		return w.Body.String()
	}
}

func probed(e *Exporter) float64 {
	return testutil.ToFloat64(e.self.probes.WithLabelValues("default", noFailure)) + testutil.ToFloat64(e.self.probes.WithLabelValues("default", "verify"))
}

// A good target with an interval of an hour is probed once an hour and scraped fifteen
// times: each scrape has all metrics, and tells when the probe was.
func TestProbeAtInterval(t *testing.T) {
	lab := newLab(t)
	address := serve(t, lab, tlstest.Server{})
	e, scrape := hourly(t, lab, address)
	first := scrape(0)
	if !strings.Contains(first, "\ntls_probe_success 1\n") || !strings.Contains(first, "\ntls_probe_timestamp_seconds 1") {
		t.Fatalf("the answer is\n%s", first)
	}
	collectortest.Lint(t, strings.NewReader(first))
	for minutes := 4; minutes < 58; minutes += 4 {
		if again := scrape(time.Duration(minutes) * time.Minute); again != first {
			t.Errorf("after %d minutes the answer is\n%s\nwant\n%s", minutes, again, first)
		}
	}
	if got := probed(e); got != 1 {
		t.Errorf("%v probes in the first hour, want 1", got)
	}
	// The scrape after an hour may come a little early, and still is a probe.
	if scrape(time.Hour-time.Minute) == first || probed(e) != 2 {
		t.Errorf("%v probes after an hour, want 2", probed(e))
	}
}

// People, and requests that are not exactly those of /targets, get a new probe.
func TestOnlyScrapesAreRepeated(t *testing.T) {
	lab := newLab(t)
	address := serve(t, lab, tlstest.Server{})
	e, scrape := hourly(t, lab, address)
	scrape(0)
	queries := []string{
		"target=" + address,
		"target=" + address + "&interval=4m",
		"target=" + address + "&interval=1h&debug=true",
		"target=" + address + "&interval=1h&server_name=localhost",
		"target=tls://" + address + "&interval=1h", // is not listed
	}
	for i, query := range append(queries, queries...) {
		get(e, "/probe?"+query)
		if got := probed(e); got != float64(i+2) {
			t.Errorf("%s: %v probes, want %d", query, got, i+2)
		}
	}
	if len(e.kept.answers) != 1 {
		t.Errorf("%d answers are kept, want 1", len(e.kept.answers))
	}
	if err := e.Reload(); err != nil {
		t.Fatal(err)
	}
	before := probed(e)
	if scrape(time.Minute); probed(e) != before+1 {
		t.Error("an answer outlives a reload")
	}
	for interval, says := range map[string]string{"x": `"x" is not a duration`, "25h": "25h0m0s is more than 24h"} {
		if w := get(e, "/probe?target="+address+"&interval="+interval); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), says) {
			t.Errorf("interval %s: %d %s", interval, w.Code, w.Body)
		}
	}
}

// A listed server name and address are part of the target: what /targets says is scraped,
// and repeated. Nothing else is about that target.
func TestListedParameters(t *testing.T) {
	lab := newLab(t)
	address := serve(t, lab, tlstest.Server{})
	e := newTestExporter(t, labConfig(t, lab, "targets: [{targets: [does-not-resolve.invalid], server_name: localhost, address: '"+address+"', interval: 1h}]\nprobe_policy: {configured_only: true}"))
	var list []discovered
	if err := json.Unmarshal(get(e, "/targets").Body.Bytes(), &list); err != nil {
		t.Fatal(err)
	}
	query := make(url.Values)
	for name, value := range list[0].Labels {
		if parameter, ok := strings.CutPrefix(name, "__param_"); ok {
			query.Set(parameter, value)
		}
	}
	if want := (url.Values{"target": {"https://does-not-resolve.invalid:443"}, "module": {"default"}, "server_name": {"localhost"}, "address": {address}, "interval": {"1h0m0s"}}); !reflect.DeepEqual(query, want) {
		t.Errorf("the parameters are %v, want %v", query, want)
	}
	for range 3 {
		if w := get(e, "/probe?"+query.Encode()); !strings.Contains(w.Body.String(), "\ntls_probe_success 1\n") {
			t.Errorf("%d\n%s", w.Code, w.Body)
		}
	}
	if got := probed(e); got != 1 {
		t.Errorf("%v probes, want 1", got)
	}
	for parameter, other := range map[string]string{"server_name": "other.test", "address": "127.0.0.1:1", "target": "localhost"} {
		changed := maps.Clone(query)
		changed.Set(parameter, other)
		if w := get(e, "/probe?"+changed.Encode()); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", changed.Encode(), w.Code)
		}
		if changed.Del(parameter); parameter != "target" {
			if w := get(e, "/probe?"+changed.Encode()); w.Code != http.StatusForbidden {
				t.Errorf("%s: %d", changed.Encode(), w.Code)
			}
		}
	}
}

// A fault is probed at every scrape, so that alerts see its end, and no lost packet for
// an hour. So is a target with a check that has no finding yet.
func TestFaultsAreNotRepeated(t *testing.T) {
	lab := newLab(t)
	address := serve(t, lab, tlstest.Server{Leaf: func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{"other.test"}, nil }})
	e, scrape := hourly(t, lab, address)
	for minutes := range 5 {
		if body := scrape(time.Duration(4*minutes) * time.Minute); !strings.Contains(body, `tls_probe_failure_info{phase="verify",reason="name_mismatch"} 1`) || !strings.Contains(body, "\ntls_probe_timestamp_seconds 1") {
			t.Errorf("the answer is\n%s", body)
		}
	}
	if got := probed(e); got != 5 {
		t.Errorf("%v probes in 5 scrapes", got)
	}
	unfinished := &prober.Result{Outcomes: []check.Outcome{{Name: "versions"}, {Name: "ciphers", Failure: &failure.Failure{Reason: failure.ReasonPending}}}}
	if good(unfinished) || !good(&prober.Result{Outcomes: unfinished.Outcomes[:1]}) {
		t.Error("a check without a finding is good, or one with a finding is not")
	}
}

// No answer is repeated after the end of its chain.
func TestExpiryIsNotRepeated(t *testing.T) {
	lab := newLab(t)
	address := serve(t, lab, tlstest.Server{})
	e, scrape := hourly(t, lab, address)
	scrape(0)
	for q, a := range e.kept.answers {
		a.until = time.Now().Add(10 * time.Minute)
		e.kept.answers[q] = a
	}
	if scrape(8 * time.Minute); probed(e) != 1 {
		t.Errorf("%v probes while the chain is valid, want 1", probed(e))
	}
	if scrape(12 * time.Minute); probed(e) != 2 {
		t.Errorf("%v probes after its end, want 2", probed(e))
	}
}

// Prometheus gets the compressed answer as it is kept; every client gets the same text.
func TestRepeatedIsCompressed(t *testing.T) {
	lab := newLab(t)
	address := serve(t, lab, tlstest.Server{})
	e, scrape := hourly(t, lab, address)
	first := scrape(0)
	w := get(e, "/probe?target="+address+"&interval=1h", "Accept-Encoding", "gzip")
	if w.Header().Get("Content-Encoding") != "gzip" || w.Body.Len() > len(first)/2 {
		t.Errorf("%d bytes instead of %d, %v", w.Body.Len(), len(first), w.Header())
	}
	for _, a := range e.kept.answers {
		t.Logf("a page of %d bytes is kept as %d", len(first), len(a.page))
		if e.kept.bytes != len(a.page)+answerOverhead {
			t.Errorf("%d bytes are counted", e.kept.bytes)
		}
	}
	if again := scrape(time.Minute); again != first {
		t.Errorf("without gzip the answer is\n%s", again)
	}
}

// BenchmarkRepeated measures a scrape that repeats an answer, as Prometheus asks, and one
// that is a probe.
func BenchmarkRepeated(b *testing.B) {
	lab, err := tlstest.New()
	if err != nil {
		b.Fatal(err)
	}
	defer lab.Close()
	address, err := lab.Start(tlstest.Server{})
	if err != nil {
		b.Fatal(err)
	}
	for name, interval := range map[string]string{"repeated": "1h", "probed": "4m"} {
		b.Run(name, func(b *testing.B) {
			dir := b.TempDir()
			os.WriteFile(filepath.Join(dir, "ca.pem"), lab.RootPEM(), 0o600)
			file := filepath.Join(dir, "targets.yml")
			os.WriteFile(file, []byte("modules: {default: {ca_file: ca.pem}}\ntargets: [{targets: ['"+address+"'], interval: "+interval+"}]\n"), 0o600)
			e, err := New(Options{Load: func() (*config.Config, error) { return new(config.Loader).Load(file) }, Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry()})
			if err != nil {
				b.Fatal(err)
			}
			request := httptest.NewRequest("GET", "/probe?target="+address+"&interval="+interval, nil)
			request.Header.Set("Accept-Encoding", "gzip")
			e.probe(httptest.NewRecorder(), request)
			for b.Loop() {
				w := httptest.NewRecorder()
				if e.probe(w, request); w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
