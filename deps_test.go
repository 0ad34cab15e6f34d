package main

import (
	"cmp"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// imports is the packages of this module that each package may import, and has to. They
// are a DAG in the order of the steps of a probe. Tests may import more.
//
// A name without a top directory is a package below prober or prober/check. The word
// checks is all packages below prober/check.
var imports = map[string]string{
	".":         "config collector server report report/api report/text report/json report/nagios report/web report/part prober option target text tlstest tlstest/acme tlstest/legacy tlstest/responder",
	"server":    "config collector prober failure fetch handshake target text",
	"collector": "prober certstatus chain check checks handshake",
	"config":    "prober check failure guard handshake option target text fetch",

	"report/api":          "config prober target text report report/json",
	"report/web":          "config docs prober failure target report report/json report/part report/web/assets report/web/badge report/web/calendar",
	"report/web/assets":   "",
	"report/web/badge":    "report/part",
	"report/web/calendar": "report/part",
	"report/json":         "prober certstatus chain ciphers vulnerabilities failure handshake report report/part report/scan",
	"report/text":         "prober report report/part report/scan",
	"report":              "prober certstatus chain expect failure handshake target report/part report/scan certfile",
	"report/scan":         "prober certstatus checks failure report/part",
	"report/part":         "certificate failure text",
	"report/nagios":       "prober report report/part text",

	"prober":                       "bounded certfile certificate certstatus chain check checks connect endpoint failure fetch guard handshake identity option resolve target text",
	"prober/check/versions":        "check endpoint hello option scan",
	"prober/check/ciphers":         "check endpoint failure hello option scan",
	"prober/check/resumption":      "check endpoint handshake hello option scan",
	"prober/check/vulnerabilities": "certificate endpoint handshake hello option scan",
	"prober/check/revocation":      "certstatus chain crl endpoint failure fetch identity option text",
	"prober/check/dane":            "certificate chain endpoint failure records target",
	"prober/check/policy":          "accepted chain ciphers versions failure handshake hello option",
	"prober/check/grade":           "accepted chain ciphers versions vulnerabilities failure handshake hello",
	"prober/check/clients":         "accepted chain ciphers versions failure handshake hello option",
	"prober/accepted":              "ciphers versions handshake hello",
	"prober/check/expect":          "certificate chain failure handshake option target text",
	"prober/check/caa":             "endpoint failure records text",
	"prober/check/https_record":    "check endpoint failure option records text",
	"prober/check/transparency":    "bounded chain failure loglist sct",
	"prober/loglist":               "sct text",
	"prober/sct":                   "",
	"prober/check/renewal":         "failure fetch option",
	"prober/check":                 "endpoint failure identity text",
	"prober/endpoint":              "chain connect failure fetch handshake records scan target resolve",
	"prober/fetch":                 "bounded connect failure guard identity target text",
	"prober/handshake":             "bounded certificate failure hello option scan target text tls13 tls13/keys tls13/wide",
	"prober/scan":                  "bounded failure hello",
	"prober/certstatus":            "bounded certificate chain failure text",
	"prober/crl":                   "certstatus chain",
	"prober/chain":                 "bounded certificate text",
	"prober/certificate":           "text",
	"prober/tls13":                 "certificate hello tls13/keys",
	"prober/tls13/keys":            "hello",
	"prober/tls13/wide":            "hello tls13/keys",
	"prober/connect":               "failure guard option records resolve starttls target text",
	"prober/starttls":              "failure target text",
	"prober/resolve":               "failure guard nameserver text",
	"prober/records":               "failure guard nameserver",
	"prober/nameserver":            "failure guard text",
	"prober/guard":                 "failure target text",
	"prober/failure":               "hello text",
	"prober/option":                "hello text",
	"prober/target":                "text",
	"prober/certfile":              "failure text",
	"prober/text":                  "",
	"prober/hello":                 "",
	"prober/bounded":               "",
	"prober/identity":              "",

	"docs":                         "failure",
	"prober/tlstest":               "tlstest/internal/wire",
	"prober/tlstest/legacy":        "tlstest tlstest/internal/wire",
	"prober/tlstest/acme":          "tlstest",
	"prober/tlstest/responder":     "tlstest",
	"prober/tlstest/internal/wire": "",
	"bench":                        "tlstest",
}

// forTests are packages that only tests import.
var forTests = []string{
	"prober/probetest", "prober/endpoint/endpointtest", "prober/check/clients/clientstest", "prober/tls13/tls13test", "prober/tlstest/labtest", "prober/tlstest/internal/testclient",
	"report/reporttest", "collector/collectortest", "docs/markdown",
}

// importedBy are packages that only some others may import.
var importedBy = map[string][]string{
	"prober/tls13":      {"prober/handshake"},
	"prober/tls13/keys": {"prober/tls13", "prober/tls13/wide", "prober/handshake"},
	"prober/tls13/wide": {"prober/handshake"},
}

// notInProber may not be imported in prober: output, logs, HTTP servers.
var notInProber = []string{"github.com/prometheus/", "log", "log/slog", "net/http", "html/template", "github.com/alecthomas/"}

// overHTTP are packages of prober that may import net/http all the same.
var overHTTP = []string{"prober/fetch", "prober/tlstest/acme", "prober/tlstest/responder"}

// libraries are third-party modules with the files that may import them: one in each
// package, so that they can be replaced there.
var libraries = map[string][]string{
	"github.com/miekg/dns":                 {"prober/nameserver/nameserver.go", "prober/resolve/nameserver.go", "prober/records/query.go"},
	"gopkg.in/yaml.v3":                     {"config/decode.go", "demo.go"},
	"golang.org/x/net/idna":                {"prober/target/host.go"},
	"golang.org/x/net/http":                {"prober/connect/proxy.go"},
	"golang.org/x/net/proxy":               {"prober/connect/socks.go"},
	"github.com/pires/go-proxyproto":       {"prober/connect/proxyprotocol.go"},
	"golang.org/x/crypto/x509":             {"prober/chain/roots.go"},
	"golang.org/x/crypto/chacha20poly1305": {"prober/tls13/keys/keys.go"},
	"golang.org/x/crypto/cryptobyte":       {"prober/starttls/ldap.go", "prober/hello/wire.go", "prober/certificate/der.go", "prober/certstatus/der.go", "prober/crl/der.go", "prober/sct/wire.go", "prober/certfile/der.go"},
	"github.com/cloudflare/circl":          {"prober/chain/algorithm.go", "prober/tls13/wide/circl.go"},
	"github.com/hashicorp/golang-lru/v2":   {"prober/check/store.go", "prober/fetch/store.go", "report/web/history.go"},
	"github.com/mattn/go-runewidth":        {"report/text/layout.go"},
	"github.com/yuin/goldmark":             {"docs/markdown/markdown.go"},
	"golang.org/x/term":                    {"report/text/terminal.go"},
	"golang.org/x/sync/semaphore":          {"prober/bounded/slots.go"},
}

// full is the path of a package by its name in imports.
func full(name string) string {
	for _, dir := range []string{"config", "collector", "docs", "server", "report", "prober"} {
		if name == dir || strings.HasPrefix(name, dir+"/") {
			return name
		}
	}
	if _, isCheck := imports[checksDir+name]; isCheck {
		return checksDir + name
	}
	return "prober/" + name
}

// checksDir is where the checks are, a package each.
const checksDir = "prober/check/"

// allows tells whether a word of imports allows a package.
func allows(word, path string) bool {
	return full(word) == path || word == "checks" && strings.HasPrefix(path, checksDir)
}

func TestArchitecture(t *testing.T) {
	used := make(map[string]bool)
	for file, paths := range sources(t) {
		dir := filepath.ToSlash(filepath.Dir(file))
		if slices.Contains(forTests, dir) {
			continue
		}
		allowed, known := imports[dir]
		if !known {
			t.Errorf("%s is in a package that this test does not know", file)
		}
		for _, path := range paths {
			if own, ok := strings.CutPrefix(path, "tls_exporter/"); ok {
				at := slices.IndexFunc(strings.Fields(allowed), func(word string) bool { return allows(word, own) })
				if at < 0 {
					t.Errorf("%s imports %s", file, path)
				} else {
					used[dir+" "+strings.Fields(allowed)[at]] = true
				}
				if only, limited := importedBy[own]; limited && !slices.Contains(only, dir) {
					t.Errorf("%s imports %s, which is for %q", file, path, only)
				}
				continue
			}
			if files, ok := libraryOf(path); ok && !slices.Contains(files, filepath.ToSlash(file)) {
				t.Errorf("%s imports %s, which only %q may", file, path, files)
			} else if !ok && strings.HasPrefix(dir, "prober") && strings.Contains(strings.SplitN(path, "/", 2)[0], ".") {
				t.Errorf("%s imports %s, which no file of the prober may", file, path)
			}
			for _, unwanted := range notInProber {
				if path == "net/http" && slices.Contains(overHTTP, dir) {
					continue
				}
				if strings.HasPrefix(dir, "prober") && (path == unwanted || strings.HasSuffix(unwanted, "/") && strings.HasPrefix(path, unwanted)) {
					t.Errorf("%s imports %s", file, path)
				}
			}
		}
	}
	for dir, allowed := range imports {
		for _, word := range strings.Fields(allowed) {
			if !used[dir+" "+word] {
				t.Errorf("%s may import %s, and does not", dir, word)
			}
		}
	}
}

// TestDockerContext requires every package of the program in the context of docker build.
// An image without one of them cannot be built.
func TestDockerContext(t *testing.T) {
	content, err := os.ReadFile(".dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	included := strings.Fields(string(content))
	for dir := range imports {
		top, _, _ := strings.Cut(dir, "/")
		if top != "." && top != "bench" && !slices.Contains(included, "!"+top) {
			t.Errorf(".dockerignore does not include %s", top)
		}
	}
}

func libraryOf(path string) ([]string, bool) {
	for library, files := range libraries {
		if strings.HasPrefix(path, library) {
			return files, true
		}
	}
	return nil, false
}

// TestPackages requires a doc comment of every package, and at most a dozen files. Files
// that are named after a check do not count: collector and report/scan have one for each.
func TestPackages(t *testing.T) {
	files, documented := make(map[string]int), make(map[string]bool)
	for file := range sources(t) {
		dir := filepath.ToSlash(filepath.Dir(file))
		if _, ofCheck := imports[checksDir+strings.TrimSuffix(filepath.Base(file), ".go")]; !ofCheck {
			files[dir]++
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		documented[dir] = documented[dir] || parsed.Doc != nil
	}
	for dir, n := range files {
		if !documented[dir] {
			t.Errorf("%s has no doc comment", dir)
		}
		if n > 12 && dir != "prober/hello" && dir != "prober/tlstest" {
			t.Errorf("%s has %d files", dir, n)
		}
	}
}

// sources is every Go file that is not a test, with its imports.
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
