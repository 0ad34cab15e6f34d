package web

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/vulnerabilities"
	"tls_exporter/prober/hello"
	"tls_exporter/report"
	"tls_exporter/report/reporttest"
	"tls_exporter/report/text"
)

var rowNames = regexp.MustCompile(`<th scope="row"><a href="[^"]*">([^<]*)</a>`)

func rowsOf(page string) []string {
	var names []string
	for _, match := range rowNames.FindAllStringSubmatch(page, -1) {
		names = append(names, match[1])
	}
	return names
}

// The list has a button for a run over all configured targets, or the progress of one.
func TestListOfRun(t *testing.T) {
	button := `<form class="all" id="all" action="probe-all" method="post">`
	for _, test := range []struct {
		name      string
		targets   []string
		progress  Progress
		says, not string
	}{
		{"no run", []string{"a.test"}, Progress{}, ">Probe all</button>", "progress"},
		{"requested", []string{"a.test"}, Progress{Running: true}, `id="progress">Probing all</span>`, ">Probe all"},
		{"running", []string{"a.test"}, Progress{Running: true, Done: 3, Total: 84}, `id="progress">3 of 84 probed</span>`, ">Probe all"},
		{"nothing to run", nil, Progress{}, "No targets are configured", button},
	} {
		t.Run(test.name, func(t *testing.T) {
			pages, mux := newPages(t, test.targets...)
			pages.options.Progress = func() Progress { return test.progress }
			page := get(t, mux, "/").Body.String()
			if !strings.Contains(page, test.says) || strings.Contains(page, test.not) {
				t.Errorf("it does not say %q, or says %q:\n%s", test.says, test.not, page)
			}
			if strings.Contains(page, button) != (len(test.targets) > 0) {
				t.Errorf("for the targets %q the page is\n%s", test.targets, page)
			}
		})
	}
}

