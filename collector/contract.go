// Package collector shows the result of a probe as metrics. A metric is a row: its
// name, its help, and how to read it from a Result. A metric is absent if its
// question was not answered.
package collector

// Metric is one metric of the contract with the users.
type Metric struct {
	Name, Help string
	Type       string // as in the exposition formats: gauge, counter, histogram
	Labels     []string
	Part       string // a heading of docs/metrics.md
}

// Contract is every metric of /probe, in the order of docs/metrics.md. Users rely on
// the names and labels: none may be removed.
func Contract() []Metric {
	var all []Metric
	for _, part := range contents {
		for _, f := range part.families {
			all = append(all, Metric{f.name, f.help, "gauge", f.labels, part.title})
		}
	}
	return all
}

// contents is all metrics of /probe, in the order of docs/metrics.md: a line for each
// heading.
var contents = []part{
	{"Always", always},
	{"The session", session},
	{"The chain", chainRows},
	{"The certificates", certificates},
	{"Revocation", revocationRows},
	{"The addresses", addresses},
	{"Files", fileRows},
	{"The checks", checks},
	{"Expectations", expectRows},
	{"Versions", versionsRows},
	{"Ciphers, groups and signature schemes", ciphersRows},
	{"Policies", policyRows},
	{"Grade", gradeRows},
	{"Clients", clientsRows},
	{"Vulnerabilities", vulnerabilitiesRows},
	{"Resumption", resumptionRows},
	{"DANE", daneRows},
	{"CAA records", caaRows},
	{"HTTPS records", httpsRecordRows},
	{"Certificate Transparency", transparencyRows},
	{"Renewal", renewalRows},
}

// part is the families of one heading.
type part struct {
	title    string
	families []family
}
