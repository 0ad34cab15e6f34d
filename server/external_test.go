package server

import (
	"crypto/tls"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"tls_exporter/config"
)

func TestNewExternal(t *testing.T) {
	const example = "https://monitoring.example.com/tls"
	for _, test := range []struct{ externalURL, prefix, wantURL, wantPrefix, err string }{
		{"", "", "", "", ""},
		{"", "/", "", "", ""},
		{"", "tls", "", "/tls", ""},
		{"", "/a/tls/", "", "/a/tls", ""},
		{"https://h.test", "", "https://h.test", "", ""},
		{"https://H.test:443/tls/", "", "https://h.test/tls", "/tls", ""},
		{"http://h.test:8080/tls", "/", "http://h.test:8080/tls", "", ""},
		{"http://[2001:db8::1]:80/tls", "/other", "http://[2001:db8::1]/tls", "/other", ""},
		{"h.test/tls", "", "", "", "--web.external-url=h.test/tls: write the URL"},
		{"/tls", "", "", "", "--web.external-url=/tls: write the URL"},
		{"ftp://h.test", "", "", "", example},
		{"https://user@h.test", "", "", "", example},
		{"https://h.test/?q", "", "", "", example},
		{"https://h.test/a b", "", "", "", "must be a path of letters"},
		{"https://h.test/a/../b", "", "", "", "must be a path of letters"},
		{"", "/{x}", "", "", "--web.route-prefix=/{x}: must be a path of letters, digits, -, ., _ and ~, as in /tls"},
		{"", "/a//b", "", "", "--web.route-prefix=/a//b"},
	} {
		got, err := NewExternal(test.externalURL, test.prefix)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%q, %q: %v, want %s", test.externalURL, test.prefix, err, test.err)
			}
			continue
		}
		gotURL := ""
		if got.URL != nil {
			gotURL = got.URL.String()
		}
		if err != nil || gotURL != test.wantURL || got.Prefix != test.wantPrefix {
			t.Errorf("%q, %q: %q and %q, %v", test.externalURL, test.prefix, gotURL, got.Prefix, err)
		}
	}
}

// externalExporter has one target and these flags.
func externalExporter(t *testing.T, externalURL, prefix string) http.Handler {
	t.Helper()
	external, err := NewExternal(externalURL, prefix)
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Options{
		Load: labConfig(t, newLab(t), "targets: [{targets: [a.test]}]"), Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), External: external,
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	if err := e.Register(mux); err != nil {
		t.Fatal(err)
	}
	return external.Handler(mux)
}

