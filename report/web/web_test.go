package web

import (
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober"
	"tls_exporter/report"
	"tls_exporter/report/reporttest"
)

// newPages has the targets configured and nothing probed.
func newPages(t testing.TB, targets ...string) (*Pages, *http.ServeMux) {
	t.Helper()
	config := &prober.Config{}
	for _, written := range targets {
		config.Targets = append(config.Targets, prober.ConfiguredTarget{
			Target: parsed(t, written), Written: written, Module: prober.DefaultModuleName, Labels: map[string]string{"team": "web"},
		})
	}
	pages := New(Options{
		Version: "1.2.3", History: NewHistory(), Config: func() *prober.Config { return config },
		Metrics: func(*prober.Result) string { return "tls_probe_success 1\n" },
	})
	mux := http.NewServeMux()
	pages.Register(mux)
	return pages, mux
}

func parsed(t testing.TB, written string) prober.Target {
	t.Helper()
	target, err := prober.ParseTarget(written)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// probed is a result as if it had been made of a target just now.
func probed(target prober.Target, r *prober.Result) *prober.Result {
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

var rowNames = regexp.MustCompile(`<th scope="row"><a href="[^"]*">([^<]*)</a>`)

func rowsOf(page string) []string {
	var names []string
	for _, match := range rowNames.FindAllStringSubmatch(page, -1) {
		names = append(names, match[1])
	}
	return names
}

func TestList(t *testing.T) {
	pages, mux := newPages(t, "good.test", "bad.test", "unknown.test", "pending.test", "smtps://mail.test")
	for name, result := range map[string]*prober.Result{"good.test": reporttest.Healthy(), "bad.test": reporttest.ExpiredMisnamedUntrusted(), "unknown.test": reporttest.DNSFailure(), "stray.test:8443": reporttest.NotTLS()} {
		target := parsed(t, name)
		pages.options.History.Add(prober.DefaultModuleName, target, probed(target, result))
	}
	for _, test := range []struct {
		name, query string
		want        []string
	}{
		{"the worst first", "", []string{"bad.test", "stray.test:8443", "unknown.test", "pending.test", "smtps://mail.test:465", "good.test"}},
		{"the best first", "?sort=-status", []string{"good.test", "pending.test", "smtps://mail.test:465", "unknown.test", "stray.test:8443", "bad.test"}},
		{"by name", "?sort=target", []string{"bad.test", "good.test", "pending.test", "smtps://mail.test:465", "stray.test:8443", "unknown.test"}},
		{"by time left", "?sort=days&q=t", []string{"bad.test", "good.test", "pending.test", "smtps://mail.test:465", "stray.test:8443", "unknown.test"}},
		{"by nonsense", "?sort=nonsense&page=x", []string{"bad.test", "stray.test:8443", "unknown.test", "pending.test", "smtps://mail.test:465", "good.test"}},
		{"only the bad", "?status=bad", []string{"bad.test", "stray.test:8443"}},
		{"only the pending", "?status=not+probed+yet", []string{"pending.test", "smtps://mail.test:465"}},
		{"by a word of the name", "?q=MAIL", []string{"smtps://mail.test:465"}},
		{"by a reason", "?q=not_tls", []string{"stray.test:8443"}},
		{"by a label and a version", "?q=team%3Dweb+tls+1.3", []string{"bad.test", "good.test"}},
		{"by what nobody has", "?q=nobody", nil},
		{"past the last page", "?page=99", []string{"bad.test", "stray.test:8443", "unknown.test", "pending.test", "smtps://mail.test:465", "good.test"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := rowsOf(get(t, mux, "/"+test.query).Body.String()); !slices.Equal(got, test.want) {
				t.Errorf("rows are %v, want %v", got, test.want)
			}
		})
	}
	page := get(t, mux, "/?q=stray").Body.String()
	for _, says := range []string{"<b>2</b> bad", "<b>1</b> unknown", "<b>1</b> good", "<b>2</b> not probed yet", "1 of 6 endpoints", "not configured", `href="inspect?target=https%3A%2F%2Fstray.test%3A8443&amp;module=default"`} {
		if !strings.Contains(page, says) {
			t.Errorf("the page does not say %s:\n%s", says, page)
		}
	}
}

func TestListOfNothing(t *testing.T) {
	_, mux := newPages(t)
	if page := get(t, mux, "/").Body.String(); !strings.Contains(page, "No targets are configured") {
		t.Errorf("the page is\n%s", page)
	}
}

// A stray endpoint leaves the list an hour after its last probe.
func TestListForgets(t *testing.T) {
	pages, mux := newPages(t)
	target := parsed(t, "stray.test")
	old := probed(target, reporttest.Healthy())
	old.Start = time.Now().Add(-recency - time.Minute)
	pages.options.History.Add("default", target, old)
	if got := rowsOf(get(t, mux, "/").Body.String()); got != nil {
		t.Errorf("rows are %v", got)
	}
}

func TestListPages(t *testing.T) {
	var targets []string
	for i := range 2*pageSize + 1 {
		targets = append(targets, fmt.Sprintf("h%03d.test", i))
	}
	_, mux := newPages(t, targets...)
	for page, want := range map[int]int{1: pageSize, 2: pageSize, 3: 1} {
		body := get(t, mux, fmt.Sprintf("/?sort=target&page=%d", page)).Body.String()
		if got := rowsOf(body); len(got) != want || got[0] != targets[(page-1)*pageSize] {
			t.Errorf("page %d has %d rows from %s", page, len(got), got[0])
		}
		if next, previous := strings.Contains(body, `rel="next"`), strings.Contains(body, `rel="prev"`); next != (page < 3) || previous != (page > 1) {
			t.Errorf("page %d: next %v, previous %v", page, next, previous)
		}
	}
}

// Every situation has a page, which says what the text says.
func TestInspect(t *testing.T) {
	for _, s := range reporttest.Situations() {
		t.Run(s.Name, func(t *testing.T) {
			pages, _ := newPages(t)
			pages.options.History.Add("default", s.Result.Target, s.Result)
			w := httptest.NewRecorder()
			pages.Show(w, "default", s.Result.Target, s.Result)
			page := w.Body.String()
			if !strings.Contains(page, `<span class="status `+s.Status+`">`) {
				t.Errorf("the verdict is not %s", s.Status)
			}
			for _, issue := range report.New(s.Result, 0).Issues {
				if !strings.Contains(page, "<b>"+string(issue.Reason)+"</b>") {
					t.Errorf("%s is not told", issue.Reason)
				}
			}
			for _, phase := range s.Result.Phases {
				if !strings.Contains(page, ">"+string(phase.Phase)+"</text>") {
					t.Errorf("%s is not drawn", phase.Phase)
				}
			}
			if s.Result.Chain != nil && strings.Count(page, `class="role"`) < len(s.Result.Chain.Certificates) {
				t.Error("a certificate is not drawn")
			}
			if !strings.Contains(page, "<rect class=\""+s.Status+"\" x=\"0\"") {
				t.Error("the probe is not in the strip")
			}
			if s.Result.Pool != nil {
				for _, m := range s.Result.Pool.Members {
					if !strings.Contains(page, `<th scope="row">`+m.Address.String()+"</th>") {
						t.Errorf("%v is not in the table", m.Address)
					}
				}
			}
			if strings.Contains(page, "ZgotmplZ") || strings.Contains(page, "&lt;nil&gt;") {
				t.Error("a value did not fit its place")
			}
		})
	}
}

// The page of a scan has every word of it, and colours never alone.
func TestScanIsInspected(t *testing.T) {
	pages, _ := newPages(t)
	w := httptest.NewRecorder()
	r := reporttest.ScannedOutdated()
	pages.Show(w, "scan", r.Target, r)
	page := w.Body.String()
	for _, want := range []string{
		`<h2 id="scan">What the server accepts</h2>`,
		`<th scope="row">SSL 2.0</th><td><span class="status bad">accepted, deprecated</span>`,
		`<th scope="row">TLS 1.3</th><td><span class="status ">refused</span>`,
		`<th scope="row">TLS_RSA_WITH_RC4_128_MD5</th><td>TLS 1.1</td><td><span class="status bad">weak</span>`,
		`<th scope="row">heartbleed</th><td><span class="status bad">vulnerable</span></td><td class="wide">it answered a heartbeat`,
		`<th scope="row">compression</th><td><span class="status good">not vulnerable</span>`,
		`<th scope="row">pci_dss</th><td><span class="status warning">not compliant</span>`,
		`<dt>DHE</dt><dd>512 bits (smallest prime sent)`,
		`<b>old_version</b>: accepts TLS 1.1, TLS 1.0, SSL 3.0, SSL 2.0<p class="remedy">`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("there is no %s", want)
		}
	}
	half := httptest.NewRecorder()
	pages.Show(half, "scan", r.Target, reporttest.ScannedPartial())
	for _, want := range []string{`<span class="status unknown">no answer</span>`, `<th scope="row">heartbleed</th><td><span class="status unknown">not known</span>`, `<b>resumption</b>: reset: read: connection reset by peer<p class="remedy">`} {
		if !strings.Contains(half.Body.String(), want) {
			t.Errorf("there is no %s", want)
		}
	}
}

// What a stranger wrote into a certificate is text, wherever it is shown.
func TestHostileNames(t *testing.T) {
	const script = `<script>alert(1)</script>"'--><img src=x onerror=alert(1)>`
	hostile := reporttest.Healthy()
	cert := *hostile.Chain.Certificates[0]
	x := *cert.X509
	x.Subject.CommonName, x.Issuer.CommonName, x.DNSNames = script, script, []string{script, strings.Repeat("a", 1<<16), "\u202ename\x00\n"}
	cert.X509, cert.SubjectCN, cert.IssuerCN, cert.DNSNames = &x, script, script, script
	hostile.Chain.Certificates = []*prober.Certificate{&cert}
	hostile.Chain.Path = []*x509.Certificate{&x}
	hostile.Failure = &prober.Failure{Phase: prober.PhaseVerify, Reason: "expired", Err: fmt.Errorf("%s", script)}
	hostile.Chain.Problems = []prober.Found{{Problem: prober.ProblemExpired, Detail: script}}
	hostile.Session.ALPN = script
	hostile.Vulnerabilities = &prober.Vulnerabilities{Answers: []prober.VulnerabilityAnswer{{Vulnerability: "compression", Vulnerable: true, Saw: script}}}
	hostile.Checks = []prober.Check{{Name: "versions", Failure: &prober.Failure{Reason: "timeout", Err: fmt.Errorf("%s", script)}}}
	pages, mux := newPages(t)
	pages.options.History.Add(script, hostile.Target, probed(hostile.Target, hostile))
	w := httptest.NewRecorder()
	pages.Show(w, script, hostile.Target, hostile)
	fail := httptest.NewRecorder()
	pages.Fail(fail, 400, fmt.Errorf("%s", script))
	for name, page := range map[string]string{"inspect": w.Body.String(), "list": get(t, mux, "/").Body.String(), "failure": fail.Body.String()} {
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
		if body, _ := io.ReadAll(asset.Body); len(body) == 0 || asset.Header().Get("Cache-Control") != maxAge {
			t.Errorf("%s: %d bytes, %v", link[1], len(body), asset.Header())
		}
	}
	miss := httptest.NewRecorder()
	mux.ServeHTTP(miss, httptest.NewRequest("GET", "/static/layout.html", nil))
	if miss.Code != http.StatusNotFound {
		t.Errorf("a file that is no asset: %d", miss.Code)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	h := NewHistory()
	result := reporttest.Healthy()
	var first prober.Target
	for i := range maxRecords + 10 {
		target := prober.Target{Scheme: "https", Host: fmt.Sprintf("h%d.test", i), Port: 443}
		if i == 0 {
			first = target
		}
		h.Add("default", target, result)
	}
	if h.records.Len() != maxRecords || h.results.Len() != maxResults {
		t.Errorf("%d records, %d results", h.records.Len(), h.results.Len())
	}
	if h.samples(keyOf("default", first)) != nil {
		t.Error("the one probed longest ago is remembered")
	}
	for range 3 * maxSamples {
		h.Add("default", first, result)
	}
	if got := h.samples(keyOf("default", first)); len(got) != maxSamples {
		t.Errorf("%d samples", len(got))
	}
	if h.Recall("default", first) != result || h.Recall("other", first) != nil {
		t.Error("the last result is not the one recalled")
	}
}

func TestSampleKeepsItsWords(t *testing.T) {
	for _, s := range reporttest.Situations() {
		if s.Result.Failure == nil {
			continue
		}
		phase, reason, failed := sampleOf(outcomeOf(s.Result)).failure()
		if !failed || phase != s.Result.Failure.Phase || reason != s.Result.Failure.Reason {
			t.Errorf("%s: %s %s, want %+v", s.Name, phase, reason, s.Result.Failure)
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

// The list of ten thousand endpoints: what a browser waits for.
func BenchmarkList(b *testing.B) {
	var targets []string
	for i := range 10_000 {
		targets = append(targets, fmt.Sprintf("h%d.example.com", i))
	}
	pages, mux := newPages(b, targets...)
	for _, written := range targets {
		target := parsed(b, written)
		pages.options.History.Add("default", target, probed(target, reporttest.Healthy()))
	}
	b.ResetTimer()
	for b.Loop() {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		b.ReportMetric(float64(w.Body.Len()), "bytes/page")
	}
}
