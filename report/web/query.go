package web

import (
	"net/url"
	"strconv"
	"strings"

	"tls_exporter/report"
	"tls_exporter/report/part"
)

// query is what the list is asked for.
type query struct {
	Text   string // a row has to contain every word of it
	Status string
	Sort   string
	Down   bool
	Page   int
}

func readQuery(values url.Values) query {
	q := query{Text: part.Short(strings.TrimSpace(values.Get("q"))), Status: values.Get("status"), Sort: values.Get("sort")}
	q.Sort, q.Down = strings.CutPrefix(q.Sort, "-")
	if orders[q.Sort] == nil {
		q.Sort, q.Down = "status", false
	}
	q.Page, _ = strconv.Atoi(values.Get("page")) // anything but a number is the first page
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
