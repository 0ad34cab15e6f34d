package config

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"tls_exporter/prober"
	"tls_exporter/prober/guard"
	"tls_exporter/prober/handshake"
)

// parseIn parses a piece of a file in a directory. A list is a target file.
func parseIn(dir, content string) error {
	path := filepath.Join(dir, "targets.yml")
	if strings.HasPrefix(content, "- ") {
		list := newListing(guard.Policy{}, map[string]*prober.Prober{DefaultModuleName: nil, "strict": nil})
		for name := range list.probers {
			list.probers[name] = new(prober.Prober)
		}
		return list.addFile(path, []byte(content))
	}
	_, err := new(Loader).parse(new(reading), path, []byte(content))
	return err
}

// pages returns the pages that people read, by name.
func pages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("../docs/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d pages, %v", len(files), err)
	}
	all := make(map[string]string)
	for _, file := range append(files, "../README.md", "../prometheus/rules.yml", "../prometheus/prometheus.yml", "../report/part/remedy.go") {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[file] = string(content)
	}
	return all
}

// Every documented piece of a targets.yml is valid.
func TestDocumentedFiles(t *testing.T) {
	t.Setenv("PROXY_PASSWORD", "s3cret")
	found := 0
	for page, content := range pages(t) {
		for _, match := range yamlBlock.FindAllStringSubmatch(content, -1) {
			var keys map[string]yaml.Node
			if isList := strings.HasPrefix(match[1], "- "); !isList {
				if err := yaml.Unmarshal([]byte(match[1]), &keys); err != nil {
					t.Errorf("%s: %v in\n%s", page, err, match[1])
					continue
				}
				if !slices.ContainsFunc(slices.Collect(maps.Keys(keys)), func(key string) bool { return fieldsOf(new(file))[key] }) {
					continue // a file of another program
				}
			}
			found++
			if err := parseIn("testdata", match[1]); err != nil {
				t.Errorf("%s: %v in\n%s", page, err, match[1])
			}
		}
	}
	if found < 4 {
		t.Errorf("found only %d files", found)
	}
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// Every documented setting, such as `ip_protocol: ip4`, is valid where its key may stand:
// in a module, in one of its checks, in an entry of targets, or in the policy.
func TestDocumentedSettings(t *testing.T) {
	checked := 0
	for page, content := range pages(t) {
		for _, match := range setting.FindAllStringSubmatch(content, -1) {
			written := match[1]
			key, _, _ := strings.Cut(written, ":")
			places := placesOf(key)
			if len(places) == 0 {
				continue // of another file
			}
			checked++
			var problems []string
			for _, place := range places {
				if err := parseIn("testdata", strings.Replace(place, "SETTING", written, 1)); err == nil {
					problems = nil
					break
				} else {
					problems = append(problems, err.Error())
				}
			}
			if problems != nil {
				t.Errorf("%s: %s is not valid: %s", page, written, strings.Join(problems, "; "))
			}
		}
	}
	if checked < 10 {
		t.Errorf("found only %d settings", checked)
	}
}

// targets.yml shows every key, some of them in comments.
func TestExampleShowsEveryKey(t *testing.T) {
	content, err := os.ReadFile("../targets.yml")
	if err != nil {
		t.Fatal(err)
	}
	parts := []any{new(file), new(prober.Module), new(group), new(guard.Policy), new(handshake.ClientCertificate)}
	checks := reflect.TypeFor[prober.Checks]()
	for i := range checks.NumField() {
		if on, ok := reflect.New(checks.Field(i).Type).Interface().(enabler); ok {
			parts = append(parts, on.Decode())
		}
	}
	for _, part := range parts {
		for key := range fieldsOf(part) {
			if !regexp.MustCompile(`(^|[\s{])` + key + `:( |\n)`).Match(content) {
				t.Errorf("%T: the key %s is not in targets.yml", part, key)
			}
		}
	}
}

// setting matches a key and a value in backquotes.
var setting = regexp.MustCompile("`([a-z_]+: [^`\n]+)`")

// placesOf returns the files in which a setting with this key may stand.
func placesOf(key string) []string {
	var places []string
	if fieldsOf(new(prober.Module))[key] {
		places = append(places, "modules: {m: {SETTING}}")
	}
	checks := reflect.TypeFor[prober.Checks]()
	for i := range checks.NumField() {
		field := reflect.New(checks.Field(i).Type)
		if on, ok := field.Interface().(enabler); ok && fieldsOf(on.Decode())[key] {
			places = append(places, "modules: {m: {"+checks.Field(i).Tag.Get("yaml")+": {SETTING}}}")
		}
	}
	if fieldsOf(new(group))[key] {
		places = append(places, "modules: {strict: {}}\ntargets: [{targets: [example.com], SETTING}]")
	}
	if fieldsOf(new(guard.Policy))[key] {
		places = append(places, "probe_policy: {SETTING}")
	}
	return places
}

// fieldsOf is the keys of the struct that v points to.
func fieldsOf(v any) map[string]bool {
	fields := make(map[string]reflect.Value)
	addFields(fields, reflect.ValueOf(v).Elem())
	keys := make(map[string]bool)
	for key := range fields {
		keys[key] = true
	}
	return keys
}
