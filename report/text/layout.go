package text

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-runewidth"
)

// display is how terminals show characters, the same in all locales: of those with an
// ambiguous width (UAX 11), narrow.
var display = runewidth.Condition{StrictEmojiNeutral: true}

// columnsOf is the width of a text on a terminal.
func columnsOf(s string) int { return display.StringWidth(s) }

// Widths of a page, in columns. On a narrower terminal than minWidth, the terminal
// breaks the lines.
const (
	defaultWidth = 80
	minWidth     = 40
)

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
	// Where the columns leave less than this for the last one, and it needs more, the
	// cells of a row flow.
	minLast = 24
)

// block writes a title, and rows in columns under it. Without rows it writes
// nothing.
func (p *page) block(title cell, rows ...[]cell) {
	if len(rows) == 0 {
		return
	}
	p.WriteString("\n  ")
	p.cell(title, indent/2)
	p.WriteByte('\n')
	widths := columns(rows)
	write := p.row
	if p.tooNarrow(rows, widths) {
		write = p.flow
	}
	for _, row := range rows {
		write(row, widths)
		p.WriteByte('\n')
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

// tooNarrow tells whether the columns of a row leave too little for its last cell.
func (p *page) tooNarrow(rows [][]cell, widths []int) bool {
	for _, row := range rows {
		left := p.width - indent
		for i := range row[:len(row)-1] {
			left -= widths[i] + gap
		}
		if left < min(minLast, columnsOf(row[len(row)-1].text)) {
			return true
		}
	}
	return false
}

// row writes the cells of a row in columns.
func (p *page) row(row []cell, widths []int) {
	p.WriteString(strings.Repeat(" ", indent))
	at := indent
	for i, c := range row[:len(row)-1] {
		p.paint(c)
		p.WriteString(strings.Repeat(" ", widths[i]-columnsOf(c.text)+gap))
		at += widths[i] + gap
	}
	p.cell(row[len(row)-1], at)
}

// flow writes the first cell of a row, and behind it as many others in a line as fit.
func (p *page) flow(row []cell, widths []int) {
	p.WriteString(strings.Repeat(" ", indent))
	if len(row) == 1 {
		p.cell(row[0], indent)
		return
	}
	p.paint(row[0])
	at := indent + widths[0] + gap
	p.follow(row[1:], indent+columnsOf(row[0].text), at)
}

// follow writes cells behind the column where the line ends. at is where the first of
// them begins, and lines that follow.
func (p *page) follow(cells []cell, end, at int) {
	for _, c := range cells {
		c.text = strings.TrimSpace(c.text)
		begin := max(at, end+gap)
		switch {
		case c.text == "":
			continue
		case begin > at && begin+columnsOf(c.text) > p.width:
			p.WriteString("\n" + strings.Repeat(" ", at))
			begin = at
		default:
			p.WriteString(strings.Repeat(" ", begin-end))
		}
		end = p.cell(c, begin)
	}
}

// cell writes a cell from a column on. The lines that follow begin there too. It returns
// the column where the last line ends.
func (p *page) cell(c cell, at int) int {
	if rest, found := strings.CutPrefix(c.text, arrow); found {
		p.WriteString(arrow)
		c.text, at = rest, at+len(arrow)
	}
	end := at
	for i, line := range wrap(c.text, p.width-at) {
		if i > 0 {
			p.WriteString("\n" + strings.Repeat(" ", at))
		}
		p.paint(cell{line, c.style})
		end = at + columnsOf(line)
	}
	return end
}

// wrap breaks a text between words into lines of at most width columns. A wider word,
// such as a fingerprint, is broken too.
func wrap(s string, width int) []string {
	width = max(width, 2) // of the widest character
	if columnsOf(s) <= width {
		return []string{s}
	}
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		if line != "" && columnsOf(line)+1+columnsOf(word) <= width {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for line = word; columnsOf(line) > width; {
			first := cut(line, width)
			lines, line = append(lines, first), line[len(first):]
		}
	}
	if line == "" && lines != nil {
		return lines
	}
	return append(lines, line)
}

// cut is the beginning of a word that is at most width columns wide: one character at
// least.
func cut(word string, width int) string {
	if first := display.Truncate(word, width, ""); first != "" {
		return first
	}
	_, size := utf8.DecodeRuneInString(word)
	return word[:size]
}