func TestList(t *testing.T) {
	pages, mux := newPages(t, "good.test", "bad.test", "unknown.test", "pending.test", "smtps://mail.test")
	for name, result := range map[string]*prober.Result{"good.test": reporttest.Healthy(), "bad.test": reporttest.ExpiredMisnamedUntrusted(), "unknown.test": reporttest.DNSFailure(), "stray.test:8443": reporttest.NotTLS()} {
		target := parsed(t, name)
		pages.options.History.Add(config.DefaultModuleName, target, probed(target, result))
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
		{"by what no row has", "?q=nobody", nil},
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

// A target with a server name and an address of its own is another endpoint than the same
// target without them: its row has its own result and leads to its own page.
func TestListOfParameters(t *testing.T) {
	pages, mux := newPages(t, "shop.test")
	configured := pages.options.Config()
	for i, address := range []string{"192.0.2.1", "[2001:db8::1]:8443"} {
		backend, err := parsed(t, "shop.test").At(address)
		if err != nil {
			t.Fatal(err)
		}
		backend.ServerName = "www.shop.test"
		configured.Targets = append(configured.Targets, config.ConfiguredTarget{Target: backend, Module: config.DefaultModuleName, Labels: map[string]string{"backend": fmt.Sprint(i)}})
	}
	second := configured.Targets[2].Target
	pages.options.History.Add(config.DefaultModuleName, second, probed(second, reporttest.Healthy()))
	for status, want := range map[string]string{"good": "server name www.shop.test, address [2001:db8::1]:8443, backend=1", "not+probed+yet": "server name www.shop.test, address 192.0.2.1, backend=0"} {
		if page := get(t, mux, "/?status="+status).Body.String(); !strings.Contains(page, want) {
			t.Errorf("%s: the page does not say %s:\n%s", status, want, page)
		}
	}
	page := get(t, mux, "/?status=good").Body.String()
	if link := `href="inspect?target=https%3A%2F%2Fshop.test%3A443&amp;module=default&amp;server_name=www.shop.test&amp;address=%5B2001%3Adb8%3A%3A1%5D%3A8443"`; !strings.Contains(page, link) || len(rowsOf(page)) != 1 {
		t.Errorf("there is no link %s:\n%s", link, page)
	}
	if pages.Recall(config.DefaultModuleName, configured.Targets[1].Target) != nil || pages.Recall(config.DefaultModuleName, second) == nil {
		t.Error("one of them has the result of another")
	}
}

// The legend says a third.
func TestLegend(t *testing.T) {
	_, mux := newPages(t)
	if page := get(t, mux, "/").Body.String(); !strings.Contains(page, "a third or more") || report.DefaultWarning != 1.0/3 {
		t.Errorf("the limit is %g of the lifetime", report.DefaultWarning)
	}
}

func TestListOfNothing(t *testing.T) {
	_, mux := newPages(t)
	if page := get(t, mux, "/").Body.String(); !strings.Contains(page, "No targets are configured") {
		t.Errorf("the page is\n%s", page)
	}
}

// Whatever makes an endpoint yellow or red, and whatever else a report's first line
// says of it, is told in the list as well.
func TestEveryReasonIsTold(t *testing.T) {
	situations := reporttest.Situations()
	for _, name := range vulnerabilities.Names {
		r := reporttest.Healthy()
		r.Vulnerabilities.Finding = &vulnerabilities.Finding{Answers: []vulnerabilities.Answer{{Name: name, Vulnerable: true}}}
		status := "warning"
		if name.ExposesSecrets() {
			status = "bad"
		}
		situations = append(situations, reporttest.Situation{Name: string(name), Status: status, Result: r})
	}
	for _, problem := range chain.Problems {
		r := reporttest.WithProblem(problem)
		situations = append(situations, reporttest.Situation{Name: string(problem), Status: report.Judge(r, report.Limits{}).String(), Result: r})
	}
	situations = append(situations,
		reporttest.Situation{Name: "old version", Status: "warning", Result: reporttest.Accepting(hello.TLS10, hello.TLS13)},
		reporttest.Situation{Name: "weak suite", Status: "warning", Result: reporttest.AcceptingWeakSuite()},
		reporttest.Situation{Name: "policy violated", Status: "warning", Result: reporttest.Violating("pci_dss")})
	situations = append(situations, reporttest.Situation{Name: "nothing learned", Status: "unknown", Result: new(prober.Result)})
	for _, s := range situations {
		t.Run(s.Name, func(t *testing.T) {
			pages, mux := newPages(t)
			target := parsed(t, "some.test")
			pages.options.History.Add("default", target, probed(target, s.Result))
			row := listRows.FindString(get(t, mux, "/").Body.String())
			if !strings.Contains(row, `<span class="status `+s.Status+`">`) {
				t.Errorf("the row is not %s:\n%s", s.Status, row)
			}
			var out bytes.Buffer
			if err := text.Write(&out, s.Result, text.Options{}); err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(out.String(), "\n")
			reasons := report.Reasons(s.Result, report.Limits{})
			if s.Status != "good" && (len(reasons) == 0 || !strings.Contains(row, "<b>"+reasons[0]+"</b>")) {
				t.Errorf("the row does not tell %v:\n%s", reasons, row)
			}
			for i, reason := range reasons {
				if !strings.Contains(first, reason) && !strings.Contains(first, strings.ReplaceAll(reason, "_", " ")) {
					t.Errorf("the first line does not tell %s: %s", reason, first)
				}
				if i > 0 && !strings.Contains(row, reason) && !strings.Contains(row, " more</small>") {
					t.Errorf("the row does not tell %s:\n%s", reason, row)
				}
			}
		})
	}
}

var listRows = regexp.MustCompile(`(?s)<tr>\s*<td>.*?</tr>`)

// An endpoint that is not configured leaves the list an hour after its last probe.
func TestListDropsOldEndpoints(t *testing.T) {
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

// BenchmarkList measures the list of ten thousand endpoints.
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
