package server

import (
	"net/http"
	"net/http/httptest"
	"testing"

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
