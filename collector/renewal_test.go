package collector

import (
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/check/renewal"
)

func init() {
	examples = append(examples, func(c *prober.Checks) {
		c.Renewal.Finding = &renewal.Finding{Start: time.Unix(1763000000, 0), End: time.Unix(1763172800, 5e8), Overdue: true}
	})
}
