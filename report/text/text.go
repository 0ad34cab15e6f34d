// Package text writes a report for a terminal.
package text

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"tls_exporter/prober"
	"tls_exporter/report"
	"tls_exporter/report/part"
)

// Options is how a report is written.
type Options struct {
	Color  bool   // with ANSI colours
	Width  int    // of the lines, in columns; 0: 80, and at least 40
	Fold   bool   // the first line too, which is otherwise one line, for grep
	Module string // which probed the target; empty: there is nothing to say about it
	Limits report.Limits
}

// Write writes the report about r: the verdict on one line, what is wrong and
// what to do about it, then the evidence. What was not learned is left out.
func Write(w io.Writer, r *prober.Result, o Options) error {
	facts := report.New(r, o.Limits)
	p := &page{color: o.Color, width: max(minWidth, cmp.Or(o.Width, defaultWidth))}
	p.headline(facts, o)
	p.block(title("problems"), issues(facts.Issues)...)
	if facts.Scan != nil && r.Success() && r.Session != nil {
		p.short(facts, r)
	} else {
		p.evidence(facts)
	}
	if facts.Scan != nil {
		p.scan(facts.Scan)
	}
	p.block(title("expectations"), expectations(facts.Expectations)...)
	p.block(title("checks without a result"), failedChecks(facts.FailedChecks)...)
	_, err := p.WriteTo(w)
	return err
}

// statusWidth is the width of the longest status, in columns.
const statusWidth = 7

// headline writes the status, the target and the verdict.
func (p *page) headline(facts *report.Report, o Options) {
	target := facts.Target
	if o.Module != "" {
		target += " (module " + part.Clean(o.Module) + ")"
	}
	status := strings.ToUpper(facts.Status.String())
	p.paint(cell{status, colour(facts.Status)})
	if o.Fold {
		p.follow([]cell{value(target), value(facts.Verdict)}, len(status), statusWidth+1)
	} else {
		fmt.Fprintf(p, "%s%s  %s", strings.Repeat(" ", statusWidth+1-len(status)), target, facts.Verdict)
	}
	p.WriteByte('\n')
}

// evidence is how the probe went, and what it saw.
func (p *page) evidence(facts *report.Report) {
	p.block(title("phases"), phases(facts.Phases, p.width)...)
	p.block(title("connection"), rows(facts.Connection)...)
	p.block(title("file"), rows(facts.File)...)
	if pool := facts.Pool; pool != nil {
		p.block(title("addresses (everything else is about "+pool.Shown.Addr().String()+")"), members(pool)...)
	}
	if c := facts.Chain; c != nil {
		p.block(chainTitle(c), certificates(c)...)
		if c.Bundle {
			return
		}
		p.block(title("trusted path"), path(c)...)
		p.block(title("names of the leaf"), leafNames(c)...)
	}
}

func colour(s part.Status) style {
	switch s {
	case part.Good:
		return green
	case part.Bad:
		return red
	}
	return yellow
}

// issues is everything that is wrong, each with what to do about it.
func issues(all []part.Issue) [][]cell {
	var rows [][]cell
	for _, i := range all {
		mark := cell{"!", yellow}
		switch i.Status {
		case part.Bad:
			mark = cell{"x", red}
		case part.Unknown:
			mark = cell{"?", yellow}
		}
		rows = append(rows, []cell{mark, value(i.Sentence())})
		rows = append(rows, remedy(i.Remedy)...)
	}
	return rows
}

func remedy(words string) [][]cell {
	if words == "" {
		return nil
	}
	return [][]cell{{value(""), value(arrow + words)}}
}

func rows(facts []part.Fact) [][]cell {
	var rows [][]cell
	for _, f := range facts {
		rows = append(rows, []cell{value(f.Name), value(f.Value)})
	}
	return rows
}

// Widths of all phases together, in columns: where there is room, and at least.
const (
	barWidth    = 40
	minBarWidth = 9
)

// phases is a waterfall chart: each bar starts where the one before it ends. On a narrow
// page the reason of a failure is left out: the first line has it.
func phases(all []report.Phase, pageWidth int) [][]cell {
	room, reason := pageWidth-indent, 0
	for _, p := range all {
		room = min(room, pageWidth-indent-len(p.Name)-gap-durationWidth-gap)
		reason = max(reason, len(p.Failed))
	}
	const mark = "  x "
	short := room-len(mark)-reason < minBarWidth
	if short {
		reason = 0
	}
	width := max(minBarWidth, min(barWidth, room-len(mark)-reason))
	var rows [][]cell
	for _, p := range all {
		line := cell{bar(p.From, p.To, width), plain}
		switch {
		case p.Unasked:
			line = cell{line.text + "  ? ", yellow}
		case p.Failed != "":
			line = cell{line.text + "  x ", red}
		}
		if p.Failed != "" && !short {
			line.text += string(p.Failed)
		}
		line.text = strings.TrimRight(line.text, " ")
		rows = append(rows, []cell{value(string(p.Name)), duration(p.Duration), line})
	}
	return rows
}

