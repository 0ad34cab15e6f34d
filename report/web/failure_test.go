package web

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"tls_exporter/config"
	"tls_exporter/prober"
)

// withModules configures modules.
func withModules(p *Pages, names ...string) {
	loaded := &config.Config{Probers: make(map[string]*prober.Prober)}
	for _, name := range names {
		loaded.Probers[name] = nil
	}
	p.options.Config = func() *config.Config { return loaded }
}

// The page of an error has what was typed, to correct it.
func TestFail(t *testing.T) {
	for _, test := range []struct {
		name    string
		modules []string
		typed   url.Values
		want    []string
		without []string
	}{
		{"everything", []string{"default", "scan"}, url.Values{"target": {"http://a.test"}, "module": {"scan"}, "server_name": {"b.test"}, "address": {"192.0.2.300"}},
			[]string{`name="target" value="http://a.test"`, "<option selected>scan</option>", `name="server_name" value="b.test"`, `name="address" value="192.0.2.300"`}, nil},
		{"only a target", []string{"default", "scan"}, url.Values{"target": {"a.test:x"}},
			[]string{`name="target" value="a.test:x"`, "<option selected>default</option>", `name="server_name" value=""`}, []string{"Choose"}},
		{"nothing", []string{"default"}, nil, []string{`name="target" value=""`}, []string{"<select", "probe complete"}},
		{"a module that does not exist", []string{"default", "scan"}, url.Values{"module": {"scam"}},
			[]string{`<option value="" selected>Choose a module</option><option>default</option>`}, nil},
		{"a password", []string{"default"}, url.Values{"target": {"https://user:secret@a.test"}}, []string{`value="https://a.test"`}, []string{"secret"}},
		{"an address for mail", []string{"default"}, url.Values{"target": {"me@mail.test"}}, []string{`value="mail.test"`}, []string{"me@"}},
		{"more than a target can have", []string{"default"}, url.Values{"target": {strings.Repeat("a", 8000)}}, []string{`aaa..." placeholder`}, []string{strings.Repeat("a", 1000)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			pages, _ := newPages(t)
			withModules(pages, test.modules...)
			w := httptest.NewRecorder()
			pages.Fail(w, httptest.NewRequest("GET", "/inspect?"+test.typed.Encode(), nil), http.StatusServiceUnavailable, errors.New("too many probes"))
			page := w.Body.String()
			if w.Code != http.StatusServiceUnavailable || !strings.Contains(page, "too many probes") {
				t.Errorf("%d: %s", w.Code, page)
			}
			for _, want := range append(test.want, `action="inspect"`, `href="./"`) {
				if !strings.Contains(page, want) {
					t.Errorf("there is no %s:\n%s", want, page)
				}
			}
			for _, not := range test.without {
				if strings.Contains(page, not) {
					t.Errorf("there is %s:\n%s", not, page)
				}
			}
			if n := strings.Count(page, "<form"); n != 1 {
				t.Errorf("the page has %d forms", n)
			}
		})
	}
}

// A path that does not exist leads back to the list, however deep it is. Programs get one
// line.
func TestNotFound(t *testing.T) {
	_, mux := newPages(t)
	for _, test := range []struct{ path, accept, kind, home string }{
		{"/none", "text/html,*/*", "text/html", `href="./"`},
		{"/none/of/these/", "text/html,*/*", "text/html", `href="../../.././"`},
		{"/docs/none", "text/html,*/*", "text/html", `href=".././"`},
		{"/none%2fof", "text/html,*/*", "text/html", `href="./"`},
		{"/none/of/these", "*/*", "text/plain", ""},
		{"/docs/none", "*/*", "text/plain", ""},
		{"/none", "", "text/plain", ""},
	} {
		r := httptest.NewRequest("GET", test.path, nil)
		r.Header.Set("Accept", test.accept)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		body := w.Body.String()
		if w.Code != http.StatusNotFound || !strings.HasPrefix(w.Header().Get("Content-Type"), test.kind) || !strings.Contains(body, "there is no page") || !strings.Contains(body, test.home) {
			t.Errorf("%s for %s: %d %s %s", test.path, test.accept, w.Code, w.Header(), body)
		}
		if test.home == "" && strings.Count(body, "\n") != 1 {
			t.Errorf("%s: more than one line: %s", test.path, body)
		}
	}
}
