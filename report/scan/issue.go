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
	oldVersion = "old_version"
	weakCipher = "weak_cipher"
)

// Issues is what should be changed. It does not make the endpoint bad: the alert rules
// decide how urgent it is.
func (s *Report) Issues() []part.Issue {
	var all []part.Issue
	for _, v := range s.Vulnerabilities {
		if v.Status == part.Bad {
			issue := part.NewIssue(failure.Reason(v.Name), part.Sentence("the server is vulnerable", v.Saw), part.Warning)
			issue.Remedy = VulnerabilityRemedy(v.Name)
			all = append(all, issue)
		}
	}
	if old := s.oldVersions(); len(old) > 0 {
		all = append(all, part.NewIssue(oldVersion, "accepts "+strings.Join(old, ", "), part.Warning))
	}
	if weak := s.weakSuites(); len(weak) > 0 {
		all = append(all, part.NewIssue(weakCipher, fmt.Sprintf("accepts %d: %s", len(weak), part.Join(weak, maxViolations)), part.Warning))
	}
	return all
}

// Notes is a short form of the issues, for a verdict.
func (s *Report) Notes() []string {
	var words []string
	if len(s.oldVersions()) > 0 {
		words = append(words, oldVersion)
	}
	if len(s.weakSuites()) > 0 {
		words = append(words, weakCipher)
	}
	if has := s.VulnerabilitiesWith(part.Bad); len(has) > 0 {
		words = append(words, "vulnerable to "+part.Join(has, maxNote))
	}
	return words
}

// maxNote bounds the names of vulnerabilities in a verdict, in bytes.
const maxNote = 30

// oldVersions is the deprecated versions that the server accepts, newest first.
func (s *Report) oldVersions() []string {
	var old []string
	for _, v := range s.Versions {
		if v.Status == part.Bad {
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
		if suite.Status == part.Bad && !slices.Contains(names, suite.Name) {
			names = append(names, suite.Name)
		}
	}
	return names
}
