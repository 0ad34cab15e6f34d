package report

import (
	"slices"

	"tls_exporter/prober"
	"tls_exporter/prober/failure"
	"tls_exporter/report/part"
	"tls_exporter/report/scan"
)

// What makes the status of an endpoint worse than good, besides failures and
// vulnerabilities.
const (
	expiresSoon = "expires_soon"
	noHandshake = "no_handshake"
)

// Words is the vocabulary of the first of Reasons where the status is not good.
func Words() []failure.Reason {
	return slices.Concat(prober.Vocabulary(), scan.VulnerabilityNames(), []failure.Reason{expiresSoon, noHandshake})
}

// Reasons is why an endpoint has its status, the most severe first, and what else should
// be known about it. Only a good endpoint may have none.
func Reasons(r *prober.Result, limits Limits) []string {
	scan := scan.New(r)
	words := vulnerable(scan, part.Bad)
	if f := r.Failure; f != nil && inconclusive(f) { // it is the secrets that are bad
		return append(words, string(f.Reason))
	} else if f != nil {
		return append([]string{string(f.Reason)}, words...)
	}
	if !handshakeDone(r) && !rejectedAsExpected(r) {
		words = append(words, noHandshake)
	}
	if endsSoon(r, limits) {
		words = append(words, expiresSoon)
	}
	words = append(words, vulnerable(scan, part.Warning)...)
	return append(words, flaws(r, scan)...)
}

// endsSoon tells whether the status of an endpoint without failures is a warning because
// of its chain.
func endsSoon(r *prober.Result, limits Limits) bool {
	return r.Failure == nil && RemainingOf(r.Chain).soon(limits)
}

// vulnerable is the vulnerabilities with a status: Bad is those that give secrets away.
func vulnerable(s *scan.Report, status part.Status) []string {
	if s == nil {
		return nil
	}
	return s.VulnerabilitiesWith(status)
}
