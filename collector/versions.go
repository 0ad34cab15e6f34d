package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/versions"
)

var versionsRows = about(func(r *prober.Result) *versions.Finding { return r.Versions.Finding },
	gauges("tls_version_supported", "Whether the server accepts the version if only this one is offered: 1 accepted, 0 refused. A version without an answer is absent.",
		[]string{"version"}, func(v *versions.Finding, set setter) {
			for _, a := range v.Answers {
				set(bit(a.Accepted), a.Version.String())
			}
		}),
)
