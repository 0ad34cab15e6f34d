package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/prober/guard"
)

// A panic in a probe is a failure of the probe, and is logged with its stack. The
// exporter goes on.
func TestPanicIsLogged(t *testing.T) {
	process := prober.NewProcess()
	process.Guard = guard.New(guard.Policy{}, new(guard.Listeners))
	process.Guard.Control = func(context.Context, string, string, syscall.RawConn) error { panic("boom") }
	t.Cleanup(process.Cache.Close)
	module := prober.DefaultModule()
	module.Versions.Enable()
	panicking, err := prober.New(module, process)
	if err != nil {
		t.Fatal(err)
	}
	loader := new(config.Loader)
	t.Cleanup(loader.Close)
	var log bytes.Buffer
	e, err := New(Options{
		Load: func() (*config.Config, error) {
			c, err := loader.Default()
			if err == nil {
				c.Probers["default"] = panicking
			}
			return c, err
		},
		Logger: slog.New(slog.NewTextHandler(&log, nil)), Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	w := get(e, "/probe?target=127.0.0.1:1")
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `tls_probe_failure_info{phase="connect",reason="internal"} 1`) {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
	for _, want := range []string{"level=ERROR msg=\"Panic; please report this\"", "target=https://127.0.0.1:1", "module=default", "where=probe", "panic=boom", "stack=\"goroutine", "TestPanicIsLogged"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s: %s", want, &log)
		}
	}
}

// lockedBuffer is a log that the goroutines of a server write.
type lockedBuffer struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.String()
}

// A panic while an answer is written is logged with its stack and ends the connection.
// The server goes on.
func TestPanicOfAHandler(t *testing.T) {
	log := new(lockedBuffer)
	panics := func(http.ResponseWriter, *http.Request) { panic("boom") }
	mux := http.NewServeMux()
	mux.HandleFunc("/panic", panics)
	mux.HandleFunc("/late", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "half"); panics(w, r) })
	mux.HandleFunc("/fine", func(http.ResponseWriter, *http.Request) {})
	s := httptest.NewServer(&Secure{Handler: mux, Logger: slog.New(slog.NewTextHandler(log, nil))})
	t.Cleanup(func() { s.Close(); http.DefaultClient.CloseIdleConnections() })
	for _, path := range []string{"/panic", "/late"} {
		if r, err := http.Get(s.URL + path); err == nil {
			if _, err = io.ReadAll(r.Body); err == nil {
				t.Errorf("%s: the answer is complete", path)
			}
			r.Body.Close()
		}
		if !strings.Contains(log.String(), "panic=boom") || !strings.Contains(log.String(), "TestPanicOfAHandler") || !strings.Contains(log.String(), "path="+path) {
			t.Errorf("%s: the log is %s", path, log)
		}
	}
	r, err := http.Get(s.URL + "/fine")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusOK || r.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("an empty answer: %s %v", r.Status, r.Header)
	}
}

// A page of another site cannot make a browser reload. Programs can, and so can a page
// of the exporter itself.
func TestReloadIsNotCrossSite(t *testing.T) {
	for _, test := range []struct {
		headers []string
		status  int
	}{
		{nil, http.StatusOK},
		{[]string{"Sec-Fetch-Site", "same-origin"}, http.StatusOK},
		{[]string{"Sec-Fetch-Site", "none"}, http.StatusOK},
		{[]string{"Origin", "http://example.com"}, http.StatusOK}, // the host of httptest
		{[]string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		{[]string{"Sec-Fetch-Site", "same-site"}, http.StatusForbidden},
		{[]string{"Sec-Fetch-Site", "cross-site", "Origin", "http://example.com"}, http.StatusForbidden},
		{[]string{"Origin", "http://evil.test"}, http.StatusForbidden},
		{[]string{"Origin", "http://example.com:8080"}, http.StatusForbidden},
		{[]string{"Origin", "null"}, http.StatusForbidden},
	} {
		for _, method := range []string{"POST", "PUT"} {
			reloads := 0
			e := newTestExporter(t, func() (*config.Config, error) {
				reloads++
				return new(config.Loader).Default()
			})
			w := get(e, method+" /-/reload", test.headers...)
			if w.Code != test.status || (reloads == 2) != (test.status == http.StatusOK) {
				t.Errorf("%s with %q: %d after %d loads: %s", method, test.headers, w.Code, reloads, w.Body)
			}
			if w.Code == http.StatusForbidden && !strings.HasPrefix(w.Body.String(), "a page of another site must not reload") {
				t.Errorf("the answer is %s", w.Body)
			}
		}
	}
}
