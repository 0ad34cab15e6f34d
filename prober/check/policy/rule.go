package policy

import (
	"crypto/ecdsa"
	"crypto/x509"
	"slices"
	"time"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/hello"
)

// rule is one thing that a policy asks for.
type rule struct {
	name  string // of PolicyRules
	judge func(*evidence) outcome
}

// outcome is how an endpoint stands with one rule.
type outcome int

// Until what a rule needs is known it is unsettled; that something forbidden is
// taken is known as soon as it is seen.
const (
	unknown outcome = iota
	pass
	fail
)

// Rules is the vocabulary of rules, the gravest first: what lets somebody
// read along now, then what lets him pretend, then what may do so some day.
var Rules = []string{
	"protocols", "ciphers", "dh_param_size", "rsa_key_size", "certificate_signature", "certificate_type", "certificate_curve",
	"groups", "server_preference", "certificate_lifespan",
}

// pciRules is what PCI DSS 4.0.1 asks for in requirement 4.2.1: no insecure
// versions, algorithms or key sizes. Which versions are insecure is in appendix
// A2, SSL and early TLS; what is strong is in its glossary under "strong
// cryptography": algorithms that the industry accepts, with 112 bits of effective
// key strength, thus RSA and Diffie-Hellman from 2048 bits. 3DES is named there
// as good enough.
var pciRules = []rule{
	{"protocols", noVersionBut(hello.TLS12, hello.TLS13)},
	{"ciphers", noSuiteOf(notPCI)},
	{"dh_param_size", dhAtLeast(2048)},
	{"rsa_key_size", rsaAtLeast(2048)},
}

// notPCI tells whether a suite is no strong cryptography. RC4 has the bits, and
// no acceptance (RFC 7465).
func notPCI(s ciphers.Suite) bool {
	suite := s.Registered()
	return suite == nil || suite.Null || suite.Anonymous || suite.Export || suite.Bits < 112 || suite.Cipher == "RC4"
}

// exchanges tells whether keys are exchanged in one of these ways.
func exchanges(s ciphers.Suite, ways ...string) bool {
	suite := s.Registered()
	return suite != nil && slices.Contains(ways, suite.KeyExchange)
}

// evidence is what is known of an endpoint that policies ask for.
type evidence struct {
	versions  map[hello.Version]bool // taken or not; absent: not answered
	suites    []ciphers.Suite
	allSuites bool // there are no other suites
	groups    map[hello.Group]bool
	ciphers   *ciphers.Finding   // nil: the check has no finding
	leaf      *chain.Certificate // that was shown to today's clients; nil: none was seen
}

// newEvidence puts together what the checks found and what the line itself saw.
func newEvidence(r *Facts) *evidence {
	s := &evidence{versions: make(map[hello.Version]bool), groups: make(map[hello.Group]bool), ciphers: r.Ciphers}
	if r.Versions != nil {
		for _, a := range r.Versions.Answers {
			s.versions[a.Version] = a.Accepted
		}
	}
	if r.Ciphers != nil {
		s.suites = slices.Clone(r.Ciphers.Suites)
		for _, g := range r.Ciphers.Groups {
			s.groups[g.Group] = g.Accepted
		}
		for _, v := range hello.Versions {
			has := func(t ciphers.Suite) bool { return t.Version == v }
			if taken := slices.ContainsFunc(s.suites, has); taken || r.Ciphers.IsWhole(v) {
				s.versions[v] = taken || s.versions[v]
			}
		}
		s.allSuites = !slices.ContainsFunc(hello.Versions, func(v hello.Version) bool { return !s.complete(v) })
	}
	if session := r.Session; session != nil && session.Completed {
		s.versions[hello.Version(session.Version)] = true
		s.suites = append(s.suites, ciphers.Suite{Version: hello.Version(session.Version), Number: uint32(session.CipherSuite)})
		if session.Group != 0 {
			s.groups[hello.Group(session.Group)] = true
		}
	}
	if r.Chain != nil {
		s.leaf = r.Chain.Certificates[0]
	}
	return s
}

// complete tells whether all suites of a version are known. If the server takes
// the version, there is one at least.
func (s *evidence) complete(v hello.Version) bool {
	return s.ciphers.IsWhole(v) && (!s.versions[v] || slices.ContainsFunc(s.suites, func(t ciphers.Suite) bool { return t.Version == v }))
}

// takes tells whether one of the suites is such; known if it is, or if they are
// all known.
func (s *evidence) takes(such func(ciphers.Suite) bool) (taken, known bool) {
	taken = slices.ContainsFunc(s.suites, such)
	return taken, taken || s.allSuites
}

// forbid is the ruling on something that must not be there.
func forbid(there, known bool) outcome {
	switch {
	case !known:
		return unknown
	case there:
		return fail
	}
	return pass
}