// Prometheus is told to scrape where it asked for the targets: directly, or through a
// proxy. Headers that a client can set decide nothing but the host, which is its own.
func TestTargetsThroughProxy(t *testing.T) {
	const external = "https://monitoring.example.com/tls"
	forwarded := http.Header{"X-Forwarded-Host": {"evil.test"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Prefix": {"/evil"}, "Forwarded": {"host=evil.test;proto=https"}}
	for _, test := range []struct {
		name, externalURL, prefix string
		request                   string
		tls                       bool
		header                    http.Header
		address, path, scheme     string
	}{
		{"directly", "", "", "http://exporter:10443/targets", false, nil, "exporter:10443", "/probe", ""},
		{"directly, over TLS", "", "", "http://exporter:10443/targets", true, nil, "exporter:10443", "/probe", "https"},
		{"with forwarded headers", "", "", "http://exporter:10443/targets", false, forwarded, "exporter:10443", "/probe", ""},
		{"directly, below a prefix", "", "/tls", "http://exporter:10443/tls/targets", false, nil, "exporter:10443", "/tls/probe", ""},
		{"directly, with an external URL", external, "", "http://exporter:10443/tls/targets", false, nil, "exporter:10443", "/tls/probe", ""},
		{"through a proxy", external, "", "http://monitoring.example.com/tls/targets", false, nil, "monitoring.example.com", "/tls/probe", "https"},
		{"through a proxy, which writes the port", external, "", "http://Monitoring.example.com:443/tls/targets", false, nil, "Monitoring.example.com:443", "/tls/probe", "https"},
		{"through a proxy that removes the prefix", external, "/", "http://monitoring.example.com/targets", false, nil, "monitoring.example.com", "/tls/probe", "https"},
		{"past a proxy that removes the prefix", external, "/", "http://exporter:10443/targets", false, nil, "exporter:10443", "/probe", ""},
		{"through a proxy without TLS, to an exporter with", "http://h.test", "", "http://h.test/targets", true, nil, "h.test", "/probe", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", test.request, nil)
			r.TLS = nil
			if test.tls {
				r.TLS = new(tls.ConnectionState)
			}
			for name, values := range test.header {
				r.Header[name] = values
			}
			w := httptest.NewRecorder()
			externalExporter(t, test.externalURL, test.prefix).ServeHTTP(w, r)
			var groups []discovered
			if err := json.Unmarshal(w.Body.Bytes(), &groups); err != nil || len(groups) != 1 {
				t.Fatalf("%d %v: %s", w.Code, err, w.Body)
			}
			if g := groups[0]; g.Targets[0] != test.address || g.Labels["__metrics_path__"] != test.path || g.Labels["__scheme__"] != test.scheme {
				t.Errorf("%s %v", g.Targets, g.Labels)
			}
		})
	}
}

// Every path is below the prefix, and / leads there, also behind a proxy that has a prefix
// of its own and removes it.
func TestRoutePrefix(t *testing.T) {
	exporter := httptest.NewServer(externalExporter(t, "", "/tls"))
	defer exporter.Close()
	backend, err := url.Parse(exporter.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(http.StripPrefix("/proxied", httputil.NewSingleHostReverseProxy(backend)))
	defer proxy.Close()
	defer http.DefaultClient.CloseIdleConnections()
	for _, base := range []string{exporter.URL, proxy.URL + "/proxied"} {
		for path, want := range map[string]int{
			"/tls/metrics": 200, "/tls/targets": 200, "/tls/-/healthy": 200, "/tls/-/ready": 200, "/tls/probe": 400,
			"/metrics": 404, "/targets": 404, "/-/healthy": 404, "/probe": 404, "/tlsx/metrics": 404,
		} {
			response, err := http.Get(base + path)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != want {
				t.Errorf("%s%s: %d, want %d", base, path, response.StatusCode, want)
			}
		}
		response, err := http.DefaultTransport.RoundTrip(httptest.NewRequest("GET", base+"/", nil))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if to, err := response.Location(); err != nil || response.StatusCode != http.StatusFound || to.String() != base+"/tls/" {
			t.Errorf("%s/: %d to %v, %v", base, response.StatusCode, to, err)
		}
	}
}

// The exporter's own metrics are at --web.telemetry-path, unless nothing can be there.
func TestMetricsPath(t *testing.T) {
	for path, wrong := range map[string]string{
		"": "", "/metrics": "", "/own/metrics": "", "/-/metrics": "",
		"metrics": "must be a path", "/{x}": "must be a path", "/a b": "must be a path", "/own/": "must be a path",
		"/probe": "something else is there", "/targets": "something else is there", "/-/ready": "something else is there", "/page": "something else is there",
	} {
		e, err := New(Options{
			Load: new(config.Loader).Default, Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), MetricsPath: path,
		})
		if err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		mux.HandleFunc("GET /page", http.NotFound)
		mux.HandleFunc("GET /", http.NotFound)
		err = e.Register(mux)
		if wrong != "" {
			if err == nil || !strings.HasPrefix(err.Error(), "--web.telemetry-path="+path+": "+wrong) {
				t.Errorf("%s: %v, want %s", path, err, wrong)
			}
			continue
		}
		w := httptest.NewRecorder()
		if path == "" {
			path = DefaultMetricsPath
		}
		mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if err != nil || w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "tls_exporter_probes_in_flight 0") {
			t.Errorf("%s: %v, %d", path, err, w.Code)
		}
	}
}
