package report

import (
	"fmt"
	"slices"

	"tls_exporter/prober"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
	"tls_exporter/report/part"
)

// Chain is the certificates that the server sent, or that a file has, and whether they are
// valid.
type Chain struct {
	Title        string
	Valid        bool
	Unverified   bool         // whether it is valid is not known
	Bundle       bool         // certificates of a file that are no chain
	Issues       []part.Issue // the worst first
	Certificates []Certificate
	Path         []string     // names on the trusted path, leaf to root; nil: there is none
	PathValidity Validity     // zero without a path
	Root         *Certificate // of the trusted path; nil: the server sent it, or there is none
}

// Certificate is one certificate.
type Certificate struct {
	*chain.Certificate
	Position int // as sent; -1: from the trust store
	Role     string
	Name     string
	Issuer   string
	Key      string
	Days     float64 // until it expires; negative once it has
	Ratio    float64 // of the lifetime that remains
	HasRatio bool    // false for a lifetime of zero
	Validity Validity
	OffPath  bool // sent, but not part of the trusted path
	Issues   []part.Issue
}

// Validity is a period of validity in words.
type Validity struct {
	Words  string // how long it lasts
	Date   string
	Status part.Status // Bad: outside of the period; else by the limits, if clients will reject the chain because of it
}

func chainOf(r *prober.Result, limits Limits) *Chain {
	c := r.Chain
	if c == nil {
		return nil
	}
	chain := &Chain{
		Title: chainTitle(r), Valid: c.Valid, Unverified: c.Unverified, Bundle: c.Bundle, PathValidity: pathValidity(c),
	}
	for _, found := range c.Problems {
		chain.Issues = append(chain.Issues, chainIssue(c, found))
	}
	for position := range c.Certificates {
		cert := certificateOf(c, position, limits)
		for _, i := range chain.Issues {
			if i.Position == position {
				cert.Issues = append(cert.Issues, i)
			}
		}
		if c.Bundle && len(cert.Issues) == 0 && cert.Validity.Status == part.Bad {
			cert.Issues = append(cert.Issues, outOfDate(c, cert.Certificate))
		}
		chain.Certificates = append(chain.Certificates, cert)
	}
	for _, cert := range c.Path {
		chain.Path = append(chain.Path, part.NameOf(cert))
	}
	if n := len(c.Path); n > 0 && !contains(c.Certificates, c.Path[n-1]) {
		chain.Root = rootOf(c, c.Path[n-1], limits)
	}
	return chain
}

// maxShown is how many certificates of a bundle are shown to people.
const maxShown = 20

