package server

import (
	"net/http"

	"tls_exporter/prober"
	"tls_exporter/prober/target"
)

// Answerer writes answers to requests for a probe.
type Answerer interface {
	// Show writes the answer about a result.
	Show(w http.ResponseWriter, module string, requested target.Target, r *prober.Result)
	// Fail writes the answer to a request that cannot be answered.
	Fail(w http.ResponseWriter, r *http.Request, status int, err error)
}

// fail answers a request that is refused.
func (e *Exporter) fail(w http.ResponseWriter, r *http.Request, a Answerer, refused *refusal) {
	e.refuse(w, refused)
	a.Fail(w, r, refused.status, refused.err)
}

// Answer handles requests like /probe, but a writes the answers. It always probes, and
// takes as long as the module allows: the header of Prometheus has no effect.
func (e *Exporter) Answer(a Answerer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		request, refused := e.admit(r)
		if refused != nil {
			e.fail(w, r, a, refused)
			return
		}
		result, refused := e.probeWithin(r, request, request.prober.Timeout())
		if refused != nil {
			e.fail(w, r, a, refused)
			return
		}
		a.Show(w, request.module, request.target, result)
	}
}
