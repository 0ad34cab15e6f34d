package report

import "tls_exporter/prober"

type versionOne struct {
	Version string `json:"version"`
	Taken   bool   `json:"taken"`
}

type ciphers struct {
	Suites           []suiteOne `json:"suites"` // by version, newest first, in the server's order
	Groups           []groupOne `json:"groups"`
	SignatureSchemes []string   `json:"signature_schemes"`
	DHBits           int        `json:"dh_bits,omitzero"`
	Preference       string     `json:"preference,omitempty"` // server or client
	Connections      int        `json:"connections"`          // that the finding took
}

type suiteOne struct {
	Version  string `json:"version"`
	Cipher   string `json:"cipher"`
	Strength string `json:"strength"`
}

type groupOne struct {
	Group       string `json:"group"`
	Taken       bool   `json:"taken"`
	PostQuantum bool   `json:"post_quantum"`
}

type policyOne struct {
	Policy     string   `json:"policy"`
	Compliant  bool     `json:"compliant"`
	Violations []string `json:"violations,omitempty"`
}

type vulnerabilityOne struct {
	Vulnerability string `json:"vulnerability"`
	Vulnerable    bool   `json:"vulnerable"`
	Saw           string `json:"saw,omitempty"`
	Remedy        string `json:"remedy,omitempty"`
}

type resumptionFinding struct {
	Methods  []methodOne `json:"methods"`
	Duration float64     `json:"duration_seconds,omitzero"` // of the handshake that took a session up again
}

type methodOne struct {
	Method    string `json:"method"`
	Supported bool   `json:"supported"`
}

// scan is what the server takes. When each finding was made stands with its check.
func (shown *result) scan(r *prober.Result) {
	if r.Versions != nil {
		for _, a := range r.Versions.Answers {
			shown.Versions = append(shown.Versions, versionOne{a.Version.String(), a.Taken})
		}
	}
	shown.Ciphers = ciphersOf(r.Ciphers)
	if r.Compliance != nil {
		for _, v := range r.Compliance.Verdicts {
			shown.Policies = append(shown.Policies, policyOne{string(v.Policy), v.Compliant, v.Violations})
		}
	}
	if r.Vulnerabilities != nil {
		for _, a := range r.Vulnerabilities.Answers {
			one := vulnerabilityOne{Vulnerability: string(a.Vulnerability), Vulnerable: a.Vulnerable, Saw: clean(a.Saw)}
			if a.Vulnerable {
				one.Remedy = cure(one.Vulnerability)
			}
			shown.Vulnerabilities = append(shown.Vulnerabilities, one)
		}
	}
	if r.Resumption != nil {
		shown.Resumption = &resumptionFinding{Methods: []methodOne{}, Duration: r.Resumption.Duration.Seconds()}
		for _, m := range r.Resumption.Methods {
			shown.Resumption.Methods = append(shown.Resumption.Methods, methodOne{m.Method, m.Supported})
		}
	}
}

func ciphersOf(c *prober.Ciphers) *ciphers {
	if c == nil {
		return nil
	}
	shown := &ciphers{Suites: []suiteOne{}, Groups: []groupOne{}, SignatureSchemes: []string{}, DHBits: c.DHBits, Connections: c.Connections}
	for _, s := range c.Suites {
		shown.Suites = append(shown.Suites, suiteOne{s.Version.String(), s.Name(), string(s.Strength())})
	}
	for _, g := range c.Groups {
		shown.Groups = append(shown.Groups, groupOne{g.Group.String(), g.Taken, g.Group.PostQuantum()})
	}
	for _, s := range c.Schemes {
		shown.SignatureSchemes = append(shown.SignatureSchemes, s.String())
	}
	switch c.Preference {
	case prober.ServerPreference:
		shown.Preference = "server"
	case prober.ClientPreference:
		shown.Preference = "client"
	}
	return shown
}
