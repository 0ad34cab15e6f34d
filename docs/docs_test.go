package docs_test

import (
	"bytes"
	"compress/gzip"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tls_exporter/docs"
	"tls_exporter/docs/markdown"
	"tls_exporter/prober/failure"
	"tls_exporter/report"
)

var update = flag.Bool("update", false, "write the HTML of the documents")

// The HTML that the exporter serves is that of the documents.
func TestHTML(t *testing.T) {
	documents, err := filepath.Glob("*.md")
	if err != nil || len(documents) < 10 {
		t.Fatal(documents, err)
	}
	if len(docs.Pages()) != len(documents) && !*update {
		t.Errorf("%d documents, and %d pages", len(documents), len(docs.Pages()))
	}
	for _, document := range documents {
		source, err := os.ReadFile(document)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(document, ".md")
		want, err := markdown.Render(name, source)
		if err != nil {
			t.Fatal(err)
		}
		if page := docs.Named(name); page != nil && page.HTML == want {
			continue
		}
		if !*update {
			t.Errorf("the HTML of docs/%s is not current; run go test ./docs -update", document)
			continue
		}
		if err := os.WriteFile(filepath.Join("html", name+".html.gz"), compressed(t, want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func compressed(t *testing.T, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err == nil {
		_, err = io.WriteString(w, content)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Every word with which a report says what is wrong is explained in the runbook.
func TestEveryWordHasASection(t *testing.T) {
	words := report.Words()
	ids := idsOf(t, docs.Runbook())
	for _, word := range words {
		id := docs.Section("", word)
		if word == "revoked" { // which nothing can tell yet
			continue
		}
		if !slices.Contains(ids, id) {
			t.Errorf("%s: the runbook has no section %q", word, id)
		}
	}
}

// A reason is explained for the phase that failed, if it means something else there.
func TestSection(t *testing.T) {
	for _, test := range []struct {
		phase failure.Phase
		word  failure.Reason
		want  string
	}{
		{failure.PhaseResolve, failure.ReasonTimeout, "resolve-timeout"},
		{failure.PhaseConnect, failure.ReasonTimeout, "connect-timeout"},
		{failure.PhaseServerHello, failure.ReasonTimeout, "handshake-timeout"},
		{"", failure.ReasonTimeout, "anywhere-timeout"},
		{failure.PhaseProxy, failure.ReasonDenied, "anywhere-denied"},
		{failure.PhaseKeyExchange, failure.ReasonReset, "handshake-reset"},
		{"", failure.ReasonReset, "handshake-reset"},
		{failure.PhaseServerHello, failure.ReasonBadCertificate, "handshake-bad_certificate"},
		{failure.PhaseVerify, failure.ReasonBadCertificate, "bad_certificate"},
		{failure.PhaseVerify, "expired", "expired"},
		{failure.PhaseExpect, "max_version", "expect-max_version"},
		{"", "max_version", "expect-max_version"},
		{failure.PhaseServerHello, "alert_protocol_version", "alert_-alert_protocol_version"},
		{failure.PhaseServerHello, "alert_user_canceled", "alert_"},
		{"", "heartbleed", "vulnerabilities-heartbleed"},
		{"", "gremlins", ""},
		{"", "", ""},
	} {
		if got := docs.Section(test.phase, test.word); got != test.want {
			t.Errorf("%s in %s is explained in %q, want %q", test.word, test.phase, got, test.want)
		}
	}
}

var (
	idAttribute = regexp.MustCompile(` id="([^"]*)"`)
	reference   = regexp.MustCompile(` (?:href|src)="([^"]*)"`)
	element     = regexp.MustCompile(`<([a-z0-9]+)`)
)

func idsOf(t *testing.T, page *docs.Page) []string {
	t.Helper()
	var ids []string
	for _, match := range idAttribute.FindAllStringSubmatch(page.HTML, -1) {
		if slices.Contains(ids, match[1]) {
			t.Errorf("%s has the ID %s twice", page.Name, match[1])
		}
		ids = append(ids, match[1])
	}
	return ids
}

// Every link leads to an element of a page that is served, or to another site.
func TestLinks(t *testing.T) {
	ids := make(map[string][]string)
	for _, page := range docs.Pages() {
		ids[page.Path()] = idsOf(t, page)
	}
	inner := 0
	for _, page := range docs.Pages() {
		for _, match := range reference.FindAllStringSubmatch(page.HTML, -1) {
			if strings.HasPrefix(match[1], "https://") {
				continue
			}
			path, fragment, hasFragment := strings.Cut(match[1], "#")
			switch up, is := strings.CutPrefix(path, "../"); {
			case path == "":
				path = page.Path()
			case is:
				path = up
			}
			known, served := ids[path]
			if !served || hasFragment && !slices.Contains(known, fragment) {
				t.Errorf("%s links to %s, which is not there", page.Name, match[1])
			}
			inner++
		}
	}
	if inner < 50 {
		t.Errorf("found only %d links", inner)
	}
}

// The pages are plain: what a content security policy without inline code allows, and
// nothing that a document wrote in HTML.
func TestElements(t *testing.T) {
	plain := []string{"h1", "h2", "h3", "p", "a", "ul", "ol", "li", "code", "pre", "em", "strong", "div", "table", "thead", "tbody", "tr", "th", "td", "blockquote", "hr", "br"}
	for _, page := range docs.Pages() {
		if page.Title == "" || len(page.Headings) == 0 {
			t.Errorf("%s has the title %q and %d headings", page.Name, page.Title, len(page.Headings))
		}
		for _, match := range element.FindAllStringSubmatch(page.HTML, -1) {
			if !slices.Contains(plain, match[1]) {
				t.Errorf("%s has the element %s", page.Name, match[1])
			}
		}
		if strings.Contains(page.HTML, " style=") || strings.Contains(page.HTML, "raw HTML omitted") {
			t.Errorf("%s has an inline style, or HTML that was left out", page.Name)
		}
	}
}

func TestNamed(t *testing.T) {
	for name, want := range map[string]string{"runbook": "runbook", "metrics": "docs/metrics"} {
		if page := docs.Named(name); page == nil || page.Path() != want {
			t.Errorf("%s is %+v", name, page)
		}
	}
	for _, name := range []string{"", "README", "runbook.md", "../README"} {
		if docs.Named(name) != nil {
			t.Errorf("there is a page %q", name)
		}
	}
	if docs.Pages()[0] != docs.Runbook() {
		t.Error("the runbook is not the first page")
	}
}
