package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tls_exporter/prober/tlstest/labtest"
)

// writeOld writes a file as if that were an hour ago.
func writeOld(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
}

// A change of any file that the configuration depends on is found, and nothing else is
// a change.
func TestChanged(t *testing.T) {
	root, other := string(labtest.Lab(t).RootPEM()), string(labtest.Lab(t).RootPEM())
	path := tree(t, map[string]string{
		"targets.yml": `
modules:
  default: {ca_file: ca.pem, proxy_url_file: proxy}
  same: {expect: {same_as_file: same.pem}}
target_files: [d/*.yml, one.yml]
`,
		"ca.pem": root, "same.pem": root, "proxy": "http://proxy.test", "d/a.yml": "- targets: [a.test]", "one.yml": "[]",
	})
	dir := filepath.Dir(path)
	write := func(name, content string) { writeOld(t, filepath.Join(dir, name), content) }
	loader := new(Loader)
	t.Cleanup(loader.Close)
	if loader.Changed() {
		t.Error("a change before the first call of Load")
	}
	load := func(valid bool) {
		t.Helper()
		if _, err := loader.Load(path); (err == nil) != valid {
			t.Errorf("error is %v", err)
		}
		if loader.Changed() {
			t.Error("a change although nothing has changed")
		}
	}
	load(true)
	for _, change := range []struct {
		name  string
		do    func()
		valid bool
	}{
		{"the first file", func() {
			write("targets.yml", "target_files: [d/*.yml, one.yml]\nmodules: {default: {ca_file: ca.pem, proxy_url_file: proxy}, same: {expect: {same_as_file: same.pem}}}")
		}, true},
		{"a target file", func() { write("d/a.yml", "- targets: [b.test]") }, true},
		{"a file that is new", func() { write("d/b.yml", "[]") }, true},
		{"a file that is gone", func() { os.Remove(filepath.Join(dir, "d/b.yml")) }, true},
		{"the roots", func() { write("ca.pem", other) }, true},
		{"the expected certificate", func() { write("same.pem", other) }, true},
		{"the proxy", func() { write("proxy", "http://other.test") }, true},
		{"a bad target file", func() { write("d/a.yml", "- targets: [http://a.test]") }, false},
		{"another mistake in it", func() { write("d/a.yml", "- targets: [ftp//a.test]") }, false},
		{"the mistake is gone", func() { write("d/a.yml", "[]") }, true},
		{"a file that has to exist is gone", func() { os.Remove(filepath.Join(dir, "one.yml")) }, false},
		{"it is back", func() { write("one.yml", "[]") }, true},
		{"the roots are gone", func() { os.Remove(filepath.Join(dir, "ca.pem")) }, false},
		{"they are back", func() { write("ca.pem", root) }, true},
		{"the first file is gone", func() { os.Remove(path) }, false},
		{"a pipe in its place", func() {
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(change.name, func(t *testing.T) {
			change.do()
			if change.name == "a pipe in its place" { // to read it would wait for a writer
				if loader.Changed() {
					t.Error("a pipe has content")
				}
				return
			}
			if !loader.Changed() {
				t.Error("the change is not found")
			}
			load(change.valid)
		})
	}
}

// What does not belong to the configuration is no change, nor is the same content again.
func TestUnchanged(t *testing.T) {
	path := tree(t, map[string]string{"targets.yml": "target_files: [d/*.yml]", "d/a.yml": "[]"})
	loader := new(Loader)
	if _, err := loader.Load(path); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"d/a.yml~", "d/.a.yml", "d/a.yml", "b.yml"} {
		writeOld(t, filepath.Join(filepath.Dir(path), name), "[]")
		if loader.Changed() {
			t.Errorf("%s is a change", name)
		}
	}
}

// A file that may still be written is left for the next look.
func TestHalfWritten(t *testing.T) {
	for _, name := range []string{"targets.yml", "d/a.yml", "d/b.yml"} {
		path := tree(t, map[string]string{"targets.yml": "target_files: [d/*.yml]", "d/a.yml": "[]"})
		loader := new(Loader)
		if _, err := loader.Load(path); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(filepath.Dir(path), name)
		writeOld(t, file, "# half\n[")
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		for age, stale := range map[time.Duration]bool{-time.Hour: true, 0: false, settleTime / 2: false, settleTime: true, time.Hour: true} {
			if got := loader.last.stale(info.ModTime().Add(age)); got != stale {
				t.Errorf("%s, written %v ago: stale is %v", name, age, got)
			}
		}
	}
}

// Kubernetes updates a ConfigMap by a new directory and one symbolic link to it, which
// it replaces in one step. The files that are mounted are links through that link.
func TestConfigMap(t *testing.T) {
	dir := t.TempDir()
	update := func(version string, files map[string]string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		for name, content := range files {
			writeOld(t, filepath.Join(dir, version, name), content)
			if err := os.Symlink(filepath.Join("..data", name), filepath.Join(dir, name)); err != nil && !os.IsExist(err) {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(version, filepath.Join(dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	const main = "target_files: ['*-targets.yml']"
	update("..2026_01_01", map[string]string{"targets.yml": main, "web-targets.yml": "- targets: [a.test]"})
	loader := new(Loader)
	load := func(want string) {
		t.Helper()
		c, err := loader.Load(filepath.Join(dir, "targets.yml"))
		if err != nil {
			t.Fatal(err)
		}
		if got := listed(c); len(got) != 1 || got[0] != want || loader.Changed() {
			t.Errorf("targets are %q, want %s", got, want)
		}
	}
	load("default https://a.test:443")
	update("..2026_01_02", map[string]string{"targets.yml": main, "web-targets.yml": "- targets: [b.test]"})
	if !loader.Changed() {
		t.Error("the update is not found")
	}
	load("default https://b.test:443")
	if err := os.RemoveAll(filepath.Join(dir, "..2026_01_01")); err != nil { // as the kubelet does
		t.Fatal(err)
	}
	if loader.Changed() {
		t.Error("the old directory counts")
	}
}

// BenchmarkChanged measures a look at 1000 target files of 2 kB.
func BenchmarkChanged(b *testing.B) {
	files := map[string]string{"targets.yml": "target_files: [d/*.yml]"}
	for i := range 1000 {
		files[fmt.Sprintf("d/%d.yml", i)] = fmt.Sprintf("- targets: [a%d.test] # %s\n", i, strings.Repeat("x", 2000))
	}
	loader := new(Loader)
	if _, err := loader.Load(tree(b, files)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if loader.Changed() {
			b.Fatal("a change")
		}
	}
}
