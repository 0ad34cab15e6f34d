// Package report shows a Result to people: as text for a terminal, as JSON for
// their scripts, and as one Status for monitoring that knows no metrics.
package report

import (
	"slices"
	"time"

	"tls_exporter/prober"
)

// Status is what a person, or Nagios, wants to know first. The zero value is
// Unknown: what nobody looked at is not good.
type Status int

// The statuses.
const (
	Unknown Status = iota // could not tell
	Good
	Warning // good, and not for long, or for clients alone: it has a known vulnerability
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

// ExitCode is what a Nagios plugin exits with (Monitoring Plugins Development
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
// found it vulnerable, or when less than warning is left until clients break; 0
// stands for a third of the leaf's lifetime, which suits certificates of 6, 47 and
// 398 days alike.
func Judge(r *prober.Result, warning time.Duration) Status {
	switch {
	case r.Failure != nil && blind(r.Failure):
		return Unknown
	case r.Failure != nil:
		return Bad
	case !handsShaken(r) && !turnedAway(r):
		return Unknown
	case endsSoon(r.Chain, warning), vulnerable(r.Vulnerabilities):
		return Warning
	}
	return Good
}

// blind tells whether a failure says nothing about the endpoint: the exporter
// itself, or the DNS or the proxy on the way, kept the probe from finding out.
func blind(f *prober.Failure) bool {
	if f.Phase == prober.PhaseProxy {
		return true
	}
	switch f.Reason {
	case prober.ReasonInternal, prober.ReasonDenied, prober.ReasonDNSFailure:
		return true
	case prober.ReasonTimeout:
		return f.Phase == prober.PhaseResolve
	}
	return false
}

func handsShaken(r *prober.Result) bool { return r.Session != nil && r.Session.Completed }

// turnedAway tells whether the server refused a handshake as the module wants
// it to: the one good end without a handshake.
func turnedAway(r *prober.Result) bool {
	return r.Expect != nil && slices.ContainsFunc(r.Expect.Expectations, func(e prober.Expectation) bool {
		return e.Met && (e.Name == "client_certificate_required" || e.Name == "alert")
	})
}

func endsSoon(c *prober.Chain, warning time.Duration) bool {
	if c == nil {
		return false
	}
	leaf := c.Certificates[0].X509
	if warning == 0 {
		warning = leaf.NotAfter.Sub(leaf.NotBefore) / 3
	}
	return breaks(c).Sub(c.At) < warning
}

func vulnerable(v *prober.Vulnerabilities) bool {
	return v != nil && slices.ContainsFunc(v.Answers, func(a prober.VulnerabilityAnswer) bool { return a.Vulnerable })
}

// breaks is when clients will no longer take the chain: with the trusted path,
// which holds the leaf too.
func breaks(c *prober.Chain) time.Time {
	leaf := c.Certificates[0].X509.NotAfter
	if c.NotAfter.IsZero() || leaf.Before(c.NotAfter) {
		return leaf
	}
	return c.NotAfter
}

// Worst is the status of several endpoints together: bad outweighs unknown,
// that a warning, and that good, as with Nagios. Of none it is Unknown.
func Worst(statuses ...Status) Status {
	for _, s := range []Status{Bad, Unknown, Warning, Good} {
		if slices.Contains(statuses, s) {
			return s
		}
	}
	return Unknown
}
