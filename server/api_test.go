package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"tls_exporter/prober"
	"tls_exporter/prober/target"
	"tls_exporter/prober/tlstest"
)

// An answer has the parameters and the refusals of /probe, and each one is a probe.
func TestAnswer(t *testing.T) {
	lab := newLab(t)
	addr := serve(t, lab, tlstest.Server{})
	e := newTestExporter(t, labConfig(t, lab, "probe_policy: {deny: [{port: 22}]}\n"))
	var observed []*prober.Result
	e.options.Observe = func(_ string, _ target.Target, r *prober.Result) { observed = append(observed, r) }
	mux := http.NewServeMux()
	mux.Handle("GET /api/v1/probe", e.Answer(plainViewer{}))
	for _, test := range []struct {
		query  string
		status int
		says   string
		probes int // so far
	}{
		{"target=" + addr, http.StatusOK, "https://" + addr, 1},
		{"target=" + addr, http.StatusOK, "https://" + addr, 2},
		{"target=does-not-resolve.invalid&server_name=localhost&module=default&address=" + addr, http.StatusOK, "https://does-not-resolve.invalid:443", 3},
		{"", http.StatusBadRequest, "parameter target is missing", 3},
		{"target=" + addr + "&module=other", http.StatusBadRequest, `parameter module: there is no "other"; there are default`, 3},
		{"target=" + addr + "&debug=true", http.StatusBadRequest, `parameter "debug" is unknown`, 3},
		{"target=" + addr + "&=x", http.StatusBadRequest, `parameter "" is unknown`, 3},
		{"target=ssh.test:22", http.StatusForbidden, "the access policy denies it", 3},
		{"target=" + strings.Repeat("x", maxQuery), http.StatusRequestURITooLong, "the query is longer than 8192 bytes", 3},
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/probe?"+test.query, nil))
		if w.Code != test.status || !strings.HasPrefix(w.Body.String(), test.says) || len(observed) != test.probes {
			t.Errorf("%.60s: %d %s after %d probes, want %d %s after %d", test.query, w.Code, w.Body, len(observed), test.status, test.says, test.probes)
		}
	}
	if !observed[2].Success() {
		t.Errorf("with another address: %v", observed[2].Failure)
	}
	for reason, want := range map[string]float64{rejectedParameter: 5, rejectedPolicy: 1} {
		if got := testutil.ToFloat64(e.self.rejected.WithLabelValues(reason)); got != want {
			t.Errorf("%v requests were refused for %s, want %v", got, reason, want)
		}
	}
}

// Answers are under the same limit as other probes.
func TestAnswerIsLimited(t *testing.T) {
	e := newTestExporter(t, nil)
	e.limit = newLimit(0)
	w := httptest.NewRecorder()
	e.Answer(plainViewer{})(w, httptest.NewRequest("GET", "/api/v1/probe?target=localhost", nil))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != retryAfter {
		t.Errorf("%d %v: %s", w.Code, w.Header(), w.Body)
	}
}
