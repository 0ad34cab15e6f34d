package report

import (
	"fmt"
	"slices"
	"strings"

	"tls_exporter/prober"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
	"tls_exporter/report/part"
	"tls_exporter/report/scan"
)

// verdict is why the endpoint is bad, or how good it is.
func verdict(r *prober.Result, scan *scan.Report, issues []part.Issue) string {
	secrets := vulnerable(scan, part.Bad)
	exposing := ""
	if len(secrets) > 0 {
		exposing = "vulnerable to " + strings.Join(secrets, " and ")
	}
	if r.Failure != nil {
		return joined(failed(r, r.Failure), ", and ", exposing)
	}
	other := strings.Join(without(withStatus(issues, part.Bad), secrets), " and ")
	return joined(joined(exposing, " and ", other), "; ", summary(r, scan, issues))
}

// joined is two texts with words between them, or the one that is not empty.
func joined(a, between, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + between + b
}

// without is words without some of them.
func without(words, some []string) []string {
	return slices.DeleteFunc(words, func(word string) bool { return slices.Contains(some, word) })
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
	case f.Phase == failure.PhaseRead:
		return part.Sentence(string(f.Reason), part.Message(f))
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
func summary(r *prober.Result, scan *scan.Report, issues []part.Issue) string {
	var parts []string
	if RemainingOf(r.Chain).Dated {
		parts = append(parts, timeLeft(r.Chain))
	}
	switch {
	case r.File != nil:
		parts = append(parts, contentOf(r))
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
	if words := notes(r, scan, issues); len(words) > 0 {
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
	if c.Bundle {
		return words + " until " + part.Short(part.NameOf(decisive(c))) + " expires"
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
func notes(r *prober.Result, scan *scan.Report, issues []part.Issue) []string {
	has := vulnerable(scan, part.Warning)
	var words []string
	for _, word := range append(withStatus(issues, part.Unknown), withStatus(issues, part.Warning)...) {
		switch slices.Index(has, word) {
		case -1:
			words = append(words, word)
		case 0:
			words = append(words, "vulnerable to "+part.Join(has, maxNote))
		}
	}
	return append(words, remarks(r)...)
}

// maxNote bounds the names of vulnerabilities in a note, in bytes.
const maxNote = 30

// remarks is what does not change the status.
func remarks(r *prober.Result) []string {
	var words []string
	if r.Pool != nil && r.Pool.DistinctCertificates() > 1 {
		words = append(words, fmt.Sprintf("%d different certificates", r.Pool.DistinctCertificates()))
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
