package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/prober/option"
	"tls_exporter/prober/target"
	"tls_exporter/prober/text"
)

// task is one probe.
type task struct {
	target target.Target
	module string
	labels map[string]string // of a configured target
	prober *prober.Prober
}

// shownModule is the module, if it is another than the default one.
func (t *task) shownModule() string {
	if t.module == config.DefaultModuleName {
		return ""
	}
	return t.module
}

// Bounds on lists of targets, as large as those of a configuration.
const (
	maxTargets   = 200_000
	maxListBytes = 64 << 20
)

// tasks collects the probes that the command line asks for.
type tasks struct {
	flags      *onceFlags
	config     *config.Config
	configured map[target.Target][]config.ConfiguredTarget // by what was written
	probers    map[string]*prober.Prober                   // of modules, with the changes of the flags
	all        []task
	known      map[taskKey]bool
}

type taskKey struct {
	target target.Target
	module string
}

// onceTasks is the probes that the command line asks for, each once.
func onceTasks(ctx context.Context, f *onceFlags, c *config.Config) ([]task, error) {
	list := &tasks{
		flags: f, config: c, configured: make(map[target.Target][]config.ConfiguredTarget),
		probers: make(map[string]*prober.Prober), known: make(map[taskKey]bool),
	}
	for _, t := range c.Targets {
		key := asWritten(t.Target)
		list.configured[key] = append(list.configured[key], t)
	}
	for _, written := range f.targets {
		if err := list.addWritten(written); err != nil {
			return nil, err
		}
	}
	for _, path := range f.targetFiles {
		if err := list.addFile(ctx, path); err != nil {
			return nil, err
		}
	}
	if f.all {
		if err := list.addConfigured(); err != nil {
			return nil, err
		}
	}
	return list.all, nil
}

// asWritten is a target without what the configuration adds to it.
func asWritten(t target.Target) target.Target {
	return target.Target{Scheme: t.Scheme, Host: t.Host, Port: t.Port, Path: t.Path}
}

func (l *tasks) addFile(ctx context.Context, path string) error {
	if path == standardInput {
		return l.addLines(ctx, "standard input", func() (io.ReadCloser, error) { return io.NopCloser(l.flags.stdin), nil })
	}
	return l.addLines(ctx, path, func() (io.ReadCloser, error) { return os.Open(path) })
}

// addLines adds the targets of a list, one a line. Blank lines and comments do not count.
func (l *tasks) addLines(ctx context.Context, name string, open func() (io.ReadCloser, error)) error {
	content, err := readList(ctx, name, open)
	if err != nil {
		return err
	}
	line, found := 0, false
	for written := range strings.Lines(strings.TrimPrefix(content, "\ufeff")) { // a byte order mark
		line++
		written = withoutComment(written)
		if written == "" {
			continue
		}
		found = true
		if err := l.addWritten(written); err != nil {
			return fmt.Errorf("%s:%d: %w", name, line, notUsage(err))
		}
	}
	if !found {
		return fmt.Errorf("%s: there is no target; write one on each line, as in example.com", name)
	}
	return nil
}

// withoutComment is a line without the comment and the space around it. A # within a word
// begins no comment: the path of a Unix socket may have one.
func withoutComment(line string) string {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			line = line[:i]
			break
		}
	}
	return strings.TrimSpace(line)
}

// readList reads a whole list. The end of ctx does not end a read from a terminal or a
// pipe, nor the wait for somebody who writes to a named pipe: that is left behind, and the
// process ends.
func readList(ctx context.Context, name string, open func() (io.ReadCloser, error)) (string, error) {
	type list struct {
		content []byte
		err     error
	}
	done := make(chan list, 1)
	go func() {
		file, err := open()
		if err != nil {
			done <- list{nil, fmt.Errorf("--targets-file: %w", err)}
			return
		}
		defer file.Close()
		content, err := io.ReadAll(io.LimitReader(file, maxListBytes+1))
		switch {
		case err != nil:
			err = fmt.Errorf("%s: %w", name, err)
		case len(content) > maxListBytes:
			err = fmt.Errorf("%s: is larger than %d bytes", name, maxListBytes)
		}
		done <- list{content, err}
	}()
	select {
	case <-ctx.Done():
		return "", errInterrupted
	case read := <-done:
		return string(read.content), read.err
	}
}

