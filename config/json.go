package config

import (
	"bytes"
	"regexp"
	"strconv"
	"unicode/utf16"
)

// jsonEscape matches the escapes of JSON strings (RFC 8259 section 7): a surrogate pair,
// or one of the others.
var jsonEscape = regexp.MustCompile(`\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\(?s:.)`)

// fromJSON makes YAML of JSON. JSON is YAML but for two escapes: that of a slash, which
// many programs write, and surrogate pairs.
func fromJSON(content []byte) []byte {
	return jsonEscape.ReplaceAllFunc(content, func(escape []byte) []byte {
		switch {
		case bytes.Equal(escape, []byte(`\/`)):
			return []byte("/")
		case len(escape) == len(`\ud83d\ude00`):
			high, _ := strconv.ParseUint(string(escape[2:6]), 16, 16) // they match
			low, _ := strconv.ParseUint(string(escape[8:]), 16, 16)
			return []byte(string(utf16.DecodeRune(rune(high), rune(low))))
		}
		return escape
	})
}
