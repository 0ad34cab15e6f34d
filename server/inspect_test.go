package server

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest"
)

// lastViewer shows the last result that it was given.
type lastViewer struct {
	plainViewer
	last *prober.Result
}

func (v *lastViewer) Recall(string, target.Target) *prober.Result { return v.last }

func (v *lastViewer) Download(w http.ResponseWriter, _ target.Target, r *prober.Result) bool {
	for _, der := range r.Chain.DER {
		w.Write(der)
	}
	return len(r.Chain.DER) > 0
}

func (v *lastViewer) Show(_ http.ResponseWriter, _ string, _ target.Target, r *prober.Result) {
	v.last = r
}

// A page shows the last result, unless a reload has changed the module since. A reload
// that changes nothing of it, or only how often a check runs, is no reason to probe.
func TestInspectAfterReload(t *testing.T) {
	lab := newLab(t)
	addr := serve(t, lab, tlstest.Server{})
	load := labConfig(t, lab, "", "web: {server_name: localhost}")
	e := newTestExporter(t, func() (*config.Config, error) { return load() })
	v := new(lastViewer)
	mux := http.NewServeMux()
	mux.Handle("GET /inspect", e.Inspect(v))
	inspect := func(module string) *prober.Result {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", "/inspect?target="+addr+"&module="+module, nil))
		if w.Code != http.StatusOK {
			t.Fatalf("%d: %s", w.Code, w.Body)
		}
		return v.last
	}
	shown := inspect("web")
	for _, step := range []struct {
		file, module string
		again        bool // the target is probed again
	}{
		{"", "web: {server_name: localhost}", false},
		{"", "web: {server_name: localhost, max_version: TLS 1.2}", true},
		{"", "web: {server_name: localhost, max_version: TLS 1.2, expect: {issuer: CA}}", true},
		{"", "web: {server_name: localhost, max_version: TLS 1.2, expect: {issuer: CB}}", true},
		{"", "web: {server_name: localhost, versions: {}}", true},
		{"", "web: {server_name: localhost, versions: {every: 5m}}", false},
		{"probe_policy: {deny: [{port: 22}]}", "web: {server_name: localhost, versions: {}}", true},
		{"probe_policy: {deny: [{port: 22}]}", "web: {server_name: localhost, versions: {}}", false},
	} {
		load = labConfig(t, lab, step.file, step.module)
		if err := e.Reload(); err != nil {
			t.Fatal(err)
		}
		next := inspect("web")
		if again := next != shown; again != step.again {
			t.Errorf("%s %s: probed again: %v", step.file, step.module, again)
		}
		shown = next
	}
}

// The parameter fresh says when a page probes. A page that was probed by a click shows its
// result at an address that does not probe again.
func TestInspectFresh(t *testing.T) {
	lab := newLab(t)
	addr := serve(t, lab, tlstest.Server{})
	v, probes := new(lastViewer), 0
	e, err := New(Options{
		Load: labConfig(t, lab, "", "web: {server_name: localhost}"), Logger: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(),
		Observe: func(_ string, _ target.Target, r *prober.Result) { v.last, probes = r, probes+1 },
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /inspect", e.Inspect(v))
	mux.Handle("GET /certificates.pem", e.Certificates(v))
	asked := "?module=web&target=" + url.QueryEscape(addr)
	for _, step := range []struct {
		path   string
		status int
		probes int // in all
	}{
		{"/inspect" + asked + "&fresh=false", http.StatusNotFound, 0},
		{"/certificates.pem" + asked, http.StatusNotFound, 0},
		{"/inspect" + asked, http.StatusOK, 1},
		{"/inspect" + asked, http.StatusOK, 1},
		{"/inspect" + asked + "&fresh=true", http.StatusSeeOther, 2},
		{"/inspect" + asked + "&fresh=false", http.StatusOK, 2},
		{"/certificates.pem" + asked, http.StatusOK, 2},
		{"/certificates.pem" + asked + "&fresh=true", http.StatusBadRequest, 2},
		{"/certificates.pem?target=169.254.169.254", http.StatusForbidden, 2},
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", step.path, nil))
		if w.Code != step.status || probes != step.probes {
			t.Errorf("%s: %d after %d probes, want %d after %d: %s", step.path, w.Code, probes, step.status, step.probes, w.Body)
		}
		if location := w.Header().Get("Location"); step.status == http.StatusSeeOther && location != asked {
			t.Errorf("%s redirects to %s, want %s", step.path, location, asked)
		}
	}
}
