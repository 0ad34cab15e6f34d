package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// targetsOf is the targets of a configuration, relative to a directory.
func targetsOf(c *Config, dir string) string {
	var all []string
	for _, t := range c.Targets {
		all = append(all, strings.TrimPrefix(t.Target.String(), "file://"+dir+"/"))
	}
	return strings.Join(all, " ")
}

// Each file that a pattern matches is a target, in the place of the pattern, once.
func TestPatterns(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	touch := func(name string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"b.pem", "a.pem", "x/c.pem", "x/[1].pem", "d.crt"} {
		touch(name)
	}
	content := fmt.Sprintf(`
modules: {scan: {versions: {}}}
probe_policy: {configured_only: true, file_directories: [%[1]s]}
targets:
  - targets: [first.test, 'file://%[1]s/*.pem', 'file://%[1]s/**/*.pem', last.test]
    server_name: site.test
  - targets: ['file://%[1]s/a.pem']
  - targets: ['file://%[1]s/*.crt', 'file://%[1]s/*.none']
    module: scan
    interval: 1h
    labels: {team: web}
`, dir)
	c := parsed(t, content)
	if got := targetsOf(c, dir); got != "https://first.test:443 b.pem x/c.pem https://last.test:443 a.pem d.crt" {
		t.Errorf("the targets are %s", got)
	}
	if warnings := strings.Join(c.Warnings, "; "); !strings.Contains(warnings, `:8: "file://`+dir+`/*.none" matches no file; `) ||
		!strings.HasSuffix(warnings, `:2: modules.scan: has checks that need a server, and are not made for files such as "file://`+dir+`/d.crt": versions`) {
		t.Errorf("the warnings are %q", c.Warnings)
	}
	for _, target := range c.Targets {
		if err := c.Permit(target.Module, target.Target); err != nil {
			t.Errorf("%s: %v", target.Written, err)
		}
	}
	crt := c.Targets[5]
	if crt.Written != "file://"+dir+"/d.crt" || crt.Module != "scan" || crt.Labels["team"] != "web" || crt.Target.ServerName != "" || c.Targets[1].Target.ServerName != "site.test" {
		t.Errorf("%+v", crt)
	}

	if same, err := c.Refreshed(); same != c || err != nil {
		t.Errorf("without a change it is another configuration, %v", err)
	}
	touch("x/y/new.pem")
	if err := os.Remove(filepath.Join(dir, "b.pem")); err != nil {
		t.Fatal(err)
	}
	next, err := c.Refreshed()
	if err != nil {
		t.Fatal(err)
	}
	if got := targetsOf(next, dir); got != "https://first.test:443 x/c.pem x/y/new.pem https://last.test:443 a.pem d.crt" {
		t.Errorf("after a change the targets are %s", got)
	}
	gone, added := c.Targets[1], next.Targets[2]
	if next.Permit(added.Module, added.Target) != nil || next.Permit(gone.Module, gone.Target) == nil || c.Permit(gone.Module, gone.Target) != nil || next.Probers["default"] != c.Probers["default"] {
		t.Error("the list of the new configuration is not its own")
	}
}

// For the command line, and without a configuration, every file may be read.
func TestFiles(t *testing.T) {
	loader := &Loader{AnyFile: true}
	t.Cleanup(loader.Close)
	c, err := loader.Default()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.pem"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if found, err := c.Files(dir + "/*.pem"); err != nil || len(found) != 1 || found[0].Path != filepath.Join(dir, "a.pem") {
		t.Errorf("%v, %v", found, err)
	}
	if found, err := c.Files(dir + "/*.crt"); err == nil || !strings.Contains(err.Error(), "matches no file") {
		t.Errorf("%v, %v", found, err)
	}
	if found, err := parsed(t, "").Files(dir + "/*.pem"); err == nil || !strings.Contains(err.Error(), "file_directories") {
		t.Errorf("with a configuration: %v, %v", found, err)
	}
}
