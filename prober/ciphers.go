package prober

import (
	"cmp"
	"fmt"
	"time"

	"tls_exporter/prober/hello"
)

// CiphersOptions asks which cipher suites, groups and signature schemes a server
// takes.
type CiphersOptions struct {
	// Every is how old the finding may become; 0: scanAge.
	Every Duration `yaml:"every"`
	// Connections is how many connections one finding may cost; 0: scanConnections.
	Connections Count `yaml:"connections"`
	// Pace is the least time between two connections; 0: none.
	Pace Duration `yaml:"pace"`
}

// scanConnections is how many connections a finding may cost where nobody says
// otherwise: some three times what a server with everything turned on takes.
const scanConnections = 500

func (o CiphersOptions) age() time.Duration { return cmp.Or(time.Duration(o.Every), scanAge) }

func (o CiphersOptions) parameters() string { return fmt.Sprint(o.Connections, o.Pace) }

// Ciphers is the finding of the check ciphers. What the server did not answer to
// is absent from it.
type Ciphers struct {
	Suites      []TakenSuite            // by version, newest first, and in the order in which the server prefers them
	Groups      []GroupAnswer           // taken ones first, in the order in which the server chose them
	Schemes     []hello.SignatureScheme // that the server signs with, in the order in which it chose them
	DHBits      int                     // of the smallest DHE prime that it sent; 0: it sent none
	Preference  Preference              // whose order of suites counts
	Connections int                     // that the finding took
}

// TakenSuite is a cipher suite that the server takes in one version.
type TakenSuite struct {
	Version hello.Version
	Number  uint32 // of IANA's registry; three bytes long for a cipher kind of SSL 2.0
}

// Name is the suite's name in IANA's registry, or SSL 2.0's own.
func (s TakenSuite) Name() string {
	if s.Version == hello.SSL20 {
		return hello.SSL2Cipher(s.Number).String()
	}
	return hello.CipherSuite(s.Number).String()
}

// Strength is what the suite is worth in its version.
func (s TakenSuite) Strength() hello.Strength {
	if s.Version == hello.SSL20 {
		return hello.Weak
	}
	if suite := hello.Find(hello.CipherSuite(s.Number)); suite != nil {
		return suite.Strength(s.Version)
	}
	return hello.Weak // of what nobody has named, nobody has said any good
}

// GroupAnswer is what the server said to one group.
type GroupAnswer struct {
	Group hello.Group
	Taken bool
}

// Preference is whose order decides when both sides have several suites.
type Preference int

// The server's order, or the client's; unknown where the server takes one suite.
const (
	UnknownPreference Preference = iota
	ServerPreference
	ClientPreference
)

func (c *Ciphers) size() int { return 8*len(c.Suites) + 4*len(c.Groups) + 2*len(c.Schemes) + 64 }
