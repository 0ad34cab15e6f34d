package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/option"
	"tls_exporter/prober/target"
	"tls_exporter/prober/text"
)

// group is an entry of targets, or of a target file. It looks like one of
// static_configs, or of file_sd, of Prometheus.
type group struct {
	Targets    []located[string] `yaml:"targets"`
	Module     string            `yaml:"module"`
	ServerName target.ServerName `yaml:"server_name"`
	Address    located[string]   `yaml:"address"`
	Interval   option.Duration   `yaml:"interval"`
	Labels     map[string]string `yaml:"labels"`
}

// Limits on the targets of all files together, far above any that is in use.
const (
	maxTargets     = 200_000
	maxTargetFiles = 10_000
)

// listing is the targets of all files, as far as these are read. The errors of its
// methods begin with file:line.
type listing struct {
	probers  map[string]*prober.Prober
	guard    *guard.Guard
	targets  []ConfiguredTarget
	places   map[string]string // file:line of each target, by the labels of its series
	files    map[string]bool   // the target files
	warnings []string
	patterns []pattern // of files with certificates
}

// newListing is empty. The policy is applied without the exporter's own addresses: a file
// is valid wherever the exporter listens.
func newListing(policy guard.Policy, probers map[string]*prober.Prober) *listing {
	return &listing{
		probers: probers, guard: guard.New(policy, new(guard.Listeners)),
		places: make(map[string]string), files: make(map[string]bool),
	}
}

// addFiles adds the entries of the files that the patterns in the file at path match. A
// file that several patterns match is read once.
func (l *listing) addFiles(r *reading, path string, patterns []located[string]) error {
	for _, pattern := range patterns {
		place := fmt.Sprintf("%s:%d", path, pattern.Line)
		files, err := l.match(r, filepath.Dir(path), pattern.Value)
		if err != nil {
			return fmt.Errorf("%s: target_files: %s %w", place, text.Quote(pattern.Value), err)
		}
		if len(files) == 0 {
			l.warnings = append(l.warnings, fmt.Sprintf("%s: target_files: %s matches no file", place, text.Quote(pattern.Value)))
		}
		for _, file := range files {
			if l.files[file] {
				continue
			}
			l.files[file] = true
			content, err := r.read(file)
			if err != nil {
				return fmt.Errorf("%s: target_files: %w", place, err)
			}
			if err := l.addFile(file, content); err != nil {
				return err
			}
		}
	}
	return nil
}

