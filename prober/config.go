package prober

import (
	"bytes"
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// Config is what a targets.yml says, made ready: every module's files are read,
// every target is parsed.
type Config struct {
	Probers map[string]*Prober // by module; "default" is always there
	Targets []ConfiguredTarget

	guard  *guard
	listed map[listing]struct{}
}

// ConfiguredTarget is one target of the file.
type ConfiguredTarget struct {
	Target   Target
	Written  string // as the file has it
	Module   string
	Interval Duration // between scrapes; 0: as the scrape job has it
	Labels   map[string]string
}

// DefaultModuleName is the module of targets and requests that name none.
const DefaultModuleName = "default"

// DefaultConfig is the configuration without a file: the default module alone.
func (p *Process) DefaultConfig() (*Config, error) {
	c := newConfig(newGuard(Policy{}, p))
	return c, c.haveDefault()
}

// DefaultConfig is that of a process that listens nowhere.
func DefaultConfig() (*Config, error) { return new(Process).DefaultConfig() }

func newConfig(g *guard) *Config {
	return &Config{Probers: make(map[string]*Prober), guard: g, listed: make(map[listing]struct{})}
}

// haveDefault makes the default module, where the file has none of its own: it
// reads the system's roots, which may not be wanted.
func (c *Config) haveDefault() (err error) {
	if c.Probers[DefaultModuleName] == nil {
		c.Probers[DefaultModuleName], err = newGuarded(DefaultModule(), c.guard)
	}
	return err
}

// Bounds on a configuration: far above any in use, far below what would hurt.
const (
	maxConfigBytes = 64 << 20
	maxTargets     = 200_000
)

// Load reads a targets.yml. Relative paths in it are relative to it. An error
// is one sentence that begins with file:line and says what would be right.
func (p *Process) Load(path string) (*Config, error) {
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
	config, err := p.parseConfig(content, filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	return config, nil
}

// Load reads a targets.yml for a process that listens nowhere.
func Load(path string) (*Config, error) { return new(Process).Load(path) }

// file is the document. Its targets have the shape of Prometheus's static configs.
type file struct {
	Modules map[string]located[Module] `yaml:"modules"`
	Targets []located[group]           `yaml:"targets"`
	Policy  located[Policy]            `yaml:"probe_policy"`
}

type group struct {
	Targets  []located[string] `yaml:"targets"`
	Module   string            `yaml:"module"`
	Interval Duration          `yaml:"interval"`
	Labels   map[string]string `yaml:"labels"`
}

// located is a value and where it stands.
type located[T any] struct {
	Value T
	Line  int
	node  *yaml.Node
}

// lineOf is the line of the key that an error begins with, as in "ca_file: no
// such file", or else the value's own.
func (l *located[T]) lineOf(err error) int {
	word, _, _ := strings.Cut(err.Error(), ":")
	for i := 0; i+1 < len(l.node.Content); i += 2 {
		if l.node.Content[i].Value == word {
			return l.node.Content[i].Line
		}
	}
	return l.Line
}

// at puts a line before what is wrong there.
func at(line int, err error) error { return fmt.Errorf("%d: %w", line, err) }

func (p *Process) parseConfig(content []byte, dir string) (*Config, error) {
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
	if err := f.Policy.Value.validate(); err != nil {
		return nil, at(f.Policy.lineOf(err), fmt.Errorf("probe_policy.%w", err))
	}
	config := newConfig(newGuard(f.Policy.Value, p))
	for _, name := range slices.Sorted(maps.Keys(f.Modules)) {
		module := f.Modules[name]
		module.Value.resolvePaths(dir)
		made, err := newGuarded(module.Value, config.guard)
		if err != nil {
			return nil, at(module.lineOf(err), fmt.Errorf("modules.%s: %w", name, err))
		}
		config.Probers[name] = made
	}
	if err := config.haveDefault(); err != nil {
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

// parseYAML returns the root of the one document; nil if nothing is in it.
func parseYAML(content []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document, second yaml.Node
	if err := decoder.Decode(&document); err == io.EOF {
		return nil, nil
	} else if err != nil {
		return nil, syntaxError(err)
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, at(second.Line, errors.New("a second document begins here; one file holds one"))
	} else if err != io.EOF {
		return nil, syntaxError(err)
	}
	if len(document.Content) == 0 || isNull(document.Content[0]) {
		return nil, nil
	}
	return document.Content[0], nil
}

// syntaxError puts the line of a YAML error where a located error has it.
func syntaxError(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if number, rest, ok := strings.Cut(strings.TrimPrefix(text, "line "), ": "); ok {
		if line, err := strconv.Atoi(number); err == nil {
			return at(line, fmt.Errorf("is not YAML: %s", rest))
		}
	}
	return at(1, fmt.Errorf("is not YAML: %s", text))
}

// resolvePaths makes the module's file names relative to the file that has them.
func (m *Module) resolvePaths(dir string) {
	paths := []*string{&m.CAFile}
	if m.ClientCertificate != nil {
		paths = append(paths, &m.ClientCertificate.CertFile, &m.ClientCertificate.KeyFile)
	}
	if m.Expect != nil {
		paths = append(paths, &m.Expect.SameAsFile)
	}
	for _, path := range paths {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(dir, *path)
		}
	}
}

// targets parses every target, and refuses two whose series Prometheus could
// not tell apart.
func (f *file) targets(probers map[string]*Prober) ([]ConfiguredTarget, error) {
	var all []ConfiguredTarget
	lines := make(map[string]int)
	for _, entry := range f.Targets {
		g := entry.Value
		if g.Module == "" {
			g.Module = DefaultModuleName
		}
		if probers[g.Module] == nil {
			return nil, at(entry.Line, fmt.Errorf("targets: unknown module %s; there are %s", quote(g.Module), sorted(slices.Collect(maps.Keys(probers)))))
		}
		if len(g.Targets) == 0 {
			return nil, at(entry.Line, errors.New("targets: this entry names no target; write targets: [example.com]"))
		}
		if err := checkLabels(g.Labels); err != nil {
			return nil, at(entry.Line, err)
		}
		for _, written := range g.Targets {
			target, err := ParseTarget(written.Value)
			if err != nil {
				return nil, at(written.Line, err)
			}
			// Where the exporter listens is not for the file to know.
			if err := (&guard{policy: f.Policy.Value, process: new(Process)}).admit(&target); err != nil {
				return nil, at(written.Line, fmt.Errorf("target %s is listed, but %w", quote(written.Value), err))
			}
			identity := target.String() + fmt.Sprint(g.Labels)
			if first, twice := lines[identity]; twice {
				return nil, at(written.Line, fmt.Errorf("target %s is already on line %d with the same labels, and Prometheus could not tell the two apart; remove one or give it a label of its own", quote(written.Value), first))
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

// checkLabels wants names as Prometheus has them for labels of a target, and
// none that service discovery sets itself.
func checkLabels(labels map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		valid := name != "" && (name[0] < '0' || name[0] > '9') && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
		if !valid || strings.HasPrefix(name, "__") {
			return fmt.Errorf("labels: %s is not a label name; write letters, digits and underscores, as in team", quote(name))
		}
	}
	return nil
}

// decode reads a YAML node into v, strictly: an unknown key, a key twice, a null
// or a value of another shape is an error with its line and its place. Values
// that are there already are the defaults.
func decode(node *yaml.Node, v reflect.Value, place string) error {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if l, ok := v.Addr().Interface().(interface {
		locate(*yaml.Node) reflect.Value
	}); ok {
		return decode(node, l.locate(node), place)
	}
	if isNull(node) {
		return at(node.Line, fmt.Errorf("%s: has no value; write one or leave the key out%s", place, emptyMapHint(v)))
	}
	if words, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if node.Kind != yaml.ScalarNode {
			return at(node.Line, fmt.Errorf("%s: wants a single value", place))
		}
		if err := words.UnmarshalText([]byte(node.Value)); err != nil {
			return at(node.Line, fmt.Errorf("%s: %w", place, err))
		}
		return nil
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return decode(node, v.Elem(), place)
	case reflect.Struct:
		return decodeStruct(node, v, place)
	case reflect.Map:
		return decodeMap(node, v, place)
	case reflect.Slice:
		return decodeSlice(node, v, place)
	}
	if node.Kind != yaml.ScalarNode || node.Decode(v.Addr().Interface()) != nil {
		return at(node.Line, fmt.Errorf("%s: wants %s", place, kindName(v.Kind())))
	}
	return nil
}

func (l *located[T]) locate(node *yaml.Node) reflect.Value {
	l.Line, l.node = node.Line, node
	if module, ok := any(&l.Value).(*Module); ok {
		*module = DefaultModule()
	}
	return reflect.ValueOf(&l.Value).Elem()
}

func decodeStruct(node *yaml.Node, v reflect.Value, place string) error {
	fields := make(map[string]reflect.Value)
	for i := range v.NumField() {
		if name := v.Type().Field(i).Tag.Get("yaml"); name != "" {
			fields[name] = v.Field(i)
		}
	}
	return eachPair(node, place, func(key *yaml.Node, value *yaml.Node) error {
		field, known := fields[key.Value]
		if !known {
			return at(key.Line, fmt.Errorf("unknown key %s; known are %s", quote(join(place, key.Value)), sorted(slices.Collect(maps.Keys(fields)))))
		}
		return decode(value, field, join(place, key.Value))
	})
}

func decodeMap(node *yaml.Node, v reflect.Value, place string) error {
	v.Set(reflect.MakeMap(v.Type()))
	return eachPair(node, place, func(key *yaml.Node, value *yaml.Node) error {
		element := reflect.New(v.Type().Elem()).Elem()
		if err := decode(value, element, join(place, key.Value)); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key.Value), element)
		return nil
	})
}

func decodeSlice(node *yaml.Node, v reflect.Value, place string) error {
	if node.Kind != yaml.SequenceNode {
		return at(node.Line, fmt.Errorf("%s: wants a list, as in [a, b]", place))
	}
	v.Set(reflect.MakeSlice(v.Type(), len(node.Content), len(node.Content)))
	for i, item := range node.Content {
		if err := decode(item, v.Index(i), fmt.Sprintf("%s[%d]", place, i)); err != nil {
			return err
		}
	}
	return nil
}

// eachPair walks a mapping. What it merges (<<) comes first, so that what the
// mapping says itself stands.
func eachPair(node *yaml.Node, place string, do func(key, value *yaml.Node) error) error {
	if node.Kind != yaml.MappingNode {
		return at(node.Line, fmt.Errorf("%s: wants a map of keys and values", cmp.Or(place, "the file")))
	}
	var own [][2]*yaml.Node
	lines := make(map[string]int)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if first, twice := lines[key.Value]; twice {
			return at(key.Line, fmt.Errorf("key %s is already on line %d", quote(join(place, key.Value)), first))
		}
		lines[key.Value] = key.Line
		if key.Tag != mergeTag {
			own = append(own, [2]*yaml.Node{key, value})
		} else if err := mergeFrom(value, place, do); err != nil {
			return err
		}
	}
	for _, pair := range own {
		if err := do(pair[0], pair[1]); err != nil {
			return err
		}
	}
	return nil
}

const mergeTag = "!!merge"

// mergeFrom takes the pairs of a mapping that another one merges. It may not
// merge in turn: an anchor could then hold itself.
func mergeFrom(node *yaml.Node, place string, do func(key, value *yaml.Node) error) error {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	for i := 0; i < len(node.Content); i += 2 {
		if node.Kind != yaml.MappingNode || node.Content[i].Tag == mergeTag {
			return at(node.Line, fmt.Errorf("%s: << takes one map that has no << of its own", cmp.Or(place, "the file")))
		}
		if err := do(node.Content[i], node.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }

func join(place, key string) string {
	if place == "" {
		return key
	}
	return place + "." + key
}

// emptyMapHint helps those who write `expect:` and nothing after it.
func emptyMapHint(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer, reflect.Struct, reflect.Map:
		return "; {} is a map with nothing in it"
	}
	return ""
}

func kindName(kind reflect.Kind) string {
	switch kind {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	}
	return kind.String()
}
