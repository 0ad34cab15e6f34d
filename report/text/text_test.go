package text

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"unicode"

	"tls_exporter/report/reporttest"
)

func TestWrite(t *testing.T) {
	for _, s := range reporttest.Situations() {
		t.Run(s.Name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Write(&b, s.Result, Options{}); err != nil {
				t.Fatal(err)
			}
			reporttest.Golden(t, s.Name+".txt", b.Bytes())
			fits(t, b.String())
		})
	}
}

// On a terminal no line is wider than it, whatever the server sent. On a narrow one the
// cells of a row flow.
func TestWidth(t *testing.T) {
	results := reporttest.Sparse()
	for _, s := range reporttest.Situations() {
		results[s.Name] = s.Result
	}
	results["long and wide names"] = reporttest.Named("*."+strings.Repeat("a-long-label.", 19)+"test", strings.Repeat("北京证书", 20), "e\u0301\u0301 👩 🇩🇪 e\u0301")
	for name, r := range results {
		for _, width := range []int{minWidth, 52, 80, 133, 250} {
			var b bytes.Buffer
			if err := Write(&b, r, Options{Width: width, Fold: true}); err != nil {
				t.Fatal(err)
			}
			for i, line := range strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n") {
				if columnsOf(line) > width || strings.TrimRight(line, " ") != line {
					t.Errorf("%s, %d columns: line %d is %q", name, width, i+1, line)
				}
			}
			if width == minWidth && (name == "healthy" || name == "expired_misnamed_untrusted" || name == "scan_modern" || name == "pool_one_stale") {
				reporttest.Golden(t, name+"_narrow.txt", b.Bytes())
			}
		}
	}
}

// Whatever the width, the same words are written.
func TestNarrowPageHasTheSameWords(t *testing.T) {
	words := func(width int) string {
		var b bytes.Buffer
		if err := Write(&b, reporttest.ExpiredMisnamedUntrusted(), Options{Width: width, Fold: true}); err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.Fields(strings.ReplaceAll(b.String(), "=", "")), "")
	}
	if wide, narrow := words(200), words(minWidth); strings.Replace(wide, "0.71msxexpired", "0.71msx", 1) != narrow {
		t.Errorf("of 200 columns:\n%s\nof %d:\n%s", wide, minWidth, narrow)
	}
}

// A module that somebody chose is named in the first line.
func TestModule(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, reporttest.Healthy(), Options{Module: "internal"}); err != nil {
		t.Fatal(err)
	}
	if want := "GOOD    https://www.example.com:443 (module internal)  58.3 days left"; !strings.HasPrefix(b.String(), want) {
		t.Errorf("got %.100s", &b)
	}
}

// fits checks that all lines are printable, have no trailing space and are not
// too wide. The first line, the verdict, is never wrapped.
func fits(t *testing.T, page string) {
	t.Helper()
	for i, line := range strings.Split(strings.TrimSuffix(page, "\n"), "\n") {
		if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("line %d is not printable: %q", i+1, line)
		}
		if i > 0 && columnsOf(line) > defaultWidth {
			t.Errorf("line %d has more than %d columns: %s", i+1, defaultWidth, line)
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("line %d ends in spaces: %q", i+1, line)
		}
	}
}

// The report on the scan of a healthy server fits on a terminal of 80 columns.
func TestScanIsOneScreen(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, reporttest.ScannedModern(), Options{}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) > 44 {
		t.Errorf("the page has %d lines", len(lines))
	}
	for _, line := range lines {
		if columnsOf(line) > defaultWidth {
			t.Errorf("wider than a screen: %s", line)
		}
	}
}

// The example in docs/scanning.md is a golden file.
func TestExampleOfTheDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/scanning.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("testdata/scan_modern.txt")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(page, append([]byte("\n```\n"), example...)) {
		t.Error("docs/scanning.md has another example than testdata/scan_modern.txt")
	}
}

// Findings that make an endpoint bad are red, the others are yellow.
func TestScanInColour(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, reporttest.ScannedOutdated(), Options{Color: true}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\x1b[33m+ SSL 2.0\x1b[0m", "\x1b[2m- TLS 1.3\x1b[0m", "\x1b[33mTLS_RSA_WITH_RC4_128_MD5\x1b[0m",
		"acceptable  TLS_RSA_WITH_AES_128_CBC_SHA\n", "\x1b[31mVULNERABLE to heartbleed, drown\x1b[0m", "\x1b[33mvulnerable to poodle",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("there is no %q in\n%s", want, b.String())
		}
	}
}

func TestColour(t *testing.T) {
	var coloured, plain bytes.Buffer
	if err := Write(&coloured, reporttest.ExpiredMisnamedUntrusted(), Options{Color: true}); err != nil {
		t.Fatal(err)
	}
	if err := Write(&plain, reporttest.ExpiredMisnamedUntrusted(), Options{}); err != nil {
		t.Fatal(err)
	}
	bare := coloured.String()
	for _, s := range []style{dim, red, green, yellow, "0"} {
		bare = strings.ReplaceAll(bare, "\x1b["+string(s)+"m", "")
	}
	if bare != plain.String() {
		t.Errorf("colour changed the text:\n%s", bare)
	}
	if !strings.HasPrefix(coloured.String(), "\x1b[31mBAD") {
		t.Errorf("the verdict is not red: %q", coloured.String()[:40])
	}
}

// What was not learned is left out.
func TestSparseResults(t *testing.T) {
	for name, r := range reporttest.Sparse() {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Write(&b, r, Options{}); err != nil {
				t.Fatal(err)
			}
			fits(t, b.String())
		})
	}
}

func TestErrorsOfTheWriterAreReturned(t *testing.T) {
	if err := Write(reporttest.Full{}, reporttest.Healthy(), Options{}); !errors.Is(err, reporttest.ErrFull) {
		t.Errorf("got %v", err)
	}
}