// match returns the files that a pattern matches. A pattern without a wildcard is the
// name of a file, which has to exist; with one it may match none yet.
func (l *listing) match(r *reading, dir, pattern string) ([]string, error) {
	if !slices.Contains([]string{".yml", ".yaml", ".json"}, filepath.Ext(pattern)) {
		return nil, errors.New("does not end in .yml, .yaml or .json")
	}
	files, err := r.glob(resolved(pattern, dir))
	switch {
	case err != nil:
		return nil, err
	case len(files) == 0 && !strings.ContainsAny(pattern, `*?[\`):
		return nil, errors.New("does not exist")
	case len(l.files)+len(files) > maxTargetFiles:
		return nil, fmt.Errorf("makes more than %d files; write more targets in each", maxTargetFiles)
	}
	return files, nil
}

// addFile adds the entries of a target file. A file that is being written may be empty
// for a moment, which must not remove its targets.
func (l *listing) addFile(file string, content []byte) error {
	if filepath.Ext(file) == ".json" {
		content = fromJSON(content)
	}
	var entries []located[group]
	found, err := decodeFile(content, &entries)
	if err != nil {
		return fmt.Errorf("%s:%w", file, err)
	}
	if !found {
		return fmt.Errorf("%s:1: is empty; write [] if it lists no targets", file)
	}
	return l.add(file, entries)
}

// add adds entries of a file.
func (l *listing) add(file string, entries []located[group]) error {
	for i := range entries {
		entry := &entries[i]
		if err := l.check(&entry.Value); err != nil {
			return fmt.Errorf("%s:%d: %w", file, entry.lineOf(err), err)
		}
		for _, written := range entry.Value.Targets {
			if err := l.addTarget(file, &entry.Value, written); err != nil {
				return fmt.Errorf("%s:%w", file, err)
			}
		}
	}
	return nil
}

// check returns an error about what all targets of a group have in common, and sets its
// module.
func (l *listing) check(g *group) error {
	g.Module = cmp.Or(g.Module, DefaultModuleName)
	if l.probers[g.Module] == nil {
		return fmt.Errorf("module: there is no %s; there are %s", text.Quote(g.Module), text.List(slices.Collect(maps.Keys(l.probers))))
	}
	if len(g.Targets) == 0 {
		return errors.New("targets: this entry has no target; write targets: [example.com]")
	}
	if err := checkInterval(time.Duration(g.Interval)); err != nil {
		return err
	}
	return checkLabels(g.Labels)
}

// addTarget adds a target of a group. Two targets with the same labels are an error:
// Prometheus could not distinguish their series. An error begins with the line.
func (l *listing) addTarget(file string, g *group, written located[string]) error {
	if files, is, err := target.ParseFilePattern(written.Value); is {
		if err == nil {
			err = l.addPattern(file, g, written, files)
		}
		return at(written.Line, err)
	}
	t, err := target.Parse(written.Value)
	if err != nil {
		return at(written.Line, err)
	}
	t.ServerName = string(g.ServerName)
	if g.Address.Line != 0 {
		if t, err = t.At(g.Address.Value); err != nil {
			return at(g.Address.Line, fmt.Errorf("address: target %s: %w", text.Quote(written.Value), err))
		}
	}
	if err := l.guard.CheckTarget(&t); err != nil {
		return at(written.Line, fmt.Errorf("target %s is listed, but %w", text.Quote(written.Value), err))
	}
	series := seriesOf(&t, g.Labels)
	if first, twice := l.places[series]; twice {
		return at(written.Line, fmt.Errorf("target %s is already in %s with the same labels, and Prometheus could not distinguish their series; remove one or give it another label", text.Quote(written.Value), first))
	}
	l.places[series] = fmt.Sprintf("%s:%d", file, written.Line)
	if len(l.targets) == maxTargets {
		return at(written.Line, fmt.Errorf("more than %d targets; spread them over several exporters", maxTargets))
	}
	l.targets = append(l.targets, ConfiguredTarget{Target: t, Written: written.Value, Module: g.Module, Interval: g.Interval, Labels: g.Labels})
	return nil
}

// seriesOf identifies the labels of a target's series. The label instance is the target,
// unless the entry has another. Neither module nor server name nor address is a label.
func seriesOf(t *target.Target, labels map[string]string) string {
	instance := t.String()
	if _, own := labels["instance"]; own {
		instance = ""
	}
	return fmt.Sprintf("%s%q", instance, labels)
}

// maxInterval is the longest time between two probes. An alert that learns of a fault
// more than a day later is of no use.
const maxInterval = 24 * time.Hour

func checkInterval(interval time.Duration) error {
	if interval > maxInterval {
		return fmt.Errorf("interval: %s is more than 24h, and alerts would learn of a fault too late; write 24h or less", interval)
	}
	return nil
}

// ParseInterval parses a time between probes, as it is written in the file.
func ParseInterval(written string) (time.Duration, error) {
	var interval option.Duration
	if err := interval.UnmarshalText([]byte(written)); err != nil {
		return 0, err
	}
	return time.Duration(interval), checkInterval(time.Duration(interval))
}

// checkLabels returns an error for a name that is not valid in Prometheus, or that is
// reserved for service discovery.
func checkLabels(labels map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		if !isIdentifier(name) || strings.HasPrefix(name, "__") {
			return fmt.Errorf("labels: %s is not a label name; write letters, digits and underscores, as in team", text.Quote(name))
		}
	}
	return nil
}