// notUsage is an error that is not a mistake on the command line.
func notUsage(err error) error {
	var usage usageError
	if errors.As(err, &usage) {
		return usage.error
	}
	return err
}

// addWritten adds a target that is written as [scheme://]host[:port]. If it is configured,
// and no module is named, it is probed as it is configured: several times, if that is so.
func (l *tasks) addWritten(written string) error {
	if pattern, is, err := target.ParseFilePattern(written); is {
		return l.addFiles(pattern, err)
	}
	t, err := target.Parse(written)
	if err != nil {
		return usageError{err}
	}
	return l.addTarget(t)
}

// addFiles adds the files that a pattern matches, unless it has an error.
func (l *tasks) addFiles(pattern string, err error) error {
	if err != nil {
		return usageError{err}
	}
	files, err := l.config.Files(pattern)
	if err != nil {
		return err
	}
	for _, t := range files {
		if err := l.addTarget(t); err != nil {
			return err
		}
	}
	return nil
}

func (l *tasks) addTarget(t target.Target) error {
	configured := l.configured[t]
	if l.flags.moduleSet || len(configured) == 0 {
		return l.add(t, l.flags.module, nil)
	}
	for _, c := range configured {
		if err := l.add(c.Target, c.Module, c.Labels); err != nil {
			return err
		}
	}
	return nil
}

func (l *tasks) addConfigured() error {
	if len(l.config.Targets) == 0 {
		return usageError{errors.New("--all: no targets are configured; --config.file is the file that lists them")}
	}
	for _, c := range l.config.Targets {
		module := c.Module
		if l.flags.moduleSet {
			module = l.flags.module
		}
		if err := l.add(c.Target, module, c.Labels); err != nil {
			return err
		}
	}
	return nil
}

// add adds a target with the changes of the flags.
func (l *tasks) add(t target.Target, module string, labels map[string]string) error {
	var err error
	if l.flags.serverName != "" {
		if t.ServerName, err = target.ParseServerName(l.flags.serverName); err != nil {
			return usageError{fmt.Errorf("--server-name: %w", err)}
		}
	}
	if l.flags.address != "" {
		if t, err = t.At(l.flags.address); err != nil {
			return usageError{fmt.Errorf("--address: %w", err)}
		}
	}
	key := taskKey{t, module}
	if l.known[key] {
		return nil
	}
	if len(l.all) == maxTargets {
		return fmt.Errorf("there are more than %d targets; probe them in several runs", maxTargets)
	}
	p, err := l.prober(module)
	if err != nil {
		return err
	}
	l.known[key] = true
	l.all = append(l.all, task{t, module, labels, p})
	return nil
}

// scanTimeout is the default timeout of a scan, which opens hundreds of connections one
// after the other.
const scanTimeout = option.Duration(time.Minute)

// prober is the prober of a module, with the changes of the flags.
func (l *tasks) prober(module string) (*prober.Prober, error) {
	if p := l.probers[module]; p != nil {
		return p, nil
	}
	f, p := l.flags, l.config.Probers[module]
	if p == nil {
		return nil, usageError{fmt.Errorf("there is no module %s; there are %s, and --config.file is the file with the modules",
			text.Quote(module), text.List(slices.Collect(maps.Keys(l.config.Probers))))}
	}
	if f.caFile != "" || f.timeoutSet || f.scan {
		var err error
		if p, err = p.With(f.change); err != nil {
			if rest, ofFlag := strings.CutPrefix(err.Error(), "ca_file: "); ofFlag && f.caFile != "" {
				return nil, fmt.Errorf("--ca-file: %s", rest)
			}
			return nil, err
		}
	}
	l.probers[module] = p
	return p, nil
}

// change makes the changes of the flags to a module.
func (f *onceFlags) change(m *prober.Module) {
	if f.caFile != "" {
		m.CAFile = f.caFile
	}
	if f.scan {
		m.Scan()
		m.Timeout = max(m.Timeout, scanTimeout)
	}
	if f.timeoutSet {
		m.Timeout = option.Duration(f.timeout)
	}
}
