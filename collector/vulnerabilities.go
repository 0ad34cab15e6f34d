package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/vulnerabilities"
)

var vulnerabilitiesRows = about(func(r *prober.Result) *vulnerabilities.Finding { return r.Vulnerabilities.Finding },
	gauges("tls_vulnerable", "Whether the server has the vulnerability. Absent if the result is unknown.",
		[]string{"vulnerability"}, func(v *vulnerabilities.Finding, set setter) {
			for _, a := range v.Answers {
				set(bit(a.Vulnerable), string(a.Name))
			}
		}),
)
