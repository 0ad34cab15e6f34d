package report

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"tls_exporter/prober"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares what was written with a file of testdata.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (go test -update rewrites it); got:\n%s", path, got)
	}
}

func TestText(t *testing.T) {
	for _, s := range situations() {
		t.Run(s.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Text(&b, s.result, Options{}); err != nil {
				t.Fatal(err)
			}
			golden(t, s.name+".txt", b.Bytes())
			fits(t, b.String())
		})
	}
}

// fits wants a page of printable lines without trailing space, no wider than a
// page but for the verdict, which is never broken.
func fits(t *testing.T, page string) {
	t.Helper()
	for i, line := range strings.Split(strings.TrimSuffix(page, "\n"), "\n") {
		if strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("line %d is not printable: %q", i+1, line)
		}
		if i > 0 && utf8.RuneCountInString(line) > pageWidth {
			t.Errorf("line %d is wider than %d columns: %s", i+1, pageWidth, line)
		}
		if strings.TrimRight(line, " ") != line {
			t.Errorf("line %d ends in spaces: %q", i+1, line)
		}
	}
}

// Who scans a healthy server sees all of it at once, on a terminal of 80 columns.
func TestScanIsOneScreen(t *testing.T) {
	var b bytes.Buffer
	if err := Text(&b, scannedModern(), Options{}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) > 42 {
		t.Errorf("the page has %d lines", len(lines))
	}
	for _, line := range lines {
		if utf8.RuneCountInString(line) > screenWidth {
			t.Errorf("wider than a screen: %s", line)
		}
	}
}

// The example of docs/scanning.md is real output.
func TestExampleOfTheDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/scanning.md")
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

// What is bad about a scan is red, and what is good is not.
func TestScanInColour(t *testing.T) {
	var b bytes.Buffer
	if err := Text(&b, scannedAwful(), Options{Color: true}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"\x1b[31m+ SSL 2.0\x1b[0m", "\x1b[2m- TLS 1.3\x1b[0m", "\x1b[31mTLS_RSA_WITH_RC4_128_MD5\x1b[0m",
		"acceptable  TLS_RSA_WITH_AES_128_CBC_SHA\n", "\x1b[31mVULNERABLE to heartbleed",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("there is no %q in\n%s", want, b.String())
		}
	}
}

func TestTextInColour(t *testing.T) {
	var coloured, plain bytes.Buffer
	if err := Text(&coloured, expiredMisnamedUntrusted(), Options{Color: true}); err != nil {
		t.Fatal(err)
	}
	if err := Text(&plain, expiredMisnamedUntrusted(), Options{}); err != nil {
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

func TestJSON(t *testing.T) {
	for _, s := range situations() {
		t.Run(s.name, func(t *testing.T) {
			var b bytes.Buffer
			if err := JSON(&b, []*prober.Result{s.result}); err != nil {
				t.Fatal(err)
			}
			golden(t, s.name+".json", b.Bytes())
		})
	}
}

func TestJSONOfSeveralIsOneLineEach(t *testing.T) {
	var b bytes.Buffer
	if err := JSON(&b, []*prober.Result{notTLS(), dnsFailure(), timeoutInConnect()}); err != nil {
		t.Fatal(err)
	}
	golden(t, "several.json", b.Bytes())
	if lines := strings.Count(b.String(), "\n"); lines != 3 {
		t.Errorf("%d lines, want 3", lines)
	}
}
