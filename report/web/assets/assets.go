// Package assets is the templates of the web pages, and the files that the pages load.
package assets

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"strings"
)

// Files are the templates and the files that pages load.
//
//go:embed *.html *.css *.js *.svg
var Files embed.FS

// maxAge lets a browser cache files for ever: their names change with their content.
const maxAge = "public, max-age=31536000, immutable"

// loaded are the files that pages load, by the name that carries their hash.
var loaded = func() map[string][]byte {
	hashed := make(map[string][]byte)
	for _, name := range []string{"style.css", "script.js", "icon.svg"} {
		content, err := Files.ReadFile(name)
		if err != nil {
			panic(err) // it is part of the program
		}
		hashed[hashedName(name, content)] = content
	}
	return hashed
}()

func hashedName(name string, content []byte) string {
	sum := sha256.Sum256(content)
	base, ending, _ := strings.Cut(name, ".")
	return base + "-" + hex.EncodeToString(sum[:6]) + "." + ending
}

// Path is the path of a file, relative to the list, for a template.
func Path(name string) (string, error) {
	content, err := Files.ReadFile(name)
	return "static/" + hashedName(name, content), err
}

var types = map[string]string{"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}

// Serve answers a request for the file that its path value name names.
func Serve(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	content, ok := loaded[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, ending, _ := strings.Cut(name, ".")
	w.Header().Set("Content-Type", types[ending])
	w.Header().Set("Cache-Control", maxAge)
	w.Write(content)
}
