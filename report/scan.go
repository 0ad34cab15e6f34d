package report

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"

	"tls_exporter/prober"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/policy"
	"tls_exporter/prober/check/resumption"
	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/check/vulnerabilities"
)

// Scan is what the server accepts.
type Scan struct {
	Ages            []Fact    // of findings that an earlier probe made, by check
	Versions        []Version // newest first
	Ciphers         *Ciphers
	Policies        []Policy
	Vulnerabilities []Vulnerability // those that the server has first
	Other           []Fact
}

// Version is a protocol version, and how the server answered when it was offered.
type Version struct {
	Name    string
	Answer  string // accepted; accepted, deprecated; refused; or no answer
	Refused bool   // which is neither good nor bad
	Status  Status // Bad: it is accepted and deprecated; Unknown: no answer
	number  uint16
}

// Ciphers is the cipher suites that the server accepts.
type Ciphers struct {
	Order  string // whose preference decides; empty: not known
	Suites []Suite
}

// Suite is a cipher suite that the server accepts in one version.
type Suite struct {
	Name     string
	Version  string
	Strength string
	Status   Status // Bad: weak; Good: strong
}

// Policy is whether the endpoint complies with a published policy.
type Policy struct {
	Name       string
	Status     Status
	Verdict    string
	Violations string // the first rules that it violates
}

// Vulnerability is whether the server has a vulnerability.
type Vulnerability struct {
	Name   string
	Status Status // Bad: it has; Unknown: not known
	Answer string
	Saw    string // what the server did
}

func scanOf(r *prober.Result) *Scan {
	if r.Versions.Finding == nil && r.Ciphers.Finding == nil && r.Policy.Finding == nil && r.Vulnerabilities.Finding == nil && r.Resumption.Finding == nil {
		return nil
	}
	return &Scan{
		Ages: ages(r), Versions: versionAnswers(r.Versions.Finding), Ciphers: ciphersOf(r.Ciphers.Finding), Policies: policies(r.Policy.Finding),
		Vulnerabilities: vulnerabilityAnswers(r.Vulnerabilities.Finding), Other: otherFindings(r),
	}
}

func ages(r *prober.Result) []Fact {
	var all facts
	for _, c := range r.Outcomes {
		if c.Failure == nil && !c.Time.IsZero() && c.Time.Before(r.Start) {
			all.add(c.Name, "checked "+span(r.Start.Sub(c.Time))+" ago")
		}
	}
	return all
}

// Age is how old the finding of a check is; empty: this probe made it.
func (s *Scan) Age(check string) string {
	for _, age := range s.Ages {
		if age.Name == check {
			return age.Value
		}
	}
	return ""
}

func versionAnswers(v *versions.Finding) []Version {
	if v == nil {
		return nil
	}
	var all []Version
	for _, a := range v.Answers {
		version := Version{Name: a.Version.String(), Answer: "refused", Refused: true, number: uint16(a.Version)}
		switch {
		case a.Accepted && a.Version < tls.VersionTLS12: // RFC 8996, RFC 7568, RFC 6176
			version.Answer, version.Refused, version.Status = "accepted, deprecated", false, Bad
		case a.Accepted:
			version.Answer, version.Refused, version.Status = "accepted", false, Good
		}
		all = append(all, version)
	}
	for _, number := range v.Unanswered() {
		all = append(all, Version{Name: number.String(), Answer: "no answer", number: uint16(number)})
	}
	slices.SortFunc(all, func(a, b Version) int { return cmp.Compare(b.number, a.number) })
	return all
}

func ciphersOf(c *ciphers.Finding) *Ciphers {
	if c == nil {
		return nil
	}
	all := &Ciphers{Order: order(c.Preference)}
	for _, s := range c.Suites {
		suite := Suite{s.Name(), s.Version.String(), string(s.Strength()), Warning}
		switch suite.Strength {
		case "weak":
			suite.Status = Bad
		case "strong":
			suite.Status = Good
		}
		all.Suites = append(all.Suites, suite)
	}
	return all
}

