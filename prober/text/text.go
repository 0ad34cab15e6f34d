// Package text makes strings from servers and requests safe to show: quoted,
// printable, on one line, and bounded.
package text

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxQuoted bounds what Quote shows, in bytes.
const maxQuoted = 80

// Quote returns s in double quotes and in ASCII, for use in a sentence. It shows
// at most 80 bytes of s; an ellipsis marks the cut.
func Quote(s string) string {
	if len(s) > maxQuoted {
		return strconv.QuoteToASCII(s[:maxQuoted]) + "..."
	}
	return strconv.QuoteToASCII(s)
}

// Printable returns s as valid UTF-8 without control and direction characters:
// U+FFFD stands for each of them. The result has at most limit bytes, and an
// ellipsis if s was cut.
func Printable(s string, limit int) string {
	if len(s) <= limit && printableASCII(s) {
		return s
	}
	if len(s) > 4*limit {
		s = s[:4*limit]
	}
	s = replaceUnprintable(s)
	if len(s) <= limit {
		return s
	}
	cut := limit
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// Line returns s as one printable line of at most limit characters, without
// space around it. Semicolons replace line breaks: joined errors have a line each.
func Line(s string, limit int) string {
	if len(s) > 8*limit {
		s = s[:8*limit]
	}
	return Shorten(replaceUnprintable(lineBreaks.Replace(strings.TrimSpace(s))), limit)
}

var lineBreaks = strings.NewReplacer("\r\n", "; ", "\n", "; ", "\t", " ")

// Shorten returns at most limit characters of s, a valid UTF-8 string. Three dots
// mark the cut and count as characters, so limit is 3 or more.
func Shorten(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	const dots = "..."
	return string([]rune(s)[:limit-len(dots)]) + dots
}

func replaceUnprintable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, s)
}

func printableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// List sorts words and joins them with commas.
func List(words []string) string {
	slices.Sort(words)
	return strings.Join(words, ", ")
}
