package collector

// Metric is one metric of the contract with its users: what it is called, what
// it says, and by which labels.
type Metric struct {
	Name, Help string
	Type       string // as in the exposition formats: gauge, counter, histogram
	Labels     []string
	Part       string // of what it tells: a heading of the documentation
}

// Contract is every metric that the exporter has: first those of /probe, in the
// order in which people are told of them, then those of /metrics that are its
// own. A removed name or label breaks somebody's dashboard.
func Contract() []Metric {
	var all []Metric
	for _, part := range contents {
		for _, f := range part.families {
			all = append(all, Metric{f.name, f.help, "gauge", f.labels, part.title})
		}
	}
	for _, m := range selfMetrics {
		m.Part = "The exporter itself"
		all = append(all, m)
	}
	return all
}