// order is whose preference decides between suites.
func order(p ciphers.Preference) string {
	switch p {
	case ciphers.ServerPreference:
		return "the server's order applies"
	case ciphers.ClientPreference:
		return "the client's order applies"
	}
	return ""
}

func policies(c *policy.Finding) []Policy {
	if c == nil {
		return nil
	}
	var all []Policy
	for _, v := range c.Verdicts {
		policy := Policy{string(v.Policy), Good, "compliant", ""}
		if !v.Compliant {
			policy.Status, policy.Verdict, policy.Violations = Warning, "not compliant", Join(v.Violations, maxViolations)
		}
		all = append(all, policy)
	}
	return all
}

// maxViolations bounds the list of violated rules, in bytes: about a line and
// a half.
const maxViolations = 100

// vulnerabilityAnswers is all of them: those that the server has, those that it does
// not have, and those that are not known.
func vulnerabilityAnswers(v *vulnerabilities.Finding) []Vulnerability {
	if v == nil {
		return nil
	}
	var has, other []Vulnerability
	for _, a := range v.Answers {
		if a.Vulnerable {
			has = append(has, Vulnerability{string(a.Name), Bad, "vulnerable", Clean(a.Saw)})
		} else {
			other = append(other, Vulnerability{string(a.Name), Good, "not vulnerable", Clean(a.Saw)})
		}
	}
	for _, name := range vulnerabilities.Names {
		if !slices.ContainsFunc(v.Answers, func(a vulnerabilities.Answer) bool { return a.Name == name }) {
			other = append(other, Vulnerability{string(name), Unknown, "not known", ""})
		}
	}
	return append(has, other...)
}

// VulnerabilitiesWith is the names of the vulnerabilities that have a status.
func (s *Scan) VulnerabilitiesWith(status Status) []string {
	var names []string
	for _, v := range s.Vulnerabilities {
		if v.Status == status {
			names = append(names, v.Name)
		}
	}
	return names
}

// otherFindings is the groups, the signature schemes and the resumption.
func otherFindings(r *prober.Result) []Fact {
	var all facts
	if c := r.Ciphers.Finding; c != nil {
		all.add("groups", strings.Join(acceptedGroups(c), ", "))
		if c.DHBits > 0 {
			all.add("DHE", fmt.Sprintf("%d bits (smallest prime sent)", c.DHBits))
		}
		names := make([]string, len(c.Schemes))
		for i, s := range c.Schemes {
			names[i] = s.String()
		}
		all.add("signatures", strings.Join(names, ", "))
	}
	if r.Resumption.Finding != nil {
		all.add("resumption", resumptionText(r))
	}
	return all
}

// acceptedGroups is the groups that the server accepts, in its order.
func acceptedGroups(c *ciphers.Finding) []string {
	var names []string
	for _, g := range c.Groups {
		switch {
		case g.Accepted && g.Group.PostQuantum():
			names = append(names, g.Group.String()+" (post-quantum)")
		case g.Accepted:
			names = append(names, g.Group.String())
		}
	}
	return names
}

// resumptionText is how the server resumes sessions, and the time that it saves.
func resumptionText(r *prober.Result) string {
	var words []string
	if by := methods(r.Resumption.Finding, true); by != "" {
		words = append(words, "by "+by)
	}
	if not := methods(r.Resumption.Finding, false); not != "" {
		words = append(words, "not by "+not)
	}
	if r.Resumption.Finding.Duration > 0 {
		took := "in " + Duration(r.Resumption.Finding.Duration)
		if handshakeDone(r) {
			took += " instead of " + Duration(r.Session.Duration)
		}
		words = append(words, took)
	}
	return strings.Join(words, "; ")
}

// methods is the resumption methods that the server supports, or does not.
func methods(r *resumption.Finding, supported bool) string {
	var names []string
	for _, m := range r.Methods {
		if m.Supported == supported {
			names = append(names, m.Method)
		}
	}
	return strings.Join(names, ", ")
}
