package server

import "net/http"

// Answer handles requests like /probe, but a writes the answers. It always probes, and
// takes as long as the module allows: the header of Prometheus has no effect.
func (e *Exporter) Answer(a Answerer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		request, refused := e.admit(r)
		if refused != nil {
			e.fail(w, a, refused)
			return
		}
		result, refused := e.probeWithin(r, request, request.prober.Timeout())
		if refused != nil {
			e.fail(w, a, refused)
			return
		}
		a.Show(w, request.module, request.target, result)
	}
}
