//go:build e2e

package grafana_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// modules is where npm installs Grafana's Foundation SDK and the TypeScript compiler.
const modules = "../build/node_modules"

// Each dashboard has the type that Grafana's Foundation SDK for TypeScript gives it: no
// field is unknown, none is missing, and all words are those of its enums. The other files
// have one mistake each, which the compiler has to find.
func TestSchema(t *testing.T) {
	compiler := filepath.Join(modules, ".bin", "tsc")
	for _, need := range []string{compiler, filepath.Join(modules, "@grafana", "grafana-foundation-sdk")} {
		if _, err := os.Stat(need); err != nil {
			t.Skipf("%s is not installed; docs/contributing.md has the command", need)
		}
	}
	dir := t.TempDir()
	link(t, modules, filepath.Join(dir, "node_modules"))
	link(t, filepath.Join("testdata", "dashboard.ts"), filepath.Join(dir, "dashboard.ts"))
	wrong := make(map[string]bool) // by file: whether the compiler has to reject it
	add := func(name, content string, mistake bool) {
		write(t, dir, name+".ts", "import type { Dashboard } from \"./dashboard\";\nexport const dashboard: Dashboard = "+content)
		wrong[name+".ts"] = mistake
	}
	for uid, d := range dashboards(t) {
		add(uid, string(d.content), false)
	}
	correct := string(dashboards(t)["tls-target"].content)
	for i, mistake := range []struct{ what, text, replacement string }{
		{"an unknown field of the dashboard", `"editable": true`, `"editable": true, "deletable": true`},
		{"an unknown field of a variable", `"includeAll": true`, `"includeAll": true, "filters": []`},
		{"an unknown field of an annotation", `"titleFormat": `, `"headline": "", "titleFormat": `},
		{"an unknown field of a link", `"keepTime": true`, `"keepTime": true, "keepSpace": true`},
		{"an unknown kind of panel", `"type": "stat"`, `"type": "status"`},
		{"an unknown field of a panel", `"pluginVersion": `, `"pluginName": "", "pluginVersion": `},
		{"an unknown option", `"graphMode": "none"`, `"graphMode": "none", "graphWidth": 1`},
		{"an unknown word", `"graphMode": "none"`, `"graphMode": "nothing"`},
		{"an option that is missing", `"frameIndex": 0,`, ``},
		{"an option of the wrong type", `"showHeader": true`, `"showHeader": "true"`},
		{"an unknown field of a query", `"refId": "A"`, `"refId": "A", "legend": ""`},
		{"an unknown field of the field configuration", `"noValue": `, `"noValues": "", "noValue": `},
		{"an unknown field of the style", `"filterable": true`, `"filterable": true, "sortable": true`},
		{"an unknown word in a collapsed row", `"showValue": "auto"`, `"showValue": "perhaps"`},
		{"a field that occurs twice", `"graphTooltip": 1`, `"graphTooltip": 1, "graphTooltip": 1`},
	} {
		at := strings.Index(correct, mistake.text)
		if strings.HasSuffix(mistake.what, "collapsed row") {
			at = strings.LastIndex(correct, mistake.text)
		}
		if at < 0 {
			t.Fatalf("%s: the dashboard has no %s", mistake.what, mistake.text)
		}
		add(fmt.Sprintf("%d-%s", i, strings.ReplaceAll(mistake.what, " ", "-")), correct[:at]+mistake.replacement+correct[at+len(mistake.text):], true)
	}

	said := compile(t, compiler, dir, wrong)
	rejected := make(map[string]bool)
	for _, match := range regexp.MustCompile(`(?m)^(?:.*/)?([^/\n]+\.ts)\(\d+,\d+\): error`).FindAllStringSubmatch(said, -1) {
		rejected[match[1]] = true
	}
	for file, want := range wrong {
		if rejected[file] != want {
			t.Errorf("%s is rejected: %t, want %t", file, rejected[file], want)
		}
		delete(rejected, file)
	}
	if t.Failed() || len(rejected) > 0 {
		t.Errorf("the compiler says:\n%s", said)
	}
}

// compile returns what the compiler says about files, of which some are wrong.
func compile(t *testing.T, compiler, dir string, files map[string]bool) string {
	t.Helper()
	args := []string{"--noEmit", "--strict", "--preserveSymlinks", "--types", "", "--target", "es2022", "--module", "preserve", "--moduleResolution", "bundler"}
	for file := range files {
		args = append(args, filepath.Join(dir, file))
	}
	said, err := exec.CommandContext(t.Context(), compiler, args...).CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); !exited {
		t.Fatalf("the compiler found no mistake, or did not run: %v\n%s", err, said)
	}
	return string(said)
}

// link makes a symbolic link to a file or a folder.
func link(t *testing.T, from, to string) {
	t.Helper()
	absolute, err := filepath.Abs(from)
	if err == nil {
		err = os.Symlink(absolute, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}
