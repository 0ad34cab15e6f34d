package scan

import (
	"fmt"
	"strings"

	"tls_exporter/prober"
	"tls_exporter/prober/check/grade"
	"tls_exporter/report/part"
)

// Grade is the grade of the endpoint by the rating guide of SSL Labs, and what limits it.
type Grade struct {
	// From `A+` to `F`. `T`: clients do not trust the endpoint. `M`: its name does not match.
	Grade string `json:"grade"`
	// The score, of 100.
	Score int `json:"score"`
	// The parts of the score. Absent: a limit makes the score 0.
	Parts *Scores `json:"parts,omitempty"`
	// The rules that limit the grade, the most severe first. The first one gives the grade.
	Limits []Limit `json:"limits"`
}

// Scores is the parts of a score, of 100 each.
type Scores struct {
	// Of the protocol versions; 30 % of the score.
	Protocols int `json:"protocols"`
	// Of the key exchange; 30 % of the score.
	KeyExchange int `json:"key_exchange"`
	// Of the cipher suites; 40 % of the score.
	Ciphers int `json:"ciphers"`
}

// Limit is a rule that limits a grade.
type Limit struct {
	// The rule, in a word: a `cap` of docs/metrics.md.
	Cap string `json:"cap"`
	// The grade is no better than this.
	Grade string `json:"grade"`
	// What was seen, in words.
	Why string `json:"why"`
}

func (x *Grade) read(r *prober.Result) bool {
	found := r.Grade.Finding
	if found == nil {
		return false
	}
	x.Grade, x.Score = string(found.Grade), found.Score
	if found.Parts != (grade.Parts{}) {
		x.Parts = &Scores{found.Parts.Protocols, found.Parts.KeyExchange, found.Parts.Ciphers}
	}
	for _, l := range found.Limits {
		x.Limits = append(x.Limits, Limit{string(l.Cap), string(l.Grade), l.Why})
	}
	return true
}

// facts are the grade, the score with its parts, and what limits the grade.
func (x *Grade) facts(*prober.Result) []part.Fact {
	words := x.Grade
	if p := x.Parts; p != nil {
		words += fmt.Sprintf(", score %d: protocols %d, keys %d, ciphers %d", x.Score, p.Protocols, p.KeyExchange, p.Ciphers)
	}
	if x.Grade == string(grade.A) {
		words += "; HSTS unknown" // which A+ requires
	}
	var all part.Facts
	all.Add("grade", words)
	for _, g := range grade.Grades {
		if g != grade.A {
			all.Add("limit "+string(g), x.why(string(g)))
		}
	}
	return all
}

// Why is what gives the grade.
func (x *Grade) Why() string { return x.why(x.Grade) }

// why is what limits the grade to g; empty: nothing.
func (x *Grade) why(g string) string {
	var words []string
	for _, l := range x.Limits {
		if l.Grade == g {
			words = append(words, l.Why)
		}
	}
	return strings.Join(words, "; ")
}
