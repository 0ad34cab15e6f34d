// Package report explains the result of a probe to people: the status of the endpoint,
// what is wrong, and what to do.
//
// New works every fact out once. The packages text, json and web show them.
package report

import (
	"time"

	"tls_exporter/prober"
)

// Report is what there is to say about one result. A nil or empty part was not
// learned.
type Report struct {
	Target  string // with the address, where the caller chose one
	Status  Status
	Verdict string // one line: why it is bad, or how good it is
	Issues  []Issue

	Phases       []Phase
	Connection   []Fact // how the endpoint was reached, and what was negotiated
	Session      string // what was negotiated, in one line
	Pool         *Pool
	Chain        *Chain
	Expectations []Expectation
	Scan         *Scan
	FailedChecks []FailedCheck
}

// Fact is a name and its value.
type Fact struct{ Name, Value string }

// New is the report about r. Judge explains warning.
func New(r *prober.Result, warning time.Duration) *Report {
	chain, scan := chainOf(r.Chain, warning), scanOf(r)
	return &Report{
		Target:       endpointText(r.Target),
		Status:       Judge(r, warning),
		Verdict:      verdict(r, scan),
		Issues:       issues(r, chain, scan),
		Phases:       phases(r),
		Connection:   connection(r),
		Session:      sessionLine(r.Session),
		Pool:         poolOf(r.Pool, warning),
		Chain:        chain,
		Expectations: expectations(r),
		Scan:         scan,
		FailedChecks: failedChecks(r),
	}
}

// facts collects the facts whose values are known.
type facts []Fact

func (f *facts) add(name, value string) {
	if value != "" {
		*f = append(*f, Fact{name, value})
	}
}
