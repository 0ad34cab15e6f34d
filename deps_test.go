package main

import (
	"cmp"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rooms is who may import whom in this house: main -> collector, report ->
// prober, and never back. Tests may look at more.
var rooms = map[string][]string{
	".":           {"tls_exporter/collector", "tls_exporter/prober", "tls_exporter/prober/tlstest", "tls_exporter/prober/tlstest/legacy", "tls_exporter/report", "tls_exporter/report/json", "tls_exporter/report/text", "tls_exporter/report/web"},
	"collector":   {"tls_exporter/prober"},
	"report":      {"tls_exporter/prober"},
	"report/json": {"tls_exporter/prober", "tls_exporter/report"},
	"report/text": {"tls_exporter/prober", "tls_exporter/report"},
	"report/web":  {"tls_exporter/prober", "tls_exporter/report", "tls_exporter/report/json"},
	// results made by hand, for tests alone
	"report/reporttest":                  {"tls_exporter/prober", "tls_exporter/prober/hello"},
	"prober":                             {"tls_exporter/prober/hello"},
	"prober/hello":                       {},
	"prober/tlstest":                     {"tls_exporter/prober/tlstest/internal/wire"},
	"prober/tlstest/legacy":              {"tls_exporter/prober/tlstest", "tls_exporter/prober/tlstest/internal/wire"},
	"prober/tlstest/internal/testclient": {},
	"prober/tlstest/internal/wire":       {},
	"bench":                              {"tls_exporter/prober/tlstest"},
}

// strangers are what prober has no business with: showing, logging, serving.
var strangers = []string{"github.com/prometheus/", "log", "log/slog", "net/http", "html/template", "github.com/alecthomas/"}

// doors is the one file of each room of prober and report through which a library that is
// not the exporter's own comes in, and could leave.
var doors = map[string][]string{
	"github.com/hashicorp/golang-lru":      {"report/web/history.go"},
	"github.com/mattn/go-runewidth":        {"report/text/layout.go"},
	"github.com/miekg/dns":                 {"prober/resolve.go"},
	"gopkg.in/yaml.v3":                     {"prober/config.go"},
	"golang.org/x/net/idna":                {"prober/target.go"},
	"golang.org/x/net/http":                {"prober/proxy.go"},
	"golang.org/x/net/proxy":               {"prober/proxy.go"},
	"golang.org/x/crypto/x509":             {"prober/roots.go"},
	"golang.org/x/crypto/chacha20poly1305": {"prober/keys13.go"},
	"golang.org/x/crypto/cryptobyte":       {"prober/starttls_binary.go", "prober/hello/wire.go"},
}

func TestArchitecture(t *testing.T) {
	for file, imports := range sources(t) {
		room := filepath.ToSlash(filepath.Dir(file))
		allowed, known := rooms[room]
		if !known {
			t.Errorf("%s is in a room that this test does not know", file)
		}
		for _, path := range imports {
			if strings.HasPrefix(path, "tls_exporter/") && !slices.Contains(allowed, path) {
				t.Errorf("%s imports %s", file, path)
			}
			for _, stranger := range strangers {
				if strings.HasPrefix(room, "prober") && (path == stranger || strings.HasSuffix(stranger, "/") && strings.HasPrefix(path, stranger)) {
					t.Errorf("%s imports %s", file, path)
				}
			}
			if !strings.HasPrefix(room, "prober") && !strings.HasPrefix(room, "report") {
				continue
			}
			if strings.Contains(strings.SplitN(path, "/", 2)[0], ".") && !slices.Contains(door(path), filepath.ToSlash(file)) {
				t.Errorf("%s imports %s, whose doors are %q", file, path, door(path))
			}
		}
	}
}

func door(path string) []string {
	for library, files := range doors {
		if strings.HasPrefix(path, library) {
			return files
		}
	}
	return nil
}

// sources is every Go file that is built into the program, with its imports.
func sources(t *testing.T) map[string][]string {
	t.Helper()
	files := make(map[string][]string)
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && path != "." && strings.HasPrefix(entry.Name(), ".") {
			return cmp.Or(err, filepath.SkipDir)
		}
		if entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		files[path] = nil
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			files[path] = append(files[path], imported)
		}
		return nil
	})
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	return files
}
