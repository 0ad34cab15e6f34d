package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"tls_exporter/config"
	"tls_exporter/report/part"
)

// recency is how long an endpoint that is not configured stays in the list.
// pageSize bounds the rows of a page, so that ten thousand targets load fast.
const (
	recency  = time.Hour
	pageSize = 100
)

// listPage is the list as the template has it.
type listPage struct {
	Query  query
	Totals []total
	Rows   []listRow
	Found  int // rows that match, on all pages
	Known  int // rows in all
	Pages  int
}

// total is the number of endpoints with a status.
type total struct {
	Status string
	Count  int
	On     bool // the list shows only these
	URL    string
}

// listRow is one endpoint.
type listRow struct {
	key        key
	Target     string
	Module     string
	Labels     string
	Configured bool
	Seen       bool // it was probed at least once
	outcome
	Spark []spark
}

// StatusName is the status in one word. An endpoint that was not probed has its own.
func (r listRow) StatusName() string {
	if !r.Seen {
		return pending
	}
	return r.Status.String()
}

// About is what the list shows beside the name of the target.
func (r listRow) About() string {
	var words []string
	if r.Module != config.DefaultModuleName {
		words = append(words, "module "+r.Module)
	}
	if r.Labels != "" {
		words = append(words, r.Labels)
	}
	if !r.Configured {
		words = append(words, "not configured")
	}
	return strings.Join(words, ", ")
}

// URL is the address of the page of the endpoint.
func (r listRow) URL() string { return inspectURL(r.key) }

const pending = "not probed yet"

// orders compare rows by a column, the most severe first.
var orders = map[string]func(a, b *listRow) int{
	"status": func(a, b *listRow) int { return cmp.Or(severity(b)-severity(a), byDays(a, b)) },
	"target": func(a, b *listRow) int { return strings.Compare(a.Target, b.Target) },
	"days":   byDays,
	"version": func(a, b *listRow) int {
		return cmp.Or(unknownLast(a.Version == "", b.Version == ""), strings.Compare(a.Version, b.Version))
	},
	"latency": func(a, b *listRow) int {
		return cmp.Or(unknownLast(a.Latency == 0, b.Latency == 0), cmp.Compare(b.Latency, a.Latency))
	},
	"reason": func(a, b *listRow) int {
		return cmp.Or(unknownLast(a.Reason == "", b.Reason == ""), strings.Compare(string(a.Reason), string(b.Reason)))
	},
	"age": func(a, b *listRow) int { return cmp.Or(unknownLast(!a.Seen, !b.Seen), a.At.Compare(b.At)) },
}

func byDays(a, b *listRow) int {
	return cmp.Or(unknownLast(!a.Remaining.Known, !b.Remaining.Known), cmp.Compare(a.Remaining.Days, b.Remaining.Days))
}

// unknownLast puts a row without a value behind those that have one.
func unknownLast(a, b bool) int {
	switch {
	case a && !b:
		return 1
	case b && !a:
		return -1
	}
	return 0
}

func severity(r *listRow) int {
	return slices.Index([]string{"good", pending, "warning", "unknown", "bad"}, r.StatusName())
}

func (p *Pages) list(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	page := narrow(p.rows(now), readQuery(r.URL.Query()))
	for i := range page.Rows {
		page.Rows[i].Spark = sparkline(p.options.History.samples(page.Rows[i].key))
	}
	p.render(w, http.StatusOK, p.index, "Endpoints", page)
}

// rows are the configured targets, and others that were probed recently.
func (p *Pages) rows(now time.Time) []*listRow {
	config := p.options.Config()
	rows := make([]*listRow, 0, len(config.Targets))
	byKey := make(map[key]*listRow, len(config.Targets))
	for i := range config.Targets {
		t := &config.Targets[i]
		row := &listRow{key: keyOf(t.Module, t.Target), Module: t.Module, Labels: labels(t.Labels), Configured: true}
		row.Target = shown(row.key.Target)
		if byKey[row.key] == nil { // the same target with other labels is one endpoint
			byKey[row.key] = row
			rows = append(rows, row)
		}
	}
	p.options.History.outcomes(func(key key, last outcome) {
		row := byKey[key]
		if row == nil {
			if last.At.Before(now.Add(-recency)) {
				return
			}
			row = &listRow{key: key, Target: shown(key.Target), Module: key.Module}
			if key.ServerName != "" {
				row.Labels = "server name " + key.ServerName
			}
			rows = append(rows, row)
		}
		row.Seen, row.outcome = true, last
	})
	return rows
}

// shown is a target without the default scheme and port.
func shown(target string) string {
	if rest, https := strings.CutPrefix(target, "https://"); https {
		return strings.TrimSuffix(rest, ":443")
	}
	return target
}

func labels(all map[string]string) string {
	pairs := make([]string, 0, len(all))
	for name, value := range all {
		pairs = append(pairs, name+"="+part.Clean(value))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, " ")
}

// narrow counts, filters and sorts rows, and takes one page of them.
func narrow(rows []*listRow, q query) listPage {
	page := listPage{Query: q, Known: len(rows)}
	counts := make(map[string]int)
	matching := rows[:0:0]
	for _, row := range rows {
		counts[row.StatusName()]++
		if row.matches(q) {
			matching = append(matching, row)
		}
	}
	page.Totals = totals(counts, q)
	slices.SortStableFunc(matching, func(a, b *listRow) int {
		order := orders[q.Sort](a, b)
		if q.Down {
			order = -order
		}
		return cmp.Or(order, strings.Compare(a.Target, b.Target))
	})
	page.Found = len(matching)
	page.Pages = max(1, (len(matching)+pageSize-1)/pageSize)
	page.Query.Page = max(1, min(q.Page, page.Pages))
	from := (page.Query.Page - 1) * pageSize
	for _, row := range matching[from:min(from+pageSize, len(matching))] {
		page.Rows = append(page.Rows, *row)
	}
	return page
}

func totals(counts map[string]int, q query) []total {
	var all []total
	for _, status := range []string{"bad", "unknown", "warning", "good", pending} {
		t := total{Status: status, Count: counts[status], On: q.Status == status}
		narrowed := query{Text: q.Text, Sort: q.Sort, Down: q.Down, Status: status}
		if t.On {
			narrowed.Status = ""
		}
		t.URL = narrowed.URL()
		all = append(all, t)
	}
	return all
}

func (r *listRow) matches(q query) bool {
	if q.Status != "" && r.StatusName() != q.Status {
		return false
	}
	if q.Text == "" {
		return true
	}
	in := strings.ToLower(strings.Join([]string{r.Target, r.Module, r.Labels, string(r.Phase), string(r.Reason), r.Also, r.Version, r.StatusName()}, " "))
	for word := range strings.FieldsSeq(strings.ToLower(q.Text)) {
		if !strings.Contains(in, word) {
			return false
		}
	}
	return true
}
