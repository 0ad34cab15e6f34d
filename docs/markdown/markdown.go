// Package markdown renders the documents of package docs as HTML. Only the tests use it, which
// write the HTML that the exporter serves: the renderer would take a megabyte of the program.
package markdown

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extensions "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"

	"tls_exporter/docs"
)

// markdown is CommonMark with the tables of GitHub. Raw HTML in a document is left out.
// The content security policy forbids inline styles, so columns have the attribute align.
var markdown = goldmark.New(goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))))

// Render returns a document, without .md in its name, as HTML.
func Render(name string, source []byte) (string, error) {
	document := markdown.Parser().Parse(text.NewReader(source), parser.WithContext(parser.NewContext()))
	adapter := &adapter{page: docs.Page{Name: name}, source: source, ids: make(map[string]bool)}
	if err := ast.Walk(document, adapter.visit); err != nil {
		return "", err
	}
	adapter.unlink()
	var html bytes.Buffer
	if err := markdown.Renderer().Render(&html, source, document); err != nil {
		return "", err
	}
	return scrollable(html.String()), nil
}

// adapter gives the elements of a document their IDs, and makes its links those of the
// exporter.
type adapter struct {
	page    docs.Page
	source  []byte
	ids     map[string]bool // of all elements so far
	section docs.Heading    // that the walk is in
	foreign []ast.Node
}

func (a *adapter) visit(node ast.Node, entering bool) (ast.WalkStatus, error) {
	if !entering {
		return ast.WalkContinue, nil
	}
	switch node := node.(type) {
	case *ast.Heading:
		a.heading(node)
	case *ast.ListItem:
		a.item(node)
	case *ast.Link:
		a.link(node)
	case *extensions.Table:
		a.table(node)
	case *ast.Image: // its text stays
		a.foreign = append(a.foreign, node)
	}
	return ast.WalkContinue, nil
}

// heading gives a heading the ID that GitHub gives it, so that a link to a section works
// in both places.
func (a *adapter) heading(node *ast.Heading) {
	words := a.textOf(node)
	id := slug(words)
	for n, first := 1, id; a.ids[id]; n++ {
		id = fmt.Sprintf("%s-%d", first, n)
	}
	a.setID(node, id)
	a.section = docs.Heading{Level: node.Level, ID: id, Text: words}
}

// slug is a text in lower case, with hyphens for spaces, and without punctuation other
// than hyphens and underscores.
func slug(words string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r):
			return unicode.ToLower(r)
		}
		return -1
	}, words)
}

// item gives IDs to the words with which an item of a list begins. It does so only where
// the heading of the section is a word itself, as those of phases and reasons are.
func (a *adapter) item(node *ast.ListItem) {
	if a.section.Text != a.section.ID || node.FirstChild() == nil {
		return
	}
	for inline := node.FirstChild().FirstChild(); inline != nil; inline = inline.NextSibling() {
		switch inline := inline.(type) {
		case *ast.CodeSpan:
			word := a.textOf(inline)
			if id := docs.Explanation(a.section.ID, word); !a.ids[id] {
				a.setID(inline, id)
			}
		case *ast.Text:
			if strings.TrimSpace(string(inline.Value(a.source))) != "," {
				return
			}
		default:
			return
		}
	}
}

// table gives the cells after the first of a row the heading of their column, for narrow
// screens, where they are below each other.
func (a *adapter) table(node *extensions.Table) {
	var headings []string
	for cell := node.FirstChild().FirstChild(); cell != nil; cell = cell.NextSibling() {
		headings = append(headings, a.textOf(cell))
	}
	for row := node.FirstChild().NextSibling(); row != nil; row = row.NextSibling() {
		column := 0
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			if column > 0 && headings[column] != "" && cell.HasChildren() {
				cell.SetAttributeString("data-heading", []byte(headings[column]))
			}
			column++
		}
	}
}

func (a *adapter) setID(node ast.Node, id string) {
	node.SetAttributeString("id", []byte(id))
	a.ids[id] = true
}

// link makes a link to another document one to its page, relative to this page. Files
// that the exporter does not serve are not linked.
func (a *adapter) link(node *ast.Link) {
	file, fragment, _ := strings.Cut(string(node.Destination), "#")
	name, isDocument := strings.CutSuffix(file, ".md")
	switch {
	case file == "" || strings.HasPrefix(file, "https://"):
	case !isDocument || strings.Contains(name, "/"):
		a.foreign = append(a.foreign, node)
	default:
		to := (&docs.Page{Name: name}).Path()
		if from := a.page.Path(); strings.Contains(from, "/") {
			to = "../" + to
		}
		if fragment != "" {
			to += "#" + fragment
		}
		node.Destination = []byte(to)
	}
}

// unlink replaces links to what the exporter does not serve by their texts.
func (a *adapter) unlink() {
	for _, node := range a.foreign {
		for child := node.FirstChild(); child != nil; child = node.FirstChild() {
			node.Parent().InsertBefore(node.Parent(), node, child)
		}
		node.Parent().RemoveChild(node.Parent(), node)
	}
}

// textOf is the text of a node without its markup.
func (a *adapter) textOf(node ast.Node) string {
	var b strings.Builder
	for child := node.FirstChild(); child != nil; child = child.NextSibling() {
		switch child := child.(type) {
		case *ast.Text:
			b.Write(child.Value(a.source))
		default:
			b.WriteString(a.textOf(child))
		}
	}
	return b.String()
}

var tables = regexp.MustCompile(`<table>`)

// scrollable puts each table into a region of its own, which scrolls on a narrow screen.
// The text of a document has no tag: it is escaped.
func scrollable(html string) string {
	n := 0
	html = tables.ReplaceAllStringFunc(html, func(table string) string {
		n++
		return fmt.Sprintf(`<div class="table" tabindex="0" role="region" aria-label="Table %d">%s`, n, table)
	})
	return strings.ReplaceAll(html, "</table>", "</table></div>")
}
