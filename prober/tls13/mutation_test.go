package tls13_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// mutation is a change to the code that removes or weakens one check. A test must fail
// with it.
type mutation struct {
	name string
	file string // from the folder of this package
	old  string // code that occurs exactly once in the file
	new  string
	test string // that fails: its name, with those of subtests as they are written in their tables
}

// TestMutationTable checks that the table of mutations fits the code.
func TestMutationTable(t *testing.T) {
	names := make(map[string]bool)
	for _, m := range mutations {
		content, err := os.ReadFile(m.file)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(content, []byte(m.old)); n != 1 || m.old == m.new {
			t.Errorf("%s: %s has %q %d times", m.name, m.file, m.old, n)
		}
		if names[m.name] {
			t.Errorf("%s is in the table twice", m.name)
		}
		names[m.name] = true
	}
}

// TestMutations applies the mutations one by one, and checks that the test that the table
// names fails with each, and passes without. It takes two to three minutes, so it runs
// only if the environment has TLS13_MUTATIONS, as in .ci/run. The code is changed by the overlay of the go
// command: no file of the working tree is.
func TestMutations(t *testing.T) {
	if os.Getenv("TLS13_MUTATIONS") == "" {
		t.Skip("not part of every run, because it takes two to three minutes: set TLS13_MUTATIONS=1, as .ci/run does")
	}
	for _, pkg := range []string{".", "./keys", "../hello", "../handshake"} {
		if output, err := runTests(t, pkg, ".", ""); err != nil {
			t.Fatalf("without a mutation: %v\n%s", err, output)
		}
	}
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			m.check(t)
		})
	}
}

// failed matches what the go command prints of a test that fails, or that a panic ends.
var failed = regexp.MustCompile(`(?m)^\s*--- FAIL: |^panic: `)

// check runs the test of the mutation with it.
func (m *mutation) check(t *testing.T) {
	content, err := os.ReadFile(m.file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mutated := filepath.Join(dir, filepath.Base(m.file))
	if err := os.WriteFile(mutated, bytes.Replace(content, []byte(m.old), []byte(m.new), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	original, err := filepath.Abs(m.file)
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {original: mutated}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	pkg, test := m.pinned()
	output, err := runTests(t, pkg, test, file)
	switch {
	case err == nil:
		t.Errorf("no test fails\n%s", output)
	case !failed.Match(output):
		t.Errorf("no test ran: %v\n%s", err, output)
	default:
		t.Logf("found by %s", m.test)
	}
}

// pinned returns the package of the mutation's test, and a pattern for it. A test of
// another package is written with its folder: ./keys TestX.
func (m *mutation) pinned() (pkg, pattern string) {
	pkg, test := ".", m.test
	if folder, rest, ok := strings.Cut(test, " "); ok && strings.HasPrefix(folder, ".") {
		pkg, test = folder, rest
	}
	parts := strings.Split(test, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(strings.ReplaceAll(part, " ", "_")) + "$"
	}
	return pkg, strings.Join(parts, "/")
}

// runTests runs tests of a package; overlay empty: without a mutation.
func runTests(t *testing.T, pkg, pattern, overlay string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	args := []string{"test", "-count=1", "-timeout=1m", "-failfast", "-vet=off", "-run=" + pattern}
	if overlay != "" {
		args = append(args, "-overlay="+overlay)
	}
	command := exec.CommandContext(ctx, "go", append(args, pkg)...)
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "TLS13_MUTATIONS=") {
			command.Env = append(command.Env, variable)
		}
	}
	return command.CombinedOutput()
}
