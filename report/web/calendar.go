package web

import (
	"math"
	"net/http"
	"time"

	"tls_exporter/report/part"
	"tls_exporter/report/web/calendar"
)

// calendarPage is the calendar as the template has it.
type calendarPage struct {
	*calendar.Calendar
	Query   query // of which only the text filters
	Found   int   // endpoints that match
	Dated   int   // of them, those that are in the calendar
	Pending int   // those that were not probed yet
	Undated int   // those whose last probe saw no dates
	Feed    string
}

// Weekdays are the columns of a month.
func (calendarPage) Weekdays() []time.Weekday {
	return []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday, time.Sunday}
}

func (p *Pages) calendar(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	page := calendarPage{Query: calendarQuery(r)}
	entries := p.expiries(now, &page)
	page.Calendar = calendar.New(now, entries)
	page.Feed = "calendar.ics"
	if filter := encode("q", page.Query.Text); filter != "" {
		page.Feed += "?" + filter
	}
	p.render(w, http.StatusOK, p.expiry, "Expiry calendar", page)
}

// feed is the same entries for calendar programs.
func (p *Pages) feed(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	page := calendarPage{Query: calendarQuery(r)}
	entries := p.expiries(now, &page)
	w.Header().Set("Content-Type", calendar.FeedType)
	w.Header().Set("Cache-Control", "no-store")
	w.Write(calendar.Feed(now, r.Host+" "+page.Query.Text, entries))
}

func calendarQuery(r *http.Request) query {
	return query{Text: readQuery(r.URL.Query()).Text, Sort: "days"}
}

// expiries are the chains of the endpoints that match the page's query. It counts the
// endpoints.
func (p *Pages) expiries(now time.Time, page *calendarPage) []calendar.Entry {
	var entries []calendar.Entry
	for _, row := range p.rows(now) {
		switch {
		case !row.matches(page.Query):
			continue
		case !row.Seen:
			page.Pending++
		case !row.Remaining.Dated:
			page.Undated++
		default:
			entries = append(entries, entryOf(now, row))
		}
		page.Found++
	}
	page.Dated = len(entries)
	return entries
}

func entryOf(now time.Time, row *listRow) calendar.Entry {
	entry := calendar.Entry{Name: part.Clean(row.Target), URL: row.URL(), Expires: row.expires(), Status: row.Remaining.Status()}
	if entry.Expires.Before(now) { // since the last probe
		entry.Status = part.Bad
	}
	return entry
}

// expires is when the chain expires, if its dates are known. Certificates have whole
// seconds. A Duration would end after 292 years.
func (o outcome) expires() time.Time {
	seconds := float64(o.At.UnixNano())/1e9 + o.Remaining.Days*(24*time.Hour).Seconds()
	return time.Unix(int64(math.Round(seconds)), 0).UTC()
}

// expiresIn tells whether the chain expires on a day or in a month: 2026-11-12, 2026-11.
func (r *listRow) expiresIn(period string) bool {
	return r.Seen && r.Remaining.Dated && len(period) <= len(time.DateOnly) && r.expires().Format(time.DateOnly)[:len(period)] == period
}
