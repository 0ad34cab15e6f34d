package report

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tls_exporter/prober"
)

// What the list shows: recency bounds the endpoints that are in no file, and
// pageSize the rows of a page, so that ten thousand targets are a quick page too.
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

// total is how many endpoints have a status.
type total struct {
	Status string
	Count  int
	On     bool // the list is narrowed to it
	URL    string
}

// listRow is one endpoint.
type listRow struct {
	key        Key
	Target     string
	Module     string
	Labels     string
	Configured bool
	Seen       bool // it was probed
	summary
	Spark []spark
}

// StatusName is the status in one word; one that was not probed has its own.
func (r listRow) StatusName() string {
	if !r.Seen {
		return pending
	}
	return r.Status.String()
}

// About is what there is to say of the target beside its name.
func (r listRow) About() string {
	var words []string
	if r.Module != prober.DefaultModuleName {
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

// Urgency is the colour of the time that is left.
func (r listRow) Urgency() string { return urgencyOf(r.Days < 0, r.Ratio) }

func urgencyOf(ended bool, ratio float64) string {
	switch {
	case ended:
		return Bad.String()
	case ratio < 1.0/3:
		return Warning.String()
	}
	return Good.String()
}

// URL is where the endpoint is shown.
func (r listRow) URL() string { return inspectURL(r.key) }

// DaysLeft is how long clients will take the chain.
func (r listRow) DaysLeft() string {
	if r.Days < 0 {
		return fmt.Sprintf("ended %s ago", span(time.Duration(-r.Days*24*float64(time.Hour))))
	}
	return span(time.Duration(min(r.Days, maxDays) * 24 * float64(time.Hour)))
}

const maxDays = 100_000 // what a Duration holds

const pending = "not probed yet"

// query is what the list is asked for.
type query struct {
	Text   string // every word of it has to be in a row
	Status string
	Sort   string
	Down   bool
	Page   int
}

func readQuery(values url.Values) query {
	q := query{Text: short(strings.TrimSpace(values.Get("q"))), Status: values.Get("status"), Sort: values.Get("sort")}
	q.Sort, q.Down = strings.CutPrefix(q.Sort, "-")
	if orders[q.Sort] == nil {
		q.Sort, q.Down = "status", false
	}
	q.Page, _ = strconv.Atoi(values.Get("page")) // whatever is no number is the first page
	return q
}

// URL is the list's address for this query.
func (q query) URL() string {
	sort := q.Sort
	if q.Down {
		sort = "-" + sort
	}
	page := ""
	if q.Page > 1 {
		page = strconv.Itoa(q.Page)
	}
	if sort == "status" {
		sort = ""
	}
	return "./?" + encode("q", q.Text, "status", q.Status, "sort", sort, "page", page)
}

// SortBy is the address of the list sorted by a column, the other way round if
// it already is.
func (q query) SortBy(column string) string {
	q.Down = q.Sort == column && !q.Down
	q.Sort, q.Page = column, 0
	return q.URL()
}

// Sorted is the column's aria-sort.
func (q query) Sorted(column string) string {
	switch {
	case q.Sort != column:
		return "none"
	case q.Down:
		return "descending"
	}
	return "ascending"
}

// At is the address of another page of the list.
func (q query) At(page int) string {
	q.Page = page
	return q.URL()
}

// Previous and Next are the pages beside this one.
func (q query) Previous() int { return q.Page - 1 }

// Next is the page after this one.
func (q query) Next() int { return q.Page + 1 }

// orders compare rows by a column, the most urgent first.
var orders = map[string]func(a, b *listRow) int{
	"status": func(a, b *listRow) int { return cmp.Or(urgency(b)-urgency(a), byDays(a, b)) },
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
	return cmp.Or(unknownLast(!a.Lasts, !b.Lasts), cmp.Compare(a.Days, b.Days))
}

// unknownLast puts a row behind those of which more is known.
func unknownLast(a, b bool) int {
	switch {
	case a && !b:
		return 1
	case b && !a:
		return -1
	}
	return 0
}

func urgency(r *listRow) int {
	return slices.Index([]string{"good", pending, "warning", "unknown", "bad"}, r.StatusName())
}

func (p *Pages) list(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	page := narrow(p.rows(now), readQuery(r.URL.Query()))
	for i := range page.Rows {
		page.Rows[i].Spark = sparkline(p.options.History.strip(page.Rows[i].key))
	}
	p.render(w, http.StatusOK, p.index, "Endpoints", page)
}

// rows are the configured targets, and the others that were probed lately.
func (p *Pages) rows(now time.Time) []*listRow {
	config := p.options.Config()
	rows := make([]*listRow, 0, len(config.Targets))
	byKey := make(map[Key]*listRow, len(config.Targets))
	for i := range config.Targets {
		t := &config.Targets[i]
		row := &listRow{key: KeyOf(t.Module, t.Target), Module: t.Module, Labels: labels(t.Labels), Configured: true}
		row.Target = shown(row.key.Target)
		if byKey[row.key] == nil { // the same target with other labels is probed as one
			byKey[row.key] = row
			rows = append(rows, row)
		}
	}
	p.options.History.summaries(time.Time{}, func(key Key, last summary) {
		row := byKey[key]
		if row == nil {
			if last.At.Before(now.Add(-recency)) {
				return
			}
			row = &listRow{key: key, Target: shown(key.Target), Module: key.Module}
			if key.ServerName != "" {
				row.Labels = "as " + key.ServerName
			}
			rows = append(rows, row)
		}
		row.Seen, row.summary = true, last
	})
	return rows
}

// shown is the spelling of a target without what goes without saying.
func shown(target string) string {
	if rest, https := strings.CutPrefix(target, "https://"); https {
		return strings.TrimSuffix(rest, ":443")
	}
	return target
}

func labels(all map[string]string) string {
	pairs := make([]string, 0, len(all))
	for name, value := range all {
		pairs = append(pairs, name+"="+clean(value))
	}
	slices.Sort(pairs)
	return strings.Join(pairs, " ")
}

// narrow counts, filters, sorts and cuts out one page.
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
	in := strings.ToLower(strings.Join([]string{r.Target, r.Module, r.Labels, string(r.Phase), string(r.Reason), r.Version, r.StatusName()}, " "))
	for word := range strings.FieldsSeq(strings.ToLower(q.Text)) {
		if !strings.Contains(in, word) {
			return false
		}
	}
	return true
}
