package collector

import (
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/check/resumption"
)

func init() {
	examples = append(examples, func(c *prober.Checks) {
		c.Resumption.Finding = &resumption.Finding{Methods: []resumption.Answer{{Method: "ticket", Supported: true}, {Method: "session_id"}}, Duration: 12 * time.Millisecond}
	})
}
