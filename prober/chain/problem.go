package chain

import "time"

// Problem is what can be wrong with a chain: a word of a closed vocabulary.
type Problem string

// The problems. Those up to ProblemMissingStaple make a chain invalid. Whether it is
// valid is not known with ProblemUnsupportedAlgorithm or ProblemTooLarge. A chain with one
// of the others may be valid.
const (
	ProblemRevoked                    Problem = "revoked"
	ProblemExpired                    Problem = "expired"
	ProblemNotYetValid                Problem = "not_yet_valid"
	ProblemNameMismatch               Problem = "name_mismatch"
	ProblemBadSignature               Problem = "bad_signature"   // it does not verify under the key of the issuer
	ProblemBadCertificate             Problem = "bad_certificate" // it violates RFC 5280 in a way that clients reject
	ProblemUnknownAuthority           Problem = "unknown_authority"
	ProblemSelfSigned                 Problem = "self_signed"
	ProblemIncompleteChain            Problem = "incomplete_chain"
	ProblemInvalidCA                  Problem = "invalid_ca" // an issuer that is not a CA, or may not sign, or not so many CAs below it
	ProblemWrongUsage                 Problem = "wrong_usage"
	ProblemNameConstraint             Problem = "name_constraint"
	ProblemUnhandledCriticalExtension Problem = "unhandled_critical_extension"
	ProblemWeakSignature              Problem = "weak_signature"
	ProblemMissingStaple              Problem = "missing_staple"        // the certificate demands a staple (RFC 7633), and no good one came
	ProblemUnsupportedAlgorithm       Problem = "unsupported_algorithm" // of a signature that the exporter cannot verify
	ProblemTooLarge                   Problem = "too_large"             // a certificate that the exporter reads in part
	ProblemWeakKey                    Problem = "weak_key"
	ProblemLifetimeTooLong            Problem = "lifetime_too_long"
	ProblemWrongOrder                 Problem = "wrong_order"
)

// Problems is the closed vocabulary, most severe first. The most severe problem of a
// chain is the reason of the failure.
var Problems = []Problem{
	ProblemRevoked, ProblemExpired, ProblemNotYetValid, ProblemNameMismatch, ProblemBadSignature, ProblemBadCertificate,
	ProblemUnknownAuthority, ProblemSelfSigned, ProblemIncompleteChain, ProblemInvalidCA, ProblemWrongUsage, ProblemNameConstraint,
	ProblemUnhandledCriticalExtension, ProblemWeakSignature, ProblemMissingStaple, ProblemUnsupportedAlgorithm, ProblemTooLarge, ProblemWeakKey,
	ProblemLifetimeTooLong, ProblemWrongOrder,
}

// Invalidates reports whether a chain with this problem is invalid.
func (p Problem) Invalidates() bool {
	switch p {
	case ProblemUnsupportedAlgorithm, ProblemTooLarge, ProblemWeakKey, ProblemLifetimeTooLong, ProblemWrongOrder:
		return false
	}
	return true
}

// lifetimeLimits are the longest lifetimes of publicly trusted server certificates,
// newest first; the limit at NotBefore holds. CA/Browser Forum Baseline Requirements
// section 6.3.2 and its history: ballots 193, SC-31 for the browsers' 398 days, and
// SC-081v3.
var lifetimeLimits = []struct {
	from         time.Time
	months, days int
}{
	{date(2029, 3, 15), 0, 47},
	{date(2027, 3, 15), 0, 100},
	{date(2026, 3, 15), 0, 200},
	{date(2020, 9, 1), 0, 398},
	{date(2018, 3, 1), 0, 825},
	{date(2015, 4, 1), 39, 0},
	{date(2012, 7, 1), 60, 0},
}

// latestNotAfter returns the latest NotAfter of a publicly trusted certificate with
// this NotBefore; false: there was no limit. A lifetime includes its first and its
// last second (RFC 5280 section 4.1.2.5).
func latestNotAfter(notBefore time.Time) (time.Time, bool) {
	for _, limit := range lifetimeLimits {
		if !notBefore.Before(limit.from) {
			return notBefore.UTC().AddDate(0, limit.months, limit.days).Add(-time.Second), true
		}
	}
	return time.Time{}, false
}

func date(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}
