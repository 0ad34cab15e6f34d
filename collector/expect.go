package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/expect"
)

var expectRows = about(func(r *prober.Result) *expect.Finding { return r.Expect.Finding },
	gauges("tls_expectation_met", "Whether each expectation of the module is met. Absent if the probe learned nothing to compare it with.",
		[]string{"expectation"}, func(x *expect.Finding, set setter) {
			for _, e := range x.Expectations {
				set(bit(e.Met), e.Name)
			}
		}),
)
