package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/versions"
)

var versionsRows = about(func(r *prober.Result) *versions.Finding { return r.Versions.Finding },
	gauges("tls_version_supported", "Whether the server takes the version when it is offered alone: 1 taken, 0 refused. One that it gave no answer to is absent.",
		[]string{"version"}, func(v *versions.Finding, set setter) {
			for _, a := range v.Answers {
				set(bit(a.Accepted), a.Version.String())
			}
		}),
)
