package part

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Status is what a person, or Nagios, wants to know first. The zero value is
// Unknown: an endpoint that was not probed is not good.
type Status int

// The statuses.
const (
	Unknown Status = iota
	Good
	Warning // clients accept it, but somebody has to act: it expires soon, or has a weak key
	Bad
)

// String is the status in one word.
func (s Status) String() string {
	switch s {
	case Good:
		return "good"
	case Warning:
		return "warning"
	case Bad:
		return "bad"
	}
	return "unknown"
}

// ExitCode is the exit code of a Nagios plugin (Monitoring Plugins Development
// Guidelines, "Plugin Return Codes").
func (s Status) ExitCode() int {
	switch s {
	case Good:
		return 0
	case Warning:
		return 1
	case Bad:
		return 2
	}
	return 3
}

// Worst is the status of several endpoints together: bad outweighs unknown,
// unknown outweighs warning, and warning outweighs good, as in Nagios. Without
// endpoints it is Unknown.
func Worst(statuses ...Status) Status {
	for _, s := range worstFirst {
		if slices.Contains(statuses, s) {
			return s
		}
	}
	return Unknown
}

// worstFirst is all statuses.
var worstFirst = []Status{Bad, Unknown, Warning, Good}

// Compare sorts the worse of two statuses first.
func Compare(a, b Status) int {
	return cmp.Compare(slices.Index(worstFirst, a), slices.Index(worstFirst, b))
}

// Tally counts endpoints by their status.
type Tally struct{ counts [Bad + 1]int }

// Add counts one endpoint.
func (t *Tally) Add(s Status) { t.counts[s]++ }

// Count is the number of endpoints with a status.
func (t *Tally) Count(s Status) int { return t.counts[s] }

// Total is the number of endpoints.
func (t *Tally) Total() int {
	total := 0
	for _, n := range t.counts {
		total += n
	}
	return total
}

// Worst is the status of all endpoints together. Without endpoints it is Unknown.
func (t *Tally) Worst() Status {
	for _, s := range worstFirst {
		if t.counts[s] > 0 {
			return s
		}
	}
	return Unknown
}

// Words is how many endpoints have which status, the worst first: "1 bad, 2 good".
func (t *Tally) Words(name func(Status) string) string {
	var words []string
	for _, s := range worstFirst {
		if n := t.counts[s]; n > 0 {
			words = append(words, fmt.Sprintf("%d %s", n, name(s)))
		}
	}
	return strings.Join(words, ", ")
}
