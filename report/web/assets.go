package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"strings"
)

//go:embed assets
var embedded embed.FS

// maxAge lets a browser cache assets for ever: their names change with their
// content.
const maxAge = "public, max-age=31536000, immutable"

// assets are the files that pages load, by the name that carries their hash.
var assets = func() map[string][]byte {
	hashed := make(map[string][]byte)
	for _, name := range []string{"style.css", "script.js", "icon.svg"} {
		content, err := embedded.ReadFile("assets/" + name)
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

// asset is the path of a file for a template.
func asset(name string) (string, error) {
	content, err := embedded.ReadFile("assets/" + name)
	return "static/" + hashedName(name, content), err
}

var types = map[string]string{"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}

func serveAsset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	content, ok := assets[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, ending, _ := strings.Cut(name, ".")
	w.Header().Set("Content-Type", types[ending])
	w.Header().Set("Cache-Control", maxAge)
	w.Write(content)
}
