package json

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/hello"
	"tls_exporter/report/part"
)

// definition is an object of the schema, read from its Go type and the comments of it.
type definition struct {
	name    string
	comment string
	fields  []field
}

type field struct {
	name    string
	comment string
	always  bool     // it is in every object
	words   []string // the only values of a string
	goType  reflect.Type
}

// roots are the types of whole answers.
var roots = []reflect.Type{reflect.TypeFor[result](), reflect.TypeFor[targets](), reflect.TypeFor[failedRequest]()}

// words are the values of the strings that have no others, also in later versions of the
// exporter. Reasons, phases and names may get new ones.
var words = map[string][]string{
	"result.status":          statuses,
	"issue.status":           {part.Warning.String(), part.Bad.String(), part.Unknown.String()},
	"last.status":            statuses,
	"vulnerability.severity": {"critical", "warning"},
	"ciphers.preference":     {"server", "client"},
	"suite.strength":         {string(hello.Weak), string(hello.Acceptable), string(hello.Strong)},
}

var statuses = []string{part.Good.String(), part.Warning.String(), part.Bad.String(), part.Unknown.String()}

// definitions reads the roots and the types below them, each once.
func definitions(t *testing.T) []definition {
	t.Helper()
	r := reader{t: t, comments: commentsOf(t), seen: make(map[string]reflect.Type)}
	for _, root := range roots {
		r.read(root)
	}
	if r.words != len(words) {
		t.Errorf("%d of %d lists of words belong to a field", r.words, len(words))
	}
	return r.all
}

type reader struct {
	t        *testing.T
	comments map[string]string
	seen     map[string]reflect.Type // by name
	words    int                     // lists of words that belong to a field
	all      []definition
}

// read reads a type, and then those of its fields.
func (r *reader) read(of reflect.Type) {
	name := nameOf(of)
	if known := r.seen[name]; known != nil {
		if known != of {
			r.t.Errorf("%v and %v have the same name", of, known)
		}
		return
	}
	r.seen[name] = of
	d := definition{name: name, comment: r.comments[of.String()]}
	for _, f := range reflect.VisibleFields(of) {
		if !f.Anonymous { // the fields of an embedded struct are among the visible ones
			d.fields = append(d.fields, r.field(of, f))
		}
	}
	r.all = append(r.all, d)
	for _, f := range d.fields {
		if object := elementOf(f.goType); object.Kind() == reflect.Struct && object != reflect.TypeFor[time.Time]() {
			r.read(object)
		}
	}
}

func (r *reader) field(of reflect.Type, f reflect.StructField) field {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	one := field{name: name, comment: r.comments[owner(of, f).String()+"."+f.Name], always: options == "", words: words[nameOf(of)+"."+name], goType: f.Type}
	if one.comment == "" || name == "" {
		r.t.Errorf("%v.%s has no comment, which is its description, or no name", of, f.Name)
	}
	if one.words != nil {
		r.words++
	}
	return one
}

// owner is the struct that declares a field, which may be embedded.
func owner(of reflect.Type, f reflect.StructField) reflect.Type {
	for _, i := range f.Index[:len(f.Index)-1] {
		of = of.Field(i).Type
	}
	return of
}

// elementOf is what a pointer or a slice is of.
func elementOf(of reflect.Type) reflect.Type {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	return of
}

// nameOf is the name of an object in the schema.
func nameOf(of reflect.Type) string {
	if of == reflect.TypeFor[failedRequest]() {
		return "error"
	}
	name := strings.TrimSuffix(of.Name(), "View")
	// The capitals at the beginning are an initial, or an acronym and the initial of the
	// next word.
	capitals := len(name) - len(strings.TrimLeft(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
	if 1 < capitals && capitals < len(name) {
		capitals--
	}
	return strings.ToLower(name[:capitals]) + name[capitals:]
}

// commentsOf is the comments of all structs and their fields, by package.Type and
// package.Type.Field, in the packages whose types are written.
func commentsOf(t *testing.T) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, dir := range []string{".", "../scan"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			for _, declared := range parsed.Decls {
				if types, ok := declared.(*ast.GenDecl); ok && types.Tok == token.TYPE {
					addComments(all, parsed.Name.Name, types)
				}
			}
		}
	}
	return all
}

func addComments(all map[string]string, of string, types *ast.GenDecl) {
	for _, spec := range types.Specs {
		spec := spec.(*ast.TypeSpec)
		object, ok := spec.Type.(*ast.StructType)
		if !ok {
			continue
		}
		name := of + "." + spec.Name.Name
		all[name] = oneLine(types.Doc)
		for _, f := range object.Fields.List {
			for _, n := range f.Names {
				all[name+"."+n.Name] = oneLine(f.Doc)
			}
		}
	}
}

func oneLine(comment *ast.CommentGroup) string {
	return strings.Join(strings.Fields(comment.Text()), " ")
}

// schema is the type of a field in the schema.
func (f field) schema() object {
	typed := schemaOf(f.goType)
	if f.words != nil {
		typed = append(typed, entry{"enum", f.words})
	}
	return append(typed, entry{"description", f.comment})
}

func schemaOf(of reflect.Type) object {
	switch {
	case of == reflect.TypeFor[time.Time]():
		return object{{"type", "string"}, {"format", "date-time"}, {"pattern", "Z$"}} // in UTC
	case of.Kind() == reflect.Pointer:
		return schemaOf(of.Elem())
	case of.Kind() == reflect.Slice:
		return object{{"type", "array"}, {"items", schemaOf(of.Elem())}}
	case of.Kind() == reflect.Map:
		return object{{"type", "object"}, {"additionalProperties", schemaOf(of.Elem())}}
	case of.Kind() == reflect.Struct:
		return object{{"$ref", "#/$defs/" + nameOf(of)}}
	}
	kind, known := map[reflect.Kind]string{reflect.String: "string", reflect.Bool: "boolean", reflect.Int: "integer", reflect.Int64: "integer", reflect.Float64: "number"}[of.Kind()]
	if !known {
		panic(fmt.Sprintf("%v has no type in JSON", of))
	}
	return object{{"type", kind}}
}
