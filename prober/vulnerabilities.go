package prober

import (
	"cmp"
	"time"
)

// VulnerabilitiesOptions looks for old wounds, each by a method that does the
// server no harm.
type VulnerabilitiesOptions struct {
	// Every is how old the finding may become; 0: a day.
	Every Duration `yaml:"every"`
}

func (o VulnerabilitiesOptions) age() time.Duration {
	return cmp.Or(time.Duration(o.Every), 24*time.Hour)
}

func (o VulnerabilitiesOptions) parameters() string { return "" }

// Vulnerabilities is the finding of the check vulnerabilities: those questions
// that were answered.
type Vulnerabilities struct {
	Answers []VulnerabilityAnswer
}

// VulnerabilityAnswer is whether the server has one wound.
type VulnerabilityAnswer struct {
	Vulnerability Vulnerability
	Vulnerable    bool
	Saw           string // what the server did, for people
}

func (v *Vulnerabilities) size() int {
	size := 0
	for _, a := range v.Answers {
		size += 48 + len(a.Saw)
	}
	return size
}

// Vulnerability is a weakness by the name that people know it by.
type Vulnerability string
