package report

import (
	"slices"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/failure"
)

// Status is what a person, or Nagios, wants to know first. The zero value is
// Unknown: an endpoint that was not probed is not good.
type Status int

// The statuses.
const (
	Unknown Status = iota
	Good
	Warning // good now, but it expires soon or has a known vulnerability
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

// Judge is the status of one endpoint. A good one becomes a warning when a scan
// found it vulnerable, or when clients will reject its chain in less than
// warning; 0 stands for DefaultWarning.
func Judge(r *prober.Result, warning time.Duration) Status {
	switch {
	case r.Failure != nil && inconclusive(r.Failure):
		return Unknown
	case r.Failure != nil:
		return Bad
	case !handshakeDone(r) && !rejectedAsExpected(r):
		return Unknown
	case RemainingOf(r.Chain).soon(warning), vulnerable(r.Vulnerabilities.Finding):
		return Warning
	}
	return Good
}

// inconclusive tells whether a failure says nothing about the endpoint: the
// exporter itself, the DNS or the proxy prevented the probe.
func inconclusive(f *failure.Failure) bool {
	if f.Phase == failure.PhaseProxy {
		return true
	}
	switch f.Reason {
	case failure.ReasonInternal, failure.ReasonDenied, failure.ReasonDNSFailure:
		return true
	case failure.ReasonTimeout:
		return f.Phase == failure.PhaseResolve
	}
	return false
}

func handshakeDone(r *prober.Result) bool { return r.Session != nil && r.Session.Completed }

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
