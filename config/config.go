// Package config reads targets.yml strictly: modules, targets, access policy.
package config

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/check"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/option"
	"tls_exporter/prober/target"
	"tls_exporter/prober/text"
)

// Config is a targets.yml that was read: the files of every module are read, and
// every target is parsed.
type Config struct {
	Probers map[string]*prober.Prober // by module; there is always "default"
	Targets []ConfiguredTarget

	guard   *guard.Guard
	cache   *check.Cache
	listed  map[listing]struct{}
	modules map[string]prober.Module
}

// ConfiguredTarget is one target of the file.
type ConfiguredTarget struct {
	Target   target.Target
	Written  string // as in the file
	Module   string
	Interval option.Duration // between probes; 0: that of the scrape job
	Labels   map[string]string
}

// DefaultModuleName is the module of targets and requests without a module.
const DefaultModuleName = "default"

// Loader loads configurations for one process. It owns what outlives each of them:
// the exporter's listening addresses, the cache of findings, and counts. The zero
// value is ready to use.
type Loader struct {
	Listeners  guard.Listeners
	Handshakes handshake.Process // of all modules
	// Control is that of the guards; nil: none.
	Control func(ctx context.Context, network, address string, raw syscall.RawConn) error

	once  sync.Once
	cache *check.Cache
}

// findings is the cache, which the first call creates.
func (l *Loader) findings() *check.Cache {
	l.once.Do(func() { l.cache = check.NewCache() })
	return l.cache
}

// Close cancels the checks that are running, and returns when they have ended. No
// probe may be running.
func (l *Loader) Close() { l.findings().Close() }

// Default is the configuration without a file: it has only the default module.
func (l *Loader) Default() (*Config, error) {
	c := l.newConfig(guard.Policy{})
	return c, l.addDefault(c)
}

// Adopt makes c the configuration of its process. It drops cached findings that none
// of its modules uses.
func (c *Config) Adopt() { c.cache.Retain(c.cacheKeys()) }

// cacheKeys are the keys of all findings that the modules use.
func (c *Config) cacheKeys() map[[16]byte]bool {
	used := make(map[[16]byte]bool)
	for _, p := range c.Probers {
		for _, key := range p.CacheKeys() {
			used[key] = true
		}
	}
	return used
}

func (l *Loader) newConfig(policy guard.Policy) *Config {
	g := guard.New(policy, &l.Listeners)
	g.Control = l.Control
	return &Config{
		Probers: make(map[string]*prober.Prober), guard: g, cache: l.findings(), listed: make(map[listing]struct{}), modules: make(map[string]prober.Module),
	}
}

// addDefault adds the default module, unless the file defines it. It reads the roots
// of the system.
func (l *Loader) addDefault(c *Config) error {
	if c.Probers[DefaultModuleName] != nil {
		return nil
	}
	return l.addModule(c, DefaultModuleName, prober.DefaultModule())
}

func (l *Loader) addModule(c *Config, name string, m prober.Module) error {
	made, err := prober.New(m, prober.Process{Guard: c.guard, Cache: c.cache, Handshakes: &l.Handshakes})
	if err != nil {
		return err
	}
	c.Probers[name], c.modules[name] = made, m
	return nil
}

// Limits on a configuration, far above any that is in use.
const (
	maxConfigBytes = 64 << 20
	maxTargets     = 200_000
)

