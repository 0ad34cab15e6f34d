// Package text makes strings of strangers fit to show: quoted, printable, short.
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

// Quote is s in double quotes, in ASCII, for a sentence about it. It shows at
// most 80 bytes of s.
func Quote(s string) string {
	if len(s) > maxQuoted {
		return strconv.QuoteToASCII(s[:maxQuoted]) + "..."
	}
	return strconv.QuoteToASCII(s)
}

// MaxMessage bounds the message of a failure, in bytes. crypto/x509 quotes what
// it cannot read in full, and that may be as long as a certificate: every failed
// probe would write it to the log.
const MaxMessage = 2048

// Shorten is message with at most MaxMessage bytes and an ellipsis.
func Shorten(message string) string {
	if len(message) <= MaxMessage {
		return message
	}
	return strings.ToValidUTF8(message[:MaxMessage], "") + "…"
}

// Bounded is an error whose message has at most MaxMessage bytes. It unwraps to
// err.
func Bounded(err error) error {
	if message := err.Error(); len(message) > MaxMessage {
		return &boundedError{Shorten(message), err}
	}
	return err
}

type boundedError struct {
	message string
	err     error
}

func (e *boundedError) Error() string { return e.message }

func (e *boundedError) Unwrap() error { return e.err }

// Printable is s without control and direction characters, as valid UTF-8, with
// at most limit bytes and an ellipsis.
func Printable(s string, limit int) string {
	if len(s) <= limit && printableASCII(s) {
		return s
	}
	if len(s) > 4*limit {
		s = s[:4*limit]
	}
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, s)
	if len(s) <= limit {
		return s
	}
	cut := limit
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

func printableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// List is words in alphabetical order, joined by commas.
func List(words []string) string {
	slices.Sort(words)
	return strings.Join(words, ", ")
}
