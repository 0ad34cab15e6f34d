package part

import (
	"fmt"
	"math"
	"strings"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/text"
)

// maxMessage bounds a text that may hold foreign words, in characters.
const maxMessage = 300

// Clean makes a text that may hold foreign words safe to show: one line,
// printable, at most 300 characters.
func Clean(s string) string { return text.Line(s, maxMessage) }

// maxName bounds a name in a table, in characters.
const maxName = 40

// Short cuts a name down to 40 characters. An ellipsis marks the cut.
func Short(name string) string { return text.Shorten(name, maxName) }

// Message is the error text of a failure, safe to show.
func Message(f *failure.Failure) string {
	if f.Err == nil {
		return ""
	}
	return Clean(f.Err.Error())
}

// Sentence joins a word and the details about it, if there are any.
func Sentence(word, detail string) string {
	if detail == "" {
		return word
	}
	return word + ": " + detail
}

// Duration is how long a step of a probe took: 8.41 ms, 23.1 ms, 1.24 s.
func Duration(d time.Duration) string {
	switch ms := float64(d) / float64(time.Millisecond); {
	case ms > 0 && ms < 0.005:
		return "<0.01 ms"
	case ms < 999.5:
		return digits(ms) + " ms"
	default:
		return digits(ms/1000) + " s"
	}
}

// digits writes three significant digits, or two decimals of a small number.
func digits(x float64) string {
	switch {
	case x < 9.995:
		return fmt.Sprintf("%.2f", x)
	case x < 99.95:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

// Span is the time between two dates: 58.3 days, 7.2 hours.
func Span(d time.Duration) string {
	if d.Abs() == math.MaxInt64 {
		return "over 292 years" // where a time.Duration ends: "never" is the year 9999 (RFC 5280 section 4.1.2.5)
	}
	count, unit := d.Abs().Hours()/24, "days"
	if count < 1 {
		count, unit = d.Abs().Hours(), "hours"
	}
	if count < 1 {
		count, unit = d.Abs().Minutes(), "minutes"
	}
	if count >= 99.95 {
		return fmt.Sprintf("%.0f %s", count, unit)
	}
	return fmt.Sprintf("%.1f %s", count, unit)
}

// Days is span for a number of days, which may be more than a Duration holds.
func Days(n float64) string { return Span(time.Duration(min(n, maxDays) * 24 * float64(time.Hour))) }

const maxDays = 100_000

// Date is a time to the second, in UTC.
func Date(t time.Time) string { return t.UTC().Format(time.DateTime + " MST") }

// Join lists as many words as fit into limit bytes, at least one, and counts
// the rest.
func Join(words []string, limit int) string { return join(words, limit, 0) }

// join is Join, and counts more words that are left out.
func join(words []string, limit, more int) string {
	var b strings.Builder
	for i, word := range words {
		if i > 0 && b.Len()+len(word) > limit {
			more += len(words) - i
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(word)
	}
	if more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}
