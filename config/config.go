// Package config reads targets.yml strictly: modules, targets, access policy.
package config

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/check"
	"tls_exporter/prober/fetch"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/option"
	"tls_exporter/prober/target"
)

// Config is a targets.yml that was read: the files that it names are read, and every
// target is parsed.
type Config struct {
	Probers  map[string]*prober.Prober // by module; there is always "default"
	Targets  []ConfiguredTarget
	Warnings []string // sentences about what is valid and may be a mistake, with file:line

	written  []ConfiguredTarget // Targets without those of patterns
	patterns []pattern

	guard   *guard.Guard
	kept    *kept
	listed  map[Endpoint]struct{}
	modules map[string]prober.Module
}

// ConfiguredTarget is one target of the files.
type ConfiguredTarget struct {
	Target   target.Target // with the server name and the address of its entry
	Written  string        // as in the file
	Module   string
	Interval option.Duration // between probes; 0: that of the scrape job
	Labels   map[string]string
}

// DefaultModuleName is the module of targets and requests without a module.
const DefaultModuleName = "default"

// Loader loads configurations for one process. It owns what outlives each of them:
// the exporter's listening addresses, findings and downloads, and counts. The zero
// value is ready to use.
type Loader struct {
	Listeners  guard.Listeners
	Handshakes handshake.Process // of all modules
	Files      prober.Files      // that are read
	// AnyFile lets the default configuration read every file, for a user at a terminal.
	AnyFile bool
	// Control is that of the guards; nil: none.
	Control func(ctx context.Context, network, address string, raw syscall.RawConn) error

	once sync.Once
	kept *kept

	mutex sync.Mutex
	last  *reading // of the last call of Load; nil: there was none
}

// kept is what is kept between probes.
type kept struct {
	findings  *check.Cache
	downloads *fetch.Store
}

// keep is what is kept, which the first call creates.
func (l *Loader) keep() *kept {
	l.once.Do(func() { l.kept = &kept{check.NewCache(), fetch.NewStore()} })
	return l.kept
}

// Downloads is what checks have downloaded from the servers of CAs.
func (l *Loader) Downloads() *fetch.Store { return l.keep().downloads }

// Close cancels the checks and the downloads that are running, and returns when they have
// ended. No probe may be running.
func (l *Loader) Close() {
	l.keep().findings.Close()
	l.keep().downloads.Close()
}

// Default is the configuration without a file: it has only the default module.
func (l *Loader) Default() (*Config, error) {
	var policy guard.Policy
	if l.AnyFile {
		policy.FileDirectories = []guard.Directory{"/"}
	}
	c := l.newConfig(policy)
	return c, l.addDefault(c)
}

// Adopt makes c the configuration of its process. It drops cached findings that none
// of its modules uses.
func (c *Config) Adopt() { c.kept.findings.Retain(c.cacheKeys()) }

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
		Probers: make(map[string]*prober.Prober), guard: g, kept: l.keep(), listed: make(map[Endpoint]struct{}), modules: make(map[string]prober.Module),
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
	made, err := prober.New(m, prober.Process{Guard: c.guard, Cache: c.kept.findings, Handshakes: &l.Handshakes, Downloads: c.kept.downloads, Files: &l.Files})
	if err != nil {
		return err
	}
	c.Probers[name], c.modules[name] = made, m
	return nil
}

// maxConfigBytes limits the size of targets.yml and the target files together, far above
// any that is in use.
const maxConfigBytes = 64 << 20

// Load reads a targets.yml, and the files that it names. Relative paths in it are
// relative to its directory. An error is one sentence that begins with file:line and says
// what would be valid.
func (l *Loader) Load(path string) (*Config, error) {
	r := new(reading)
	defer l.remember(r)
	content, err := r.read(path)
	if err != nil {
		return nil, err
	}
	return l.parse(r, path, content)
}

// remember keeps what a call of Load has read, also if it failed.
func (l *Loader) remember(r *reading) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.last = r
}

// Changed tells whether a file that the last call of Load read has changed since, or
// target_files match other files. If the call failed, the files that it did not reach do
// not count: nothing in them can make the error go away.
func (l *Loader) Changed() bool {
	l.mutex.Lock()
	last := l.last
	l.mutex.Unlock()
	return last != nil && last.stale(time.Now())
}

// file is a targets.yml. Its targets look like static_configs of Prometheus.
type file struct {
	Modules     map[string]located[prober.Module] `yaml:"modules"`
	Targets     []located[group]                  `yaml:"targets"`
	TargetFiles []located[string]                 `yaml:"target_files"`
	Policy      located[guard.Policy]             `yaml:"probe_policy"`
}

// parse makes the configuration of the content of a targets.yml.
func (l *Loader) parse(r *reading, path string, content []byte) (*Config, error) {
	var f file
	if _, err := decodeFile(content, &f); err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	config, err := l.loadModules(r, &f, filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	list := newListing(f.Policy.Value, config.Probers)
	if err := list.add(path, f.Targets); err != nil {
		return nil, err
	}
	if err := list.addFiles(r, path, f.TargetFiles); err != nil {
		return nil, err
	}
	config.written, config.patterns = list.targets, list.patterns
	targets, warnings, err := withFiles(config.guard, list.targets, list.patterns)
	if err != nil {
		return nil, err
	}
	config.list(targets)
	config.Warnings = slices.Concat(list.warnings, warnings, config.withoutEffect(path, f.Modules))
	return config, nil
}

// list sets the targets.
func (c *Config) list(targets []ConfiguredTarget) {
	c.Targets, c.listed = targets, make(map[Endpoint]struct{}, len(targets))
	for i := range targets {
		t := &targets[i]
		c.listed[c.endpoint(t.Module, t.Target)] = struct{}{}
	}
}

// loadModules makes a configuration without targets. An error begins with the line.
func (l *Loader) loadModules(r *reading, f *file, dir string) (*Config, error) {
	if err := f.Policy.Value.Validate(); err != nil {
		return nil, at(f.Policy.lineOf(err), fmt.Errorf("probe_policy.%w", err))
	}
	config := l.newConfig(f.Policy.Value)
	for _, name := range slices.Sorted(maps.Keys(f.Modules)) {
		module := f.Modules[name]
		for _, path := range filesOf(&module.Value) {
			if *path != "" {
				*path = resolved(*path, dir)
				r.note(*path)
			}
		}
		if err := l.addModule(config, name, module.Value); err != nil {
			return nil, at(module.lineOf(err), fmt.Errorf("modules.%s: %w", name, err))
		}
	}
	if err := l.addDefault(config); err != nil {
		return nil, at(1, err)
	}
	return config, nil
}

// filesOf is where a module names files.
func filesOf(m *prober.Module) []*string {
	files := []*string{&m.CAFile, &m.ProxyURLFile, &m.PasswordFile}
	if m.ClientCertificate != nil {
		files = append(files, &m.ClientCertificate.CertFile, &m.ClientCertificate.KeyFile)
	}
	if m.Expect.Options != nil {
		files = append(files, &m.Expect.Options.SameAsFile)
	}
	if m.Transparency.Options != nil {
		files = append(files, &m.Transparency.Options.LogListFile)
	}
	return files
}

// resolved is a path that is relative to dir, if it is relative.
func resolved(path, dir string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
