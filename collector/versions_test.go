package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/hello"
)

func init() {
	examples = append(examples, func(c *prober.Checks) {
		c.Versions.Finding = &versions.Finding{Answers: []versions.Answer{{Version: hello.SSL30}, {Version: hello.TLS12, Accepted: true}}}
	})
}
