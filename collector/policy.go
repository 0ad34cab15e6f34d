package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/policy"
)

var policyRows = about(func(r *prober.Result) *policy.Finding { return r.Policy.Finding },
	gauges("tls_policy_compliant", "Whether the endpoint is as the policy has it. A policy that asks for what was not learned is absent.",
		[]string{"policy"}, func(c *policy.Finding, set setter) {
			for _, v := range c.Verdicts {
				set(bit(v.Compliant), string(v.Policy))
			}
		}),
	gauges("tls_policy_violation_info", "The first rules of the policy that the endpoint breaks. The value is 1.",
		[]string{"policy", "rule"}, func(c *policy.Finding, set setter) {
			for _, v := range c.Verdicts {
				for _, rule := range v.Violations[:min(len(v.Violations), maxViolations)] {
					set(1, string(v.Policy), rule)
				}
			}
		}),
)

// maxViolations bounds the series of one policy.
const maxViolations = 5
