package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"go.uber.org/goleak"

	"tls_exporter/collector/collectortest"
	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/prober/tlstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newTestExporter has the configuration that load returns; nil: the default one.
func newTestExporter(t *testing.T, load func() (*config.Config, error)) *Exporter {
	t.Helper()
	if load == nil {
		load = func() (*config.Config, error) { return new(config.Loader).Default() }
	}
	e, err := New(Options{
		Load: load, Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
		Lifecycle: true,
		Explain:   func(r *prober.Result) string { return "all about\n\n" + r.Target.String() + "\n" },
	})
	if err != nil {
		t.Fatal(err)
	}
	e.self.probes.WithLabelValues("default", noFailure) // a family without series is not gathered
	return e
}

func get(e *Exporter, url string, headers ...string) *httptest.ResponseRecorder {
	mux := http.NewServeMux()
	e.Register(mux)
	method, url, ok := strings.Cut(url, " ")
	if !ok {
		method, url = "GET", method
	}
	request := httptest.NewRequest(method, url, nil)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, request)
	return w
}

// labConfig loads a file whose default module trusts the lab. It has the lines of more,
// and more modules.
func labConfig(t *testing.T, lab *tlstest.Lab, more string, modules ...string) func() (*config.Config, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), lab.RootPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "targets.yml")
	if err := os.WriteFile(file, []byte("modules: {"+strings.Join(append(modules, "default: {ca_file: ca.pem}"), ", ")+"}\n"+more), 0o600); err != nil {
		t.Fatal(err)
	}
	return func() (*config.Config, error) { return new(config.Loader).Load(file) }
}

func newLab(t *testing.T) *tlstest.Lab {
	t.Helper()
	lab, err := tlstest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lab.Close)
	return lab
}

