package calendar

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tls_exporter/report/part"
)

// now is a Thursday.
var now = time.Date(2026, time.November, 12, 10, 0, 0, 0, time.UTC)

func at(written string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", written)
	if err != nil {
		panic(err)
	}
	return t
}

// shown is what a calendar shows of its entries: the days and months that have any, with
// their worst status and the names.
func shown(c *Calendar) []string {
	var all []string
	add := func(when string, e Entries) {
		if e.Count == 0 {
			return
		}
		var names []string
		for _, entry := range e.First {
			names = append(names, entry.Name)
		}
		if more := e.More(); more > 0 {
			names = append(names, fmt.Sprint(more))
		}
		all = append(all, fmt.Sprintf("%s %v: %s", when, e.Status, strings.Join(names, " ")))
	}
	add("expired", c.Expired)
	for _, month := range c.Months {
		n := 0
		for _, week := range month.Weeks {
			for _, day := range week {
				if day != nil {
					add(day.Begins.Format(time.DateOnly), day.Entries)
					n += day.Count
				}
			}
		}
		if n != month.Count {
			all = append(all, fmt.Sprintf("%v has %d, not %d", month.Begins, month.Count, n))
		}
	}
	for _, later := range c.Later {
		add(later.Begins.Format("2006-01"), later.Entries)
	}
	add("rest", c.Rest)
	return all
}

func TestNew(t *testing.T) {
	for _, test := range []struct {
		name    string
		entries []Entry
		want    []string
	}{
		{"nothing", nil, nil},
		{"expired before this month, in it, and today", []Entry{{"c", "", at("2026-11-12 09:59:59"), part.Bad}, {"a", "", at("2026-10-31 23:59:59"), part.Bad}, {"b", "", at("2026-11-01 00:00:00"), part.Bad}},
			[]string{"expired bad: a b c", "2026-11-01 bad: b", "2026-11-12 bad: c"}},
		{"later today", []Entry{{"a", "", at("2026-11-12 23:59:59"), part.Warning}}, []string{"2026-11-12 warning: a"}},
		{"the worst is the colour of a day", []Entry{{"a", "", at("2026-12-24 00:00:00"), part.Good}, {"b", "", at("2026-12-24 23:59:59"), part.Warning}}, []string{"2026-12-24 warning: a b"}},
		{"more than a day lists", []Entry{{"d", "", at("2026-12-24 01:00:00"), part.Good}, {"b", "", at("2026-12-24 01:00:00"), part.Good}, {"c", "", at("2026-12-24 01:00:00"), part.Good}, {"a", "", at("2026-12-24 02:00:00"), part.Good}},
			[]string{"2026-12-24 good: b c d 1"}},
		{"the last day with days, and the first one without", []Entry{{"b", "", at("2027-03-01 00:00:00"), part.Good}, {"a", "", at("2027-02-28 23:59:59"), part.Good}}, []string{"2027-02-28 good: a", "2027-03 good: b"}},
		{"in another zone", []Entry{{"a", "", at("2026-12-31 23:30:00").In(time.FixedZone("", 3600)), part.Good}}, []string{"2026-12-31 good: a"}},
		{"never, as RFC 5280 writes it", []Entry{{"a", "", at("9999-12-31 23:59:59"), part.Good}}, []string{"9999-12 good: a"}},
	} {
		if got := shown(New(now, test.entries)); !slices.Equal(got, test.want) {
			t.Errorf("%s:\n%s\nwant\n%s", test.name, strings.Join(got, "\n"), strings.Join(test.want, "\n"))
		}
	}
}

// A page has a bounded number of rows and names, however many certificates there are.
func TestNewIsBounded(t *testing.T) {
	var entries []Entry
	for i := range 100 {
		for j := range 10 {
			entries = append(entries, Entry{Name: fmt.Sprint(j), Expires: now.AddDate(0, i-10, 0)})
		}
	}
	c := New(now, entries)
	if len(c.Expired.First) != maxExpired || len(c.Later) != maxLater || len(c.Rest.First) != maxOfMonth || c.Later[0].Count != 10 || len(c.Later[0].First) != maxOfMonth {
		t.Errorf("lists %d expired, %d months, %d after them", len(c.Expired.First), len(c.Later), len(c.Rest.First))
	}
	if n := c.Expired.Count + 10*months + 10*maxLater + c.Rest.Count; n != len(entries) {
		t.Errorf("%d of %d entries are counted", n, len(entries))
	}
}

