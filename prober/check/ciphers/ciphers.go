// Package ciphers finds which cipher suites, groups and signature schemes a server
// accepts.
package ciphers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"tls_exporter/prober/check"
	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/option"
	"tls_exporter/prober/scan"
)

// Options asks which cipher suites, groups and signature schemes a server
// takes.
type Options struct {
	// Every is how old the finding may become; 0: scanAge.
	Every option.Duration `yaml:"every"`
	// Connections is how many connections one finding may cost; 0: scanConnections.
	Connections option.Count `yaml:"connections"`
	// Pace is the least time between two connections; 0: none.
	Pace option.Duration `yaml:"pace"`
}

// scanConnections is how many connections a finding may cost where nobody says
// otherwise: some three times what a server with everything turned on takes.
const scanConnections = 500

// MaxAge is how old a finding may become.
func (o Options) MaxAge() time.Duration { return cmp.Or(time.Duration(o.Every), check.DefaultMaxAge) }

// Key is what else the finding depends on.
func (o Options) Key() string { return fmt.Sprint(o.Connections, o.Pace) }

// patience is how long a scan may take: its pace makes it longer.
func (o Options) Patience() time.Duration {
	return check.ScanTimeout + time.Duration(o.Pace)*time.Duration(o.budget())
}

func (o Options) budget() int { return cmp.Or(int(o.Connections), scanConnections) }

// Finding is the finding of the check ciphers. What the server did not answer to
// is absent from it.
//
// That a suite is absent says something only of the versions in Whole. Groups
// have their own answers: one that is absent is not known. Schemes and DHBits are
// what was seen, and may not be all there is.
type Finding struct {
	Suites      []Suite                 // by version, newest first, and in the order in which the server prefers them, if it has one
	Whole       []hello.Version         // newest first; the server said no to all their other suites. One that it does not take is here, with no suite above
	Groups      []GroupAnswer           // taken ones first, in the order in which the server chose them
	Schemes     []hello.SignatureScheme // that the server signs with, in the order in which it chose them; with TLS 1.3, in ours
	DHBits      int                     // of the smallest prime that it sent for DHE, anonymous and export suites included; 0: it sent none
	Preference  Preference              // whose order of suites counts
	Connections int                     // that the finding took
}

// IsWhole tells whether Suites has all that the server takes in a version.
func (c *Finding) IsWhole(v hello.Version) bool { return slices.Contains(c.Whole, v) }

// Suite is a cipher suite that the server takes in one version.
type Suite struct {
	Version hello.Version
	Number  uint32 // of IANA's registry; three bytes long for a cipher kind of SSL 2.0
}

// Name is the suite's name in IANA's registry, or SSL 2.0's own.
func (s Suite) Name() string {
	if s.Version == hello.SSL20 {
		return hello.SSL2Cipher(s.Number).String()
	}
	return hello.CipherSuite(s.Number).String()
}

// Registered is the suite in IANA's registry; nil if it has none, or is a cipher
// kind of SSL 2.0.
func (s Suite) Registered() *hello.Suite {
	if s.Version == hello.SSL20 {
		return nil
	}
	return hello.Find(hello.CipherSuite(s.Number))
}

// Strength is what the suite is worth in its version.
func (s Suite) Strength() hello.Strength {
	if suite := s.Registered(); suite != nil {
		return suite.Strength(s.Version)
	}
	return hello.Weak // a suite without a name is not known to be any better
}

// GroupAnswer is what the server said to one group, in any version: taken if it
// is in one, refused if it is in none. That a group is refused is said only of
// those in usualGroups.
type GroupAnswer struct {
	Group    hello.Group
	Accepted bool
}

// Preference is whose order decides when both sides have several suites.
type Preference int

// The server's order, in every version in which that could be told, or the
// client's in one at least; unknown where the server takes one suite, or chooses
// in another way. What servers make of ChaCha20 at the head of a client's list is
// not held against them: OpenSSL's PrioritizeChaCha, and crypto/tls, heed the
// client's order there and their own everywhere else.
const (
	UnknownPreference Preference = iota
	ServerPreference
	ClientPreference
)

// Size is how many bytes the finding takes.
func (c Finding) Size() int {
	return 8*len(c.Suites) + 2*len(c.Whole) + 4*len(c.Groups) + 2*len(c.Schemes) + 128
}

// Find finds out what a server accepts by elimination: it offers all that there
// is, strikes what the server picked, and offers the rest, until the server says
// no. That takes one hello more than there are things to be found.
//
// It goes through the versions side by side, and then, for TLS 1.3 and for all
// that is older, through groups, signature schemes and the order of suites.
func (o Options) Find(ctx context.Context, e *endpoint.Endpoint) (*Finding, error) {
	s := &scanner{Survey: scan.NewSurvey(e.Scan(), o.budget(), time.Duration(o.Pace))}
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	return s.finding()
}
