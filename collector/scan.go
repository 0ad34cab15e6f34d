package collector

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/policy"
	"tls_exporter/prober/check/resumption"
	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/check/vulnerabilities"
)

var versionsRows = about(func(r *prober.Result) *versions.Finding { return r.Versions.Finding },
	gauges("tls_version_supported", "Whether the server takes the version when it is offered alone: 1 taken, 0 refused. One that it gave no answer to is absent.",
		[]string{"version"}, func(v *versions.Finding, set setter) {
			for _, a := range v.Answers {
				set(bit(a.Accepted), a.Version.String())
			}
		}),
)

var ciphersRows = about(func(r *prober.Result) *ciphers.Finding { return r.Ciphers.Finding },
	gauges("tls_cipher_supported", "1 for each cipher suite that the server takes, by version, with its strength: weak, acceptable or strong.",
		[]string{"version", "cipher", "strength"}, func(c *ciphers.Finding, set setter) {
			for _, s := range c.Suites {
				set(1, s.Version.String(), s.Name(), string(s.Strength()))
			}
		}),
	gauges("tls_group_supported", "Whether the server exchanges keys in the group. One that it gave no answer to is absent.",
		[]string{"group"}, func(c *ciphers.Finding, set setter) {
			for _, g := range c.Groups {
				set(bit(g.Accepted), g.Group.String())
			}
		}),
	gauges("tls_signature_scheme_supported", "1 for each scheme that the server signs with.",
		[]string{"scheme"}, func(c *ciphers.Finding, set setter) {
			for _, s := range c.Schemes {
				set(1, s.String())
			}
		}),
	gauge("tls_dh_bits", "Size of the smallest prime that the server sent for DHE. Absent when it sent none.",
		func(c *ciphers.Finding) (float64, bool) { return float64(c.DHBits), c.DHBits > 0 }),
	gauge("tls_server_cipher_preference", "Whether the server's order of cipher suites counts, and not the client's. Absent where it takes too few to tell.",
		func(c *ciphers.Finding) (float64, bool) {
			return bit(c.Preference == ciphers.ServerPreference), c.Preference != ciphers.UnknownPreference
		}),
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

var vulnerabilitiesRows = about(func(r *prober.Result) *vulnerabilities.Finding { return r.Vulnerabilities.Finding },
	gauges("tls_vulnerable", "Whether the server has the vulnerability. One that could not be told is absent.",
		[]string{"vulnerability"}, func(v *vulnerabilities.Finding, set setter) {
			for _, a := range v.Answers {
				set(bit(a.Vulnerable), string(a.Name))
			}
		}),
)

var resumptionRows = about(func(r *prober.Result) *resumption.Finding { return r.Resumption.Finding },
	gauges("tls_resumption_supported", "Whether the server takes a session up again by the method: session_id, ticket, psk; early_data says whether its tickets allow for that.",
		[]string{"method"}, func(r *resumption.Finding, set setter) {
			for _, m := range r.Methods {
				set(bit(m.Supported), m.Method)
			}
		}),
	gauge("tls_resumed_handshake_duration_seconds", "Handshake latency where a session was taken up again. Absent when none was.",
		func(r *resumption.Finding) (float64, bool) { return r.Duration.Seconds(), r.Duration > 0 }),
)
