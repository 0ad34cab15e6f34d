package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/policy"
)

var policyRows = about(func(r *prober.Result) *policy.Finding { return r.Policy.Finding },
	gauges("tls_policy_compliant", "Whether the endpoint complies with the policy. Absent if the policy needs something that was not learned.",
		[]string{"policy"}, func(c *policy.Finding, set setter) {
			for _, v := range c.Verdicts {
				set(bit(v.Compliant), string(v.Policy))
			}
		}),
	gauges("tls_policy_violation_info", "The first rules of the policy that the endpoint violates. The value is 1.",
		[]string{"policy", "rule"}, func(c *policy.Finding, set setter) {
			for _, v := range c.Verdicts {
				for _, rule := range v.Violations[:min(len(v.Violations), maxViolations)] {
					set(1, string(v.Policy), rule)
				}
			}
		}),
)

// maxViolations is the most series of one policy.
const maxViolations = 5
