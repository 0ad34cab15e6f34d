package web

import (
	"html/template"
	"net/http"

	"tls_exporter/docs"
)

// documentPage is a document as the template has it.
type documentPage struct {
	Name  string
	Pages []documentLink
	Parts []docs.Heading // chapters and sections
	HTML  template.HTML
}

// documentLink is a document in the list of all.
type documentLink struct{ Title, URL, Name string }

func (p *Pages) runbook(w http.ResponseWriter, r *http.Request) { p.show(w, r, docs.Runbook()) }

// documents serves the other documents. They link to each other relatively.
func (p *Pages) documents(w http.ResponseWriter, r *http.Request) {
	page := docs.Named(r.PathValue("name"))
	if page == nil || page == docs.Runbook() {
		p.notFound(w, r)
		return
	}
	p.show(w, r, page)
}

func (p *Pages) show(w http.ResponseWriter, r *http.Request, page *docs.Page) {
	root := rootOf(r.URL)
	content := documentPage{Name: page.Name, HTML: template.HTML(page.HTML)} // of the program, not of a stranger
	for _, other := range docs.Pages() {
		content.Pages = append(content.Pages, documentLink{other.Title, root + other.Path(), other.Name})
	}
	for _, heading := range page.Headings[1:] { // the first is the title
		if heading.Level <= 2 {
			content.Parts = append(content.Parts, heading)
		}
	}
	p.write(w, http.StatusOK, p.document, layout{Title: page.Title, Root: root, Form: p.newForm(), Page: content})
}