// Every day of the months is in its column, once.
func TestGrids(t *testing.T) {
	for start := at("2026-01-31 12:00:00"); start.Year() < 2032; start = start.AddDate(0, 0, 27) {
		want := monthOf(start)
		for _, month := range grids(start) {
			for _, week := range month.Weeks {
				for column, day := range week {
					if day == nil {
						continue
					}
					if !day.Begins.Equal(want) || int(day.Begins.Weekday()) != (column+1)%7 {
						t.Fatalf("%v is in column %d, want %v", day.Begins, column, want)
					}
					if day.Today != (want.Format(time.DateOnly) == start.Format(time.DateOnly)) || day.Past && day.Today {
						t.Errorf("%v: today %v, past %v", day.Begins, day.Today, day.Past)
					}
					want = want.AddDate(0, 0, 1)
				}
			}
		}
		if end := monthOf(start).AddDate(0, months, 0); !want.Equal(end) {
			t.Errorf("from %v the grids end before %v, want %v", start, want, end)
		}
	}
}

func TestFeed(t *testing.T) {
	long := strings.Repeat("ü", 60) + ".example.com"
	got := string(Feed(now, "exporter", []Entry{
		{Name: "b.example.com", Expires: at("2026-11-20 23:59:59")},
		{Name: long, Expires: at("2026-11-25 12:00:00")},
		{Name: `a;b,c\d`, Expires: at("2026-11-20 08:00:00")},
	}))
	want := strings.Join([]string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tls_exporter//Expiry calendar//EN",
		"BEGIN:VEVENT", "UID:20261120-29b220d49cd6a1ed@tls_exporter", "DTSTAMP:20261112T100000Z", "DTSTART;VALUE=DATE:20261120", "TRANSP:TRANSPARENT",
		"SUMMARY:2 certificates expire", `DESCRIPTION:08:00 UTC a\;b\,c\\d\n23:59 UTC b.example.com`, "END:VEVENT",
		"BEGIN:VEVENT", "UID:20261125-29b220d49cd6a1ed@tls_exporter", "DTSTAMP:20261112T100000Z", "DTSTART;VALUE=DATE:20261125", "TRANSP:TRANSPARENT",
		"SUMMARY:" + strings.Repeat("ü", 33), " " + strings.Repeat("ü", 27) + ".example.com: certif", " icate expires",
		"DESCRIPTION:12:00 UTC " + strings.Repeat("ü", 26), " " + strings.Repeat("ü", 34) + ".examp", " le.com", "END:VEVENT",
		"END:VCALENDAR", "",
	}, "\r\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A feed has a bounded number of events, each with a bounded number of names, and no line
// is longer than RFC 5545 allows.
func TestFeedIsBounded(t *testing.T) {
	var entries []Entry
	for i := range maxEvents + 5 {
		entries = append(entries, Entry{Name: "a.example.com", Expires: now.AddDate(0, 0, i)})
	}
	for range 5000 {
		entries = append(entries, Entry{Name: strings.Repeat("a", 63) + "\r\nEND:VEVENT", Expires: now})
	}
	feed := string(Feed(now, "exporter", entries))
	if n := strings.Count(feed, "\r\nBEGIN:VEVENT\r\n"); n != maxEvents || strings.Count(feed, "\r\nEND:VEVENT\r\n") != n {
		t.Errorf("%d events", n)
	}
	unfolded := strings.ReplaceAll(feed, "\r\n ", "")
	if !strings.Contains(unfolded, `SUMMARY:5001 certificates expire`) || !strings.Contains(unfolded, fmt.Sprintf(`\nand %d more`, 5001-maxDescription)) {
		t.Error("the day with most entries does not count them")
	}
	for line := range strings.SplitSeq(feed, "\r\n") {
		if len(line) > maxLine {
			t.Errorf("a line has %d octets: %s", len(line), line)
		}
	}
	if len(feed) > 512<<10 {
		t.Errorf("the feed has %d bytes", len(feed))
	}
}
