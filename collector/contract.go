// Package collector shows the result of a probe as metrics. A metric is a row: its
// name, its help, and how to read it off a Result. A row whose question was not
// answered is absent from the page.
package collector

// Metric is one metric of the contract with its users: what it is called, what
// it says, and by which labels.
type Metric struct {
	Name, Help string
	Type       string // as in the exposition formats: gauge, counter, histogram
	Labels     []string
	Part       string // of what it tells: a heading of the documentation
}

// Contract is every metric of /probe, in the order in which people are told of them.
// A removed name or label breaks somebody's dashboard.
func Contract() []Metric {
	var all []Metric
	for _, part := range contents {
		for _, f := range part.families {
			all = append(all, Metric{f.name, f.help, "gauge", f.labels, part.title})
		}
	}
	return all
}

// contents is the table of contents of a probe's page, in the order in which
// people are told of it.
var contents = []part{
	{"Always", always},
	{"The session", session},
	{"The chain", chainRows},
	{"The certificates", certificates},
	{"The addresses", addresses},
	{"The checks", checks},
	{"Expectations", expectRows},
	{"Versions", versionsRows},
	{"Ciphers, groups and signature schemes", ciphersRows},
	{"Policies", policyRows},
	{"Vulnerabilities", vulnerabilitiesRows},
	{"Resumption", resumptionRows},
}

// part is families that are about the same thing.
type part struct {
	title    string
	families []family
}
