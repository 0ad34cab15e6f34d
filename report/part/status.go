package part

import "slices"

// Status is what a person, or Nagios, wants to know first. The zero value is
// Unknown: an endpoint that was not probed is not good.
type Status int

// The statuses.
const (
	Unknown Status = iota
	Good
	Warning // good now, but it expires soon, or has a vulnerability that gives no secrets away
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
	for _, s := range []Status{Bad, Unknown, Warning, Good} {
		if slices.Contains(statuses, s) {
			return s
		}
	}
	return Unknown
}
