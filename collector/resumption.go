package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/resumption"
)

var resumptionRows = about(func(r *prober.Result) *resumption.Finding { return r.Resumption.Finding },
	gauges("tls_resumption_supported", "Whether the server takes a session up again by the method: session_id, ticket, psk; early_data says whether its tickets allow for that.",
		[]string{"method"}, func(r *resumption.Finding, set setter) {
			for _, m := range r.Methods {
				set(bit(m.Supported), m.Method)
			}
		}),
	gauge("tls_resumed_handshake_duration_seconds", "Handshake latency where a session was taken up again. Absent when none was.",
		func(r *resumption.Finding) (float64, bool) { return r.Duration.Seconds(), r.Duration > 0 }),
)
