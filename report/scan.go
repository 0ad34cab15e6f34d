package report

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"

	"tls_exporter/prober"
)

// scanned tells whether a result says what the server takes.
func scanned(r *prober.Result) bool {
	return r.Versions != nil || r.Ciphers != nil || r.Compliance != nil || r.Vulnerabilities != nil || r.Resumption != nil
}

// found is when the finding of a check was made, where that was before the probe.
func found(r *prober.Result, check string) string {
	for _, c := range r.Checks {
		if c.Name == check && c.Failure == nil && !c.Time.IsZero() && c.Time.Before(r.Start) {
			return "found " + span(r.Start.Sub(c.Time)) + " ago"
		}
	}
	return ""
}

// versionState is what a server said to a version.
type versionState struct {
	number  uint16
	Version string
	Answer  string // taken; taken, old; refused; or no answer
	Status  string // bad: one that nobody should take any more is taken; empty: neither good nor bad
}

// versionStates is all versions, newest first.
func versionStates(v *prober.Versions) []versionState {
	if v == nil {
		return nil
	}
	var states []versionState
	for _, a := range v.Answers {
		state := versionState{uint16(a.Version), a.Version.String(), "refused", ""}
		switch {
		case a.Taken && isOld(a):
			state.Answer, state.Status = "taken, old", Bad.String()
		case a.Taken:
			state.Answer, state.Status = "taken", Good.String()
		}
		states = append(states, state)
	}
	for _, version := range v.Unanswered() {
		states = append(states, versionState{uint16(version), version.String(), "no answer", Unknown.String()})
	}
	slices.SortFunc(states, func(a, b versionState) int { return cmp.Compare(b.number, a.number) })
	return states
}

// isOld tells whether a version is one that nobody should speak any more (RFC
// 8996, RFC 7568, RFC 6176).
func isOld(a prober.VersionAnswer) bool { return a.Version < tls.VersionTLS12 }

// oldTaken is the versions that should not be taken and are, newest first.
func oldTaken(v *prober.Versions) []string {
	var old []string
	for _, state := range versionStates(v) {
		if state.Status == Bad.String() {
			old = append(old, state.Version)
		}
	}
	return old
}

// byVersion is the suites of each version by itself.
func byVersion(c *prober.Ciphers) [][]prober.TakenSuite {
	var groups [][]prober.TakenSuite
	for i, s := range c.Suites {
		if i == 0 || s.Version != c.Suites[i-1].Version {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], s)
	}
	return groups
}

// isWeak and isStrong tell what a suite is worth in its version.
func isWeak(s prober.TakenSuite) bool   { return s.Strength() == "weak" }
func isStrong(s prober.TakenSuite) bool { return s.Strength() == "strong" }

// weakSuites is the names of the suites that are weak in a version that takes them.
func weakSuites(c *prober.Ciphers) []string {
	var names []string
	if c == nil {
		return nil
	}
	for _, s := range c.Suites {
		if isWeak(s) && !slices.Contains(names, s.Name()) {
			names = append(names, s.Name())
		}
	}
	return names
}

// order is whose preference decides between suites.
func order(p prober.Preference) string {
	switch p {
	case prober.ServerPreference:
		return "the server's order counts"
	case prober.ClientPreference:
		return "the client's order counts"
	}
	return ""
}

// takenGroups is the groups that the server takes, in its order.
func takenGroups(c *prober.Ciphers) []string {
	var names []string
	for _, g := range c.Groups {
		switch {
		case g.Taken && g.Group.PostQuantum():
			names = append(names, g.Group.String()+" (post-quantum)")
		case g.Taken:
			names = append(names, g.Group.String())
		}
	}
	return names
}

// resumed is the methods that take a session up again, and those that do not.
func resumed(r *prober.Resumption, supported bool) string {
	var names []string
	for _, m := range r.Methods {
		if m.Supported == supported {
			names = append(names, m.Method)
		}
	}
	return strings.Join(names, ", ")
}

// besides is the rest of the findings, each under its name.
func besides(r *prober.Result) []fact {
	var facts []fact
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, fact{name, value})
		}
	}
	if c := r.Ciphers; c != nil {
		add("groups", strings.Join(takenGroups(c), ", "))
		if c.DHBits > 0 {
			add("DHE", fmt.Sprintf("%d bits: the smallest prime that was sent", c.DHBits))
		}
		names := make([]string, len(c.Schemes))
		for i, s := range c.Schemes {
			names[i] = s.String()
		}
		add("signs with", strings.Join(names, ", "))
	}
	if r.Resumption != nil {
		add("resumption", resumption(r))
	}
	return facts
}

