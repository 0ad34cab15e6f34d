package reporttest

import (
	"bytes"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema compiles a JSON Schema, or one of its $defs. Its objects may have no fields but
// those that it describes. It is open for clients, whose copy may be older.
func Schema(t *testing.T, document []byte, definition string) *jsonschema.Schema {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	defs := parsed.(map[string]any)["$defs"].(map[string]any)
	for _, def := range defs {
		def.(map[string]any)["additionalProperties"] = false
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("schema.json", parsed); err != nil {
		t.Fatal(err)
	}
	at := "schema.json"
	if definition != "" {
		at += "#/$defs/" + definition
	}
	schema, err := compiler.Compile(at)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}
