// Package web serves the web pages: the list of endpoints, and a page for each.
package web

import (
	"bytes"
	"cmp"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"

	"tls_exporter/config"
	"tls_exporter/docs"
	"tls_exporter/prober"
	"tls_exporter/prober/target"
	"tls_exporter/report/part"
	"tls_exporter/report/web/assets"
)

// Pages are the web pages. They work without a script; one adds updates.
type Pages struct {
	options  Options
	index    lazy
	inspect  lazy
	expiry   lazy
	document lazy
	failure  lazy
}

// lazy is a template. The first call parses it: most exporters show few pages, and
// the garbage collector leaves as much room again as templates take.
type lazy func() *template.Template

// Options is what the pages show.
type Options struct {
	Version string
	History *History
	// Config returns the current configuration, whose targets are listed.
	Config func() *config.Config
	// Metrics returns a result in the text format of Prometheus.
	Metrics func(*prober.Result) string
	// MetricsPath is the path of the exporter's own metrics; empty: /metrics.
	MetricsPath string
	// Progress returns that of the run over all targets; nil: there are no such runs.
	Progress func() Progress
}

// Progress is how far a run over all targets is.
type Progress struct {
	Running     bool
	Done, Total int // targets; Total is 0 until the run has begun
}

// New returns the pages. Their templates are part of the program.
func New(o Options) *Pages {
	parse := func(pages ...string) lazy {
		return sync.OnceValue(func() *template.Template {
			return template.Must(template.New("layout.html").Funcs(functions).ParseFS(assets.Files, append([]string{"layout.html"}, pages...)...))
		})
	}
	return &Pages{
		options: o, index: parse("index.html"), inspect: parse("inspect.html", "scan.html", "badge.html"), expiry: parse("calendar.html"),
		document: parse("document.html"), failure: parse("failure.html"),
	}
}

var functions = template.FuncMap{
	"ago":       ago,
	"asset":     assets.Path,
	"date":      part.Date,
	"duration":  part.Duration,
	"explained": docs.Section,
	"iso":       func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"percent":   func(ratio float64) float64 { return 100 * max(0, min(1, ratio)) },
	"short":     part.Short,
}

// Register adds the pages to a mux, but for that of an endpoint: it starts probes, so
// it is registered with the limits on probes.
func (p *Pages) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", p.list)
	mux.HandleFunc("GET /calendar", p.calendar)
	mux.HandleFunc("GET /calendar.ics", p.feed)
	mux.HandleFunc("GET /badge.svg", p.badge)
	mux.HandleFunc("GET /runbook", p.runbook)
	mux.HandleFunc("GET /docs/{name}", p.documents)
	mux.HandleFunc("GET /", p.notFound)
	mux.HandleFunc("GET /static/{name}", assets.Serve)
}

// Recall returns the last result of an endpoint; nil if it is not stored.
func (p *Pages) Recall(module string, asked target.Target) *prober.Result {
	return p.options.History.Recall(module, asked)
}

// layout is what every page has.
type layout struct {
	Title   string
	Root    string // the way from the page to the list: empty, or ../ for each folder
	Form    form
	Version string
	Now     time.Time
	Metrics string // link to the exporter's own metrics
	Page    any
}

// policy lets a page load its own style and script only. Inline styles and
// scripts, which a hostile certificate might try to inject, are not executed.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// render writes a page that is beside the list.
func (p *Pages) render(w http.ResponseWriter, status int, page lazy, title string, content any) {
	p.write(w, status, page, layout{Title: title, Form: p.newForm(), Page: content})
}

// write writes a page.
func (p *Pages) write(w http.ResponseWriter, status int, page lazy, l layout) {
	l.Version, l.Now, l.Form.Root = p.options.Version, time.Now(), l.Root
	var b bytes.Buffer
	l.Metrics = strings.TrimPrefix(cmp.Or(p.options.MetricsPath, "/metrics"), "/")
	if err := page().Execute(&b, l); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin") // not no-referrer: forms would have the origin null, and be refused
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// ago is how long before now a time was.
func ago(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case d < 2*time.Second:
		return "now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}
