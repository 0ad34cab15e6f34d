package report

import (
	"tls_exporter/prober"
	"tls_exporter/prober/certstatus"
	"tls_exporter/report/part"
)

// stapleText is what the server staples, in words; empty: nothing, and nothing is demanded,
// or it is not known.
func stapleText(r *prober.Result) string {
	if r.Staple == nil || r.Chain == nil {
		return ""
	}
	_, demanded := r.Chain.Demanding()
	words := string(r.Staple.Status)
	switch {
	case r.Staple.Status == certstatus.NotOffered && !demanded:
		return ""
	case r.Staple.Status == certstatus.NotOffered:
		words = "none"
	case r.Staple.Status == certstatus.Revoked:
		words += " on " + part.Date(r.Staple.RevokedAt)
	case r.Staple.Status == certstatus.Expired && !r.Staple.NextUpdate.IsZero():
		words += " on " + part.Date(r.Staple.NextUpdate)
	case !r.Staple.NextUpdate.IsZero():
		words += ", counts until " + part.Date(r.Staple.NextUpdate)
	}
	if demanded {
		words += "; the certificate demands one"
	}
	return words
}

// stapleIssues is that the server staples what clients reject. Few of them fail then, unless
// the certificate demands it, which is a problem of the chain.
func stapleIssues(r *prober.Result) []part.Issue {
	if r.Staple == nil || r.Chain == nil || !r.Chain.Valid {
		return nil
	}
	switch r.Staple.Status {
	case certstatus.Expired, certstatus.Invalid, certstatus.Unknown:
		return []part.Issue{part.NewIssue(badStaple, part.Clean(r.Staple.Detail), part.Warning)}
	}
	return nil
}
