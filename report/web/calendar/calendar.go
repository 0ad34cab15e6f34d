// Package calendar arranges the dates on which certificates expire: as months of days for
// a page, and as a feed for calendar programs.
package calendar

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tls_exporter/report/part"
)

// Entry is an endpoint whose chain expires.
type Entry struct {
	Name    string
	URL     string // of its page
	Expires time.Time
	Status  part.Status // how much time is left
}

// Calendar is entries by the day or month on which they expire, in UTC.
type Calendar struct {
	Expired Entries // before now, the earliest first
	Months  []Month // this month and the next ones, all their days
	Later   []Later // months after these, without those that have no entry
	Rest    Entries // after the months of Later
}

// Entries are entries that are shown together. There may be thousands, so only the
// first ones are listed.
type Entries struct {
	Count  int
	Status part.Status // the worst
	First  []Entry
}

// More is how many entries are not listed.
func (e Entries) More() int { return e.Count - len(e.First) }

func (e *Entries) add(entry Entry, limit int) {
	e.Count++
	e.Status = max(e.Status, entry.Status)
	if len(e.First) < limit {
		e.First = append(e.First, entry)
	}
}

// Month is a month with its weeks, from Monday to Sunday.
type Month struct {
	Begins time.Time
	Count  int
	Weeks  [][7]*Day // nil: a day of another month
}

// Day is a day and what expires on it, or has expired.
type Day struct {
	Begins time.Time
	Past   bool
	Today  bool
	Entries
}

// Later is a month without its days.
type Later struct {
	Begins time.Time
	Entries
}

// Bounds on what the page shows.
const (
	months     = 4 // with all days: the rest of this one, and three more
	maxLater   = 24
	maxExpired = 20 // listed
	maxOfDay   = 3  // listed
	maxOfMonth = 5  // listed
)

// New arranges entries. It sorts them.
func New(now time.Time, entries []Entry) *Calendar {
	now = now.UTC()
	sortByExpiry(entries)
	c := &Calendar{Months: grids(now)}
	end := monthOf(now).AddDate(0, months, 0)
	for _, entry := range entries {
		expires := entry.Expires.UTC()
		if expires.Before(now) {
			c.Expired.add(entry, maxExpired)
		}
		switch {
		case expires.Before(c.Months[0].Begins):
		case expires.Before(end):
			c.place(entry, expires)
		default:
			c.later(entry, monthOf(expires))
		}
	}
	return c
}

func sortByExpiry(entries []Entry) {
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(a.Expires.Compare(b.Expires), strings.Compare(a.Name, b.Name), strings.Compare(a.URL, b.URL))
	})
}

func monthOf(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC) }

func dayOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// column is the place of a day in its week: 0 for Monday.
func column(day time.Time) int { return (int(day.Weekday()) + 6) % 7 }

// grids are the months from that of now, without entries.
func grids(now time.Time) []Month {
	today := dayOf(now)
	all := make([]Month, months)
	for i := range all {
		begins := monthOf(now).AddDate(0, i, 0)
		all[i] = Month{Begins: begins, Weeks: make([][7]*Day, 1)}
		for day := begins; day.Month() == begins.Month(); day = day.AddDate(0, 0, 1) {
			if column(day) == 0 && day.Day() > 1 {
				all[i].Weeks = append(all[i].Weeks, [7]*Day{})
			}
			all[i].Weeks[len(all[i].Weeks)-1][column(day)] = &Day{Begins: day, Past: day.Before(today), Today: day.Equal(today)}
		}
	}
	return all
}

// place adds an entry to its day.
func (c *Calendar) place(entry Entry, expires time.Time) {
	first := c.Months[0].Begins
	month := &c.Months[12*(expires.Year()-first.Year())+int(expires.Month()-first.Month())]
	week := (column(month.Begins) + expires.Day() - 1) / 7
	month.Weeks[week][column(expires)].add(entry, maxOfDay)
	month.Count++
}

// later adds an entry to its month. Entries come in the order of their dates.
func (c *Calendar) later(entry Entry, month time.Time) {
	last := len(c.Later) - 1
	if last < 0 || !c.Later[last].Begins.Equal(month) {
		if len(c.Later) == maxLater {
			c.Rest.add(entry, maxOfMonth)
			return
		}
		c.Later = append(c.Later, Later{Begins: month})
		last++
	}
	c.Later[last].add(entry, maxOfMonth)
}
