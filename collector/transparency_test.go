package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/transparency"
)

func init() {
	examples = append(examples, func(c *prober.Checks) {
		c.Transparency.Finding = &transparency.Finding{
			ListTime: at.Add(-6 * day),
			Sources: []transparency.Tally{
				{Source: transparency.Certificate, Count: 3, Valid: 2, Verifiable: true}, {Source: transparency.Extension, Verifiable: true}, {Source: transparency.Staple, Count: 20},
			},
			Verdict: new(transparency.Verdict),
		}
	})
}
