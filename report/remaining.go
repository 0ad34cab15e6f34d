package report

import (
	"fmt"
	"time"

	"tls_exporter/prober/chain"
	"tls_exporter/report/part"
)

// DefaultWarning is the share of the leaf's lifetime below which the time left
// is too short. ACME clients renew when a third is left, so it suits
// certificates of 6, 47 and 398 days alike.
const DefaultWarning = 1.0 / 3

// Limits are the limits of a good endpoint, where they are not the default ones. There is
// no default for Critical: an endpoint is bad once its chain has expired.
type Limits struct {
	Warning  time.Duration // warn when less of the chain's lifetime is left; 0: DefaultWarning
	Critical time.Duration // bad when less is left; 0: never
}

// Remaining is how long a chain stays valid.
type Remaining struct {
	Days     float64 // negative once it has expired
	Lifetime float64 // of the leaf, in days
	Ratio    float64 // of the leaf's lifetime: 1 when new, negative once expired
	Known    bool    // Ratio is: false without a chain or its dates, or for a lifetime of zero
	Dated    bool    // Days is known: false without a chain or its dates
}

// RemainingOf is how long clients will accept c: as long as both its leaf and
// its trusted path last.
func RemainingOf(c *chain.Chain) Remaining {
	if c == nil {
		return Remaining{}
	}
	leaf := c.Certificates[0]
	if !leaf.Expires() {
		return Remaining{}
	}
	days := leaf.DaysRemaining(c.At)
	if path, known := c.DaysRemaining(); known {
		days = min(days, path)
	}
	lifetime := leaf.DaysRemaining(leaf.NotBefore)
	if lifetime <= 0 {
		return Remaining{Days: days, Dated: true}
	}
	return Remaining{Days: days, Lifetime: lifetime, Ratio: min(1, days/lifetime), Known: true, Dated: true}
}

// WarningDays is the number of days below which the status is a warning; false: nothing
// is known of the lifetime of which a share would be left.
func (r Remaining) WarningDays(limits Limits) (float64, bool) {
	if limits.Warning != 0 {
		return days(limits.Warning), true
	}
	return DefaultWarning * r.Lifetime, r.Known
}

// CriticalDays is the number of days below which the status is bad; false: there is no
// such limit.
func (r Remaining) CriticalDays(limits Limits) (float64, bool) {
	return days(limits.Critical), limits.Critical != 0
}

func days(d time.Duration) float64 { return d.Hours() / 24 }

// Status is the status by the default limits.
func (r Remaining) Status() part.Status { return r.status(Limits{}) }

// status is Bad once the chain has expired or less is left than the critical limit, and
// Warning when less is left than the warning. Where no date is known it is Good: the
// time left says nothing against the endpoint.
func (r Remaining) status(limits Limits) part.Status {
	if !r.Dated {
		return part.Good
	}
	if critical, ok := r.CriticalDays(limits); r.Days < 0 || ok && r.Days < critical {
		return part.Bad
	}
	if warning, ok := r.WarningDays(limits); ok && r.Days < warning {
		return part.Warning
	}
	return part.Good
}

// String is the time left in words.
func (r Remaining) String() string {
	if r.Days < 0 {
		return fmt.Sprintf("expired %s ago", part.Days(-r.Days))
	}
	return part.Days(r.Days)
}

// expiry is when clients will stop accepting the chain.
func expiry(c *chain.Chain) time.Time {
	leaf := c.Certificates[0].NotAfter
	if c.NotAfter.IsZero() || leaf.Before(c.NotAfter) {
		return leaf
	}
	return c.NotAfter
}
