// Package grade grades an endpoint by SSL Labs' SSL Server Rating Guide, from what
// others found. It sends nothing to the server.
package grade

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/check/vulnerabilities"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
)

// Guide is the version of the guide that the rules are from:
// https://github.com/ssllabs/research/wiki/SSL-Server-Rating-Guide
const Guide = "2009r"

// Options configures the check grade, which grades the findings of versions, ciphers and
// vulnerabilities, and the certificate.
type Options struct{}

// Grade is a grade of the guide. There is no A+: it requires HSTS, a header of HTTP, for
// which no check asks.
type Grade string

// The grades.
const (
	T      Grade = "T" // the certificate is not trusted
	M      Grade = "M" // the certificate is for another name
	F      Grade = "F"
	E      Grade = "E"
	D      Grade = "D"
	C      Grade = "C"
	B      Grade = "B"
	AMinus Grade = "A-"
	A      Grade = "A"
)

// Grades is the vocabulary of grades, the worst first.
var Grades = []Grade{T, M, F, E, D, C, B, AMinus, A}

// worse tells whether g is worse than h.
func (g Grade) worse(h Grade) bool { return slices.Index(Grades, g) < slices.Index(Grades, h) }

// scoreless tells whether an endpoint whose grade a rule limits to g has the score 0, as
// in testssl.sh.
func (g Grade) scoreless() bool { return g == T || g == M || g == F }

// Finding is the finding of the check grade.
type Finding struct {
	Grade  Grade
	Score  int     // of 100; 0 if a rule limits the grade to T, M or F
	Parts  Parts   // of the score; zero where Score is 0 because of a rule
	Limits []Limit // what limits the grade, most severe first; the first one gives the grade
}

// Limit is a rule that applies to the endpoint.
type Limit struct {
	Cap   Cap
	Grade Grade  // no better than this
	Why   string // for people
}

// Cap is the name of a rule.
type Cap string

// Parts is the three parts of the score, of 100 each. They count for 30, 30 and 40 %.
type Parts struct{ Protocols, KeyExchange, Ciphers int }

// Facts is what is graded: what the handshake and the other checks learned. A part that
// is nil is not known.
type Facts struct {
	StartTLS        bool // a dialogue without TLS comes first
	Session         *handshake.Session
	Chain           *chain.Chain
	Versions        *versions.Finding
	Ciphers         *ciphers.Finding
	Vulnerabilities *vulnerabilities.Finding
	Missing         error // why a part is not known; nil: no reason is known
}

// Judge grades the endpoint. It fails if a rule of which it is not known whether it
// applies would make the grade worse.
func (*Options) Judge(facts *Facts) (*Finding, error) {
	e := newEvidence(facts)
	found := new(Finding)
	var unknown []Limit
	for _, r := range rules {
		switch applies, known := r.applies(e); {
		case applies:
			found.Limits = append(found.Limits, r.limit())
		case !known:
			unknown = append(unknown, r.limit())
		}
	}
	if !found.Limits[0].Grade.scoreless() {
		if parts, known := e.parts(); known {
			found.rate(parts)
		} else {
			unknown = append(unknown, Limit{Cap: capScore, Grade: F})
		}
	}
	found.Grade = found.Limits[0].Grade
	unknown = slices.DeleteFunc(unknown, func(l Limit) bool { return !l.Grade.worse(found.Grade) })
	if len(unknown) > 0 {
		return nil, fmt.Errorf("the grade depends on what is not known (%s): %w", caps(unknown), cmp.Or(facts.Missing, errUnanswered))
	}
	return found, nil
}

// rate sets the score, which limits the grade too.
func (f *Finding) rate(p Parts) {
	f.Parts, f.Score = p, p.score()
	if grade := gradeOf(f.Score); grade != A {
		limit := Limit{capScore, grade, fmt.Sprintf("the score is %d of 100", f.Score)}
		at := slices.IndexFunc(f.Limits, func(l Limit) bool { return grade.worse(l.Grade) })
		f.Limits = slices.Insert(f.Limits, at, limit)
	}
}

// errUnanswered is for a server that did not answer what a rule needs.
var errUnanswered = failure.New(failure.ReasonClosed, "the server left some hellos unanswered")

// caps joins the names of the first limits.
func caps(limits []Limit) string {
	const most = 5
	var names []string
	for _, l := range limits[:min(len(limits), most)] {
		names = append(names, string(l.Cap))
	}
	if more := len(limits) - most; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}
