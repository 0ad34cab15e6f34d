package web

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"tls_exporter/report"
	"tls_exporter/report/part"
)

// query is what the list is asked for.
type query struct {
	Text    string // a row has to contain every word of it
	Status  string
	Expires string // the day or the month, in UTC: 2026-11-12, 2026-11
	Group   string // the name of a label
	Sort    string
	Down    bool
	Page    int
}

func readQuery(values url.Values) query {
	q := query{Text: part.Short(strings.TrimSpace(values.Get("q"))), Status: values.Get("status"), Sort: values.Get("sort")}
	q.Sort, q.Down = strings.CutPrefix(q.Sort, "-")
	if orders[q.Sort] == nil {
		q.Sort, q.Down = "status", false
	}
	q.Group = values.Get("group")
	for _, layout := range []string{time.DateOnly, month} { // anything but a date is no filter
		if at, err := time.Parse(layout, values.Get("expires")); err == nil {
			q.Expires = at.Format(layout)
		}
	}
	q.Page, _ = strconv.Atoi(values.Get("page")) // anything but a number is the first page
	return q
}

// month is the layout of a month in a query.
const month = "2006-01"

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
	return "./?" + encode("q", q.Text, "status", q.Status, "expires", q.Expires, "group", q.Group, "sort", sort, "page", page)
}

// SortBy is the address of the list sorted by a column, or in reverse if it is
// sorted by that column.
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

// AtAnyTime is the address of the list without a date of expiry.
func (q query) AtAnyTime() string {
	q.Expires, q.Page = "", 0
	return q.URL()
}

// On is the address of the endpoints that match and expire on a day.
func (q query) On(day time.Time) string { return q.expiring(day.Format(time.DateOnly)) }

// In is the address of the endpoints that match and expire in a month.
func (q query) In(begins time.Time) string { return q.expiring(begins.Format(month)) }

func (q query) expiring(period string) string {
	q.Expires = period
	return q.URL()
}

// At is the address of another page of the list.
func (q query) At(page int) string {
	q.Page = page
	return q.URL()
}

// Previous is the number of the page before this one.
func (q query) Previous() int { return q.Page - 1 }

// Next is the number of the page after this one.
func (q query) Next() int { return q.Page + 1 }

// inspectURL is the address of the page of an endpoint, relative to the list.
func inspectURL(key key) string { return "inspect?" + probeQuery(key) }

// probeQuery is the parameters of a probe of an endpoint.
func probeQuery(key key) string {
	query := []string{"target", key.Target, "module", key.Module, "server_name", key.ServerName}
	if key.Address.IsValid() {
		query = append(query, "address", report.Address(key.Address))
	}
	return encode(query...)
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
