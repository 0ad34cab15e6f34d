package report

import (
	"fmt"
	"slices"
	"strings"

	"tls_exporter/prober/failure"
)

// Issues besides the vulnerabilities.
const (
	oldVersion = "old_version"
	weakCipher = "weak_cipher"
)

// issues is what should be changed. It does not make the endpoint bad: the alert rules
// decide how urgent it is.
func (s *Scan) issues() []Issue {
	var all []Issue
	for _, v := range s.Vulnerabilities {
		if v.Status == Bad {
			all = append(all, Issue{failure.Reason(v.Name), Sentence("the server is vulnerable", v.Saw), VulnerabilityRemedy(v.Name), Warning, -1})
		}
	}
	if old := s.oldVersions(); len(old) > 0 {
		all = append(all, Issue{oldVersion, "accepts " + strings.Join(old, ", "), Remedy(oldVersion), Warning, -1})
	}
	if weak := s.weakSuites(); len(weak) > 0 {
		all = append(all, Issue{weakCipher, fmt.Sprintf("accepts %d: %s", len(weak), Join(weak, maxViolations)), Remedy(weakCipher), Warning, -1})
	}
	return all
}

// notes is a short form of the issues, for a verdict.
func (s *Scan) notes() []string {
	var words []string
	if len(s.oldVersions()) > 0 {
		words = append(words, oldVersion)
	}
	if len(s.weakSuites()) > 0 {
		words = append(words, weakCipher)
	}
	if has := s.VulnerabilitiesWith(Bad); len(has) > 0 {
		words = append(words, "vulnerable to "+Join(has, maxNote))
	}
	return words
}

// maxNote bounds the names of vulnerabilities in a verdict, in bytes.
const maxNote = 30

// oldVersions is the deprecated versions that the server accepts, newest first.
func (s *Scan) oldVersions() []string {
	var old []string
	for _, v := range s.Versions {
		if v.Status == Bad {
			old = append(old, v.Name)
		}
	}
	return old
}

// weakSuites is the names of the suites that are weak in a version that accepts
// them.
func (s *Scan) weakSuites() []string {
	if s.Ciphers == nil {
		return nil
	}
	var names []string
	for _, suite := range s.Ciphers.Suites {
		if suite.Status == Bad && !slices.Contains(names, suite.Name) {
			names = append(names, suite.Name)
		}
	}
	return names
}
