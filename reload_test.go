package main

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"tls_exporter/config"
	"tls_exporter/server"
)

// mount is a directory as Kubernetes mounts a ConfigMap: the files are symbolic links
// through ..data, a link to a directory, which an update replaces in one step.
type mount struct {
	dir     string
	version string
}

// update replaces the content of the files.
func (m *mount) update(t *testing.T, files map[string]string) {
	t.Helper()
	next, err := os.MkdirTemp(m.dir, "..v")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		file, old := write(t, filepath.Join(next, name), content), time.Now().Add(-time.Hour)
		if err := os.Chtimes(file, old, old); err != nil { // it is complete
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join("..data", name), filepath.Join(m.dir, name)); err != nil && !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	link := filepath.Join(m.dir, "..data_tmp")
	if err := os.Symlink(filepath.Base(next), link); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link, filepath.Join(m.dir, "..data")); err != nil {
		t.Fatal(err)
	}
	if m.version != "" {
		if err := os.RemoveAll(m.version); err != nil {
			t.Fatal(err)
		}
	}
	m.version = next
}

// Each look at the files reloads if their content has changed, and only then. A bad file
// changes nothing and is logged once.
func TestReloadOnChange(t *testing.T) {
	m := &mount{dir: t.TempDir()}
	const main, good = "modules: {strict: {}}\ntarget_files: ['*-targets.yml']\n", "- targets: [a.test]\n"
	m.update(t, map[string]string{"targets.yml": main, "web-targets.yml": good})
	log := new(bytes.Buffer)
	logger := slog.New(slog.NewTextHandler(log, nil))
	loader := new(config.Loader)
	defer loader.Close()
	exporter, err := server.New(server.Options{
		Load:   func() (*config.Config, error) { return loader.Load(filepath.Join(m.dir, "targets.yml")) },
		Logger: logger, Registry: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	hangup, look := make(chan os.Signal), make(chan time.Time)
	var group sync.WaitGroup
	group.Go(func() {
		(&reloader{exporter: exporter, changed: loader.Changed, hangup: hangup, logger: logger}).runUntil(ctx, look)
	})
	// The second send is received after the first look has ended.
	lookTwice := func() { look <- time.Time{}; look <- time.Time{} }
	lookTwice()
	for _, step := range []struct {
		name     string
		files    map[string]string
		says     string // in the one line that is logged; empty: nothing is
		targets  string
		byHangup bool
	}{
		{"the same content in a new directory", map[string]string{"targets.yml": main, "web-targets.yml": good}, "", "a.test", false},
		{"another target", map[string]string{"targets.yml": main, "web-targets.yml": "- targets: [b.test]"}, `level=INFO msg="Configuration reloaded" cause="a file has changed" modules=2 targets=1`, "b.test", false},
		{"another file", map[string]string{"targets.yml": main, "web-targets.yml": "- targets: [b.test]", "db-targets.yml": good}, "targets=2", "a.test b.test", false},
		{"a bad file", map[string]string{"targets.yml": main, "web-targets.yml": "- targts: [c.test]", "db-targets.yml": good}, `level=ERROR msg="Reload failed; the old configuration stays in use" cause="a file has changed" err="` + m.dir + "/web-targets.yml:1: unknown key", "a.test b.test", false},
		{"the same bad file", map[string]string{"targets.yml": main, "web-targets.yml": "- targts: [c.test]", "db-targets.yml": good}, "", "a.test b.test", false},
		{"the same bad file, on demand", nil, `cause=SIGHUP err="` + m.dir, "a.test b.test", true},
		{"a good file", map[string]string{"targets.yml": main, "web-targets.yml": "- targets: [c.test]", "db-targets.yml": good}, "targets=2", "a.test c.test", false},
	} {
		t.Run(step.name, func(t *testing.T) {
			log.Reset()
			if step.files != nil {
				m.update(t, step.files)
			}
			if step.byHangup {
				hangup <- os.Interrupt
			}
			lookTwice()
			lookTwice()
			lines := 1
			if step.says == "" {
				lines = 0
			}
			if got := log.String(); strings.Count(got, "\n") != lines || !strings.Contains(got, step.says) {
				t.Errorf("the log is\n%s\nwant %d line with %s", got, lines, step.says)
			}
			var targets []string
			for _, target := range exporter.Config().Targets {
				targets = append(targets, target.Written)
			}
			if got := strings.Join(targets, " "); got != step.targets {
				t.Errorf("targets are %s, want %s", got, step.targets)
			}
		})
	}
	stop()
	group.Wait()
}

// The flag starts it, and a program that ends leaves nothing running.
func TestAutoReload(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "targets.yml"), "targets: [{targets: [a.test]}]")
	s := start(t, "--config.file="+file, "--config.auto-reload-interval=1s")
	write(t, file, "targets: [{targets: [b.test]}]")
	s.log.await(t, `msg="Configuration reloaded" cause="a file has changed"`)
	if _, body := fetch(t, s.url+"/targets"); !strings.Contains(body, "b.test") {
		t.Errorf("the targets are %s", body)
	}
	s.end(t)
}
