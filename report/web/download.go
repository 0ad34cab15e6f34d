package web

import (
	"cmp"
	"encoding/pem"
	"net/http"
	"strings"

	"tls_exporter/prober"
	"tls_exporter/prober/target"
)

// chainPEM is the certificates that the server sent, in PEM; empty: there are none, or
// they are too large to be stored.
func chainPEM(r *prober.Result) string {
	if r.Chain == nil {
		return ""
	}
	var b strings.Builder
	for _, der := range r.Chain.DER {
		pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der}) // a Builder never fails
	}
	return b.String()
}

// Download writes the certificates that the server sent as a file. It reports whether
// there are any.
func (p *Pages) Download(w http.ResponseWriter, asked target.Target, r *prober.Result) bool {
	chain := chainPEM(r)
	if chain == "" {
		return false
	}
	header := w.Header()
	header.Set("Content-Type", "application/x-pem-file")
	header.Set("Content-Disposition", `attachment; filename="`+fileName(asked)+`.pem"`)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	w.Write([]byte(chain))
	return true
}

// maxFileName bounds the name of a file, in bytes. Most file systems allow 255.
const maxFileName = 200

// fileName is the host, or the path of a Unix socket, in letters, digits, dots and
// hyphens.
func fileName(t target.Target) string {
	safe := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' {
			return c
		}
		return '_'
	}, cmp.Or(t.Host, t.Path))
	safe = strings.Trim(safe[:min(len(safe), maxFileName)], "._")
	return cmp.Or(safe, "chain")
}
