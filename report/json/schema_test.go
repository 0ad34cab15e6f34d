package json

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"tls_exporter/report/reporttest"
)

// object is a JSON object whose members keep their order.
type object []entry

type entry struct {
	key   string
	value any
}

func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, e := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := json.NewEncoder(&b).Encode(e.key); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := encoderFor(&b).Encode(e.value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// schema.json is generated from the types and their comments (-update).
func TestSchemaIsThatOfTheTypes(t *testing.T) {
	var all object
	for _, d := range definitions(t) {
		var properties object
		var required []string
		for _, f := range d.fields {
			properties = append(properties, entry{f.name, f.schema()})
			if f.always {
				required = append(required, f.name)
			}
		}
		all = append(all, entry{d.name, object{
			{"description", d.comment}, {"type", "object"}, {"required", required}, {"properties", properties},
		}})
	}
	var b bytes.Buffer
	encoder := encoderFor(&b)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "tls_exporter, version 1"},
		{"description", "The result of one probe. Within a version fields are added, and none is removed, renamed, or gets another type or meaning. So an object may have fields that an older copy of this schema does not have."},
		{"$ref", "#/$defs/result"}, {"$defs", all},
	}); err != nil {
		t.Fatal(err)
	}
	golden(t, "schema.json", b.Bytes())
}

// golden compares a generated file of the source with got.
func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not that of the types (go test ./report/json -update writes it)", file)
	}
}

// compiled is the schema, or one of its $defs, as -update has just written it.
func compiled(t *testing.T, definition string) *jsonschema.Schema {
	t.Helper()
	file, err := os.ReadFile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return reporttest.Schema(t, file, definition)
}

// documents is what is written in every situation, by name. Together they have every field.
func documents(t *testing.T) map[string][]byte {
	t.Helper()
	all := make(map[string][]byte)
	add := func(name string, write func(*bytes.Buffer) error) {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		all[name] = b.Bytes()
	}
	for _, s := range reporttest.Situations() {
		add(s.Name, func(b *bytes.Buffer) error { return Write(b, s.Result, Options{}) })
	}
	for name, r := range reporttest.Sparse() {
		add(name, func(b *bytes.Buffer) error { return WriteLine(b, r, Options{}) })
	}
	configured := reporttest.Healthy()
	configured.Target.ServerName = "www.example.com"
	configured.Chain.Certificates[0].Names.More = 2
	add("configured", func(b *bytes.Buffer) error {
		return Write(b, configured, Options{Module: "web", Labels: map[string]string{"team": "web"}})
	})
	return all
}

