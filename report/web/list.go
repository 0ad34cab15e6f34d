package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"tls_exporter/config"
	"tls_exporter/report"
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
	Labels []string // names by which the list can be grouped
	Totals []total
	Rows   []listRow
	Found  int // rows that match, on all pages
	Known  int // rows in all
	Pages  int

	Progress *Progress // of the run over all targets; nil: there is nothing to run
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
	Spark *spark // nil: it was never probed
	Group *group // of which it is the first row on the page; nil: none

	labels []map[string]string // of each time that the file lists it
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
	q, names := readQuery(r.URL.Query()), labelNames(p.options.Config().Targets)
	if !slices.Contains(names, q.Group) {
		q.Group = ""
	}
	page := narrow(p.rows(now), q)
	page.Labels = names
	for i := range page.Rows {
		page.Rows[i].Spark = sparkline(p.options.History.samples(page.Rows[i].key))
	}
	if p.options.Progress != nil && len(p.options.Config().Targets) > 0 {
		progress := p.options.Progress()
		page.Progress = &progress
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
		key := keyOf(t.Module, t.Target)
		row := byKey[key]
		if row == nil { // the same target with other labels is one endpoint
			row = &listRow{key: key, Target: shown(key.Target), Module: t.Module, Configured: true}
			byKey[key] = row
			rows = append(rows, row)
		}
		row.labels = append(row.labels, t.Labels)
	}
	for _, row := range rows {
		row.Labels = about(row.key, row.labels)
	}
	p.options.History.outcomes(func(key key, last outcome) {
		row := byKey[key]
		if row == nil {
			if last.At.Before(now.Add(-recency)) {
				return
			}
			row = &listRow{key: key, Target: shown(key.Target), Module: key.Module, Labels: about(key, nil)}
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

// about is the labels of an endpoint, and what replaces the name and the addresses of its
// target.
func about(key key, sets []map[string]string) string {
	var words []string
	if key.ServerName != "" {
		words = append(words, "server name "+key.ServerName)
	}
	if key.Address.IsValid() {
		words = append(words, "address "+report.Address(key.Address))
	}
	if all := labels(sets); all != "" {
		words = append(words, all)
	}
	return strings.Join(words, ", ")
}

// labels is all different labels in words, sorted.
func labels(sets []map[string]string) string {
	var pairs []string
	for _, set := range sets {
		for name, value := range set {
			pairs = append(pairs, name+"="+part.Clean(value))
		}
	}
	slices.Sort(pairs)
	return strings.Join(slices.Compact(pairs), " ")
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
	placed := place(matching, q.Group)
	page.Pages = max(1, (len(placed)+pageSize-1)/pageSize)
	page.Query.Page = max(1, min(q.Page, page.Pages))
	from := (page.Query.Page - 1) * pageSize
	page.Rows = headed(placed, from, min(from+pageSize, len(placed)))
	return page
}

func totals(counts map[string]int, q query) []total {
	var all []total
	for _, status := range []string{"bad", "unknown", "warning", "good", pending} {
		t := total{Status: status, Count: counts[status], On: q.Status == status}
		narrowed := q
		narrowed.Status, narrowed.Page = status, 0
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
	if q.Expires != "" && !r.expiresIn(q.Expires) {
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
