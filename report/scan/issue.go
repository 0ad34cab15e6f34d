package scan

import (
	"fmt"
	"slices"
	"strings"

	"tls_exporter/prober/failure"
	"tls_exporter/report/part"
)

// Issues besides the vulnerabilities.
const (
	OldVersion     = "old_version"
	WeakCipher     = "weak_cipher"
	PolicyViolated = "policy_violated"

	CAAForbidsIssuer    = "caa_forbids_issuer"
	HTTPSRecordMismatch = "https_record_mismatch"
	ECHNotAccepted      = "ech_not_accepted"
	CTViolated          = "ct_violated"
	RenewalOverdue      = "renewal_overdue"
)

// Words is the vocabulary of Issues.
func Words() []failure.Reason {
	return append(VulnerabilityNames(), OldVersion, WeakCipher, PolicyViolated, DANEMismatch, CAAForbidsIssuer, HTTPSRecordMismatch, ECHNotAccepted, CTViolated, RenewalOverdue)
}

// Issues is what should be changed. Only a vulnerability that gives secrets away, and a
// certificate that clients reject, make the endpoint bad.
func (s *Report) Issues() []part.Issue {
	var all []part.Issue
	for _, v := range s.Vulnerabilities {
		if v.Status == part.Bad || v.Status == part.Warning {
			issue := part.NewIssue(failure.Reason(v.Name), part.Sentence("the server is vulnerable", v.Saw), v.Status)
			issue.Remedy = VulnerabilityRemedy(v.Name)
			all = append(all, issue)
		}
	}
	if old := s.oldVersions(); len(old) > 0 {
		all = append(all, part.NewIssue(OldVersion, "accepts "+strings.Join(old, ", "), part.Warning))
	}
	if weak := s.weakSuites(); len(weak) > 0 {
		all = append(all, part.NewIssue(WeakCipher, fmt.Sprintf("accepts %d: %s", len(weak), part.Join(weak, maxViolations)), part.Warning))
	}
	if violated := s.violated(); len(violated) > 0 {
		all = append(all, part.NewIssue(PolicyViolated, strings.Join(violated, "; "), part.Warning))
	}
	return slices.Concat(all, s.Findings.DANE.issues(), s.Findings.CAA.issues(), s.Findings.HTTPSRecord.issues(), s.Findings.Transparency.issues(), s.Findings.Renewal.issues())
}

// violated is the policies that the module names and the endpoint violates, with rules. No server
// meets Mozilla's modern and old configuration at once, so a module that has both
// requires none, as in the alert TLSPolicyBroken.
func (s *Report) violated() []string {
	var names []string
	has := make(map[string]bool)
	for _, p := range s.Policies {
		has[p.Name] = true
		if p.Status != part.Good && p.Name != "" {
			names = append(names, part.Sentence(p.Name, p.Violations))
		}
	}
	if has["mozilla_modern"] && has["mozilla_old"] {
		return nil
	}
	return names
}

// oldVersions is the deprecated versions that the server accepts, newest first.
func (s *Report) oldVersions() []string {
	var old []string
	for _, v := range s.Versions {
		if v.Status == part.Warning {
			old = append(old, v.Name)
		}
	}
	return old
}

// weakSuites is the names of the suites that are weak in a version that accepts
// them.
func (s *Report) weakSuites() []string {
	if s.Ciphers == nil {
		return nil
	}
	var names []string
	for _, suite := range s.Ciphers.Suites {
		if suite.Status == part.Warning && !slices.Contains(names, suite.Name) {
			names = append(names, suite.Name)
		}
	}
	return names
}
