// Package report explains the result of a probe to people: the status of the endpoint,
// what is wrong, and what to do.
//
// New works every fact out once. The packages text, json and web show them.
package report

import (
	"tls_exporter/prober"
	"tls_exporter/report/part"
	"tls_exporter/report/scan"
)

// Report is what there is to say about one result. A nil or empty part was not
// learned.
type Report struct {
	Target  string // with the address, where the caller chose one
	Status  part.Status
	Reasons []string // of the status, the most severe first, and what else should be known
	Verdict string   // one line: why it is bad, or how good it is
	Issues  []part.Issue

	Phases       []Phase
	Connection   []part.Fact // how the endpoint was reached, and what was negotiated
	File         []part.Fact // about the file with the certificates
	Session      string      // what was negotiated, in one line
	Pool         *Pool
	Chain        *Chain
	Expectations []Expectation
	Scan         *scan.Report
	FailedChecks []FailedCheck
}

// New is the report about r. Judge explains limits.
func New(r *prober.Result, limits Limits) *Report {
	scan := scan.New(r)
	issues := issues(r, scan, limits)
	return &Report{
		Target:       endpointText(r.Target),
		Status:       statusOf(r, issues),
		Reasons:      reasons(r, scan, issues),
		Verdict:      verdict(r, scan, issues),
		Issues:       issues,
		Phases:       phases(r),
		Connection:   connection(r),
		File:         fileFacts(r.File),
		Session:      sessionLine(r.Session),
		Pool:         poolOf(r.Pool, limits),
		Chain:        chainOf(r, limits),
		Expectations: expectations(r),
		Scan:         scan,
		FailedChecks: failedChecks(r),
	}
}
