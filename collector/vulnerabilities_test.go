package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/vulnerabilities"
)

func init() {
	examples = append(examples, func(c *prober.Checks) {
		c.Vulnerabilities.Finding = &vulnerabilities.Finding{Answers: []vulnerabilities.Answer{{Name: "rc4", Vulnerable: true}, {Name: "heartbleed"}}}
	})
}
