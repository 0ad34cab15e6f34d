package scan

import (
	"tls_exporter/prober/check/policy"
	"tls_exporter/report/part"
)

// Policy is whether the endpoint complies with a published policy.
type Policy struct {
	Name       string
	Status     part.Status
	Verdict    string
	Violations string // the first rules that it violates
}

func policies(c *policy.Finding) []Policy {
	if c == nil {
		return nil
	}
	var all []Policy
	for _, v := range c.Verdicts {
		policy := Policy{string(v.Policy), part.Good, "compliant", ""}
		if !v.Compliant {
			policy.Status, policy.Verdict, policy.Violations = part.Warning, "not compliant", part.Join(v.Violations, maxViolations)
		}
		all = append(all, policy)
	}
	return all
}

// maxViolations bounds the list of violated rules, in bytes: about a line and
// a half.
const maxViolations = 100
