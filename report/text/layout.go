package text

import (
	"bytes"
	"strings"

	"github.com/mattn/go-runewidth"
)

// columnsOf is the width of a text on a terminal, the same in all locales.
var columnsOf = (&runewidth.Condition{StrictEmojiNeutral: true}).StringWidth

// pageWidth is the width of a page, in columns.
const pageWidth = 100

// style is the colour of a text, by its number in ECMA-48 (SGR).
type style string

const (
	plain  style = ""
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
)

// cell is one field of a table.
type cell struct {
	text  string
	style style
}

func value(s string) cell { return cell{s, plain} }
func title(s string) cell { return cell{s, dim} }

// page is the text while it is written.
type page struct {
	bytes.Buffer
	color bool
	width int // in columns
}

func (p *page) paint(c cell) {
	if !p.color || c.style == plain || c.text == "" {
		p.WriteString(c.text)
		return
	}
	p.WriteString("\x1b[" + string(c.style) + "m" + c.text + "\x1b[0m")
}

const (
	indent = 4
	gap    = 2
	arrow  = "-> " // continuation lines are indented behind it
)

// block writes a title, and rows in columns under it. Without rows it writes
// nothing.
func (p *page) block(title cell, rows ...[]cell) {
	if len(rows) == 0 {
		return
	}
	p.WriteString("\n  ")
	p.paint(title)
	p.WriteByte('\n')
	widths := columns(rows)
	for _, row := range rows {
		p.row(row, widths)
	}
}

// columns is the width of each column but the last, which has the rest of the
// line.
func columns(rows [][]cell) []int {
	var widths []int
	for _, row := range rows {
		for i, c := range row[:len(row)-1] {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], columnsOf(c.text))
		}
	}
	return widths
}

func (p *page) row(row []cell, widths []int) {
	p.WriteString(strings.Repeat(" ", indent))
	at := indent
	for i, c := range row[:len(row)-1] {
		p.paint(c)
		p.WriteString(strings.Repeat(" ", widths[i]-columnsOf(c.text)+gap))
		at += widths[i] + gap
	}
	last := row[len(row)-1]
	if rest, found := strings.CutPrefix(last.text, arrow); found {
		p.WriteString(arrow)
		last.text, at = rest, at+len(arrow)
	}
	for i, line := range wrap(last.text, p.width-at) {
		if i > 0 {
			p.WriteString("\n" + strings.Repeat(" ", at))
		}
		p.paint(cell{line, last.style})
	}
	p.WriteByte('\n')
}

// wrap breaks a text between words into lines of at most width columns. A wider
// word has its own line.
func wrap(s string, width int) []string {
	if columnsOf(s) <= width {
		return []string{s}
	}
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		switch {
		case line == "":
			line = word
		case columnsOf(line)+1+columnsOf(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}
