package guard_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// connects matches the names, by package, that open or accept connections, or that
// resolve names.
var connects = regexp.MustCompile(`^(net|tls|syscall|unix|quic|http|proxy|dns)\.(Dial|Listen|Lookup[^P]|DefaultResolver|Resolver$|Exchange|Connect$|FileConn|FromEnvironment|Get$|Post$|Default)|^(dns|http)\.(Client|Transport)$`)

// mayConnect are the functions and types that may use such names, with the reason.
var mayConnect = map[string]string{
	"guard/guard.go Guard":          "has the dialer that all connections share",
	"guard/guard.go New":            "makes that dialer",
	"guard/guard.go Resolver":       "is a resolver with a Dial of the guard",
	"guard/guard.go NewResolver":    "makes that resolver",
	"guard/guard.go Dial":           "dials, and checks the address",
	"connect/socks.go connectSOCKS": "speaks SOCKS on a connection of the guard",
}

// testPackages are directories that only tests use.
var testPackages = []string{"tlstest", "probetest", "endpointtest", "tls13test", "labtest", "clientstest"}

// No function of the prober opens a connection but Guard.Dial: no other one uses a
// name that could.
func TestOnlyGuardDials(t *testing.T) {
	used := make(map[string]bool)
	files := proberFiles(t)
	for _, file := range files {
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, filepath.Join("..", filepath.FromSlash(file)), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, declared := range parsed.Decls {
			for _, found := range connections(declared, imported(parsed), strings.HasPrefix(file, "guard/")) {
				place := file + " " + nameOf(declared)
				if used[place] = true; mayConnect[place] == "" {
					t.Errorf("%s: %s uses %s, which only the guard may", set.Position(found.Pos()), place, found.Sel.Name)
				}
			}
		}
	}
	for place := range mayConnect {
		if !used[place] {
			t.Errorf("%s opens no connection", place)
		}
	}
}

// proberFiles lists the files of the prober that are part of the program, relative to
// its directory.
func proberFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains(testPackages, entry.Name()) {
			return filepath.SkipDir
		}
		if !entry.IsDir() && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			relative, err := filepath.Rel("..", path)
			files = append(files, filepath.ToSlash(relative))
			return err
		}
		return nil
	})
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	return files
}

// imported maps the names under which a file knows packages to the last elements of
// their paths.
func imported(file *ast.File) map[string]string {
	names := make(map[string]string)
	for _, spec := range file.Imports {
		path := strings.Trim(spec.Path.Value, `"`)
		base := path[strings.LastIndex(path, "/")+1:]
		name := base
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = base
	}
	return names
}

// connections finds the selectors in a declaration that connect: names of a package,
// and the methods DialContext and Dial, except Dial of a guard. In the guard's own
// package a guard is g.
func connections(declared ast.Decl, packages map[string]string, inGuard bool) []*ast.SelectorExpr {
	var found []*ast.SelectorExpr
	ast.Inspect(declared, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		of, isName := selector.X.(*ast.Ident)
		ofPackage := isName && connects.MatchString(packages[of.Name]+"."+selector.Sel.Name)
		dials := selector.Sel.Name == "DialContext" || selector.Sel.Name == "Dial" && !(isGuardField(selector.X) || inGuard && isName && of.Name == "g")
		if ofPackage || dials {
			found = append(found, selector)
		}
		return true
	})
	return found
}

// isGuardField reports whether an expression is a field with the name guard or Guard.
func isGuardField(x ast.Expr) bool {
	field, ok := x.(*ast.SelectorExpr)
	return ok && strings.EqualFold(field.Sel.Name, "guard")
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
