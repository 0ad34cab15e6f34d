package text

import (
	"strings"
	"testing"
)

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
