package web

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"tls_exporter/config"
	"tls_exporter/docs"
	"tls_exporter/prober"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/check"
	"tls_exporter/prober/check/vulnerabilities"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/target"
	"tls_exporter/report/reporttest"
)

// newPages has configured targets, of which none was probed.
func newPages(t testing.TB, targets ...string) (*Pages, *http.ServeMux) {
	t.Helper()
	loaded := &config.Config{}
	for _, written := range targets {
		loaded.Targets = append(loaded.Targets, config.ConfiguredTarget{
			Target: parsed(t, written), Written: written, Module: config.DefaultModuleName, Labels: map[string]string{"team": "web"},
		})
	}
	pages := New(Options{
		Version: "1.2.3", History: NewHistory(), Config: func() *config.Config { return loaded },
		Metrics: func(*prober.Result) string { return "tls_probe_success 1\n" },
	})
	mux := http.NewServeMux()
	pages.Register(mux)
	return pages, mux
}

func parsed(t testing.TB, written string) target.Target {
	t.Helper()
	target, err := target.Parse(written)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// probed is r as the result of a probe of target now.
func probed(target target.Target, r *prober.Result) *prober.Result {
	r.Target, r.Start = target, time.Now()
	return r
}

func get(t testing.TB, handler http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", path, w.Code, w.Body)
	}
	return w
}

// Hostile content of a certificate is shown as text on every page.
func TestHostileNames(t *testing.T) {
	const script = `<script>alert(1)</script>"'--><img src=x onerror=alert(1)>`
	hostile := reporttest.Healthy()
	cert := *hostile.Chain.Certificates[0]
	cert.Subject, cert.Issuer, cert.Names.DNS = script, script, []string{script, strings.Repeat("a", 1<<16), "\u202ename\x00\n"}
	cert.SubjectCN, cert.IssuerCN, cert.DNSNames = script, script, script
	hostile.Chain.Certificates = []*chain.Certificate{&cert}
	hostile.Chain.Path = []*chain.Certificate{&cert}
	hostile.Failure = &failure.Failure{Phase: failure.PhaseVerify, Reason: "expired", Err: fmt.Errorf("%s", script)}
	hostile.Chain.Problems = []chain.Found{{Problem: chain.ProblemExpired, Detail: script}}
	hostile.Session.ALPN = script
	hostile.Vulnerabilities.Finding = &vulnerabilities.Finding{Answers: []vulnerabilities.Answer{{Name: "compression", Vulnerable: true, Saw: script}}}
	hostile.Outcomes = []check.Outcome{{Name: "versions", Failure: &failure.Failure{Reason: "timeout", Err: fmt.Errorf("%s", script)}}}
	pages, mux := newPages(t)
	pages.options.History.Add(script, hostile.Target, probed(hostile.Target, hostile))
	w := httptest.NewRecorder()
	pages.Show(w, script, hostile.Target, hostile)
	fail := httptest.NewRecorder()
	typed := url.Values{"target": {script + "\u202e"}, "module": {script}, "server_name": {script}, "address": {script}}
	pages.Fail(fail, httptest.NewRequest("GET", "/inspect?"+typed.Encode(), nil), 400, fmt.Errorf("%s", script))
	missing := httptest.NewRecorder()
	missed := httptest.NewRequest("GET", "/"+url.PathEscape(script), nil)
	missed.Header.Set("Accept", "text/html")
	mux.ServeHTTP(missing, missed)
	for name, page := range map[string]string{
		"inspect": w.Body.String(), "list": get(t, mux, "/").Body.String(), "failure": fail.Body.String(), "no page": missing.Body.String(),
		"calendar": get(t, mux, "/calendar?q="+url.QueryEscape(script)).Body.String(),
	} {
		if strings.Contains(page, "<script>") || strings.Contains(page, "<img") || strings.ContainsAny(page, "\x00\u202e") {
			t.Errorf("%s: a name is more than text:\n%s", name, page)
		}
		if !strings.Contains(page, "&lt;script&gt;") {
			t.Errorf("%s: the name is not shown", name)
		}
	}
	if len(w.Body.String()) > 64<<10 {
		t.Errorf("the page has %d bytes", w.Body.Len())
	}
}

func TestAssets(t *testing.T) {
	_, mux := newPages(t)
	w := get(t, mux, "/")
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("the policy is %s", csp)
	}
	links := regexp.MustCompile(`"(static/[^"]+)"`).FindAllStringSubmatch(w.Body.String(), -1)
	if len(links) != 3 {
		t.Fatalf("assets are %v", links)
	}
	for _, link := range links {
		asset := get(t, mux, "/"+link[1])
		if body, _ := io.ReadAll(asset.Body); len(body) == 0 || !strings.Contains(asset.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d bytes, %v", link[1], len(body), asset.Header())
		}
	}
	miss := httptest.NewRecorder()
	mux.ServeHTTP(miss, httptest.NewRequest("GET", "/static/layout.html", nil))
	if miss.Code != http.StatusNotFound {
		t.Errorf("a file that is no asset: %d", miss.Code)
	}
}

// The documents are pages like the others, and every page that they link to is served.
func TestDocuments(t *testing.T) {
	_, mux := newPages(t)
	for _, page := range docs.Pages() {
		w := get(t, mux, "/"+page.Path())
		body := w.Body.String()
		root := strings.Repeat("../", strings.Count(page.Path(), "/"))
		for _, says := range []string{"<title>" + page.Title + " · tls_exporter</title>", `action="` + root + `inspect"`, `href="` + root + `calendar"`, `href="` + root + `static/`, `href="` + root + `docs/metrics"`, `href="` + root + `runbook"`, page.HTML} {
			if !strings.Contains(body, says) {
				t.Errorf("%s does not have %s", page.Name, says)
			}
		}
		if w.Header().Get("Content-Security-Policy") != policy {
			t.Errorf("%s: %v", page.Name, w.Header())
		}
		for _, heading := range page.Headings {
			if heading.Level == 2 && !strings.Contains(body, `<a href="#`+heading.ID+`">`) {
				t.Errorf("the contents of %s do not have %s", page.Name, heading.ID)
			}
		}
	}
	for _, path := range []string{"/docs/", "/docs/nonsense", "/docs/runbook", "/docs/..%2Frunbook"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "now", 5 * time.Second: "5 s ago", 3 * time.Minute: "3 min ago", 5 * time.Hour: "5 h ago", 72 * time.Hour: "3 days ago",
	} {
		if got := ago(reporttest.Now, reporttest.Now.Add(-d)); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
