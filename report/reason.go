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
	badStaple   = "bad_staple"
	noHandshake = "no_handshake"
)

// Words is the vocabulary of the first of Reasons where the status is not good.
func Words() []failure.Reason {
	return slices.Concat(prober.Vocabulary(), scan.Words(), []failure.Reason{expiresSoon, badStaple, noHandshake})
}

// Reasons is why an endpoint has its status, the most severe first, and what else should
// be known about it. Only a good endpoint may have none.
func Reasons(r *prober.Result, limits Limits) []string {
	scan := scan.New(r)
	return reasons(r, scan, issues(r, scan, limits))
}

func reasons(r *prober.Result, scan *scan.Report, issues []part.Issue) []string {
	secrets := vulnerable(scan, part.Bad)
	if f := r.Failure; f != nil && inconclusive(f) { // it is the secrets that are bad
		return append(secrets, string(f.Reason))
	} else if f != nil {
		return append([]string{string(f.Reason)}, secrets...)
	}
	words := withStatus(issues, part.Bad)
	if !reached(r) {
		words = append(words, noHandshake)
	}
	return slices.Concat(words, withStatus(issues, part.Unknown), withStatus(issues, part.Warning), remarks(r))
}

// withStatus is the reasons of the issues that have a status.
func withStatus(issues []part.Issue, status part.Status) []string {
	var words []string
	for _, i := range issues {
		if i.Status == status {
			words = append(words, string(i.Reason))
		}
	}
	return words
}

// vulnerable is the vulnerabilities with a status: Bad is those that give secrets away.
func vulnerable(s *scan.Report, status part.Status) []string {
	if s == nil {
		return nil
	}
	return s.VulnerabilitiesWith(status)
}
