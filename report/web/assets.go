package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
	"strings"

	"tls_exporter/docs"
)

//go:embed assets
var embedded embed.FS

// maxAge lets a browser cache assets for ever: their names change with their
// content.
const maxAge = "public, max-age=31536000, immutable"

// assets are the files that pages load, by the name that carries their hash.
var assets = func() map[string][]byte {
	hashed := make(map[string][]byte)
	for _, name := range []string{"style.css", "script.js", "icon.svg"} {
		content, err := embedded.ReadFile("assets/" + name)
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
	content, err := embedded.ReadFile("assets/" + name)
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

// documentPage is a document as the template has it.
type documentPage struct {
	Name  string
	Pages []documentLink
	Parts []docs.Heading // chapters and sections
	HTML  template.HTML
}

// documentLink is a document in the list of all.
type documentLink struct{ Title, URL, Name string }

func (p *Pages) runbook(w http.ResponseWriter, r *http.Request) { p.show(w, docs.Runbook(), "") }

// documents serves the other documents. They link to each other relatively.
func (p *Pages) documents(w http.ResponseWriter, r *http.Request) {
	page := docs.Named(r.PathValue("name"))
	if page == nil || page == docs.Runbook() {
		http.NotFound(w, r)
		return
	}
	p.show(w, page, "../")
}

func (p *Pages) show(w http.ResponseWriter, page *docs.Page, root string) {
	content := documentPage{Name: page.Name, HTML: template.HTML(page.HTML)} // of the program, not of a stranger
	for _, other := range docs.Pages() {
		content.Pages = append(content.Pages, documentLink{other.Title, root + other.Path(), other.Name})
	}
	for _, heading := range page.Headings[1:] { // the first is the title
		if heading.Level <= 2 {
			content.Parts = append(content.Parts, heading)
		}
	}
	p.renderAt(root, w, http.StatusOK, p.document, page.Title, content)
}
