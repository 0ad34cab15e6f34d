package guard_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// opens is what opens a connection or hears of one, by package.
var opens = regexp.MustCompile(`^(net|tls|syscall|unix|quic|http|proxy)\.(Dial|Listen|Lookup[^P]|DefaultResolver|Resolver$|Connect$|FileConn|FromEnvironment|Get$|Post$|Default)`)

// doorways are the functions that may open connections, and why.
var doorways = map[string]string{
	"guard/guard.go Dial":             "the one place",
	"guard/guard.go New":              "holds what its connections have in common",
	"guard/guard.go Guard":            "likewise",
	"guard/guard.go Resolver":         "gives the resolver the guard to dial with",
	"resolve/resolve.go systemLookup": "asks the resolver that it is given",
	"connect/socks.go connectSOCKS":   "speaks SOCKS on a connection that the guard opened",
}

// No connection is made but by the guard: nothing else in the package names what
// could make one.
func TestOneDoor(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	used := make(map[string]bool)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declared := range parsed.Decls {
			ast.Inspect(declared, func(n ast.Node) bool {
				selector, ok := n.(*ast.SelectorExpr)
				if !ok || !opensConnection(selector) {
					return true
				}
				doorway := file + " " + nameOf(declared)
				if used[doorway] = true; doorways[doorway] == "" {
					t.Errorf("%s: %s: connections are the guard's to open", set.Position(selector.Pos()), selector.Sel.Name)
				}
				return true
			})
		}
	}
	for doorway := range doorways {
		if !used[doorway] {
			t.Errorf("%s opens nothing any more", doorway)
		}
	}
}

// opensConnection reports whether an expression names a function or type that
// connects, or a method of either name that dialers have.
func opensConnection(s *ast.SelectorExpr) bool {
	if of, ok := s.X.(*ast.Ident); ok && opens.MatchString(of.Name+"."+s.Sel.Name) {
		return true
	}
	return s.Sel.Name == "DialContext" || s.Sel.Name == "Dial"
}

func nameOf(declared ast.Decl) string {
	switch d := declared.(type) {
	case *ast.FuncDecl:
		return d.Name.Name
	case *ast.GenDecl:
		if spec, ok := d.Specs[0].(*ast.TypeSpec); ok {
			return spec.Name.Name
		}
	}
	return "a declaration"
}