// durationWidth is the width of a column of durations, in columns.
const durationWidth = 8

func duration(d time.Duration) cell {
	return value(fmt.Sprintf("%*s", durationWidth, part.Duration(d)))
}

// bar is at least one column wide, so that each phase can be seen. All bars together are
// width columns wide.
func bar(from, to float64, width int) string {
	column := func(share float64) int { return int(math.Round(float64(width) * share)) }
	start := min(column(from), width-1)
	return strings.Repeat(" ", start) + strings.Repeat("=", max(1, column(to)-start))
}

// members is the addresses of a pool.
func members(p *report.Pool) [][]cell {
	var rows [][]cell
	for _, m := range p.Members {
		mark, says := cell{"+", green}, "good"
		if f := m.Failure; f != nil {
			mark, says = cell{"x", red}, string(f.Reason)+" in "+string(f.Phase)
			if m.Status == part.Unknown {
				mark = cell{"?", yellow}
			}
		}
		handshake, lasts, fingerprint := value(""), value(""), value("")
		if m.Handshake != nil {
			handshake = duration(*m.Handshake)
		}
		if m.Leaf != nil {
			lasts = cell{m.Leaf.Validity.Words, colour(m.Leaf.Validity.Status)}
			fingerprint = value(m.Fingerprint())
		}
		rows = append(rows, []cell{mark, value(m.Address.Addr().String()), handshake, lasts, fingerprint, {says, mark.style}})
	}
	if p.Omitted > 0 {
		rows = append(rows, []cell{value(fmt.Sprintf("and %d more, not probed: too many", p.Omitted))})
	}
	return rows
}

func chainTitle(c *report.Chain) cell {
	switch {
	case c.Valid:
		return title(c.Title)
	case c.Unverified:
		return cell{c.Title, yellow}
	}
	return cell{c.Title, red}
}

// certificates is two lines for each: its name, time left and key; then its
// issuer, date and signature.
func certificates(c *report.Chain) [][]cell {
	var rows [][]cell
	shown, omitted := c.Shown()
	for _, cert := range shown {
		rows = append(rows, certificate(cert), []cell{
			value(""), {part.Short("by " + cert.Issuer), dim}, {cert.Validity.Date, dim}, {"signed " + cert.SignatureAlgorithm, dim},
		})
	}
	if omitted > 0 {
		rows = append(rows, []cell{value(fmt.Sprintf("and %d more, which expire later", omitted))})
	}
	return rows
}

func certificate(cert report.Certificate) []cell {
	lasts, key := cell{cert.Validity.Words, colour(cert.Validity.Status)}, cert.Key
	if cert.OffPath {
		lasts.style = dim
		key += ", not on the path"
	}
	return []cell{value(strconv.Itoa(cert.Position)), value(part.Short(cert.Name)), lasts, value(key)}
}

func path(c *report.Chain) [][]cell {
	if c.Path == nil {
		return [][]cell{{{"none", red}}}
	}
	names := make([]string, len(c.Path))
	for i, name := range c.Path {
		names[i] = part.Short(name)
	}
	validity := cell{c.PathValidity.Date, dim}
	if c.PathValidity.Words != "" {
		validity.text += ", " + c.PathValidity.Words
	}
	if c.PathValidity.Status == part.Bad {
		validity.style = red
	}
	return [][]cell{{value(strings.Join(names, " -> "))}, {validity}}
}

// maxNames bounds the names of a leaf, in bytes: about three lines.
const maxNames = 250

func leafNames(c *report.Chain) [][]cell {
	if names := part.ListNames(c.Certificates[0].Names, maxNames); names != "" {
		return [][]cell{{value(names)}}
	}
	return [][]cell{{{"none", red}}}
}

func expectations(all []report.Expectation) [][]cell {
	var rows [][]cell
	for _, e := range all {
		mark, word := cell{"+", green}, "met"
		if !e.Met {
			mark, word = cell{"x", red}, "not met"
		}
		rows = append(rows, []cell{mark, value(e.Name), {word, mark.style}, value(e.Saw)})
	}
	return rows
}

func failedChecks(all []report.FailedCheck) [][]cell {
	var rows [][]cell
	for _, check := range all {
		mark := "x"
		if check.Pending {
			mark = "?"
		}
		rows = append(rows, []cell{{mark, yellow}, value(check.Name), {string(check.Reason), yellow}, value(check.Message)})
		rows = append(rows, remedy(check.Remedy)...)
	}
	return rows
}
