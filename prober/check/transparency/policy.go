package transparency

import (
	"fmt"
	"slices"
	"time"

	"tls_exporter/prober/loglist"
	"tls_exporter/prober/sct"
)

// The policy is Chrome's, as published on 22 July 2026. Safari and Firefox have very
// similar ones:
// https://googlechrome.github.io/CertificateTransparency/ct_policy.html
//
// Two rules are gone from it. Since 15 April 2026 no SCT has to be from a log with the API of
// RFC 6962: logs with the Static CT API count alike. And since version 148, Chrome does not
// read the SCTs in stapled OCSP responses.

// MaxListAge is the age of a list of logs from which on Chrome enforces nothing: it may lack
// new logs.
const MaxListAge = 70 * 24 * time.Hour

// longLife is the lifetime of certificates above which they need three SCTs inside them.
const longLife = 180 * 24 * time.Hour

// Verdict is the result of the policy.
type Verdict struct {
	Compliant bool
	Why       []string // it is not, for people
}

// unjudged is why the policy cannot be applied; empty: it can.
func (f *Facts) unjudged(list *loglist.List) string {
	switch age := f.Now.Sub(list.Timestamp); {
	case f.Path == nil:
		return "the certificate has no trusted path"
	case !f.Chain.Public:
		return "the root is not one of Mozilla's program, and the policy is for public CAs"
	case age >= MaxListAge:
		return fmt.Sprintf("the list of logs is of %s, and older than the %d days after which browsers do not rely on it",
			list.Timestamp.UTC().Format(time.DateOnly), int(MaxListAge.Hours()/24))
	}
	return ""
}

// judge judges the SCTs of a certificate with this lifetime. Those inside it suffice, or
// those of the TLS extension; they do not add up.
func judge(scts []SCT, lifetime time.Duration, now time.Time) *Verdict {
	inside, outside := embedded(scts, lifetime, now), delivered(scts, now)
	switch {
	case len(inside) == 0 || len(outside) == 0:
		return &Verdict{Compliant: true}
	case slices.ContainsFunc(scts, func(s SCT) bool { return s.Source == Extension }):
		return &Verdict{Why: append(inside, outside...)}
	}
	return &Verdict{Why: inside}
}

// embedded is what the SCTs inside a certificate lack.
func embedded(scts []SCT, lifetime time.Duration, now time.Time) (unmet []string) {
	issued := issuance(scts, now)
	current := false
	var counting []SCT
	for _, s := range scts {
		if s.Source != Certificate || s.Status != Valid {
			continue
		}
		if s.accepted(now) {
			current, counting = true, append(counting, s)
		} else if s.retired(now) && s.Time.Before(s.Log.Since) && issued.Before(s.Log.Since) {
			counting = append(counting, s)
		}
	}
	required := 2
	if lifetime > longLife {
		required = 3
	}
	if have := logs(counting); have < required {
		unmet = append(unmet, fmt.Sprintf("a certificate that is valid for %.0f days needs SCTs of %d logs inside, and has %d that %s", lifetime.Hours()/24, required, have, count(have)))
	}
	if len(counting) > 0 && !current {
		unmet = append(unmet, "all logs of the SCTs in the certificate are retired")
	}
	return append(unmet, oneOperator(counting)...)
}

// delivered is what the SCTs of the TLS extension lack.
func delivered(scts []SCT, now time.Time) (unmet []string) {
	var counting []SCT
	for _, s := range scts {
		if s.Source == Extension && s.Status == Valid && s.accepted(now) {
			counting = append(counting, s)
		}
	}
	if have := logs(counting); have < 2 {
		unmet = append(unmet, fmt.Sprintf("the TLS extension needs SCTs of 2 logs, and has %d that %s", have, count(have)))
	}
	return append(unmet, oneOperator(counting)...)
}

// accepted tells whether the log is one that the policy accepts now.
func (s *SCT) accepted(now time.Time) bool {
	switch s.Log.State {
	case loglist.Qualified, loglist.Usable, loglist.ReadOnly:
		return true
	}
	return s.Log.State == loglist.Retired && now.Before(s.Log.Since)
}

// retired tells whether the log is retired by now.
func (s *SCT) retired(now time.Time) bool {
	return s.Log.State == loglist.Retired && !now.Before(s.Log.Since)
}

// issuance is the time of the earliest SCT of a log that is accepted, which Chrome takes for
// the time at which the certificate was issued; if there is none, it is now.
func issuance(scts []SCT, now time.Time) time.Time {
	earliest := now
	for _, s := range scts {
		if s.Source != Staple && s.Status == Valid && s.accepted(now) && s.Time.Before(earliest) {
			earliest = s.Time
		}
	}
	return earliest
}

// logs counts the different logs.
func logs(scts []SCT) int {
	ids := make(map[sct.LogID]bool)
	for _, s := range scts {
		ids[s.LogID] = true
	}
	return len(ids)
}

// count is the verb for a number of SCTs.
func count(n int) string {
	if n == 1 {
		return "counts"
	}
	return "count"
}

// oneOperator is the complaint about SCTs that are all of one operator, at the times at which
// they were signed.
func oneOperator(scts []SCT) []string {
	if len(scts) < 2 {
		return nil
	}
	var names []string
	for _, s := range scts {
		if name := s.Log.Operator(s.Time); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > 1 {
		return nil
	}
	return []string{"all SCTs that count are of one operator, " + names[0]}
}