// resumption is how a session is taken up again, and what that saves.
func resumption(r *prober.Result) string {
	var words []string
	if by := resumed(r.Resumption, true); by != "" {
		words = append(words, "by "+by)
	}
	if not := resumed(r.Resumption, false); not != "" {
		words = append(words, "not by "+not)
	}
	if r.Resumption.Duration > 0 {
		took := "in " + lasted(r.Resumption.Duration)
		if s := r.Session; s != nil && s.Completed {
			took += " instead of " + lasted(s.Duration)
		}
		words = append(words, took)
	}
	return strings.Join(words, "; ")
}

// policyState is how an endpoint fares under a policy.
type policyState struct {
	Policy  string
	Status  string
	Verdict string // kept, or not
	Broken  string // the first rules that are
}

// policyStates is all policies that the endpoint could be held against.
func policyStates(c *prober.Compliance) []policyState {
	if c == nil {
		return nil
	}
	var states []policyState
	for _, v := range c.Verdicts {
		state := policyState{string(v.Policy), Good.String(), "kept", ""}
		if !v.Compliant {
			state.Status, state.Verdict, state.Broken = Warning.String(), "not kept", some(v.Violations, maxViolations)
		}
		states = append(states, state)
	}
	return states
}

// maxViolations bounds what is shown of the rules that are broken, in bytes:
// about a line and a half.
const maxViolations = 100

// woundState is whether the server has a vulnerability.
type woundState struct {
	Vulnerability string
	Status        string
	Answer        string // vulnerable, not vulnerable, or not learned
	Saw           string
}

// woundStates is every vulnerability: those that are there, those that are not,
// and those of which nothing was learned.
func woundStates(v *prober.Vulnerabilities) []woundState {
	if v == nil {
		return nil
	}
	var there, not []woundState
	for _, a := range v.Answers {
		if a.Vulnerable {
			there = append(there, woundState{string(a.Vulnerability), Bad.String(), "vulnerable", clean(a.Saw)})
		} else {
			not = append(not, woundState{string(a.Vulnerability), Good.String(), "not vulnerable", clean(a.Saw)})
		}
	}
	for _, name := range prober.VulnerabilityNames {
		if !slices.ContainsFunc(v.Answers, func(a prober.VulnerabilityAnswer) bool { return a.Vulnerability == name }) {
			not = append(not, woundState{string(name), Unknown.String(), "not learned", ""})
		}
	}
	return append(there, not...)
}

// wounds is the names of the vulnerabilities with a status.
func wounds(v *prober.Vulnerabilities, status Status) []string {
	var names []string
	for _, w := range woundStates(v) {
		if w.Status == status.String() {
			names = append(names, w.Vulnerability)
		}
	}
	return names
}

// Findings that people have to act on, beside the names of vulnerabilities.
const (
	oldVersion = "old_version"
	weakCipher = "weak_cipher"
)

// scanTroubles is what a scan found and somebody should change. None of it makes
// the endpoint bad: how bad it is, the rules for alerts say.
func scanTroubles(r *prober.Result) []trouble {
	var all []trouble
	for _, w := range woundStates(r.Vulnerabilities) {
		if w.Status == Bad.String() {
			all = append(all, trouble{prober.Reason(w.Vulnerability), "the server is vulnerable" + because(w.Saw), cure(w.Vulnerability), false, -1})
		}
	}
	if old := oldTaken(r.Versions); len(old) > 0 {
		all = append(all, trouble{oldVersion, "takes " + strings.Join(old, ", "), Remedy(oldVersion), false, -1})
	}
	if weak := weakSuites(r.Ciphers); len(weak) > 0 {
		all = append(all, trouble{weakCipher, fmt.Sprintf("takes %d: %s", len(weak), some(weak, maxViolations)), Remedy(weakCipher), false, -1})
	}
	return all
}

// scanAsides is the same in as few words as a verdict has room for.
func scanAsides(r *prober.Result) []string {
	var words []string
	if len(oldTaken(r.Versions)) > 0 {
		words = append(words, oldVersion)
	}
	if len(weakSuites(r.Ciphers)) > 0 {
		words = append(words, weakCipher)
	}
	if there := wounds(r.Vulnerabilities, Bad); len(there) > 0 {
		words = append(words, "vulnerable to "+some(there, maxAside))
	}
	return words
}

// maxAside bounds the names of vulnerabilities in a verdict, in bytes.
const maxAside = 30

func because(saw string) string {
	if saw == "" {
		return ""
	}
	return ": " + saw
}

// cure is what to do about a vulnerability.
func cure(vulnerability string) string {
	return cmp.Or(Remedy(prober.Reason(vulnerability)), "Update the server's TLS library, and look the name up in its security notes.")
}
