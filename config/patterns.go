package config

import (
	"fmt"
	"maps"
	"slices"

	"tls_exporter/prober"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/target"
	"tls_exporter/prober/text"
)

// pattern is an entry of targets that stands for all files that it matches, each a target.
type pattern struct {
	files string           // as target.ParseFilePattern has it
	entry ConfiguredTarget // what the targets have in common
	at    int              // its place among the other targets
	place string           // file:line
}

// addPattern adds a pattern of a group. Which files it matches is found out when all targets
// are known.
func (l *listing) addPattern(file string, g *group, written located[string], files string) error {
	if g.Address.Line != 0 {
		return fmt.Errorf("address: target %s: a file has no IP address to replace", text.Quote(written.Value))
	}
	if _, own := g.Labels["instance"]; own {
		return fmt.Errorf("labels: target %s stands for several files, which cannot have the same label instance", text.Quote(written.Value))
	}
	entry := ConfiguredTarget{Target: target.Target{ServerName: string(g.ServerName)}, Module: g.Module, Interval: g.Interval, Labels: g.Labels}
	l.patterns = append(l.patterns, pattern{files, entry, len(l.targets), fmt.Sprintf("%s:%d", file, written.Line)})
	return nil
}

// withFiles returns targets with those of the patterns in their places. A file that is listed
// already with the same labels, or that an earlier pattern matches, is not added again. The
// error begins with file:line.
func withFiles(g *guard.Guard, targets []ConfiguredTarget, patterns []pattern) (all []ConfiguredTarget, warnings []string, err error) {
	if len(patterns) == 0 {
		return targets, nil, nil
	}
	known := make(map[string]bool)
	for i := range targets {
		if t := &targets[i]; t.Target.IsFile() {
			known[seriesOf(&t.Target, t.Labels)] = true
		}
	}
	before := 0
	for _, p := range patterns {
		all = append(all, targets[before:p.at]...)
		before = p.at
		files, err := g.Glob(p.files)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: target %s: %w", p.place, text.Quote(p.written()), err)
		}
		if len(files) == 0 {
			warnings = append(warnings, fmt.Sprintf("%s: %s matches no file", p.place, text.Quote(p.written())))
		}
		for _, file := range files {
			t, ok := target.OfFile(file)
			if series := seriesOf(&t, p.entry.Labels); ok && !known[series] {
				known[series] = true
				all = append(all, p.target(t))
			}
		}
	}
	if all = append(all, targets[before:]...); len(all) > maxTargets {
		return nil, nil, fmt.Errorf("%s: more than %d targets; spread them over several exporters", patterns[len(patterns)-1].place, maxTargets)
	}
	return all, warnings, nil
}

func (p *pattern) written() string { return string(target.File) + "://" + p.files }

// target is the target of one of the files.
func (p *pattern) target(t target.Target) ConfiguredTarget {
	one := p.entry
	t.ServerName = p.entry.Target.ServerName
	one.Target, one.Written = t, t.String()
	return one
}

// Refreshed returns the configuration with the files that its patterns match now; c itself
// if these are the same. It reads no file of the configuration, and its modules are those of
// c.
func (c *Config) Refreshed() (*Config, error) {
	if len(c.patterns) == 0 {
		return c, nil
	}
	targets, _, err := withFiles(c.guard, c.written, c.patterns)
	if err != nil {
		return nil, err
	}
	same := func(a, b ConfiguredTarget) bool {
		return a.Target == b.Target && a.Module == b.Module && a.Interval == b.Interval && maps.Equal(a.Labels, b.Labels)
	}
	if slices.EqualFunc(targets, c.Targets, same) {
		return c, nil
	}
	next := *c
	next.list(targets)
	return &next, nil
}

// withoutEffect returns a warning for each module whose checks need a server, and that is
// used for a file. path is that of the file with the modules.
func (c *Config) withoutEffect(path string, modules map[string]located[prober.Module]) []string {
	files := make(map[string]string)
	for i := range c.Targets {
		if t := &c.Targets[i]; t.Target.IsFile() && files[t.Module] == "" {
			files[t.Module] = t.Written
		}
	}
	var warnings []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if checks := c.Probers[name].NeedServer(); len(checks) > 0 {
			warnings = append(warnings, fmt.Sprintf("%s:%d: modules.%s: has checks that need a server, and are not made for files such as %s: %s",
				path, modules[name].Line, name, text.Quote(files[name]), text.List(checks)))
		}
	}
	return warnings
}

// HasPatterns tells whether a target stands for all files that match it.
func (c *Config) HasPatterns() bool { return len(c.patterns) > 0 }

// Files returns the targets that a pattern of the command line stands for.
func (c *Config) Files(files string) ([]target.Target, error) {
	p := pattern{files: files}
	names, err := c.guard.Glob(files)
	if err != nil {
		return nil, fmt.Errorf("target %s: %w", text.Quote(p.written()), err)
	}
	var all []target.Target
	for _, name := range names {
		if t, ok := target.OfFile(name); ok {
			all = append(all, t)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("target %s: matches no file", text.Quote(p.written()))
	}
	return all, nil
}
