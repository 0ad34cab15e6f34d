package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tls_exporter/prober"
)

//go:embed web
var web embed.FS

// Pages are the exporter's web pages: the list of endpoints, and one of them.
// They need no script to work; one makes them livelier.
type Pages struct {
	options PagesOptions
	index   *template.Template
	inspect *template.Template
	failure *template.Template
}

// PagesOptions is what the pages are made of.
type PagesOptions struct {
	Version string
	History *History
	// Config is the configuration of now, whose targets are listed.
	Config func() *prober.Config
	// Metrics is a result as Prometheus gets it.
	Metrics func(*prober.Result) string
}

// NewPages parses the templates, which are part of the program.
func NewPages(o PagesOptions) *Pages {
	parse := func(pages ...string) *template.Template {
		files := []string{"web/layout.html"}
		for _, page := range pages {
			files = append(files, "web/"+page)
		}
		return template.Must(template.New("layout.html").Funcs(functions).ParseFS(web, files...))
	}
	return &Pages{options: o, index: parse("index.html"), inspect: parse("inspect.html", "scan.html"), failure: parse("failure.html")}
}

var functions = template.FuncMap{
	"asset":   asset,
	"ago":     ago,
	"iso":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"date":    date,
	"lasted":  lasted,
	"percent": func(ratio float64) float64 { return 100 * max(0, min(1, ratio)) },
}

// Register adds the list and the assets to a mux. What shows one endpoint
// probes, and is registered by who guards that.
func (p *Pages) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", p.list)
	mux.HandleFunc("GET /static/{name}", serveAsset)
}

// layout is what every page has.
type layout struct {
	Title   string
	Version string
	Now     time.Time
	Page    any
}

// maxAge keeps a browser from asking for assets again: their names change with
// their content.
const maxAge = "public, max-age=31536000, immutable"

// policy lets a page load its own style and script, and nothing from anywhere
// else; inline ones, which a hostile certificate might try to smuggle in, do
// not run.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (p *Pages) render(w http.ResponseWriter, status int, page *template.Template, title string, content any) {
	var b bytes.Buffer
	if err := page.Execute(&b, layout{title, p.options.Version, time.Now(), content}); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// Recall returns the last result of an endpoint; nil if it is not remembered.
func (p *Pages) Recall(module string, asked prober.Target) *prober.Result {
	return p.options.History.Recall(module, asked)
}

// Fail shows a sentence about a request that cannot be answered.
func (p *Pages) Fail(w http.ResponseWriter, status int, err error) {
	p.render(w, status, p.failure, http.StatusText(status), clean(err.Error()))
}

// assets are the files that pages load, by the name that carries their hash.
var assets = func() map[string][]byte {
	hashed := make(map[string][]byte)
	for _, name := range []string{"style.css", "script.js", "icon.svg"} {
		content, err := web.ReadFile("web/" + name)
		if err != nil {
			panic(err) // it is part of the program
		}
		hashed[hashedName(name, content)] = content
	}
	return hashed
}()

func hashedName(name string, content []byte) string {
	sum := sha256.Sum256(content)
	base, ending, _ := strings.Cut(name, ".")
	return base + "-" + hex.EncodeToString(sum[:6]) + "." + ending
}

// asset is the path of a file for a template.
func asset(name string) (string, error) {
	content, err := web.ReadFile("web/" + name)
	return "static/" + hashedName(name, content), err
}

var types = map[string]string{"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}

func serveAsset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	content, ok := assets[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, ending, _ := strings.Cut(name, ".")
	w.Header().Set("Content-Type", types[ending])
	w.Header().Set("Cache-Control", maxAge)
	w.Write(content)
}

// ago is how long before now a time was, as people say it.
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

// inspectURL is where one endpoint is shown, relative to the list.
func inspectURL(key Key) string {
	query := []string{"target", key.Target, "module", key.Module, "server_name", key.ServerName}
	if key.Address.IsValid() {
		query = append(query, "address", address(key))
	}
	return "inspect?" + encode(query...)
}

// address writes the address of a key as /probe reads it.
func address(key Key) string {
	if key.Address.Port() == 0 {
		return key.Address.Addr().String()
	}
	return key.Address.String()
}

// encode makes a query of names and values, without the empty ones.
func encode(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		b.WriteString(pairs[i] + "=" + url.QueryEscape(pairs[i+1]))
	}
	return b.String()
}
