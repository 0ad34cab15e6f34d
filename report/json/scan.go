package json

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/vulnerabilities"
	"tls_exporter/report/part"
	"tls_exporter/report/scan"
)

// One protocol version.
type version struct {
	// Its name.
	Version string `json:"version"`
	// Whether the server accepts it.
	Taken bool `json:"taken"`
}

// What a server accepts in a handshake.
type ciphersView struct {
	// The cipher suites, by version, newest first, in the server's order.
	Suites []suite `json:"suites"`
	// The groups that the server was asked for.
	Groups []group `json:"groups"`
	// The signature schemes that the server uses.
	SignatureSchemes []string `json:"signature_schemes"`
	// The size of the smallest Diffie-Hellman prime that the server sent.
	DHBits int `json:"dh_bits,omitzero"`
	// Whose order of suites decides. Absent: not known.
	Preference string `json:"preference,omitempty"`
	// How many connections the finding took.
	Connections int `json:"connections"`
}

// One cipher suite that the server accepts in one version.
type suite struct {
	// The protocol version.
	Version string `json:"version"`
	// Its IANA name.
	Cipher string `json:"cipher"`
	// How strong it is; docs/metrics.md has the rules.
	Strength string `json:"strength"`
}

// One group.
type group struct {
	// Its IANA name.
	Group string `json:"group"`
	// Whether the server accepts it.
	Taken bool `json:"taken"`
	// Whether it resists quantum computers.
	PostQuantum bool `json:"post_quantum"`
}

// One policy.
type policy struct {
	// Its name.
	Policy string `json:"policy"`
	// Whether the endpoint complies.
	Compliant bool `json:"compliant"`
	// The rules that the endpoint violates, the most severe first.
	Violations []string `json:"violations,omitempty"`
}

// What a known client and the server negotiate, computed from the findings of other checks.
type client struct {
	// Its name, as in docs/clients.md.
	Client string `json:"client"`
	// Whether the client and the server can negotiate a session.
	Supported bool `json:"supported"`
	// Why they cannot: a `reason` of `tls_client_failure_info`. Absent: they can, or it is one of several reasons.
	Reason string `json:"reason,omitempty"`
	// The protocol version that they would negotiate. Absent: they cannot.
	Version string `json:"version,omitempty"`
	// The cipher suite. Absent: it is not settled.
	Cipher string `json:"cipher,omitempty"`
	// The group of the key exchange. Absent: it is not settled, or the key exchange has none.
	Group string `json:"group,omitempty"`
}

// One vulnerability.
type vulnerability struct {
	// Its name.
	Vulnerability string `json:"vulnerability"`
	// Whether the server has it.
	Vulnerable bool `json:"vulnerable"`
	// How severe it is, as in the alerts. `critical`: it gives secrets away. Absent: the server does not have it.
	Severity string `json:"severity,omitempty"`
	// What the server did, in words.
	Saw string `json:"saw,omitempty"`
	// What to do about it.
	Remedy string `json:"remedy,omitempty"`
}

// scan adds what the server accepts. The time of each finding is in its check.
func (shown *result) scan(r *prober.Result) {
	if r.Versions.Finding != nil {
		for _, a := range r.Versions.Finding.Answers {
			shown.Versions = append(shown.Versions, version{a.Version.String(), a.Accepted})
		}
	}
	shown.Ciphers = ciphersOf(r.Ciphers.Finding)
	if r.Policy.Finding != nil {
		for _, v := range r.Policy.Finding.Verdicts {
			shown.Policies = append(shown.Policies, policy{string(v.Policy), v.Compliant, v.Violations})
		}
	}
	if r.Clients.Finding != nil {
		for _, s := range r.Clients.Finding.Sessions {
			one := client{Client: string(s.Client), Supported: s.Supported, Reason: string(s.Reason)}
			if s.Supported {
				one.Version, one.Cipher, one.Group = s.Version.String(), s.CipherName(), s.GroupName()
			}
			shown.Clients = append(shown.Clients, one)
		}
	}
	if r.Vulnerabilities.Finding != nil {
		for _, a := range r.Vulnerabilities.Finding.Answers {
			one := vulnerability{Vulnerability: string(a.Name), Vulnerable: a.Vulnerable, Saw: part.Clean(a.Saw)}
			if a.Vulnerable {
				one.Severity = severity(a.Name)
				one.Remedy = scan.VulnerabilityRemedy(one.Vulnerability)
			}
			shown.Vulnerabilities = append(shown.Vulnerabilities, one)
		}
	}
}

func severity(name vulnerabilities.Name) string {
	if name.ExposesSecrets() {
		return "critical"
	}
	return "warning"
}

func ciphersOf(c *ciphers.Finding) *ciphersView {
	if c == nil {
		return nil
	}
	shown := &ciphersView{Suites: []suite{}, Groups: []group{}, SignatureSchemes: []string{}, DHBits: c.DHBits, Connections: c.Connections}
	for _, s := range c.Suites {
		shown.Suites = append(shown.Suites, suite{s.Version.String(), s.Name(), string(s.Strength())})
	}
	for _, g := range c.Groups {
		shown.Groups = append(shown.Groups, group{g.Group.String(), g.Accepted, g.Group.PostQuantum()})
	}
	for _, s := range c.Schemes {
		shown.SignatureSchemes = append(shown.SignatureSchemes, s.String())
	}
	switch c.Preference {
	case ciphers.ServerPreference:
		shown.Preference = "server"
	case ciphers.ClientPreference:
		shown.Preference = "client"
	}
	return shown
}
