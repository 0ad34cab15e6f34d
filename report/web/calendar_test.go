package web

import (
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/prober/chain"
	"tls_exporter/report/reporttest"
)

// expiring is a result of now, of a certificate of 90 days that expires in this time.
func expiring(in time.Duration) *prober.Result {
	r := reporttest.Healthy()
	now := time.Now().UTC().Truncate(time.Second)
	leaf := *r.Chain.Certificates[0]
	leaf.NotAfter = now.Add(in)
	leaf.NotBefore = leaf.NotAfter.AddDate(0, 0, -90)
	r.Chain.Certificates = []*chain.Certificate{&leaf}
	r.Chain.Path, r.Chain.NotAfter, r.Chain.At = nil, time.Time{}, now
	return r
}

const aDay = 24 * time.Hour

func TestCalendar(t *testing.T) {
	pages, page := configured(t, "expired.test", "soon.test team=web", "later.test", "next-year.test", "refused.test", "pending.test")
	probedAs(t, pages, "expired.test", expiring(-36*time.Hour))
	probedAs(t, pages, "soon.test", expiring(10*aDay))
	probedAs(t, pages, "later.test", expiring(50*aDay))
	probedAs(t, pages, "next-year.test", expiring(400*aDay))
	probedAs(t, pages, "refused.test", reporttest.DNSFailure())
	probedAs(t, pages, "stray.test", expiring(10*aDay))
	body := page("/calendar")
	day := func(in time.Duration) string { return time.Now().UTC().Add(in).Format(time.DateOnly) }
	for _, says := range []string{
		"5 of 7 endpoints have a known expiry", "Not in the calendar: 1 not probed yet, 1 without certificate dates in the last probe.",
		`<li><a class="bad" href="inspect?target=https%3A%2F%2Fexpired.test%3A443&amp;module=default">expired.test</a>`,
		`href="./?expires=` + day(10*aDay) + `&amp;sort=days">2<span`,
		`<li><a class="warning" href="inspect?target=https%3A%2F%2Fsoon.test%3A443&amp;module=default">soon.test</a></li><li><a class="warning" href="inspect?target=https%3A%2F%2Fstray.test%3A443&amp;module=default">stray.test</a></li>`,
		`<li><a class="good" href="inspect?target=https%3A%2F%2Flater.test%3A443&amp;module=default">later.test</a></li>`,
		`href="./?expires=` + day(400 * aDay)[:len(month)] + `&amp;sort=days">`, `<dd><a class="good" href="inspect?target=https%3A%2F%2Fnext-year.test%3A443&amp;module=default">next-year.test</a></dd>`,
		`href="calendar.ics"`,
	} {
		if !strings.Contains(body, says) {
			t.Errorf("the page does not say %s:\n%s", says, body)
		}
	}
	if n := strings.Count(body, `class="day `) - strings.Count(body, `class="day past"`) - strings.Count(body, `class="day today"`); n < 2 {
		t.Errorf("%d days have a colour", n)
	}

	// The filter is that of the list, and the feed has it too.
	body = page("/calendar?q=team%3Dweb")
	if !strings.Contains(body, "1 of 1 endpoints") || strings.Contains(body, "later.test") || !strings.Contains(body, `href="calendar.ics?q=team%3Dweb"`) {
		t.Errorf("filtered, the page is\n%s", body)
	}
	feed := page("/calendar.ics?q=team%3Dweb")
	if strings.Count(feed, "BEGIN:VEVENT") != 1 || !strings.Contains(feed, "SUMMARY:soon.test: certificate expires\r\n") || !strings.Contains(feed, "DTSTART;VALUE=DATE:"+strings.ReplaceAll(day(10*aDay), "-", "")) {
		t.Errorf("filtered, the feed is\n%s", feed)
	}

	// The links of days and months lead to exactly their endpoints.
	for query, want := range map[string][]string{
		"?expires=" + day(10*aDay):                 {"soon.test", "stray.test"},
		"?expires=" + day(50*aDay):                 {"later.test"},
		"?expires=" + day(400 * aDay)[:len(month)]: {"next-year.test"},
		"?expires=1999-01":                         nil,
	} {
		if got := rowsOf(page("/" + query)); !slices.Equal(got, want) {
			t.Errorf("%s is %v, want %v", query, got, want)
		}
	}
	list := page("/?expires=" + day(10*aDay) + "&q=soon")
	for _, says := range []string{`<input type="hidden" name="expires" value="` + day(10*aDay) + `">`, `href="./?q=soon">expires ` + day(10*aDay), `href="./?q=soon&amp;expires=` + day(10*aDay) + `&amp;sort=target"`} {
		if !strings.Contains(list, says) {
			t.Errorf("the list does not say %s:\n%s", says, list)
		}
	}
	if list := page("/?expires=soon%22%3E"); len(rowsOf(list)) != 7 || strings.Contains(list, `name="expires"`) {
		t.Errorf("a date that is none filters:\n%s", list)
	}
}

