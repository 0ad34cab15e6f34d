package calendar

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// FeedType is the media type of a feed (RFC 5545 section 8.1).
const FeedType = "text/calendar; charset=utf-8"

// Bounds on a feed.
const (
	maxEvents      = 1000 // days
	maxDescription = 20   // names of a day
)

// Feed is an iCalendar object (RFC 5545) with an event for each day on which something
// expires, the earliest first. It sorts the entries. The source tells feeds apart: the
// same day of another exporter, or of another filter, is another event.
func Feed(now time.Time, source string, entries []Entry) []byte {
	sortByExpiry(entries)
	var f feed
	f.line("BEGIN", "VCALENDAR")
	f.line("VERSION", "2.0")
	f.line("PRODID", "-//tls_exporter//Expiry calendar//EN")
	for events := 0; len(entries) > 0 && events < maxEvents; events++ {
		day, n := dayOf(entries[0].Expires.UTC()), 1
		for n < len(entries) && dayOf(entries[n].Expires.UTC()).Equal(day) {
			n++
		}
		f.event(now, source, day, entries[:n])
		entries = entries[n:]
	}
	f.line("END", "VCALENDAR")
	return f.Bytes()
}

type feed struct{ bytes.Buffer }

// event is a whole day, during which the owner of the calendar is not busy.
func (f *feed) event(now time.Time, source string, day time.Time, entries []Entry) {
	summary := entries[0].Name + ": certificate expires"
	if len(entries) > 1 {
		summary = fmt.Sprintf("%d certificates expire", len(entries))
	}
	var names []string
	for _, entry := range entries[:min(len(entries), maxDescription)] {
		names = append(names, entry.Expires.UTC().Format("15:04 MST ")+entry.Name)
	}
	if more := len(entries) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	date := day.Format("20060102")
	f.line("BEGIN", "VEVENT")
	hash := sha256.Sum256([]byte(source))
	f.line("UID", fmt.Sprintf("%s-%x@tls_exporter", date, hash[:8]))
	f.line("DTSTAMP", now.UTC().Format("20060102T150405Z"))
	f.line("DTSTART;VALUE=DATE", date)
	f.line("TRANSP", "TRANSPARENT")
	f.line("SUMMARY", escape(summary))
	f.line("DESCRIPTION", escape(strings.Join(names, "\n")))
	f.line("END", "VEVENT")
}

// escape makes a text a value of the type TEXT (RFC 5545 section 3.3.11).
var escape = strings.NewReplacer("\r", "", `\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`).Replace

// maxLine is the most octets of a line, without its end (RFC 5545 section 3.1).
const maxLine = 75

// line writes a property. A long one continues on lines that begin with a space, and is
// never cut within a character.
func (f *feed) line(name, value string) {
	rest, room := name+":"+value, maxLine
	for len(rest) > room {
		cut := room
		for !utf8.RuneStart(rest[cut]) {
			cut--
		}
		f.WriteString(rest[:cut] + "\r\n ")
		rest, room = rest[cut:], maxLine-1
	}
	f.WriteString(rest + "\r\n")
}
