package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/grade"
)

func init() {
	examples = append(examples, func(c *prober.Checks) {
		c.Grade.Finding = &grade.Finding{Grade: grade.B, Score: 95, Limits: []grade.Limit{{Cap: "tls10", Grade: grade.B}, {Cap: "hsts_unknown", Grade: grade.A}}}
	})
}
