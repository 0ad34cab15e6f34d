// Package docs is the documentation as HTML, for the exporter to serve: the people who
// are paged can then read the runbook without access to anything else.
package docs

import (
	"bytes"
	"compress/gzip"
	"embed"
	"html"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"

	"tls_exporter/prober/failure"
)

// files are the documents, rendered by package markdown and compressed: they are a
// fortieth of the program otherwise. TestHTML holds them together.
//
//go:embed html/*.html.gz
var files embed.FS

// Page is one document.
type Page struct {
	Name     string // of its file, without .md
	Title    string
	HTML     string // without scripts and styles
	Headings []Heading

	ids   map[string]bool   // of all elements
	words map[string]string // the last explanation of each word, by its ID
}

// Heading is a heading of a page.
type Heading struct {
	Level int // 1 to 6
	ID    string
	Text  string
}

// runbook is the name of the page that explains every alert and reason.
const runbook = "runbook"

// Path is where the exporter serves the page, relative to its root.
func (p *Page) Path() string {
	if p.Name == runbook {
		return runbook
	}
	return "docs/" + p.Name
}

// Pages are all documents, the runbook first.
var Pages = sync.OnceValue(func() []*Page {
	entries, err := files.ReadDir("html")
	if err != nil {
		panic(err) // it is part of the program
	}
	var pages []*Page
	for _, entry := range entries {
		content, err := uncompress(entry.Name())
		if err != nil {
			panic(err)
		}
		pages = append(pages, read(strings.TrimSuffix(entry.Name(), ".html.gz"), string(content)))
	}
	slices.SortStableFunc(pages, func(a, b *Page) int {
		switch {
		case a.Name == runbook:
			return -1
		case b.Name == runbook:
			return 1
		}
		return strings.Compare(a.Title, b.Title)
	})
	return pages
})

func uncompress(name string) ([]byte, error) {
	compressed, err := files.ReadFile("html/" + name)
	if err != nil {
		return nil, err
	}
	content, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(content)
}

var (
	heading    = regexp.MustCompile(`<h([1-6]) id="([^"]+)">(.*?)</h[1-6]>`)
	identified = regexp.MustCompile(` id="([^"]+)"`)
	word       = regexp.MustCompile(`<code id="([^"]+)">([^<]*)</code>`)
	tag        = regexp.MustCompile(`<[^>]*>`)
)

// read makes a page from its HTML.
func read(name, content string) *Page {
	page := &Page{Name: name, HTML: content, ids: make(map[string]bool), words: make(map[string]string)}
	for _, m := range heading.FindAllStringSubmatch(content, -1) {
		page.Headings = append(page.Headings, Heading{int(m[1][0] - '0'), m[2], html.UnescapeString(tag.ReplaceAllString(m[3], ""))})
	}
	for _, m := range identified.FindAllStringSubmatch(content, -1) {
		page.ids[m[1]] = true
	}
	for _, m := range word.FindAllStringSubmatch(content, -1) {
		page.words[html.UnescapeString(m[2])] = m[1]
	}
	if len(page.Headings) > 0 {
		page.Title = page.Headings[0].Text
	}
	return page
}

// Named is the page with a name; nil: there is none.
func Named(name string) *Page {
	for _, page := range Pages() {
		if page.Name == name {
			return page
		}
	}
	return nil
}

// Runbook is the page that explains every alert and reason.
func Runbook() *Page { return Named(runbook) }

// Section is the ID in the runbook of the explanation of a word: a reason, a problem of a
// chain, an expectation, a vulnerability. It is empty if there is none. A reason may have
// several explanations, one for each phase. The phase is empty if it is not known.
func Section(phase failure.Phase, word failure.Reason) string {
	within := string(phase)
	if phase == failure.PhaseServerHello || phase == failure.PhaseKeyExchange {
		within = "handshake"
	}
	page := Runbook()
	for _, id := range []string{Explanation(within, string(word)), string(word), Explanation("anywhere", string(word))} {
		if page.ids[id] {
			return id
		}
	}
	if id := page.words[string(word)]; id != "" || !word.IsAlert() {
		return id
	}
	return failure.AlertPrefix
}

// Explanation is the ID of a word that is explained in a list of a section.
func Explanation(section, word string) string { return section + "-" + word }
