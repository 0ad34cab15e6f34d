package text

import (
	"errors"
	"io"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestQuote(t *testing.T) {
	for s, want := range map[string]string{
		"":                      `""`,
		"a\"b\x00ü":             `"a\"b\x00\u00fc"`,
		strings.Repeat("a", 80): `"` + strings.Repeat("a", 80) + `"`,
		strings.Repeat("a", 81): `"` + strings.Repeat("a", 80) + `"...`,
	} {
		if got := Quote(s); got != want {
			t.Errorf("%q is %s, want %s", s, got, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{
		"":                       "",
		"plain":                  "plain",
		"bücher":                 "bücher",
		"a\x00b\nc":              "a\ufffdb\ufffdc",
		"\u202egnp":              "\ufffdgnp",
		"\xff":                   "\ufffd",
		strings.Repeat("a", 300): strings.Repeat("a", 256) + "…",
		strings.Repeat("ü", 200): strings.Repeat("ü", 128) + "…",
	} {
		if got := Printable(s, 256); got != want {
			t.Errorf("%q is %q, want %q", s, got, want)
		}
	}
}

// FuzzLine checks that any string becomes one printable line of a bounded length,
// and that Line changes nothing the second time.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{"", "plain", "two\nlines\r\n", "\x1b[31mred\x1b[0m", "\u202egnp.exe", "\xff\xfe", strings.Repeat("é", 400), strings.Repeat("😀", 301)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		const limit = 300
		got := Line(s, limit)
		if strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) || !utf8.ValidString(got) {
			t.Errorf("%q is not printable", got)
		}
		if n := utf8.RuneCountInString(got); n > limit {
			t.Errorf("%d characters, want at most %d", n, limit)
		}
		if again := Line(got, limit); again != got {
			t.Errorf("%q became %q", got, again)
		}
	})
}

func TestShorten(t *testing.T) {
	for s, want := range map[string]string{"": "", "ten bytes ": "ten bytes ", "eleven char": "eleven ...", strings.Repeat("ü", 11): "üüüüüüü..."} {
		if got := Shorten(s, 10); got != want {
			t.Errorf("%q is %q, want %q", s, got, want)
		}
	}
}

func TestBounded(t *testing.T) {
	if err := Bounded(io.EOF); err != io.EOF {
		t.Errorf("a short error became %v", err)
	}
	long := errors.New(strings.Repeat("ü", maxMessage))
	err := Bounded(long)
	if got := err.Error(); !errors.Is(err, long) || got != strings.Repeat("ü", maxMessage/2)+"…" {
		t.Errorf("a long error has %d bytes and wraps %v", len(got), errors.Unwrap(err) == long)
	}
}
