package report

import (
	"slices"

	"tls_exporter/prober"
	"tls_exporter/prober/check/expect"
	"tls_exporter/prober/failure"
	"tls_exporter/report/part"
)

// Expectation is one expectation of the module.
type Expectation struct {
	Name string
	Met  bool
	Saw  string
}

func expectations(r *prober.Result) []Expectation {
	if r.Expect.Finding == nil {
		return nil
	}
	var all []Expectation
	for _, e := range r.Expect.Finding.Expectations {
		one := Expectation{e.Name, e.Met, part.Clean(e.Saw)}
		if e.Saw == "" {
			one.Saw = "none"
		}
		all = append(all, one)
	}
	return all
}

func unmet(r *prober.Result) []Expectation {
	return slices.DeleteFunc(expectations(r), func(e Expectation) bool { return e.Met })
}

// unmetNamed is the unmet expectation of that name; nil: there is none.
func unmetNamed(r *prober.Result, name failure.Reason) *Expectation {
	for _, e := range unmet(r) {
		if failure.Reason(e.Name) == name {
			return &e
		}
	}
	return nil
}

func notMet(e Expectation) string { return "expectation not met, saw " + e.Saw }

// rejectedAsExpected tells whether the server refused a handshake that the
// module expects it to refuse. This is the only success without a handshake.
func rejectedAsExpected(r *prober.Result) bool {
	return r.Expect.Finding != nil && slices.ContainsFunc(r.Expect.Finding.Expectations, expect.Expectation.Rejection)
}
