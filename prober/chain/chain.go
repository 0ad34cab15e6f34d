// Package chain judges the certificates that a server sent, question by question.
package chain

import (
	"crypto/x509"
	"time"
)

// DaysRemaining is how long the chain's trusted path lasts; not known (false)
// without one.
func (c *Chain) DaysRemaining() (float64, bool) { return days(c.At, c.NotAfter), c.Path != nil }

// Chain is the certificates that the server sent and what a modern verifier
// makes of them at the moment At.
type Chain struct {
	At           time.Time
	Name         string         // what the leaf was to be for: a DNS name or an IP address; empty: nobody said
	Certificates []*Certificate // as sent; 0 is the leaf
	Valid        bool
	Problems     []Found             // gravest first, each problem once
	Path         []*x509.Certificate // the trusted path that lasts longest, leaf to root; nil: there is none
	NotAfter     time.Time           // when that path ends; zero without one
}

// Found is one problem of a chain and where it stands.
type Found struct {
	Problem  Problem
	Position int    // which certificate, as sent; -1: none of them in particular
	Detail   string // one sentence for people
}

// Has reports whether p is among the chain's problems.
func (c *Chain) Has(p Problem) bool {
	for _, f := range c.Problems {
		if f.Problem == p {
			return true
		}
	}
	return false
}