// An endpoint is expired on the day after its last probe, if that saw its last day.
func TestCalendarAfterTheLastProbe(t *testing.T) {
	pages, page := configured(t, "a.test")
	r := expiring(-time.Hour)
	target := parsed(t, "a.test")
	r.Target, r.Start, r.Chain.At = target, time.Now().Add(-5*time.Hour), time.Now().Add(-5*time.Hour)
	pages.options.History.Add("default", target, r)
	if body := page("/calendar"); !strings.Contains(body, `<li><a class="bad" href="inspect?target=https%3A%2F%2Fa.test`) {
		t.Errorf("the page is\n%s", body)
	}
}

// The second of the expiry is that of the certificate, and no time is too far away.
func TestExpires(t *testing.T) {
	for _, written := range []string{"2026-11-12 00:00:00", "2026-11-11 23:59:59", "2049-12-31 23:59:59", "9999-12-31 23:59:59", "1970-01-01 00:00:00"} {
		want, err := time.Parse(time.DateTime, written)
		if err != nil {
			t.Fatal(err)
		}
		r := expiring(aDay)
		leaf := r.Chain.Certificates[0]
		leaf.NotAfter, leaf.NotBefore = want, want.AddDate(0, 0, -90)
		r.Start, r.Chain.At = time.Now(), time.Now()
		if got := outcomeOf(r).expires(); !got.Equal(want) {
			t.Errorf("%v is %v", want, got)
		}
	}
}

// A day with thousands of endpoints is as small as any other.
func TestCalendarIsBounded(t *testing.T) {
	pages, mux := newPages(t)
	addExpiring(t, pages, 5000, func(int) time.Duration { return 20 * aDay })
	w := get(t, mux, "/calendar")
	if body := w.Body.String(); !strings.Contains(body, "and 4997 more") || w.Body.Len() > 32<<10 {
		t.Errorf("the page has %d bytes:\n%s", w.Body.Len(), body)
	}
	if w := get(t, mux, "/calendar.ics"); w.Body.Len() > 8<<10 || w.Header().Get("Content-Type") != "text/calendar; charset=utf-8" {
		t.Errorf("the feed has %d bytes, %v", w.Body.Len(), w.Header())
	}
}

func addExpiring(t testing.TB, pages *Pages, n int, in func(i int) time.Duration) {
	t.Helper()
	loaded := pages.options.Config()
	for i := range n {
		name := fmt.Sprintf("h%d.example.com", i)
		loaded.Targets = append(loaded.Targets, config.ConfiguredTarget{Target: parsed(t, name), Written: name, Module: "default", Labels: map[string]string{"team": fmt.Sprint(i % 100)}})
		probedAs(t, pages, name, expiring(in(i)))
	}
}

// BenchmarkCalendar measures the calendar of as many endpoints as the history has.
func BenchmarkCalendar(b *testing.B) {
	pages, mux := newPages(b)
	addExpiring(b, pages, maxRecords, func(i int) time.Duration { return time.Duration(i%500) * aDay })
	for _, path := range []string{"/calendar", "/calendar.ics"} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				w := httptest.NewRecorder()
				mux.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
				b.ReportMetric(float64(w.Body.Len()), "bytes/page")
			}
		})
	}
}
