package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/expect"
)

func init() {
	examples = append(examples, func(c *prober.Checks) {
		c.Expect.Finding = &expect.Finding{Expectations: []expect.Expectation{{Name: "min_version", Met: true}, {Name: "pin"}}}
	})
}
