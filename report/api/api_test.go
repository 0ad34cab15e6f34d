package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/prober/target"
	format "tls_exporter/report/json"
	"tls_exporter/report/reporttest"
	"tls_exporter/report/web"
)

const targetsFile = `
modules:
  default: {}
  mail: {}
targets:
  - targets: [www.example.com, bad.test, unknown.test, pending.test]
    labels: {team: web, "note": "<&>"}
  - targets: ["smtp://mail.test"]
    module: mail
    interval: 1h
`

// newAPI has the targets of targetsFile. The first three were probed.
func newAPI(t *testing.T) (*API, *http.ServeMux) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "targets.yml")
	if err := os.WriteFile(file, []byte(targetsFile), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err := new(config.Loader).Load(file)
	if err != nil {
		t.Fatal(err)
	}
	history := web.NewHistory()
	for name, r := range map[string]*prober.Result{"www.example.com": reporttest.Healthy(), "bad.test": reporttest.ExpiredMisnamedUntrusted(), "unknown.test": reporttest.DNSFailure()} {
		history.Add("default", parsed(t, name), r)
	}
	a, mux := New(Options{Config: func() *config.Config { return loaded }, Last: history.Last}), http.NewServeMux()
	a.Register(mux)
	return a, mux
}

func parsed(t *testing.T, written string) target.Target {
	t.Helper()
	parsed, err := target.Parse(written)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// check checks the header of an answer, and its object by the schema.
func check(t *testing.T, w *httptest.ResponseRecorder, status int, definition string) {
	t.Helper()
	if w.Code != status {
		t.Errorf("%d, want %d: %s", w.Code, status, w.Body)
	}
	for name, want := range map[string]string{"Content-Type": "application/json", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Access-Control-Allow-Origin": ""} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(w.Body.Bytes()))
	if err == nil {
		err = reporttest.Schema(t, format.Schema, definition).Validate(value)
	}
	if err != nil {
		t.Errorf("%v: %s", err, w.Body)
	}
}

func get(mux *http.ServeMux, url string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest("GET", url, nil))
	return w
}

func TestTargets(t *testing.T) {
	_, mux := newAPI(t)
	for _, test := range []struct {
		query string
		want  []string
	}{
		{"", []string{"www.example.com", "bad.test", "unknown.test", "pending.test", "smtp://mail.test"}},
		{"?status=good", []string{"www.example.com"}},
		{"?status=bad", []string{"bad.test"}},
		{"?status=unknown", []string{"unknown.test"}},
		{"?status=warning", nil},
		{"?status=not_probed", []string{"pending.test", "smtp://mail.test"}},
	} {
		w := get(mux, "/api/v1/targets"+test.query)
		check(t, w, http.StatusOK, "targets")
		var got []string
		for _, one := range listed(t, w) {
			got = append(got, one.Written)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%q: %v, want %v", test.query, got, test.want)
		}
	}
}

func listed(t *testing.T, w *httptest.ResponseRecorder) []format.Target {
	t.Helper()
	var answer struct{ Targets []format.Target }
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Targets
}

// What is not known of a target is absent.
func TestTargetsTellWhatIsKnown(t *testing.T) {
	_, mux := newAPI(t)
	lines := strings.Split(get(mux, "/api/v1/targets").Body.String(), "\n")
	for i, want := range map[int]string{
		1: `{"target":"https://www.example.com:443","written":"www.example.com","module":"default","labels":{"note":"<&>","team":"web"},"last":{"at":"2026-11-20T14:48:00Z","status":"good","version":"TLS 1.3","handshake_duration_seconds":0.011983,"days_remaining":58.291667,"lifetime_remaining_ratio":0.647685}},`,
		2: `{"target":"https://bad.test:443","written":"bad.test","module":"default","labels":{"note":"<&>","team":"web"},"last":{"at":"2026-11-20T14:48:00Z","status":"bad","reason":"expired","phase":"verify","version":"TLS 1.3","handshake_duration_seconds":0.011983,"days_remaining":-19.2,"lifetime_remaining_ratio":-0.213808}},`,
		3: `{"target":"https://unknown.test:443","written":"unknown.test","module":"default","labels":{"note":"<&>","team":"web"},"last":{"at":"2026-11-20T14:48:00Z","status":"unknown","reason":"dns_failure","phase":"resolve"}},`,
		4: `{"target":"https://pending.test:443","written":"pending.test","module":"default","labels":{"note":"<&>","team":"web"}},`,
		5: `{"target":"smtp://mail.test:25","written":"smtp://mail.test","module":"mail","interval_seconds":3600}`,
	} {
		if lines[i] != want {
			t.Errorf("got  %s\nwant %s", lines[i], want)
		}
	}
}

func TestTargetsRefusals(t *testing.T) {
	_, mux := newAPI(t)
	for query, want := range map[string]string{
		"status=GOOD":            `parameter status: there is no \"GOOD\"; there are bad, unknown, warning, good, not_probed`,
		"status=bad&status=good": "parameter status is given 2 times; once is enough",
		"stauts=bad":             `parameter \"stauts\" is unknown; known is status`,
		"status=%zz":             "the query cannot be read",
	} {
		w := get(mux, "/api/v1/targets?"+query)
		check(t, w, http.StatusBadRequest, "error")
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %s, want %s", query, w.Body, want)
		}
	}
}

func TestShow(t *testing.T) {
	a, _ := newAPI(t)
	elsewhere, err := parsed(t, "www.example.com").At("192.0.2.10")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, module string
		requested    target.Target
		labels       bool
	}{
		{"configured", "default", parsed(t, "www.example.com"), true},
		{"configured with another module", "mail", parsed(t, "www.example.com"), false},
		{"not configured", "default", parsed(t, "other.test"), false},
		{"at another address", "default", elsewhere, false},
		{"configured without labels", "mail", parsed(t, "smtp://mail.test"), false},
	} {
		w := httptest.NewRecorder()
		a.Show(w, test.module, test.requested, reporttest.Healthy())
		check(t, w, http.StatusOK, "result")
		var shown struct {
			Module string
			Labels map[string]string
		}
		if err := json.Unmarshal(w.Body.Bytes(), &shown); err != nil {
			t.Fatal(err)
		}
		if shown.Module != test.module || (shown.Labels["team"] == "web") != test.labels || !test.labels && shown.Labels != nil {
			t.Errorf("%s: module %q, labels %v", test.name, shown.Module, shown.Labels)
		}
	}
}

func TestFail(t *testing.T) {
	a, mux := newAPI(t)
	w := httptest.NewRecorder()
	a.Fail(w, httptest.NewRequest("GET", "/api/v1/probe", nil), http.StatusForbidden, errors.New("no\n<script>"))
	check(t, w, http.StatusForbidden, "error")
	check(t, get(mux, "/api/v2/probe"), http.StatusNotFound, "error")
}

func TestSchema(t *testing.T) {
	_, mux := newAPI(t)
	w := get(mux, "/api/v1/schema")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/schema+json" || !bytes.Equal(w.Body.Bytes(), format.Schema) {
		t.Errorf("%d %v: %s", w.Code, w.Header(), w.Body)
	}
}
