package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documents returns the files in which people look for commands and paths, by name.
func documents(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	for _, file := range append(files, "README.md", ".ci/run") {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[file] = string(content)
	}
	return all
}

// goTest matches the arguments of a go test command.
var goTest = regexp.MustCompile("(?m)\\bgo test ([^`\n]*)")

// Every documented go test command runs something. `go test -run Name ./package` also
// succeeds if the package has no such test.
func TestDocumentedCommands(t *testing.T) {
	commands := 0
	for file, content := range documents(t) {
		for _, match := range goTest.FindAllStringSubmatch(content, -1) {
			for flag, kind := range map[string]string{"-run": "Test|Fuzz|Example", "-bench": "Benchmark"} {
				patterns, packages := testArguments(match[1], flag)
				for _, pattern := range patterns {
					commands++
					if !slices.ContainsFunc(packages, func(dir string) bool { return hasTest(t, dir, kind, pattern) }) {
						t.Errorf("%s: go test %s: %q has no test %s", file, match[1], packages, pattern)
					}
				}
			}
		}
	}
	if commands < 5 {
		t.Errorf("found only %d patterns of tests", commands)
	}
}

// testArguments returns the alternatives of the pattern of a flag, and the packages of
// the command. A pattern xxx is for no test.
func testArguments(arguments, flag string) (patterns, packages []string) {
	previous := ""
	for word := range strings.FieldsSeq(arguments) {
		switch {
		case word == "|": // the output is piped to another command
			return patterns, packages
		case previous == flag && word != "xxx":
			patterns = strings.Split(strings.Trim(word, `'"`), "|")
		case strings.HasPrefix(word, ".") && previous != "-run" && previous != "-bench":
			packages = append(packages, word)
		}
		previous = word
	}
	return patterns, packages
}

// hasTest tells whether a package has a function of a kind whose name matches.
func hasTest(t *testing.T, dir, kind, pattern string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	wanted, function := regexp.MustCompile(pattern), regexp.MustCompile(`(?m)^func ((?:`+kind+`)\w*)\(`)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range function.FindAllSubmatch(content, -1) {
			if wanted.Match(match[1]) {
				return true
			}
		}
	}
	return false
}

// sourcePath matches a file or a directory of the source, in backquotes.
var sourcePath = regexp.MustCompile("`((?:(?:prober|collector|config|server|report|grafana|prometheus|bench|e2e|docs|\\.ci)/[\\w./-]*|\\w+\\.go))`")

// Every documented path exists.
func TestDocumentedPaths(t *testing.T) {
	paths := 0
	for file, content := range documents(t) {
		for _, match := range sourcePath.FindAllStringSubmatch(content, -1) {
			if strings.Contains(match[1], "NAME") { // stands for any name
				continue
			}
			paths++
			if _, err := os.Stat(match[1]); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	if paths < 20 {
		t.Errorf("found only %d paths", paths)
	}
}

// testName matches the name of a test, in backquotes.
var testName = regexp.MustCompile("`(Test\\w+)`")

// Every documented test exists.
func TestDocumentedTests(t *testing.T) {
	var dirs []string
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if path == "build" || path == ".git" {
			return filepath.SkipDir
		}
		dirs = append(dirs, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range documents(t) {
		for _, match := range testName.FindAllStringSubmatch(content, -1) {
			if !slices.ContainsFunc(dirs, func(dir string) bool { return hasTest(t, dir, "Test", "^"+match[1]+"$") }) {
				t.Errorf("%s: there is no %s", file, match[1])
			}
		}
	}
}

// Every corpus belongs to a fuzz test of its package. go test ignores one whose fuzz test
// has moved.
func TestFuzzCorpora(t *testing.T) {
	corpora, err := filepath.Glob("prober/*/testdata/fuzz/*")
	if err != nil || len(corpora) == 0 {
		t.Fatalf("%d corpora, %v", len(corpora), err)
	}
	below, err := filepath.Glob("prober/*/*/testdata/fuzz/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, corpus := range append(corpora, below...) {
		dir, name := filepath.Dir(filepath.Dir(filepath.Dir(corpus))), filepath.Base(corpus)
		if !hasTest(t, dir, "Fuzz", "^"+name+"$") {
			t.Errorf("%s: the package has no %s", corpus, name)
		}
	}
}

// transcriptCommand matches a command of the exporter in a transcript.
var transcriptCommand = regexp.MustCompile(`(?m)^\$ (?:\./tls_exporter|go run \.) (.*)$`)

// The transcript of the first hour has commands that are understood, and alerts of the
// rules.
func TestTranscript(t *testing.T) {
	content, err := os.ReadFile("docs/first-hour.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := transcriptCommand.FindAllStringSubmatch(string(content), -1)
	for _, match := range commands {
		app, _ := commandLine(new(flags), t.Output())
		if _, err := parse(app, strings.Fields(match[1])); err != nil {
			t.Errorf("%s: %v", match[1], err)
		}
	}
	rules, err := os.ReadFile("prometheus/rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	alerts := regexp.MustCompile(`\bTLS[A-Z][a-z]\w+`).FindAllString(string(content), -1)
	for _, name := range alerts {
		if !strings.Contains(string(rules), "alert: "+name+"\n") {
			t.Errorf("there is no alert %s", name)
		}
	}
	if len(commands) < 6 || len(alerts) < 6 {
		t.Errorf("found only %d commands and %d alerts", len(commands), len(alerts))
	}
}
