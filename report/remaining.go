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

// BundleWarning is the number of days below which the time left of a certificate among
// others in a file is too short, if DefaultWarning is not less. A third of the lifetime of
// a root is ten years. rules.yml has the same limit.
const BundleWarning = 30

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
	bundle   bool    // of certificates that are no chain
}

// RemainingOf is how long clients will accept c: as long as both its leaf and
// its trusted path last. Of a bundle it is how long all of its certificates last that have
// not expired yet.
func RemainingOf(c *chain.Chain) Remaining {
	if c == nil {
		return Remaining{}
	}
	leaf := decisive(c)
	if !leaf.Expires() {
		return Remaining{}
	}
	days := leaf.DaysRemaining(c.At)
	if path, known := c.DaysRemaining(); known {
		days = min(days, path)
	}
	lifetime := leaf.DaysRemaining(leaf.NotBefore)
	if lifetime <= 0 {
		return Remaining{Days: days, Dated: true, bundle: c.Bundle}
	}
	return Remaining{Days: days, Lifetime: lifetime, Ratio: min(1, days/lifetime), Known: true, Dated: true, bundle: c.Bundle}
}

// decisive is the certificate that decides how long c lasts, but for its trusted path: the
// leaf. In a bundle it is the first to expire of those that have not, as long as there are
// any and the others do no harm.
func decisive(c *chain.Chain) *chain.Certificate {
	first := c.Certificates[0]
	if !c.Bundle {
		return first
	}
	sooner := func(a, b *chain.Certificate) bool {
		return a.Expires() && (!b.Expires() || a.NotAfter.Before(b.NotAfter))
	}
	past := func(cert *chain.Certificate) bool { return c.Valid && cert.NotAfter.Before(c.At) }
	for _, cert := range c.Certificates[1:] {
		if past(first) && !past(cert) || past(first) == past(cert) && sooner(cert, first) {
			first = cert
		}
	}
	return first
}

// WarningDays is the number of days below which the status is a warning; false: nothing
// is known of the lifetime of which a share would be left.
func (r Remaining) WarningDays(limits Limits) (float64, bool) {
	if limits.Warning != 0 {
		return days(limits.Warning), true
	}
	if r.bundle {
		return min(BundleWarning, DefaultWarning*r.Lifetime), r.Known
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
	leaf := decisive(c).NotAfter
	if c.NotAfter.IsZero() || leaf.Before(c.NotAfter) {
		return leaf
	}
	return c.NotAfter
}
