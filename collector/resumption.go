package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/resumption"
)

var resumptionRows = about(func(r *prober.Result) *resumption.Finding { return r.Resumption.Finding },
	gauges("tls_resumption_supported", "Whether the server resumes a session by the method: session_id, ticket or psk; early_data: whether its tickets allow early data.",
		[]string{"method"}, func(r *resumption.Finding, set setter) {
			for _, m := range r.Methods {
				set(bit(m.Supported), m.Method)
			}
		}),
	gauge("tls_resumed_handshake_duration_seconds", "Handshake latency with a resumed session. Absent if none was resumed.",
		func(r *resumption.Finding) (float64, bool) { return r.Duration.Seconds(), r.Duration > 0 }),
)
