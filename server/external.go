package server

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
)

// Nothing here uses X-Forwarded-Host or the other headers of proxies: every client can set
// them. What the exporter has to know about a reverse proxy is in --web.external-url.

// External is how clients reach the exporter.
type External struct {
	// URL is --web.external-url, without a slash at its end; nil: as in the request.
	URL *url.URL
	// Prefix is before every path: "/tls". Empty: none.
	Prefix string
}

// NewExternal reads --web.external-url and --web.route-prefix, which mean what they mean
// in Prometheus: without a prefix, it is the path of the URL. Errors begin with the flag.
func NewExternal(externalURL, prefix string) (External, error) {
	var e External
	if externalURL != "" {
		parsed, err := parseExternalURL(externalURL)
		if err != nil {
			return e, fmt.Errorf("--web.external-url=%s: %w", externalURL, err)
		}
		e.URL = parsed
		if prefix == "" {
			prefix = parsed.Path
		}
	}
	e.Prefix = "/" + strings.Trim(prefix, "/")
	if err := checkPath(e.Prefix); err != nil {
		return e, fmt.Errorf("--web.route-prefix=%s: %w", prefix, err)
	}
	e.Prefix = strings.TrimSuffix(e.Prefix, "/")
	return e, nil
}

var errExternalURL = errors.New("write the URL at which browsers and Prometheus reach the exporter, as in https://monitoring.example.com/tls")

func parseExternalURL(written string) (*url.URL, error) {
	u, err := url.Parse(written)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errExternalURL
	}
	u.Path, u.Host = strings.TrimRight(u.Path, "/"), normalHost(u.Host, u.Scheme)
	return u, checkPath(cmp.Or(u.Path, "/"))
}

// pathBytes are the bytes of a path that mean themselves, in URLs and in patterns of
// http.ServeMux.
const pathBytes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/"

// checkPath returns an error for a path at which nothing can be served.
func checkPath(p string) error {
	if !strings.HasPrefix(p, "/") || strings.Trim(p, pathBytes) != "" || path.Clean(p) != p {
		return errors.New("must be a path of letters, digits, -, ., _ and ~, as in /tls")
	}
	return nil
}

// Handler serves what h serves at / below the prefix, and redirects / there.
func (e External) Handler(h http.Handler) http.Handler {
	if e.Prefix == "" {
		return h
	}
	mux := http.NewServeMux()
	mux.Handle(e.Prefix+"/", http.StripPrefix(e.Prefix, h))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "."+e.Prefix+"/") // relative, for proxies that add a prefix of their own
		w.WriteHeader(http.StatusFound)
	})
	return mux
}

// probeAt is the path of probes, and whether over TLS, for a client that sent this
// request: through the external URL, if the request has its host, or else directly.
func (e External) probeAt(r *http.Request) (path string, secure bool) {
	if e.URL != nil && e.URL.Host == normalHost(r.Host, e.URL.Scheme) {
		return e.URL.Path + "/probe", e.URL.Scheme == "https"
	}
	return e.Prefix + "/probe", r.TLS != nil
}

// normalHost is a host and port as browsers write them: in lower case, without the port
// of the scheme.
func normalHost(host, scheme string) string {
	return strings.TrimSuffix(strings.ToLower(host), map[string]string{"http": ":80", "https": ":443"}[scheme])
}

// crossOrigin finds requests that a page of another site made in somebody's browser, by
// Sec-Fetch-Site and Origin. Programs send neither. Behind a proxy that changes Host, the
// exporter's own page has the origin of the external URL.
func (e External) crossOrigin() *http.CrossOriginProtection {
	protection := http.NewCrossOriginProtection()
	if e.URL != nil {
		protection.AddTrustedOrigin(e.URL.Scheme + "://" + e.URL.Host) // valid: it has a scheme and a host
	}
	return protection
}
