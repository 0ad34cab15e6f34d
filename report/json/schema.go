package json

import _ "embed"

// Schema is the JSON Schema (2020-12) of the objects, which its tests generate from the
// types and compare with what is written. The root is the object of Write; "targets" and
// "error" in $defs are the other answers of the API.
//
//go:embed schema.json
var Schema []byte
