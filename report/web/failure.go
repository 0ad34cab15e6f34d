package web

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"tls_exporter/config"
	"tls_exporter/report/part"
)

// form asks for an endpoint to probe.
type form struct {
	Root    string   // as in layout
	Modules []string // that are configured; the form has them if there are several

	Target, Module      string
	ServerName, Address string
	Complete            bool // it asks for all parameters, to correct them
}

// Known reports whether the module is configured.
func (f form) Known() bool { return slices.Contains(f.Modules, f.Module) }

// newForm is a form for any endpoint.
func (p *Pages) newForm() form {
	return form{Modules: slices.Sorted(maps.Keys(p.options.Config().Probers)), Module: config.DefaultModuleName}
}

// typed is a form with the parameters of a request that failed.
func (p *Pages) typed(values url.Values) form {
	f := p.newForm()
	f.Complete = len(values) > 0
	f.Target = part.Clean(withoutUserInfo(values.Get("target")))
	f.Module = cmp.Or(part.Clean(values.Get("module")), f.Module)
	f.ServerName, f.Address = part.Clean(values.Get("server_name")), part.Clean(values.Get("address"))
	return f
}

// withoutUserInfo removes the part before @, which a target must not have, and which may
// be a password.
func withoutUserInfo(target string) string {
	scheme, rest, found := strings.Cut(target, "://")
	if !found {
		scheme, rest = "", target
	}
	host := rest[strings.LastIndex(rest, "@")+1:]
	if !found {
		return host
	}
	return scheme + "://" + host
}

// Fail answers a request for an endpoint that cannot be served. The page has what was
// typed, to correct it.
func (p *Pages) Fail(w http.ResponseWriter, r *http.Request, status int, err error) {
	p.write(w, status, p.failure, layout{Title: http.StatusText(status), Form: p.typed(r.URL.Query()), Page: part.Clean(err.Error())})
}

// notFound answers a request for a path that does not exist: browsers with a page,
// programs with a line.
func (p *Pages) notFound(w http.ResponseWriter, r *http.Request) {
	says := "there is no page " + part.Clean(r.URL.Path)
	if !strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Error(w, says, http.StatusNotFound)
		return
	}
	p.write(w, http.StatusNotFound, p.failure, layout{Title: http.StatusText(http.StatusNotFound), Root: rootOf(r.URL), Form: p.newForm(), Page: says})
}

// rootOf is the way from an address to the list.
func rootOf(u *url.URL) string {
	return strings.Repeat("../", max(0, strings.Count(u.EscapedPath(), "/")-1))
}
