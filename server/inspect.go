package server

import (
	"errors"
	"net/http"

	"tls_exporter/prober"
	"tls_exporter/prober/target"
)

// Viewer renders the pages of single endpoints.
type Viewer interface {
	Answerer
	// Recall returns the last result of a target; nil if there is none.
	Recall(module string, requested target.Target) *prober.Result
	// Download writes the certificates of a result as a file. It reports whether there
	// are any; if not, it has written nothing.
	Download(w http.ResponseWriter, requested target.Target, r *prober.Result) bool
}

// Inspect handles requests like /probe, but answers with a page of the viewer. The
// parameter fresh says when it probes:
//
//   - true: now. It answers with a redirect to the page without the parameter, so that
//     loading the page again does not probe again
//   - absent: if the module, as it is loaded now, has no result yet
//   - false: never. Pages use it to update themselves
func (e *Exporter) Inspect(v Viewer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		request, refused := e.admit(r, "fresh")
		if refused != nil {
			e.fail(w, r, v, refused)
			return
		}
		fresh, given := request.flags["fresh"]
		result := v.Recall(request.module, request.target)
		if fresh || !given && (result == nil || result.Module != request.prober.Identity()) {
			if result, refused = e.probeWithin(r, request, request.prober.Timeout()); refused != nil {
				e.fail(w, r, v, refused)
				return
			}
		}
		switch {
		case fresh:
			redirectToLast(w, r)
		case result == nil:
			v.Fail(w, r, http.StatusNotFound, errNotStored)
		default:
			v.Show(w, request.module, request.target, result)
		}
	}
}

var errNotStored = errors.New("no result of this target is stored; probe it")

// redirectToLast redirects to the last result. The address is relative, because a reverse
// proxy may have changed the path.
func redirectToLast(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	query.Del("fresh")
	w.Header().Set("Location", "?"+query.Encode())
	w.WriteHeader(http.StatusSeeOther)
}

// Certificates handles requests for the certificates of the last result of a target. It
// never probes.
func (e *Exporter) Certificates(v Viewer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		request, refused := e.admit(r)
		if refused != nil {
			e.fail(w, r, v, refused)
			return
		}
		switch result := v.Recall(request.module, request.target); {
		case result == nil:
			v.Fail(w, r, http.StatusNotFound, errNotStored)
		case !v.Download(w, request.target, result):
			v.Fail(w, r, http.StatusNotFound, errNoCertificates)
		}
	}
}

var errNoCertificates = errors.New("the last probe has no certificates, or more than are stored")
