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

// Limits are the limits of a good endpoint, where they are not the default ones.
type Limits struct {
	Warning time.Duration // warn when less of the chain's lifetime is left; 0: DefaultWarning
}

// Remaining is how long a chain stays valid.
type Remaining struct {
	Days  float64 // negative once it has expired
	Ratio float64 // of the leaf's lifetime: 1 when new, negative once expired
	Known bool    // Ratio is: false without a chain or its dates, or for a lifetime of zero
	Dated bool    // Days is known: false without a chain or its dates
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
	return Remaining{Days: days, Ratio: min(1, days/lifetime), Known: true, Dated: true}
}

// soon tells whether so little is left that the status is a warning.
func (r Remaining) soon(limits Limits) bool {
	if limits.Warning == 0 {
		return r.Known && r.Ratio < DefaultWarning
	}
	return r.Dated && r.Days < limits.Warning.Hours()/24
}

// Status is Bad once the chain has expired, and Warning when less than
// DefaultWarning is left.
func (r Remaining) Status() part.Status {
	switch {
	case r.Days < 0:
		return part.Bad
	case r.soon(Limits{}):
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