// Shown is the certificates to show to people, and how many are left out: of a bundle only
// those that expire first, or have.
func (c *Chain) Shown() (shown []Certificate, omitted int) {
	if !c.Bundle || len(c.Certificates) <= maxShown {
		return c.Certificates, 0
	}
	shown = slices.Clone(c.Certificates)
	slices.SortStableFunc(shown, func(a, b Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
	return shown[:maxShown], len(shown) - maxShown
}

func chainTitle(r *prober.Result) string {
	c := r.Chain
	if c.Bundle {
		return "certificates in the file, which are no chain: each by its dates"
	}
	place := "as sent"
	if r.File != nil {
		place = "in the file"
	}
	words := "chain for " + part.Clean(c.Name) + ", " + place + ": "
	if c.Name == "" {
		words = "chain for any name, " + place + ": "
	}
	if c.Valid {
		return words + "valid"
	}
	if c.Unverified {
		return words + "not verified"
	}
	return words + "not valid"
}

// chainIssue is a problem of c. Of those that do not make a chain invalid, each is a
// warning: some clients reject it, or will. If it is why the exporter cannot judge the
// chain, nothing is known.
func chainIssue(c *chain.Chain, found chain.Found) part.Issue {
	reason, status := failure.Reason(found.Problem), part.Warning
	switch {
	case c.Bundle && c.Valid: // it is one of many, and they do without it
	case found.Problem.Invalidates():
		status = part.Bad
	case c.Unverified && unverifiable(reason):
		status = part.Unknown
	}
	issue := part.NewIssue(reason, part.Clean(found.Detail), status)
	issue.Position = found.Position
	return issue
}

// outOfDate is the issue of a certificate of a bundle, which tells only the first one of
// several.
func outOfDate(c *chain.Chain, cert *chain.Certificate) part.Issue {
	problem := chain.ProblemExpired
	switch {
	case !cert.Expires():
		problem = chain.ProblemBadCertificate
	case c.At.Before(cert.NotBefore):
		problem = chain.ProblemNotYetValid
	}
	return chainIssue(c, chain.Found{Problem: problem})
}

// certificateOf is the certificate at a position of c.
func certificateOf(c *chain.Chain, position int, limits Limits) Certificate {
	cert := factsOf(c, c.Certificates[position], limits)
	cert.Position, cert.Role = position, role(c, position)
	cert.OffPath = c.Path != nil && !contains(c.Path, cert.Certificate)
	return cert
}

// rootOf is the root of the trusted path, which comes from the trust store.
func rootOf(c *chain.Chain, root *chain.Certificate, limits Limits) *Certificate {
	cert := factsOf(c, root, limits)
	cert.Position, cert.Role = -1, "root, from the trust store"
	return &cert
}

func factsOf(c *chain.Chain, cert *chain.Certificate, limits Limits) Certificate {
	ratio, hasRatio := cert.RemainingRatio(c.At)
	return Certificate{
		Certificate: cert, Name: part.NameOf(cert), Issuer: part.NameIn(cert.Issuer), Key: key(cert),
		Days: cert.DaysRemaining(c.At), Ratio: ratio, HasRatio: hasRatio, Validity: validity(c, cert, limits),
	}
}

func role(c *chain.Chain, position int) string {
	switch {
	case position == 0 && !c.Bundle:
		return "leaf"
	case c.Certificates[position].SelfIssued:
		return fmt.Sprintf("certificate %d, a root", position)
	}
	return fmt.Sprintf("certificate %d", position)
}

func contains(certs []*chain.Certificate, cert *chain.Certificate) bool {
	return slices.ContainsFunc(certs, func(c *chain.Certificate) bool { return c.FingerprintSHA256 == cert.FingerprintSHA256 })
}

func key(cert *chain.Certificate) string {
	if cert.KeyBits == 0 {
		return cert.KeyAlgorithm
	}
	return fmt.Sprintf("%s %d", cert.KeyAlgorithm, cert.KeyBits)
}

// validity is how long a certificate of c lasts.
func validity(c *chain.Chain, cert *chain.Certificate, limits Limits) Validity {
	from, to := cert.NotBefore, cert.NotAfter
	switch {
	case !cert.Expires():
		return Validity{"dates that cannot be read", "", part.Bad}
	case c.At.After(to):
		return Validity{"expired " + part.Span(c.At.Sub(to)) + " ago", "on " + part.Date(to), part.Bad}
	case c.At.Before(from):
		return Validity{"becomes valid in " + part.Span(from.Sub(c.At)), "on " + part.Date(from), part.Bad}
	}
	v := Validity{part.Span(to.Sub(c.At)) + " left", "until " + part.Date(to), part.Good}
	if ratio, ok := cert.RemainingRatio(c.At); ok {
		v.Words += fmt.Sprintf(", %.0f %% of lifetime", 100*ratio)
	}
	if to.Equal(expiry(c)) {
		v.Status = RemainingOf(c).status(limits)
	}
	return v
}

// pathValidity is how long the trusted path lasts: of all paths, the one that
// expires last.
func pathValidity(c *chain.Chain) Validity {
	switch date := part.Date(c.NotAfter); {
	case c.Path == nil:
		return Validity{}
	case c.NotAfter.Before(c.At):
		return Validity{part.Span(c.At.Sub(c.NotAfter)) + " ago", "expired on " + date, part.Bad}
	case c.Has(chain.ProblemNotYetValid):
		return Validity{"", "not yet valid, expires on " + date, part.Bad}
	default:
		return Validity{part.Span(c.NotAfter.Sub(c.At)) + " left", "expires on " + date, part.Good}
	}
}
