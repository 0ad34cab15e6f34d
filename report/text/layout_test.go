package text

import (
	"strings"
	"testing"
)

// FuzzWrap checks that wrapping loses nothing but space, and that no line is too wide if
// its characters have room.
func FuzzWrap(f *testing.F) {
	f.Add("Renew the certificate and reload the server.", 10)
	f.Add("averylongwordthatdoesnotfit in here", 5)
	f.Add("", 3)
	f.Add("北京证书 👩‍👩‍👧 🇩🇪 e\u0301", 4)
	f.Fuzz(func(t *testing.T, s string, width int) {
		lines := wrap(s, width)
		if got, want := strings.Join(strings.Fields(strings.Join(lines, " ")), ""), strings.Join(strings.Fields(s), ""); got != want {
			t.Errorf("got the words %q, want %q", got, want)
		}
		for _, line := range lines {
			if columnsOf(line) > max(width, 2) {
				t.Errorf("%q is wider than %d", line, width)
			}
		}
	})
}

// What a terminal shows in one place is one character.
func TestColumns(t *testing.T) {
	for s, want := range map[string]int{"abc": 3, "北京": 4, "e\u0301": 1, "👩": 2, "👩‍👩‍👧": 2, "🇩🇪": 2, "ﾃｽﾄ": 3, "한국": 4, "…": 1, "\ufffd": 1} {
		if got := columnsOf(s); got != want {
			t.Errorf("%q has %d columns, want %d", s, got, want)
		}
	}
}

// A Chinese character is two columns wide, and a combining accent none.
func TestColumnsOfWideCharacters(t *testing.T) {
	p := &page{width: 18}
	p.block(title("names"), []cell{value("北京"), value("one two three")}, []cell{value("e\u0301"), value("二 三 四 五")})
	want := "\n  names\n    北京  one two\n          three\n    e\u0301     二 三 四\n          五\n"
	if got := p.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
