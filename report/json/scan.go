package json

import (
	"tls_exporter/prober"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/vulnerabilities"
	"tls_exporter/report/part"
	"tls_exporter/report/scan"
)

type version struct {
	Version string `json:"version"`
	Taken   bool   `json:"taken"`
}

type ciphersView struct {
	Suites           []suite  `json:"suites"` // by version, newest first, in the server's order
	Groups           []group  `json:"groups"`
	SignatureSchemes []string `json:"signature_schemes"`
	DHBits           int      `json:"dh_bits,omitzero"`
	Preference       string   `json:"preference,omitempty"` // server or client
	Connections      int      `json:"connections"`          // that the finding took
}

type suite struct {
	Version  string `json:"version"`
	Cipher   string `json:"cipher"`
	Strength string `json:"strength"`
}

type group struct {
	Group       string `json:"group"`
	Taken       bool   `json:"taken"`
	PostQuantum bool   `json:"post_quantum"`
}

type policy struct {
	Policy     string   `json:"policy"`
	Compliant  bool     `json:"compliant"`
	Violations []string `json:"violations,omitempty"`
}

type vulnerability struct {
	Vulnerability string `json:"vulnerability"`
	Vulnerable    bool   `json:"vulnerable"`
	Severity      string `json:"severity,omitempty"` // critical or warning, as the severity of the alert
	Saw           string `json:"saw,omitempty"`
	Remedy        string `json:"remedy,omitempty"`
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
