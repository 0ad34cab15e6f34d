package report

import (
	"fmt"
	"strings"

	"tls_exporter/prober"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
	"tls_exporter/report/part"
	"tls_exporter/report/scan"
)

// verdict is why the endpoint is bad, or how good it is.
func verdict(r *prober.Result, scan *scan.Report, limits Limits) string {
	exposing := ""
	if secrets := vulnerable(scan, part.Bad); len(secrets) > 0 {
		exposing = "vulnerable to " + strings.Join(secrets, " and ")
	}
	switch {
	case r.Failure != nil && exposing != "":
		return failed(r, r.Failure) + ", and " + exposing
	case r.Failure != nil:
		return failed(r, r.Failure)
	case exposing != "":
		return exposing + "; " + summary(r, scan, limits)
	}
	return summary(r, scan, limits)
}

// failed is why the probe failed.
func failed(r *prober.Result, f *failure.Failure) string {
	switch {
	case f.Address.IsValid() && r.Pool != nil && f.Unasked():
		return fmt.Sprintf("%d of %d addresses could not be asked: %s in %s at %s", len(r.Pool.Members)-r.Pool.Asked(), len(r.Pool.Members), f.Reason, f.Phase, f.Address.Addr())
	case f.Address.IsValid() && r.Pool != nil:
		return fmt.Sprintf("%d of %d addresses fail: %s in %s at %s", r.Pool.Failing(), len(r.Pool.Members), f.Reason, f.Phase, f.Address.Addr())
	case f.Phase == failure.PhaseExpect:
		if e := unmetNamed(r, f.Reason); e != nil {
			return part.Sentence(string(f.Reason), notMet(*e))
		}
	case f.Phase == failure.PhaseVerify:
		return part.Sentence(string(f.Reason), part.Message(f)) + since(r.Chain, f.Reason)
	}
	for _, phase := range r.Phases {
		if phase.Phase == f.Phase {
			return fmt.Sprintf("%s in %s after %s", f.Reason, f.Phase, part.Duration(phase.Duration))
		}
	}
	return part.Sentence(string(f.Reason), part.Message(f))
}

// since is the time between the date of a problem and the probe.
func since(c *chain.Chain, reason failure.Reason) string {
	if c == nil {
		return ""
	}
	for _, found := range c.Problems {
		if failure.Reason(found.Problem) != reason || found.Position < 0 {
			continue
		}
		cert := c.Certificates[found.Position]
		switch found.Problem {
		case chain.ProblemExpired:
			return " (" + part.Span(c.At.Sub(cert.NotAfter)) + " ago)"
		case chain.ProblemNotYetValid:
			return " (in " + part.Span(cert.NotBefore.Sub(c.At)) + ")"
		}
	}
	return ""
}

// summary is the verdict on an endpoint without failures.
func summary(r *prober.Result, scan *scan.Report, limits Limits) string {
	var parts []string
	if RemainingOf(r.Chain).Dated {
		parts = append(parts, timeLeft(r.Chain))
	}
	switch {
	case handshakeDone(r):
		parts = append(parts, r.Session.VersionName())
	case rejectedAsExpected(r):
		parts = append(parts, "rejected as expected")
	default:
		parts = append(parts, "no handshake")
	}
	if r.Duration > 0 {
		parts = append(parts, part.Duration(r.Duration))
	}
	if words := notes(r, scan, limits); len(words) > 0 {
		parts = append(parts, "but "+strings.Join(words, " and "))
	}
	return strings.Join(parts, ", ")
}

// timeLeft is how long clients will accept the chain, and which certificate
// expires first where that is not the leaf.
func timeLeft(c *chain.Chain) string {
	end := expiry(c)
	words := part.Span(end.Sub(c.At)) + " left"
	if end.Equal(c.Certificates[0].NotAfter) {
		return words
	}
	for _, cert := range c.Path {
		if cert.NotAfter.Equal(end) {
			return words + " until " + part.Short(part.NameOf(cert)) + " expires"
		}
	}
	return words
}

// notes is what else should be known about an endpoint that has no failure: first why it
// is a warning.
func notes(r *prober.Result, scan *scan.Report, limits Limits) []string {
	var words []string
	if endsSoon(r, limits) {
		words = append(words, expiresSoon)
	}
	if has := vulnerable(scan, part.Warning); len(has) > 0 {
		words = append(words, "vulnerable to "+part.Join(has, maxNote))
	}
	return append(words, flaws(r, scan)...)
}

// maxNote bounds the names of vulnerabilities in a note, in bytes.
const maxNote = 30

// flaws is what does not change the status.
func flaws(r *prober.Result, scan *scan.Report) []string {
	var words []string
	if r.Chain != nil {
		for _, found := range r.Chain.Problems {
			words = append(words, string(found.Problem))
		}
	}
	if r.Pool != nil && r.Pool.DistinctCertificates() > 1 {
		words = append(words, fmt.Sprintf("%d different certificates", r.Pool.DistinctCertificates()))
	}
	if scan != nil {
		words = append(words, scan.Notes()...)
	}
	for _, check := range failedChecks(r) {
		if check.Pending {
			words = append(words, "the check "+check.Name+" is still running")
		} else {
			words = append(words, "the check "+check.Name+" failed")
		}
	}
	return words
}
