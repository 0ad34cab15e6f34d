package scan

import (
	"cmp"
	"slices"

	"tls_exporter/prober/check/vulnerabilities"
	"tls_exporter/prober/failure"
	"tls_exporter/report/part"
)

// Vulnerability is whether the server has a vulnerability.
type Vulnerability struct {
	Name   string
	Status part.Status // Bad: it has, and gives secrets away; Warning: it has; Unknown: not known
	Answer string
	Saw    string // what the server did
}

// vulnerabilityAnswers is all of them: those that the server has, the worst first, those
// that it does not have, and those that are not known.
func vulnerabilityAnswers(v *vulnerabilities.Finding) []Vulnerability {
	if v == nil {
		return nil
	}
	var bad, has, other []Vulnerability
	for _, a := range v.Answers {
		switch {
		case a.Vulnerable && a.Name.ExposesSecrets():
			bad = append(bad, Vulnerability{string(a.Name), part.Bad, "vulnerable", part.Clean(a.Saw)})
		case a.Vulnerable:
			has = append(has, Vulnerability{string(a.Name), part.Warning, "vulnerable", part.Clean(a.Saw)})
		default:
			other = append(other, Vulnerability{string(a.Name), part.Good, "not vulnerable", part.Clean(a.Saw)})
		}
	}
	for _, name := range vulnerabilities.Names {
		if !slices.ContainsFunc(v.Answers, func(a vulnerabilities.Answer) bool { return a.Name == name }) {
			other = append(other, Vulnerability{string(name), part.Unknown, "not known", ""})
		}
	}
	return slices.Concat(bad, has, other)
}

// VulnerabilitiesWith is the names of the vulnerabilities that have a status.
func (s *Report) VulnerabilitiesWith(status part.Status) []string {
	var names []string
	for _, v := range s.Vulnerabilities {
		if v.Status == status {
			names = append(names, v.Name)
		}
	}
	return names
}

// VulnerabilityRemedy is what to do about a vulnerability, known or not.
func VulnerabilityRemedy(name string) string {
	return cmp.Or(part.Remedy(failure.Reason(name)), "Update the server's TLS library. Look for the name in its security advisories.")
}

// VulnerabilityNames is all of them.
func VulnerabilityNames() []failure.Reason {
	var names []failure.Reason
	for _, name := range vulnerabilities.Names {
		names = append(names, failure.Reason(name))
	}
	return names
}