func noVersionBut(allowed ...hello.Version) func(*evidence) outcome {
	return func(s *evidence) outcome {
		judged := pass
		for _, v := range hello.Versions {
			if slices.Contains(allowed, v) {
				continue
			}
			taken, known := s.versions[v]
			if taken {
				return fail
			}
			if !known {
				judged = unknown
			}
		}
		return judged
	}
}

func noSuiteOf(bad func(ciphers.Suite) bool) func(*evidence) outcome {
	return func(s *evidence) outcome { return forbid(s.takes(bad)) }
}

// without tells suites apart from those of a list.
func without(allowed []hello.CipherSuite) func(ciphers.Suite) bool {
	return func(s ciphers.Suite) bool {
		suite := s.Registered()
		return suite == nil || !slices.Contains(allowed, suite.ID)
	}
}

// dhAtLeast rules on the smallest prime of DHE below TLS 1.3, in bits.
func dhAtLeast(bits int) func(*evidence) outcome {
	return func(s *evidence) outcome {
		if s.ciphers != nil && s.ciphers.DHBits > 0 {
			return forbid(s.ciphers.DHBits < bits, s.ciphers.DHBits < bits || s.allSuites)
		}
		taken, known := s.takes(func(t ciphers.Suite) bool {
			return exchanges(t, "DHE", "DHE_PSK", "DH_anon")
		})
		return forbid(false, known && !taken) // taken, and nobody knows with how many bits
	}
}

// The rules on the certificate are on the one that the line was shown. A server
// may have another for clients that cannot read that one.

func rsaAtLeast(bits int) func(*evidence) outcome {
	return aboutLeaf(func(c *chain.Certificate) bool { return c.KeyAlgorithm != "RSA" || c.KeyBits >= bits })
}

func keyOf(algorithms ...string) func(*evidence) outcome {
	return aboutLeaf(func(c *chain.Certificate) bool { return slices.Contains(algorithms, c.KeyAlgorithm) })
}

// onCurve rules on ECDSA keys, by the names of crypto/elliptic.
func onCurve(curves ...string) func(*evidence) outcome {
	return aboutLeaf(func(c *chain.Certificate) bool {
		key, ok := c.X509.PublicKey.(*ecdsa.PublicKey)
		return !ok || slices.Contains(curves, key.Curve.Params().Name)
	})
}

func signedWith(algorithms ...x509.SignatureAlgorithm) func(*evidence) outcome {
	return aboutLeaf(func(c *chain.Certificate) bool { return slices.Contains(algorithms, c.X509.SignatureAlgorithm) })
}

// lastsAtMost rules on the whole lifetime.
func lastsAtMost(days int) func(*evidence) outcome {
	return aboutLeaf(func(c *chain.Certificate) bool {
		return c.X509.NotAfter.Sub(c.X509.NotBefore) <= time.Duration(days)*24*time.Hour
	})
}

func aboutLeaf(good func(*chain.Certificate) bool) func(*evidence) outcome {
	return func(s *evidence) outcome { return forbid(s.leaf != nil && !good(s.leaf), s.leaf != nil) }
}

// noGroupBut rules on groups that are weaker than those of a policy. Which of them
// are refused is not told, but that the server has said no to all the rest shows in
// the two curves that are told and are in no policy.
func noGroupBut(allowed ...hello.Group) func(*evidence) outcome {
	return func(s *evidence) outcome {
		for group, taken := range s.groups {
			if taken && !slices.Contains(allowed, group) && !noWeaker(group) {
				return fail
			}
		}
		for _, group := range largeCurves {
			if _, answered := s.groups[group]; !answered {
				return unknown
			}
		}
		return pass
	}
}

var largeCurves = []hello.Group{hello.SecP521r1, hello.X448}

// noWeaker tells whether a group is at least as strong as the curves of every
// policy: the large curves, and ML-KEM, alone or beside a curve, which is no weaker
// than the better of the two (draft-ietf-tls-hybrid-design). A group of RFC 7919 is
// a matter of its size: as the parameters of DHE it may be just what a policy
// recommends.
func noWeaker(g hello.Group) bool {
	return slices.Contains(largeCurves, g) || g.PostQuantum() || g.FiniteField()
}

// serverDecides has the server's order count where it takes a suite that is bad
// to end up with.
func serverDecides(bad func(ciphers.Suite) bool) func(*evidence) outcome {
	return func(s *evidence) outcome {
		taken, known := s.takes(bad)
		switch {
		case known && !taken:
			return pass
		case !known || s.ciphers == nil || s.ciphers.Preference == ciphers.UnknownPreference && s.choice():
			return unknown
		}
		return forbid(s.ciphers.Preference == ciphers.ClientPreference, true)
	}
}

// choice tells whether there is a version of which several suites are taken.
func (s *evidence) choice() bool {
	seen := make(map[hello.Version]uint32)
	for _, t := range s.suites {
		if number, ok := seen[t.Version]; ok && number != t.Number {
			return true
		}
		seen[t.Version] = t.Number
	}
	return false
}
