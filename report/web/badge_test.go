package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/prober/check/vulnerabilities"
	"tls_exporter/prober/target"
	"tls_exporter/report/reporttest"
)

// loadedPages is pages with a configuration that was read from a file.
func loadedPages(t *testing.T, file string) (*Pages, *http.ServeMux) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "targets.yml")
	if err := os.WriteFile(path, []byte(file), 0o644); err != nil {
		t.Fatal(err)
	}
	var process config.Loader
	t.Cleanup(process.Close)
	loaded, err := process.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	pages := New(Options{History: NewHistory(), Config: func() *config.Config { return loaded }})
	mux := http.NewServeMux()
	pages.Register(mux)
	return pages, mux
}

// A badge shows the last probe, if the list does and the policy allows it, and as long as
// it is not too old.
func TestBadge(t *testing.T) {
	const targets = "targets: [{targets: [good.test, old.test], labels: {team: web}}, {targets: [daily.test], interval: 24h}]\nmodules: {strict: {}}\n"
	exposed := reporttest.Healthy()
	exposed.Vulnerabilities.Finding = &vulnerabilities.Finding{Answers: []vulnerabilities.Answer{{Name: "heartbleed", Vulnerable: true}}}
	slow := reporttest.Healthy()
	slow.Vulnerabilities.Finding = &vulnerabilities.Finding{Answers: []vulnerabilities.Answer{{Name: "client_renegotiation", Vulnerable: true}}}
	for _, test := range []struct {
		name, policy string
		target       string
		result       *prober.Result // nil: it was not probed
		age          time.Duration
		query, want  string
	}{
		{name: "good", target: "good.test", result: expiring(58*aDay + time.Hour), want: "good.test: 58 days"},
		{name: "the last day", target: "good.test", result: expiring(90 * time.Minute), want: "good.test: 1 hour"},
		{name: "soon", target: "good.test", result: expiring(25 * time.Hour), want: "good.test: 1 day"},
		{name: "expired since", target: "daily.test", result: expiring(-time.Hour), age: 3 * time.Hour, want: "daily.test: expired"},
		{name: "expired", target: "good.test", result: reporttest.ExpiredMisnamedUntrusted(), want: "good.test: expired"},
		{name: "another failure", target: "good.test", result: reporttest.NotTLS(), want: "good.test: not tls"},
		{name: "secrets", target: "good.test", result: exposed, want: "good.test: heartbleed"},
		{name: "a warning", target: "good.test", result: slow, want: "good.test: client renegotiation"},
		{name: "unknown", target: "good.test", result: reporttest.DNSFailure(), want: "good.test: unknown"},
		{name: "not probed", target: "good.test", want: "good.test: unknown"},
		{name: "too old", target: "old.test", result: expiring(58 * aDay), age: recency + time.Minute, want: "old.test: unknown"},
		{name: "probed once a day", target: "daily.test", result: expiring(58*aDay + time.Hour), age: 47 * time.Hour, want: "daily.test: 58 days"},
		{name: "not probed for two days", target: "daily.test", result: expiring(58 * aDay), age: 49 * time.Hour, want: "daily.test: unknown"},
		{name: "probed, not listed", target: "stray.test", result: expiring(58*aDay + time.Hour), want: "stray.test: 58 days"},
		{name: "not listed, and only listed ones may be probed", policy: "probe_policy: {configured_only: true}", target: "stray.test", result: expiring(58 * aDay), want: "stray.test: unknown"},
		{name: "denied since", policy: "probe_policy: {deny: [{host: stray.test}]}", target: "stray.test", result: expiring(58 * aDay), want: "stray.test: unknown"},
		{name: "of another module", target: "good.test", result: expiring(58 * aDay), query: "&module=strict", want: "good.test: unknown"},
		{name: "of no module", target: "good.test", result: expiring(58 * aDay), query: "&module=nonsense", want: "good.test: unknown"},
		{name: "with another name", target: "good.test", result: expiring(58 * aDay), query: "&server_name=other.test", want: "good.test: unknown"},
		{name: "at an address", target: "good.test", result: expiring(58 * aDay), query: "&address=192.0.2.7", want: "good.test: unknown"},
		{name: "with a label", target: "good.test", result: expiring(58*aDay + time.Hour), query: "&label=" + url.QueryEscape(`<our> "mail"`), want: `&lt;our&gt; &#34;mail&#34;: 58 days`},
		{name: "with a long label", target: "good.test", query: "&label=" + strings.Repeat("a", 5000), want: strings.Repeat("a", 37) + "...: unknown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			pages, mux := loadedPages(t, targets+test.policy)
			if test.result != nil {
				asked := parsed(t, test.target)
				r := probed(asked, test.result)
				r.Start = r.Start.Add(-test.age)
				if r.Chain != nil && !r.Chain.At.IsZero() {
					r.Chain.At = r.Start
				}
				pages.options.History.Add(config.DefaultModuleName, asked, r)
			}
			w := get(t, mux, "/badge.svg?target="+test.target+test.query)
			if svg := w.Body.String(); !strings.Contains(svg, "<title>"+test.want+"</title>") || len(svg) > 2<<10 {
				t.Errorf("the badge is not %q:\n%s", test.want, svg)
			}
		})
	}
}

// A wiki gets a badge once, and again when it has changed. A mistake is a sentence.
func TestBadgeHeaders(t *testing.T) {
	pages, mux := loadedPages(t, "targets: [{targets: [good.test]}]")
	w := get(t, mux, "/badge.svg?target=good.test")
	for name, want := range map[string]string{"Content-Type": "image/svg+xml", "Cache-Control": "no-cache", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	again := func() int {
		r := httptest.NewRequest("GET", "/badge.svg?target=good.test", nil)
		r.Header.Set("If-None-Match", w.Header().Get("ETag"))
		second := httptest.NewRecorder()
		mux.ServeHTTP(second, r)
		return second.Code
	}
	if code := again(); code != http.StatusNotModified {
		t.Errorf("the same badge again is %d", code)
	}
	probedAs(t, pages, "good.test", reporttest.Healthy())
	if code := again(); code != http.StatusOK {
		t.Errorf("a badge that has changed is %d", code)
	}
	for query, want := range map[string]string{
		"":                                "parameter target: ",
		"?target=http://good.test":        "http is not TLS",
		"?target=good.test&server_name=-": "parameter server_name: ",
		"?target=good.test&address=x":     "parameter address: ",
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", "/badge.svg"+query, nil))
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}

// The page of an endpoint shows how to embed its badge, with all of its parameters.
func TestBadgeSnippet(t *testing.T) {
	pages, _ := newPages(t)
	asked, err := target.Target{Scheme: "https", Host: "good.test", Port: 443, ServerName: "other.test"}.At("192.0.2.7")
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	pages.Show(w, "strict", asked, probed(asked, reporttest.Healthy()))
	const want = `![certificate of good.test](http://exporter:10443/badge.svg?target=https%3A%2F%2Fgood.test%3A443&amp;module=strict&amp;server_name=other.test&amp;address=192.0.2.7)</pre>`
	if !strings.Contains(w.Body.String(), want) {
		t.Errorf("the page is\n%s", w.Body)
	}
}
