package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/policy"
)

func init() {
	examples = append(examples, func(c *prober.Checks) {
		c.Policy.Finding = &policy.Finding{Verdicts: []policy.Verdict{
			{Policy: "pci_dss", Compliant: true}, {Policy: "mozilla_intermediate", Violations: []string{"ciphers", "b", "c", "d", "e", "beyond the bound"}},
		}}
	})
}
