package report

import "tls_exporter/prober"

// scanSection is what the server takes, as the template has it.
type scanSection struct {
	Found           []fact // checks whose finding is older than the probe, and when it was made
	Versions        []versionState
	Suites          []suiteState
	Order           string
	Policies        []policyState
	Vulnerabilities []woundState
	Facts           []fact
}

// suiteState is a cipher suite in one version.
type suiteState struct {
	Name     string
	Version  string
	Strength string
	Status   string
}

func scanSectionOf(r *prober.Result) *scanSection {
	if !scanned(r) {
		return nil
	}
	section := &scanSection{
		Versions: versionStates(r.Versions), Policies: policyStates(r.Compliance),
		Vulnerabilities: woundStates(r.Vulnerabilities), Facts: besides(r),
	}
	for _, c := range r.Checks {
		if when := found(r, c.Name); when != "" {
			section.Found = append(section.Found, fact{c.Name, when})
		}
	}
	if c := r.Ciphers; c != nil {
		section.Order = order(c.Preference)
		for _, s := range c.Suites {
			section.Suites = append(section.Suites, suiteState{s.Name(), s.Version.String(), string(s.Strength()), suiteStatus(s)})
		}
	}
	return section
}

// suiteStatus is the colour of a suite's strength.
func suiteStatus(s prober.TakenSuite) string {
	switch {
	case isWeak(s):
		return Bad.String()
	case isStrong(s):
		return Good.String()
	}
	return Warning.String()
}