func serve(t *testing.T, lab *tlstest.Lab, s tlstest.Server) string {
	t.Helper()
	addr, err := lab.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func TestProbeAnswers(t *testing.T) {
	lab := newLab(t)
	addr := serve(t, lab, tlstest.Server{})
	e := newTestExporter(t, labConfig(t, lab, ""))

	w := get(e, "/probe?target="+addr)
	if w.Code != 200 || !strings.Contains(w.Body.String(), "\ntls_probe_success 1\n") || !strings.Contains(w.Body.String(), "\ntls_negotiated_version 1.3\n") {
		t.Errorf("%d:\n%s", w.Code, w.Body)
	}
	w = get(e, "/probe?target="+addr+"&server_name=other.test&module=default")
	if body := w.Body.String(); !strings.Contains(body, `tls_chain_problem{problem="name_mismatch"} 1`) || !strings.Contains(body, `tls_probe_failure_info{phase="verify",reason="name_mismatch"} 1`) {
		t.Errorf("server_name is not verified:\n%s", body)
	}
	w = get(e, "/probe?target=does-not-resolve.invalid&server_name=localhost&address="+addr)
	if body := w.Body.String(); !strings.Contains(body, "\ntls_probe_success 1\n") || strings.Contains(body, `phase="resolve"`) {
		t.Errorf("address is not dialled, or the name resolved:\n%s", body)
	}
	w = get(e, "/probe?target="+addr, "Accept", "application/openmetrics-text; version=1.0.0")
	if body := w.Body.String(); !strings.HasSuffix(body, "# EOF\n") || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/openmetrics-text") {
		t.Errorf("no OpenMetrics but %s:\n%s", w.Header().Get("Content-Type"), body)
	}
	w = get(e, "/probe?target="+addr, "Accept-Encoding", "gzip")
	if body := w.Body.String(); w.Header().Get("Content-Encoding") != "" || w.Header().Get("Content-Length") != strconv.Itoa(len(body)) || !strings.Contains(body, "\ntls_probe_success 1\n") {
		t.Errorf("compressed, or not of the length that it says: %v\n%s", w.Header(), body)
	}
	w = get(e, "/probe?target="+addr, "Accept", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
	decoder := expfmt.NewDecoder(w.Body, expfmt.ResponseFormat(w.Header()))
	for family := new(dto.MetricFamily); family.GetName() != "tls_probe_success"; {
		if err := decoder.Decode(family); err != nil {
			t.Fatalf("%s has no tls_probe_success: %v", w.Header().Get("Content-Type"), err)
		}
	}
}

// The debug page is valid for Prometheus.
func TestProbeDebug(t *testing.T) {
	lab := newLab(t)
	e := newTestExporter(t, labConfig(t, lab, ""))
	w := get(e, "/probe?debug=true&target="+serve(t, lab, tlstest.Server{}))
	body := w.Body.String()
	if !strings.Contains(body, "\ntls_probe_success 1\n") || !strings.Contains(body, "\n# all about\n#\n# https://127.0.0.1:") {
		t.Errorf("the debug page is\n%s", body)
	}
	collectortest.Lint(t, w.Body)
	if strings.Contains(get(e, "/probe?debug=false&target=127.0.0.1:1").Body.String(), "# all about") {
		t.Error("debug=false has the report")
	}
}

func TestProbeRefuses(t *testing.T) {
	e := newTestExporter(t, nil)
	for query, says := range map[string]string{
		"":                                     "parameter target is missing; write ?target=example.com",
		"?target=h3://a.test":                  `parameter target: target "h3://a.test": h3 runs over QUIC, which this version cannot probe; write https:// to probe the host over TCP`,
		"?target=":                             `parameter target: target "": is empty`,
		"?target=http://example.com":           "http is not TLS",
		"?target=a.test&target=b.test":         "parameter target is given 2 times; once is enough",
		"?target=a.test&modul=x":               `parameter "modul" is unknown; known are target, module, server_name, address, interval, debug`,
		"?target=a.test&module=x":              `parameter module: there is no "x"; there are default`,
		"?target=a.test&server_name=*.a":       `parameter server_name: server name "*.a"`,
		"?target=a.test&address=b.test":        `parameter address: address "b.test": is not an IP address`,
		"?target=unix:///x&address=192.0.2.7":  "parameter address: a Unix socket has no IP address",
		"?target=a.test&debug=perhaps":         `parameter debug: "perhaps" is neither true nor false`,
		"?target=%zz":                          "the query cannot be read",
		"?target=https://u:secret@a.test":      "user info",
		"?target=a.test&module=" + long("m"):   `there is no "mmm`,
		"?" + long("p") + "=1&target=a.test":   `parameter "ppp`,
		"?target=a.test&address=%00&debug=yes": "parameter address",
	} {
		w := get(e, "/probe"+query)
		body := w.Body.String()
		if w.Code != http.StatusBadRequest || !strings.Contains(body, says) {
			t.Errorf("%s: %d %s; want 400 and %s", query, w.Code, body, says)
		}
		if strings.Count(body, "\n") != 1 || len(body) > 600 || strings.Contains(body, "secret") {
			t.Errorf("%s: not one short sentence: %q", query, body)
		}
	}
	for _, header := range []string{"x", "0", "-1", "NaN"} {
		if w := get(e, "/probe?target=127.0.0.1:1", timeoutHeader, header); w.Code != http.StatusBadRequest {
			t.Errorf("timeout %s: %d", header, w.Code)
		}
	}
	if got := testutil.ToFloat64(e.self.rejected.WithLabelValues(rejectedParameter)); got != 16 {
		t.Errorf("%v rejections were counted, want 16", got)
	}
	if w := get(e, "POST /probe?target=a.test"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}

func long(s string) string { return strings.Repeat(s, 1_000) }

func TestScrapeLimit(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"":      maxScrapeTimeout,
		"10":    9500 * time.Millisecond,
		"1.5":   time.Second,
		"0.4":   200 * time.Millisecond,
		"1e300": maxScrapeTimeout - timeoutOffset,
		"+Inf":  maxScrapeTimeout - timeoutOffset,
	} {
		request := httptest.NewRequest("GET", "/probe", nil)
		request.Header.Set(timeoutHeader, header)
		if limit, err := scrapeLimit(request); err != nil || limit != want {
			t.Errorf("%s: the limit is %v, want %v; %v", header, limit, want, err)
		}
	}
}

// A probe of a silent server ends at the deadline of the scrape, not of the module.
func TestProbeEndsWithTheScrape(t *testing.T) {
	lab := newLab(t)
	silent := serve(t, lab, tlstest.Server{Accept: func(ctx context.Context, _ net.Conn) { <-ctx.Done() }})
	e := newTestExporter(t, labConfig(t, lab, ""))
	body := get(e, "/probe?target="+silent, timeoutHeader, "0.2").Body.String()
	if !strings.Contains(body, `tls_probe_failure_info{phase="server_hello",reason="timeout"} 1`) || !strings.Contains(body, "tls_tcp_connected 1") {
		t.Errorf("a silent server is\n%s", body)
	}
}

func TestTargets(t *testing.T) {
	lab := newLab(t)
	e := newTestExporter(t, labConfig(t, lab, `
targets:
  - targets: [Example.com, "smtp://mail.example.com"]
    interval: 1m
    labels: {team: web}
  - targets: ["[::1]:8443"]
    labels: {instance: mine}
`))
	w := get(e, "http://exporter:10443/targets")
	var got []discovered
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := []discovered{
		{[]string{"exporter:10443"}, map[string]string{"__metrics_path__": "/probe", "__param_target": "https://example.com:443", "__param_module": "default",
			"instance": "Example.com", "__scrape_interval__": "60000ms", "__scrape_timeout__": "10500ms", "team": "web"}},
		{[]string{"exporter:10443"}, map[string]string{"__metrics_path__": "/probe", "__param_target": "smtp://mail.example.com:25", "__param_module": "default",
			"instance": "smtp://mail.example.com", "__scrape_interval__": "60000ms", "__scrape_timeout__": "10500ms", "team": "web"}},
		{[]string{"exporter:10443"}, map[string]string{"__metrics_path__": "/probe", "__param_target": "https://[::1]:8443", "__param_module": "default", "instance": "mine"}},
	}
	gotJSON, _ := json.MarshalIndent(got, "", " ")
	wantJSON, _ := json.MarshalIndent(want, "", " ")
	if !bytes.Equal(gotJSON, wantJSON) {
		t.Errorf("targets are\n%s\nwant\n%s", gotJSON, wantJSON)
	}
	if w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("type is %s", w.Header().Get("Content-Type"))
	}
	if body := get(newTestExporter(t, nil), "/targets").Body.String(); body != "[]\n" {
		t.Errorf("no targets are %q", body)
	}
}

