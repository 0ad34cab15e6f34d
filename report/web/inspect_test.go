package web

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"tls_exporter/docs"
	"tls_exporter/prober/failure"
	"tls_exporter/report"
	"tls_exporter/report/part"
	"tls_exporter/report/reporttest"
)

// The page of every situation shows its facts.
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
			for _, issue := range report.New(s.Result, report.Limits{}).Issues {
				if !strings.Contains(page, "<b>"+string(issue.Reason)+"</b>") {
					t.Errorf("%s is not shown", issue.Reason)
				}
				if !slices.Contains(report.Words(), issue.Reason) { // a word of tomorrow
					continue
				}
				if id := docs.Section(issue.Phase, issue.Reason); id == "" || !strings.Contains(page, `<a href="runbook#`+id+`">`) {
					t.Errorf("%s does not lead to its explanation %q", issue.Reason, id)
				}
			}
			for _, phase := range s.Result.Phases {
				if !strings.Contains(page, `<th scope="row">`+string(phase.Phase)+"</th>") {
					t.Errorf("%s is not drawn", phase.Phase)
				}
			}
			if chain := report.New(s.Result, report.Limits{}).Chain; chain != nil {
				if shown, omitted := chain.Shown(); strings.Count(page, `class="role"`) < len(shown) || strings.Contains(page, fmt.Sprintf("and %d more, which", omitted)) != (omitted > 0) {
					t.Errorf("a certificate is not drawn, or the %d others are not counted", omitted)
				}
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

// The page of a scan says every finding in words, not only in colour.
func TestInspectScan(t *testing.T) {
	pages, _ := newPages(t)
	w := httptest.NewRecorder()
	r := reporttest.ScannedOutdated()
	pages.Show(w, "scan", r.Target, r)
	page := w.Body.String()
	for _, want := range []string{
		`<h2 id="scan">What the checks found</h2>`,
		`<th scope="row">SSL 2.0</th><td><span class="status warning">accepted, deprecated</span>`,
		`<th scope="row">TLS 1.3</th><td><span class="status ">refused</span>`,
		`<th scope="row">TLS_RSA_WITH_RC4_128_MD5</th><td>TLS 1.1</td><td><span class="status warning">weak</span>`,
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

// What a problem of a certificate, or an expectation, is about is open.
func TestDetailsAreOpen(t *testing.T) {
	unmet := []report.Expectation{{Name: "pin"}, {Name: "issuer"}}
	met := []report.Expectation{{Name: "pin", Met: true}}
	for _, test := range []struct {
		reason       failure.Reason
		expectations []report.Expectation
		position     int
		want         map[string]bool // open, by title
	}{
		{"", met, 0, map[string]bool{"Names": false, "Keys and fingerprints": false}},
		{"expired", nil, 0, map[string]bool{"Names": false, "Keys and fingerprints": false}},
		{"name_mismatch", nil, 0, map[string]bool{"Names": true, "Keys and fingerprints": false}},
		{"weak_key", nil, 0, map[string]bool{"Names": false, "Keys and fingerprints": true}},
		{"weak_signature", nil, 1, map[string]bool{"Keys and fingerprints": true}},
		{"", unmet, 1, map[string]bool{"Keys and fingerprints": true}},
	} {
		cert := report.Certificate{Certificate: reporttest.Healthy().Chain.Certificates[0], Position: test.position}
		if test.reason != "" {
			cert.Issues = []part.Issue{part.NewIssue(test.reason, "", part.Bad)}
		}
		open := make(map[string]bool)
		for _, d := range details(cert, test.expectations) {
			open[d.Title] = d.Open
		}
		if !maps.Equal(open, test.want) {
			t.Errorf("%s, %v: %v, want %v", test.reason, test.expectations, open, test.want)
		}
	}
	for _, reason := range slices.Concat(aboutNames, aboutKeys) {
		if !slices.Contains(report.Words(), reason) {
			t.Errorf("there is no reason %s", reason)
		}
	}
}

// The page of a CA about a renewal is a link that tells the CA nothing, and no other
// program of the browser is started.
func TestExplanationIsLink(t *testing.T) {
	for explanation, want := range map[string]string{
		"https://ca.example/?a=b&c": `<dd><a href="https://ca.example/?a=b&amp;c" rel="noopener noreferrer">https://ca.example/?a=b&amp;c</a></dd>`,
		"javascript:alert(1)":       `<a href="#ZgotmplZ" rel="noopener noreferrer">`,
	} {
		r := reporttest.RenewalOverdue()
		r.Renewal.Finding.Explanation = explanation
		pages, _ := newPages(t)
		w := httptest.NewRecorder()
		pages.Show(w, "default", r.Target, r)
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("there is no %s", want)
		}
	}
}
