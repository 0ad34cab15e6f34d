package config

import (
	"bytes"
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"tls_exporter/prober"
	"tls_exporter/prober/text"
)

// located is a value and its place in the file.
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

// at adds the line of an error; nil: there is none.
func at(line int, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%d: %w", line, err)
}

// decodeFile reads a document into the value that into points to. The bool is false if
// the document is empty.
func decodeFile(content []byte, into any) (bool, error) {
	root, err := parseYAML(content)
	if root == nil || err != nil {
		return false, err
	}
	return true, decode(root, reflect.ValueOf(into).Elem(), "")
}

// parseYAML returns the root of the document; nil: it is empty.
func parseYAML(content []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var document, second yaml.Node
	if err := decoder.Decode(&document); err == io.EOF {
		return nil, nil
	} else if err != nil {
		return nil, syntaxError(err)
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, at(second.Line, errors.New("a second document begins here; a file may have only one"))
	} else if err != io.EOF {
		return nil, syntaxError(err)
	}
	if len(document.Content) == 0 || isNull(document.Content[0]) {
		return nil, nil
	}
	return document.Content[0], nil
}

// syntaxError moves the line of a YAML error to its beginning, as in other errors.
func syntaxError(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if number, rest, ok := strings.Cut(strings.TrimPrefix(text, "line "), ": "); ok {
		if line, err := strconv.Atoi(number); err == nil {
			return at(line, fmt.Errorf("is not YAML: %s", rest))
		}
	}
	return at(1, fmt.Errorf("is not YAML: %s", text))
}

// decode reads a YAML node into v. An unknown key, a duplicate key, a null or a value
// of another type is an error with its line and its place. What v has already is the
// default.
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
		return at(node.Line, fmt.Errorf("%s: has no value; write one or remove the key%s", place, emptyMapHint(v)))
	}
	if words, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if node.Kind != yaml.ScalarNode {
			return at(node.Line, fmt.Errorf("%s: must be a single value", place))
		}
		if err := decodeText(node.Value, words); err != nil {
			return at(node.Line, fmt.Errorf("%s: %w", place, err))
		}
		return nil
	}
	if on, ok := v.Addr().Interface().(enabler); ok {
		return decode(node, reflect.ValueOf(on.Decode()).Elem(), place)
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
		return at(node.Line, fmt.Errorf("%s: must be %s", place, kindName(v.Kind())))
	}
	return nil
}

func decodeText(value string, into encoding.TextUnmarshaler) error {
	if _, ok := into.(secret); ok {
		var err error
		if value, err = expand(value); err != nil {
			return err
		}
	}
	return into.UnmarshalText([]byte(value))
}

func (l *located[T]) locate(node *yaml.Node) reflect.Value {
	l.Line, l.node = node.Line, node
	if module, ok := any(&l.Value).(*prober.Module); ok {
		*module = prober.DefaultModule()
	}
	return reflect.ValueOf(&l.Value).Elem()
}

// enabler is an optional part that a file enables by its key.
type enabler interface {
	// Decode enables the part and returns a pointer to its options.
	Decode() any
}

func decodeStruct(node *yaml.Node, v reflect.Value, place string) error {
	fields := make(map[string]reflect.Value)
	addFields(fields, v)
	return eachPair(node, place, func(key *yaml.Node, value *yaml.Node) error {
		field, known := fields[key.Value]
		switch {
		case !known && len(fields) == 0:
			return at(key.Line, fmt.Errorf("unknown key %s; %s has no options: write {}", text.Quote(join(place, key.Value)), place))
		case !known:
			return at(key.Line, fmt.Errorf("unknown key %s; known are %s", text.Quote(join(place, key.Value)), text.List(slices.Collect(maps.Keys(fields)))))
		}
		return decode(value, field, join(place, key.Value))
	})
}

// addFields adds the fields of a struct, and of structs that are embedded in it, by
// their keys.
func addFields(fields map[string]reflect.Value, v reflect.Value) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if name := field.Tag.Get("yaml"); name != "" {
			fields[name] = v.Field(i)
		} else if field.Anonymous && field.Type.Kind() == reflect.Struct {
			addFields(fields, v.Field(i))
		}
	}
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
	if node.Kind != yaml.SequenceNode && place == "" {
		return at(node.Line, errors.New("the file must be a list of entries, as in [{targets: [example.com]}]; only the file of --config.file has modules and a policy"))
	}
	if node.Kind != yaml.SequenceNode {
		return at(node.Line, fmt.Errorf("%s: must be a list, as in [a, b]", place))
	}
	v.Set(reflect.MakeSlice(v.Type(), len(node.Content), len(node.Content)))
	for i, item := range node.Content {
		if err := decode(item, v.Index(i), fmt.Sprintf("%s[%d]", place, i)); err != nil {
			return err
		}
	}
	return nil
}

// eachPair calls do for each pair of a mapping. Merged pairs (<<) come first, so that
// the mapping's own pairs override them.
func eachPair(node *yaml.Node, place string, do func(key, value *yaml.Node) error) error {
	if node.Kind != yaml.MappingNode {
		return at(node.Line, fmt.Errorf("%s: must be a map of keys and values", cmp.Or(place, "the file")))
	}
	var own [][2]*yaml.Node
	lines := make(map[string]int)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if first, twice := lines[key.Value]; twice {
			return at(key.Line, fmt.Errorf("key %s is already on line %d", text.Quote(join(place, key.Value)), first))
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

// mergeFrom calls do for each pair of a mapping that another one merges. It must not
// merge another one itself, because an anchor could then contain itself.
func mergeFrom(node *yaml.Node, place string, do func(key, value *yaml.Node) error) error {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	for i := 0; i < len(node.Content); i += 2 {
		if node.Kind != yaml.MappingNode || node.Content[i].Tag == mergeTag {
			return at(node.Line, fmt.Errorf("%s: << must be one map without another <<", cmp.Or(place, "the file")))
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

// emptyMapHint is for a key without a value, such as `expect:`.
func emptyMapHint(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer, reflect.Struct, reflect.Map:
		return "; {} is an empty map"
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
