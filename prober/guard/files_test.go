//go:build unix

package guard

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tls_exporter/prober/failure"
)

// tree makes files and symbolic links below a directory: a name that ends in a slash is a
// directory, and a content that begins with -> is a link.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		path := filepath.Join(root, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if to, link := strings.CutPrefix(content, "->"); err == nil && link {
			err = os.Symlink(strings.ReplaceAll(to, "ROOT", root), path)
		} else if err == nil && strings.HasSuffix(name, "/") {
			err = os.MkdirAll(path, 0o755)
		} else if err == nil {
			err = os.WriteFile(path, []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func guardFor(root string, listed ...string) *Guard {
	var policy Policy
	for _, dir := range listed {
		policy.FileDirectories = append(policy.FileDirectories, Directory(filepath.Join(root, dir)))
	}
	return New(policy, new(Listeners))
}

// Only regular files below the listed directories are read, whatever leads there, and an
// error says nothing about others.
func TestReadFile(t *testing.T) {
	root := tree(t, map[string]string{
		"secret":              "secret",
		"listed/file":         "content",
		"listed/dir/":         "",
		"listed/link":         "->file",
		"listed/dir/up":       "->../file",
		"listed/absolute":     "->ROOT/listed/file",
		"listed/other":        "->ROOT/other/file",
		"listed/relative":     "->../other/file",
		"listed/linked":       "->../other",
		"listed/out":          "->../secret",
		"listed/out-absolute": "->ROOT/secret",
		"listed/out-nowhere":  "->ROOT/nothing",
		"listed/out-dir":      "->..",
		"listed/nowhere":      "->nothing",
		"listed/loop":         "->loop",
		"listed/loop-1":       "->ROOT/listed/loop-2",
		"listed/loop-2":       "->ROOT/listed/loop-1",
		"listed/large":        "12345678901",
		"other/file":          "other",
		// What the kubelet makes of a secret.
		"listed/secret/..2026_11_20/tls.crt": "crt",
		"listed/secret/..data":               "->..2026_11_20",
		"listed/secret/tls.crt":              "->..data/tls.crt",
	})
	if err := syscall.Mkfifo(filepath.Join(root, "listed/pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(root, "listed/socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	g := guardFor(root, "listed", "other")
	for name, want := range map[string]string{
		"listed/file":           "content",
		"listed/link":           "content",
		"listed/dir/up":         "content",
		"listed/absolute":       "content",
		"listed/other":          "other",
		"listed/relative":       "other",
		"listed/linked/file":    "other",
		"listed/secret/tls.crt": "crt",

		"secret":                "denied",
		"nothing":               "denied",
		"listedfile":            "denied",
		"listed/out":            "denied",
		"listed/out-absolute":   "denied",
		"listed/out-nowhere":    "denied",
		"listed/out-dir/secret": "denied",
		"listed/nothing":        "no_such_file",
		"listed/nowhere":        "no_such_file",
		"listed/file/below":     "no_such_file",
		"listed/dir":            "not_a_file",
		"listed":                "not_a_file",
		"listed/pipe":           "not_a_file",
		"listed/socket":         "not_a_file",
		"listed/loop":           "read_error",
		"listed/loop-1":         "read_error",
		"listed/large":          "too_large",
	} {
		read, err := g.ReadFile(filepath.Join(root, name), 10)
		got := ""
		if err != nil {
			got = string(failure.Of(err))
		} else {
			got = string(read.Content)
		}
		if got != want {
			t.Errorf("%s is %s (%v), want %s", name, got, err, want)
		}
		if err != nil && strings.Contains(err.Error(), root) {
			t.Errorf("%s: the error has a path: %v", name, err)
		}
	}
	for _, name := range []string{"secret", "nothing"} {
		_, one := g.ReadFile(filepath.Join(root, name), 10)
		_, two := g.ReadFile(filepath.Join(root, "listed/out-nowhere"), 10)
		_, three := g.ReadFile(filepath.Join(root, "listed/out"), 10)
		if one.Error() != mustFail(t, g, filepath.Join(root, "x")) || two.Error() != three.Error() {
			t.Errorf("the errors tell which files there are: %v; %v; %v", one, two, three)
		}
	}
	if _, err := New(Policy{}, new(Listeners)).ReadFile(filepath.Join(root, "listed/file"), 10); !errors.Is(err, failure.ErrDenied) || !strings.Contains(err.Error(), "file_directories") {
		t.Errorf("without a listed directory: %v", err)
	}
}

func mustFail(t *testing.T, g *Guard, name string) string {
	t.Helper()
	_, err := g.ReadFile(name, 10)
	if err == nil {
		t.Fatalf("%s can be read", name)
	}
	return err.Error()
}

func TestReadFileWithoutPermission(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read every file; the end-to-end test has another user")
	}
	root := tree(t, map[string]string{"file": "content"})
	if err := os.Chmod(filepath.Join(root, "file"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := guardFor(root, "").ReadFile(filepath.Join(root, "file"), 10); failure.Of(err) != failure.ReasonPermissionDenied {
		t.Errorf("got %v", err)
	}
}

// While a link changes between a file and a place outside, nothing from there is ever read.
func TestReadFileWhileALinkChanges(t *testing.T) {
	root := tree(t, map[string]string{"secret": "secret", "listed/file": "content", "listed/link": "->file"})
	g, link := guardFor(root, "listed"), filepath.Join(root, "listed/link")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 2000 {
			next := filepath.Join(root, "listed/next")
			os.Symlink([]string{"file", "../secret", filepath.Join(root, "secret")}[i%3], next)
			os.Rename(next, link)
		}
	}()
	read, denied := 0, 0
	for running := true; running || read == 0 || denied == 0; {
		select {
		case <-done:
			running = false
			os.Remove(link)
			os.Symlink([]string{"file", "../secret"}[min(read, 1)], link)
		default:
		}
		file, err := g.ReadFile(link, 10)
		switch {
		case err == nil && string(file.Content) != "content":
			t.Fatalf("read %q", file.Content)
		case err == nil:
			read++
		case errors.Is(err, failure.ErrDenied):
			denied++
		}
	}
	t.Logf("read %d times, denied %d times", read, denied)
}

func TestGlob(t *testing.T) {
	root := tree(t, map[string]string{
		"etc/a.pem":                  "",
		"etc/b.crt":                  "",
		"etc/.hidden.pem":            "",
		"etc/x/c.pem":                "",
		"etc/x/y/d.pem":              "",
		"etc/x/loop":                 "->..",
		"etc/.git/e.pem":             "",
		"etc/out":                    "->../elsewhere",
		"etc/out.pem":                "->../elsewhere/f.pem",
		"etc/dir.pem/":               "",
		"etc/nowhere.pem":            "->nothing",
		"elsewhere/f.pem":            "",
		"mount/..2026_11_20/tls.crt": "",
		"mount/..2026_11_20/s/t.crt": "",
		"mount/..data":               "->..2026_11_20",
		"mount/tls.crt":              "->..data/tls.crt",
		"mount/s":                    "->..data/s",
	})
	g := guardFor(root, "etc", "mount")
	for pattern, want := range map[string]string{
		"etc/*.pem":      "etc/a.pem etc/nowhere.pem etc/out.pem",
		"etc/?.*":        "etc/a.pem etc/b.crt",
		"etc/[ab].pem":   "etc/a.pem",
		"etc/.*.pem":     "etc/.hidden.pem",
		"etc/*/*.pem":    "etc/x/c.pem",
		"etc/**/*.pem":   "etc/a.pem etc/nowhere.pem etc/out.pem etc/x/c.pem etc/x/y/d.pem",
		"etc/**/**/d.*":  "etc/x/y/d.pem",
		"etc/x/y/**":     "etc/x/y/d.pem",
		"etc/*/y/d.pem":  "etc/x/y/d.pem",
		"etc/*/nothing":  "",
		"etc/*/y":        "",
		"etc/none/*.pem": "",
		"mount/*":        "mount/tls.crt",
		"mount/**/*.crt": "mount/s/t.crt mount/tls.crt",
		"mount/*/*.crt":  "mount/s/t.crt",
	} {
		found, err := g.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
		for i := range found {
			found[i] = strings.TrimPrefix(found[i], root+"/")
		}
		if got := strings.Join(found, " "); got != want {
			t.Errorf("%s matches %q, want %q", pattern, got, want)
		}
	}
	for _, pattern := range []string{"*", "*/a.pem", "elsewhere/*", "etcetera/*"} {
		if found, err := g.Glob(filepath.Join(root, pattern)); !errors.Is(err, failure.ErrDenied) {
			t.Errorf("%s matches %v, %v", pattern, found, err)
		}
	}
}

// Directories that contain each other through many links are looked into once, and a
// pattern may not match too many files.
func TestGlobIsBounded(t *testing.T) {
	files := make(map[string]string)
	for _, a := range "abcdefgh" {
		files[string(a)+"/file"] = ""
		for _, b := range "abcdefgh" {
			if a != b {
				files[string(a)+"/"+string(b)] = "->../" + string(b)
			}
		}
	}
	root := tree(t, files)
	found, err := guardFor(root, "").Glob(filepath.Join(root, "**/file"))
	if err != nil || len(found) != 8 {
		t.Errorf("%q, %v", found, err)
	}
	if found, err := guardFor(root, "").glob(filepath.Join(root, "*/file"), 7); err == nil || !strings.Contains(err.Error(), "more than 7 files") {
		t.Errorf("%q, %v", found, err)
	}
}

func TestDirectory(t *testing.T) {
	for written, want := range map[string]string{"/etc/ssl": "/etc/ssl", "/etc/ssl/": "/etc/ssl", "/": "/", "/a/../b": "/b", "etc": "", "": "", "~/x": ""} {
		var d Directory
		if err := d.UnmarshalText([]byte(written)); string(d) != want || (err != nil) != (want == "") {
			t.Errorf("%q is %q, %v", written, d, err)
		}
	}
	g := guardFor("/", "")
	if err := g.checkFile("/etc/passwd"); err != nil {
		t.Errorf("below /: %v", err)
	}
	if !slices.Equal(simplified([]string{"*", "*", "**", "**"}), []string{"*", "*", "**", "*"}) {
		t.Error("a pattern is simplified in the wrong way")
	}
}
