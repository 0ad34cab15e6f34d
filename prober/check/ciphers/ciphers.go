// Package ciphers finds which cipher suites, groups and signature schemes a server
// accepts.
package ciphers

import (
	"cmp"
	"context"
	"slices"
	"time"

	"tls_exporter/prober/check"
	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/option"
	"tls_exporter/prober/scan"
)

// Options configures the check ciphers, which finds the cipher suites, groups and
// signature schemes that a server accepts.
type Options struct {
	// Every is how old the finding may become; 0: an hour. It is made again before
	// that.
	Every option.Duration `yaml:"every" key:"-"`
	// Connections is how many connections one finding may take; 0: 500.
	Connections option.Count `yaml:"connections"`
	// Pace is the least time between the starts of two connections; 0: none.
	Pace option.Duration `yaml:"pace"`
}

// defaultConnections is more than any server of the lab takes: one that accepts all that
// OpenSSL 3 has takes some 300, and one that accepts every suite of the lab, closes the
// connection to refuse and serves one client at a time 450.
const defaultConnections = 500

// MaxAge is how old a finding may become.
func (o Options) MaxAge() time.Duration { return cmp.Or(time.Duration(o.Every), check.DefaultMaxAge) }

// Patience is how long making the finding may take. A pace makes it longer.
func (o Options) Patience() time.Duration {
	return check.ScanTimeout + time.Duration(o.Pace)*time.Duration(o.budget())
}

func (o Options) budget() int { return cmp.Or(int(o.Connections), defaultConnections) }

// Finding is the finding of the check ciphers. What the server did not answer is absent
// from it.
//
// A suite that is absent is refused only in the versions in Whole. A group that is
// absent is not known. Schemes and DHBits are what was seen; there may be more.
type Finding struct {
	Suites      []Suite                 // newest version first, then in the server's order of preference, if it has one
	Whole       []hello.Version         // versions whose suites are all known, newest first; a version that is refused is here, without suites above
	Groups      []GroupAnswer           // accepted ones first, in the order in which the server selected them
	Schemes     []hello.SignatureScheme // that the server signs with, in the order in which it selected them; those of TLS 1.3 in the order in which they are offered
	DHBits      int                     // of the smallest prime that the server sent for DHE, anonymous and export suites included; 0: it sent none
	Preference  Preference              // whose order of suites decides
	Connections int                     // that the finding took

	Newer     Negotiation      // of TLS 1.3
	Older     OlderNegotiation // of the versions below it
	Unordered []hello.Version  // versions in which the order of Suites is not that of the server
}

// IsWhole tells whether Suites has all suites that the server accepts in a version.
func (c *Finding) IsWhole(v hello.Version) bool { return slices.Contains(c.Whole, v) }

// Suite is a cipher suite that the server accepts in one version.
type Suite struct {
	Version hello.Version
	Number  uint32 // of IANA's registry; of three bytes for a cipher kind of SSL 2.0
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

// Strength rates the suite in its version.
func (s Suite) Strength() hello.Strength {
	if suite := s.Registered(); suite != nil {
		return suite.Strength(s.Version)
	}
	return hello.Weak // nothing better is known of a suite that is not registered
}

// GroupAnswer tells whether the server accepts a group in at least one version. A
// refusal is reported only for usualGroups.
type GroupAnswer struct {
	Group    hello.Group
	Accepted bool
}

// Preference is whose order of suites decides which one is negotiated. Suites with
// ChaCha20 are left out: some servers follow the client's order for these alone
// (crypto/tls, and OpenSSL with PrioritizeChaCha).
type Preference int

const (
	// UnknownPreference: the server accepts a single suite, or selects in another way.
	UnknownPreference Preference = iota
	// ServerPreference: the server's order decides, in all versions with an answer.
	ServerPreference
	// ClientPreference: the client's order decides, in at least one version.
	ClientPreference
)

// Size is how many bytes the finding takes.
func (c Finding) Size() int {
	return 8*len(c.Suites) + 2*len(c.Whole) + 4*len(c.Groups) + 2*len(c.Schemes) + c.Newer.size() + c.Older.size() + 2*len(c.Unordered) + 384
}

// Find works by elimination: it offers everything, removes what the server selected,
// and offers the rest, until the server refuses. That takes one hello more than there
// is to be found.
//
// It scans all versions in parallel. Then it finds groups, signature schemes and whose
// order decides, for TLS 1.3 and for the older versions in parallel.
func (o Options) Find(ctx context.Context, e *endpoint.Endpoint) (*Finding, error) {
	s := &scanner{Survey: scan.NewSurvey(e.Scan(), o.budget(), time.Duration(o.Pace))}
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	return s.finding()
}
