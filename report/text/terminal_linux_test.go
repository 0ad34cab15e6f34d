package text

import (
	"bytes"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"tls_exporter/report/reporttest"
)

// What a page looks like follows from where it goes: a terminal, its kind and width, and
// what its user wants.
func TestFor(t *testing.T) {
	terminal := reporttest.NewTerminal(t, 57)
	for _, test := range []struct {
		name        string
		to          io.Writer
		environment map[string]string
		want        Options
	}{
		{"a terminal", terminal.File, nil, Options{Color: true, Width: 57, Fold: true}},
		{"a terminal, whatever COLUMNS says", terminal.File, map[string]string{"COLUMNS": "30"}, Options{Color: true, Width: 57, Fold: true}},
		{"NO_COLOR", terminal.File, map[string]string{"NO_COLOR": "1"}, Options{Width: 57, Fold: true}},
		{"an empty NO_COLOR does not count", terminal.File, map[string]string{"NO_COLOR": ""}, Options{Color: true, Width: 57, Fold: true}},
		{"a dumb terminal", terminal.File, map[string]string{"TERM": "dumb"}, Options{Width: 57, Fold: true}},
		{"no terminal", new(bytes.Buffer), nil, Options{}},
		{"no terminal, and a width", new(bytes.Buffer), map[string]string{"COLUMNS": "132"}, Options{Width: 132}},
		{"no terminal, and no number", new(bytes.Buffer), map[string]string{"COLUMNS": "wide"}, Options{}},
		{"a terminal that tells no size", reporttest.NewTerminal(t, 0).File, nil, Options{Color: true, Fold: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			for name, value := range map[string]string{"COLUMNS": "", "NO_COLOR": "", "TERM": "xterm"} {
				t.Setenv(name, value)
			}
			for name, value := range test.environment {
				t.Setenv(name, value)
			}
			if got := For(test.to); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// The progress is one line, which fits, and is gone when something else is written.
func TestProgress(t *testing.T) {
	t.Setenv("TERM", "xterm")
	terminal := reporttest.NewTerminal(t, 50)
	stopped := make(chan struct{})
	close(stopped) // it does not draw by itself
	p := &Progress{terminal: terminal.File, total: 12, start: time.Now(), stop: make(chan struct{}), stopped: stopped}
	for _, target := range []string{"https://a.test:443", "https://b.test:443", "https://c.test:443", "https://" + strings.Repeat("long.", 40) + "test:443"} {
		p.Begin(target)
	}
	p.End("https://a.test:443")
	p.draw()
	p.Above(func() { io.WriteString(terminal.File, "a result\n") })
	p.draw()
	p.Stop()
	io.WriteString(terminal.File, "the end\n")
	line := "1 of 12 probed, TIME; probing https://b.test:443..."
	want := eraseLine + line + eraseLine + "a result\n" + eraseLine + line + eraseLine + "the end\n"
	for !strings.Contains(terminal.Written(), "the end\n") {
		time.Sleep(time.Millisecond)
	}
	if got := regexp.MustCompile(`[0-9]+s;`).ReplaceAllString(terminal.Written(), "TIME;"); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestProgressLine(t *testing.T) {
	one := &Progress{total: 1, running: []string{"https://a.test:443"}}
	if got, want := one.line(72*time.Second+300*time.Millisecond), "probing https://a.test:443, 1m12s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Nothing is shown where it would be in the way.
func TestNoProgressWithoutTerminal(t *testing.T) {
	t.Setenv("TERM", "dumb")
	terminal, file := reporttest.NewTerminal(t, 50), new(bytes.Buffer)
	for _, w := range []io.Writer{terminal.File, file} {
		p := NewProgress(w, 1)
		p.Begin("https://a.test:443")
		p.End("https://a.test:443")
		p.Above(func() { io.WriteString(w, "a result\n") })
		p.Stop()
	}
	for !strings.Contains(terminal.Written(), "\n") {
		time.Sleep(time.Millisecond)
	}
	if terminal.Written() != "a result\n" || file.String() != "a result\n" {
		t.Errorf("%q and %q", terminal.Written(), file)
	}
}
