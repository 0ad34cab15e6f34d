package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/caa"
)

func init() {
	examples = append(examples, func(c *prober.Checks) {
		c.CAA.Finding = &caa.Finding{Name: "example.com", From: "example.com", Issuers: []string{"letsencrypt.org"}, Verdict: caa.IssuerListed, Records: []caa.Record{
			{Tag: "issue", Value: "letsencrypt.org"}, {Tag: "issue", Value: "letsencrypt.org", Critical: true}, {Tag: "iodef", Value: "mailto:security@example.com"},
		}}
	})
}