// Load reads a targets.yml. Relative paths in it are relative to its directory. An
// error is one sentence that begins with file:line and says what would be valid.
func (l *Loader) Load(path string) (*Config, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxConfigBytes {
		return nil, fmt.Errorf("%s: is larger than %d bytes", path, maxConfigBytes)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	config, err := l.parse(content, filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	return config, nil
}

// file is the document. Its targets look like static_configs of Prometheus.
type file struct {
	Modules map[string]located[prober.Module] `yaml:"modules"`
	Targets []located[group]                  `yaml:"targets"`
	Policy  located[guard.Policy]             `yaml:"probe_policy"`
}

type group struct {
	Targets  []located[string] `yaml:"targets"`
	Module   string            `yaml:"module"`
	Interval option.Duration   `yaml:"interval"`
	Labels   map[string]string `yaml:"labels"`
}

func (l *Loader) parse(content []byte, dir string) (*Config, error) {
	root, err := parseYAML(content)
	if err != nil {
		return nil, err
	}
	var f file
	if root != nil {
		if err := decode(root, reflect.ValueOf(&f).Elem(), ""); err != nil {
			return nil, err
		}
	}
	if err := f.Policy.Value.Validate(); err != nil {
		return nil, at(f.Policy.lineOf(err), fmt.Errorf("probe_policy.%w", err))
	}
	config := l.newConfig(f.Policy.Value)
	for _, name := range slices.Sorted(maps.Keys(f.Modules)) {
		module := f.Modules[name]
		resolvePaths(&module.Value, dir)
		if err := l.addModule(config, name, module.Value); err != nil {
			return nil, at(module.lineOf(err), fmt.Errorf("modules.%s: %w", name, err))
		}
	}
	if err := l.addDefault(config); err != nil {
		return nil, at(1, err)
	}
	if config.Targets, err = f.targets(config.Probers); err != nil {
		return nil, err
	}
	for _, t := range config.Targets {
		config.listed[listing{t.Module, t.Target}] = struct{}{}
	}
	return config, nil
}

// resolvePaths makes file names of a module relative to dir.
func resolvePaths(m *prober.Module, dir string) {
	paths := []*string{&m.CAFile}
	if m.ClientCertificate != nil {
		paths = append(paths, &m.ClientCertificate.CertFile, &m.ClientCertificate.KeyFile)
	}
	if m.Expect.Options != nil {
		paths = append(paths, &m.Expect.Options.SameAsFile)
	}
	for _, path := range paths {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
}

// targets parses every target. Two with the same labels are an error: Prometheus could
// not distinguish their series.
func (f *file) targets(probers map[string]*prober.Prober) ([]ConfiguredTarget, error) {
	var all []ConfiguredTarget
	lines := make(map[string]int)
	for _, entry := range f.Targets {
		g := entry.Value
		if g.Module == "" {
			g.Module = DefaultModuleName
		}
		if probers[g.Module] == nil {
			return nil, at(entry.Line, fmt.Errorf("targets: unknown module %s; there are %s", text.Quote(g.Module), text.List(slices.Collect(maps.Keys(probers)))))
		}
		if len(g.Targets) == 0 {
			return nil, at(entry.Line, errors.New("targets: this entry has no target; write targets: [example.com]"))
		}
		if err := checkInterval(time.Duration(g.Interval)); err != nil {
			return nil, at(entry.lineOf(err), err)
		}
		if err := checkLabels(g.Labels); err != nil {
			return nil, at(entry.Line, err)
		}
		for _, written := range g.Targets {
			target, err := target.Parse(written.Value)
			if err != nil {
				return nil, at(written.Line, err)
			}
			// Without the exporter's own addresses: a file is valid wherever the
			// exporter listens.
			if err := guard.New(f.Policy.Value, new(guard.Listeners)).CheckTarget(&target); err != nil {
				return nil, at(written.Line, fmt.Errorf("target %s is listed, but %w", text.Quote(written.Value), err))
			}
			identity := target.String() + fmt.Sprintf("%q", g.Labels)
			if first, twice := lines[identity]; twice {
				return nil, at(written.Line, fmt.Errorf("target %s is already on line %d with the same labels, and Prometheus could not distinguish their series; remove one or give it another label", text.Quote(written.Value), first))
			}
			lines[identity] = written.Line
			if len(all) == maxTargets {
				return nil, at(written.Line, fmt.Errorf("more than %d targets; spread them over several exporters", maxTargets))
			}
			all = append(all, ConfiguredTarget{Target: target, Written: written.Value, Module: g.Module, Interval: g.Interval, Labels: g.Labels})
		}
	}
	return all, nil
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
		valid := name != "" && (name[0] < '0' || name[0] > '9') && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
		if !valid || strings.HasPrefix(name, "__") {
			return fmt.Errorf("labels: %s is not a label name; write letters, digits and underscores, as in team", text.Quote(name))
		}
	}
	return nil
}