// Every result is as the schema says, and has no other field.
func TestResultsMatchTheSchema(t *testing.T) {
	schema := compiled(t, "")
	all := documents(t)
	goldens, err := filepath.Glob("testdata/*.json")
	if err != nil || len(goldens) == 0 {
		t.Fatalf("%d golden files, %v", len(goldens), err)
	}
	for _, file := range goldens {
		if all[file], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	for name, document := range all {
		if err := schema.Validate(decode(t, document)); err != nil {
			t.Errorf("%s: %v\n%s", name, err, document)
		}
	}
}

// No value may be null or of another type, no object may have another field, and no
// result may lack a field that is always there.
func TestSchemaRejectsChangedResults(t *testing.T) {
	schema, changes := compiled(t, ""), 0
	for name, document := range documents(t) {
		whole := decode(t, document)
		rejected := func(change string) {
			if changes++; schema.Validate(whole) == nil {
				t.Errorf("%s: the schema accepts %s", name, change)
			}
		}
		forEach(whole, "", func(path string, value any, set func(any)) {
			for _, other := range []any{nil, []any{nil}, map[string]any{"x": nil}} {
				set(other)
				rejected(path + " as " + kindOf(other))
			}
			set(value)
			if o, ok := value.(map[string]any); ok && !strings.HasSuffix(path, ".labels") {
				o["undocumented"] = true
				rejected(path + " with another field")
				delete(o, "undocumented")
			}
		})
		o := whole.(map[string]any)
		for _, always := range []string{"schema_version", "target", "success", "status", "verdict", "issues"} {
			kept := o[always]
			delete(o, always)
			rejected("no " + always)
			o[always] = kept
		}
		if err := schema.Validate(whole); err != nil {
			t.Errorf("%s is not as it was: %v", name, err)
		}
	}
	if changes < 10_000 {
		t.Errorf("only %d changes", changes)
	}
}

// A word that no endpoint can have as its status is rejected.
func TestSchemaKnowsTheStatuses(t *testing.T) {
	schema, healthy := compiled(t, ""), decode(t, documents(t)["healthy"]).(map[string]any)
	for word, want := range map[string]bool{"good": true, "warning": true, "bad": true, "unknown": true, "GOOD": false, "": false} {
		healthy["status"] = word
		if got := schema.Validate(healthy) == nil; got != want {
			t.Errorf("status %q: accepted is %v", word, got)
		}
	}
}

// Every field of a result occurs in a situation: what the tests never see, nobody checks.
func TestEveryFieldOccurs(t *testing.T) {
	seen := make(map[string]bool)
	for _, document := range documents(t) {
		forEach(decode(t, document), "", func(path string, _ any, _ func(any)) { seen[path[strings.LastIndex(path, ".")+1:]] = true })
	}
	for _, d := range definitions(t) {
		if slices.Contains([]string{"targets", "target", "last", "error"}, d.name) {
			continue
		}
		for _, f := range d.fields {
			if !seen[f.name] {
				t.Errorf("%s.%s occurs in no situation", d.name, f.name)
			}
		}
	}
}

func TestWriteTargets(t *testing.T) {
	days := 58.25
	all := []Target{
		{Target: "https://example.com:443", Written: "example.com", Module: "default"},
		{Target: "smtp://mail.example.com:25", Written: "smtp://mail.example.com", Module: "mail", ServerName: "mx.example.com", Address: "192.0.2.10",
			Interval: 3600, Labels: map[string]string{"team": "<mail>"}, Last: &Last{
				At: time.Date(2026, 11, 20, 14, 48, 0, 0, time.UTC), Status: "bad", Reason: "expired", Phase: "verify", Also: "weak_key",
				Version: "TLS 1.3", HandshakeDuration: &days, DaysRemaining: &days, RemainingRatio: &days,
			}},
	}
	schema := compiled(t, "targets")
	for n := range len(all) + 1 {
		var b bytes.Buffer
		if err := WriteTargets(&b, slices.Values(all[:n])); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(decode(t, b.Bytes())); err != nil {
			t.Errorf("%v\n%s", err, b.String())
		}
		want, err := json.Marshal(targets{Version, append([]Target{}, all[:n]...)})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := decode(t, b.Bytes()), decode(t, want); !equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	if err := WriteTargets(reporttest.Full{}, slices.Values(all)); err == nil {
		t.Error("the error of the writer is lost")
	}
}

func TestWriteError(t *testing.T) {
	var b bytes.Buffer
	if err := WriteError(&b, &time.ParseError{Message: "\x1b[31m<b>\xff"}); err != nil {
		t.Fatal(err)
	}
	if err := compiled(t, "error").Validate(decode(t, b.Bytes())); err != nil || strings.Contains(b.String(), "u001b") {
		t.Errorf("%v: %s", err, b.String())
	}
}

func equal(a, b any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

func decode(t *testing.T, document []byte) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		t.Fatalf("%v:\n%s", err, document)
	}
	return value
}

// forEach calls visit with every value below a value, its path, and how to replace it.
func forEach(value any, path string, visit func(path string, value any, set func(any))) {
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			below := v[key]
			visit(path+"."+key, below, func(x any) { v[key] = x })
			forEach(below, path+"."+key, visit)
		}
	case []any:
		for i, below := range v {
			visit(path+"[]", below, func(x any) { v[i] = x })
			forEach(below, path+"[]", visit)
		}
	}
}

func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case []any:
		return "an array of null"
	}
	return "an object of null"
}