// /targets lists the files that a pattern matches now, and /probe accepts them. It says
// nothing about files elsewhere.
func TestFiles(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	lab := newLab(t)
	file := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, lab.RootPEM(), 0o600); err != nil {
			t.Fatal(err)
		}
		return "file://" + path
	}
	one, other := file("listed/one.pem"), file("other/other.pem")
	e := newTestExporter(t, labConfig(t, lab, "probe_policy: {configured_only: true, file_directories: ["+dir+"/listed]}\ntargets: [{targets: ['file://"+dir+"/listed/**/*.pem']}]\n"))
	listed := func() (all []string) {
		var got []discovered
		if err := json.Unmarshal(get(e, "/targets").Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		for _, d := range got {
			all = append(all, d.Labels["__param_target"])
		}
		return all
	}
	if got := listed(); !slices.Equal(got, []string{one}) {
		t.Errorf("the targets are %q", got)
	}
	two := file("listed/x/two.pem")
	if w := get(e, "/probe?target="+two); w.Code != http.StatusForbidden {
		t.Errorf("a file that is not listed yet: %d", w.Code)
	}
	if got := listed(); !slices.Equal(got, []string{one}) {
		t.Errorf("a short time later the targets are %q", got)
	}
	e.refresh.ended = time.Time{}
	if got := listed(); !slices.Equal(got, []string{one, two}) {
		t.Errorf("later the targets are %q", got)
	}
	if w := get(e, "/probe?target="+two); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "\ntls_probe_success 1\n") {
		t.Errorf("a file of the pattern: %d %s", w.Code, w.Body)
	}
	absent := get(e, "/probe?target=file://"+dir+"/other/absent.pem")
	if w := get(e, "/probe?target="+other); w.Code != http.StatusForbidden || w.Body.String() != absent.Body.String() || absent.Code != w.Code {
		t.Errorf("a file elsewhere: %d %s; one that does not exist: %d %s", w.Code, w.Body, absent.Code, absent.Body)
	}
	if w := get(e, "/probe?target=file://"+dir+"/listed/*.pem"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "names no single file") {
		t.Errorf("a pattern: %d %s", w.Code, w.Body)
	}
}

func TestReload(t *testing.T) {
	var problem error
	generation := 0
	e := newTestExporter(t, func() (*config.Config, error) {
		if problem != nil {
			return nil, problem
		}
		generation++
		return new(config.Loader).Default()
	})
	first := e.config.Load()
	if w := get(e, "POST /-/reload"); w.Code != 200 || e.config.Load() == first || generation != 2 {
		t.Errorf("a good reload: %d, generation %d", w.Code, generation)
	}
	good := e.config.Load()
	problem = errors.New("targets.yml:3: no good")
	w := get(e, "POST /-/reload")
	if w.Code != 500 || !strings.Contains(w.Body.String(), "targets.yml:3: no good") || e.config.Load() != good {
		t.Errorf("a bad reload: %d %s", w.Code, w.Body)
	}
	if got := testutil.ToFloat64(e.self.reloadGood); got != 0 {
		t.Errorf("the metric says %v", got)
	}
	problem = nil
	if get(e, "POST /-/reload"); testutil.ToFloat64(e.self.reloadGood) != 1 {
		t.Error("the metric does not recover")
	}
	if w := get(e, "/-/reload"); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET reloads: %d", w.Code)
	}
}

// Reloads and probes may run at the same time.
func TestReloadDuringProbes(t *testing.T) {
	lab := newLab(t)
	addr := serve(t, lab, tlstest.Server{})
	e := newTestExporter(t, labConfig(t, lab, ""))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 10 {
				if !strings.Contains(get(e, "/probe?target="+addr).Body.String(), "tls_probe_success 1") {
					t.Error("a probe failed during a reload")
				}
			}
		})
		group.Go(func() {
			for range 10 {
				if err := e.Reload(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if got := testutil.ToFloat64(e.self.inFlight); got != 0 {
		t.Errorf("%v probes are in flight after all have ended", got)
	}
}

func TestHealth(t *testing.T) {
	e := newTestExporter(t, nil)
	for path, body := range map[string]string{"/-/healthy": "healthy\n", "/-/ready": "ready\n"} {
		if w := get(e, path); w.Code != 200 || w.Body.String() != body {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	e.Drain()
	if w := get(e, "/-/ready"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("draining, /-/ready says %d", w.Code)
	}
}

func TestBadConfigAtStart(t *testing.T) {
	_, err := New(Options{
		Load: func() (*config.Config, error) { return nil, errors.New("no") }, Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
	})
	if err == nil {
		t.Error("a bad configuration starts")
	}
}
