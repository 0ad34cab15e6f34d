package policy

import (
	"crypto/x509"
	"slices"
	"time"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/hello"
)

// rule is one requirement of a policy.
type rule struct {
	name  string // one of Rules
	judge func(*evidence) outcome
}

// outcome is the result of one rule.
type outcome int

const (
	unknown outcome = iota // a part of the evidence that the rule needs is missing
	pass
	fail // one violation is enough, also where other evidence is missing
)

// Rules is the vocabulary of rules, the most severe first: those that protect the
// confidentiality of connections today, then those against impersonation, then those
// against risks of the future.
var Rules = []string{
	"protocols", "ciphers", "dh_param_size", "rsa_key_size", "certificate_signature", "certificate_type", "certificate_curve",
	"groups", "server_preference", "certificate_lifespan",
}

// pciRules is requirement 4.2.1 of PCI DSS 4.0.1: no insecure versions, algorithms or
// key sizes. Appendix A2 says which versions are insecure: SSL and early TLS. The
// glossary defines strong cryptography: algorithms that the industry accepts, with at
// least 112 bits of effective key strength, so RSA and Diffie-Hellman with at least
// 2048 bits. It names 3DES as acceptable.
var pciRules = []rule{
	{"protocols", noVersionBut(hello.TLS12, hello.TLS13)},
	{"ciphers", noSuite(notPCI)},
	{"dh_param_size", dhAtLeast(2048)},
	{"rsa_key_size", rsaAtLeast(2048)},
}

// notPCI tells whether a suite is not strong cryptography. RC4 has enough bits, but is
// prohibited (RFC 7465).
func notPCI(s ciphers.Suite) bool {
	suite := s.Registered()
	return suite == nil || suite.Null || suite.Anonymous || suite.Export || suite.Bits < 112 || suite.Cipher == "RC4"
}

// exchanges tells whether the suite has one of these key exchanges.
func exchanges(s ciphers.Suite, names ...string) bool {
	suite := s.Registered()
	return suite != nil && slices.Contains(names, suite.KeyExchange)
}

// evidence is what is known about an endpoint, in the form that rules need.
type evidence struct {
	versions  map[hello.Version]bool // accepted or refused; absent: not known
	suites    []ciphers.Suite
	allSuites bool                 // the server accepts no other suites
	groups    map[hello.Group]bool // accepted or refused; absent: not known
	ciphers   *ciphers.Finding     // nil: the check has no finding
	leaf      *chain.Certificate   // of the probe's own handshake; nil: none was seen
}

// newEvidence combines the findings of checks with what the probe's own handshake
// negotiated.
func newEvidence(r *Facts) *evidence {
	e := &evidence{versions: make(map[hello.Version]bool), groups: make(map[hello.Group]bool), ciphers: r.Ciphers}
	if r.Versions != nil {
		for _, a := range r.Versions.Answers {
			e.versions[a.Version] = a.Accepted
		}
	}
	if r.Ciphers != nil {
		e.suites = slices.Clone(r.Ciphers.Suites)
		for _, g := range r.Ciphers.Groups {
			e.groups[g.Group] = g.Accepted
		}
		for _, v := range hello.Versions {
			has := func(t ciphers.Suite) bool { return t.Version == v }
			if accepted := slices.ContainsFunc(e.suites, has); accepted || r.Ciphers.IsWhole(v) {
				e.versions[v] = accepted || e.versions[v]
			}
		}
		e.allSuites = !slices.ContainsFunc(hello.Versions, func(v hello.Version) bool { return !e.complete(v) })
	}
	if session := r.Session; session != nil && session.Completed {
		e.versions[hello.Version(session.Version)] = true
		e.suites = append(e.suites, ciphers.Suite{Version: hello.Version(session.Version), Number: uint32(session.CipherSuite)})
		if session.Group != 0 {
			e.groups[hello.Group(session.Group)] = true
		}
	}
	if r.Chain != nil {
		e.leaf = r.Chain.Certificates[0]
	}
	return e
}

// complete tells whether all suites of a version are known. If the server accepts the
// version, there is at least one.
func (e *evidence) complete(v hello.Version) bool {
	return e.ciphers.IsWhole(v) && (!e.versions[v] || slices.ContainsFunc(e.suites, func(t ciphers.Suite) bool { return t.Version == v }))
}

// accepts tells whether the server accepts such a suite. That is known if it does, or
// if all its suites are known.
func (e *evidence) accepts(such func(ciphers.Suite) bool) (accepted, known bool) {
	accepted = slices.ContainsFunc(e.suites, such)
	return accepted, accepted || e.allSuites
}

// forbid is the outcome of a rule that forbids something.
func forbid(present, known bool) outcome {
	switch {
	case !known:
		return unknown
	case present:
		return fail
	}
	return pass
}

// noVersionBut forbids all other versions.
func noVersionBut(allowed ...hello.Version) func(*evidence) outcome {
	return func(e *evidence) outcome {
		result := pass
		for _, v := range hello.Versions {
			if slices.Contains(allowed, v) {
				continue
			}
			accepted, known := e.versions[v]
			if accepted {
				return fail
			}
			if !known {
				result = unknown
			}
		}
		return result
	}
}

// noSuite forbids such suites.
func noSuite(bad func(ciphers.Suite) bool) func(*evidence) outcome {
	return func(e *evidence) outcome { return forbid(e.accepts(bad)) }
}

// notIn is true for suites that are not in a list.
func notIn(allowed []hello.CipherSuite) func(ciphers.Suite) bool {
	return func(s ciphers.Suite) bool {
		suite := s.Registered()
		return suite == nil || !slices.Contains(allowed, suite.ID)
	}
}

// dhAtLeast is about the smallest prime of DHE below TLS 1.3, in bits.
func dhAtLeast(bits int) func(*evidence) outcome {
	return func(e *evidence) outcome {
		if e.ciphers != nil && e.ciphers.DHBits > 0 {
			return forbid(e.ciphers.DHBits < bits, e.ciphers.DHBits < bits || e.allSuites)
		}
		accepted, known := e.accepts(func(t ciphers.Suite) bool {
			return exchanges(t, "DHE", "DHE_PSK", "DH_anon")
		})
		return forbid(false, known && !accepted) // if accepted, the size of the prime is not known
	}
}

// The rules on the certificate are about the one of the probe's own handshake. A server
// may send another one to older clients.

// rsaAtLeast is about RSA keys, in bits.
func rsaAtLeast(bits int) func(*evidence) outcome {
	return aboutLeaf(func(c *chain.Certificate) bool { return c.KeyAlgorithm != "RSA" || c.KeyBits >= bits })
}

// keyOf allows only keys of these algorithms.
func keyOf(algorithms ...string) func(*evidence) outcome {
	return aboutLeaf(func(c *chain.Certificate) bool { return slices.Contains(algorithms, c.KeyAlgorithm) })
}

// onCurve allows only these curves for ECDSA keys. The names are those of
// crypto/elliptic.
func onCurve(curves ...string) func(*evidence) outcome {
	return aboutLeaf(func(c *chain.Certificate) bool {
		return c.Curve == "" || slices.Contains(curves, c.Curve)
	})
}

// signedWith allows only these signature algorithms.
func signedWith(algorithms ...x509.SignatureAlgorithm) func(*evidence) outcome {
	return aboutLeaf(func(c *chain.Certificate) bool {
		return slices.ContainsFunc(algorithms, func(a x509.SignatureAlgorithm) bool { return c.SignatureAlgorithm == a.String() })
	})
}

// lastsAtMost is about the whole validity period. It is unknown without a leaf whose dates
// could be read.
func lastsAtMost(days int) func(*evidence) outcome {
	return func(e *evidence) outcome {
		dated := e.leaf != nil && e.leaf.Expires()
		return forbid(dated && e.leaf.NotAfter.Sub(e.leaf.NotBefore) > time.Duration(days)*24*time.Hour, dated)
	}
}

// aboutLeaf fails if the leaf is not good. It is unknown without a leaf.
func aboutLeaf(good func(*chain.Certificate) bool) func(*evidence) outcome {
	return func(e *evidence) outcome { return forbid(e.leaf != nil && !good(e.leaf), e.leaf != nil) }
}

// noGroupBut forbids groups that are weaker than those of a policy. Refusals of such
// groups are not reported one by one. But if there is an answer for both of
// largeCurves, which no policy lists, the server has refused all groups that it does
// not accept.
func noGroupBut(allowed ...hello.Group) func(*evidence) outcome {
	return func(e *evidence) outcome {
		for group, accepted := range e.groups {
			if accepted && !slices.Contains(allowed, group) && !atLeastAsStrong(group) {
				return fail
			}
		}
		for _, group := range largeCurves {
			if _, answered := e.groups[group]; !answered {
				return unknown
			}
		}
		return pass
	}
}

var largeCurves = []hello.Group{hello.SecP521r1, hello.X448}

// atLeastAsStrong tells whether a group is at least as strong as the curves of every
// policy. The large curves are, and ML-KEM alone or with a curve: a hybrid is as strong
// as the stronger of its two parts (draft-ietf-tls-hybrid-design). So are the groups of
// RFC 7919: all have 2048 bits or more, and dh_param_size judges them as DHE.
func atLeastAsStrong(g hello.Group) bool {
	return slices.Contains(largeCurves, g) || g.PostQuantum() || g.FiniteField()
}

// serverPrefers requires that the server's order of suites decides, if the server
// accepts a bad suite.
func serverPrefers(bad func(ciphers.Suite) bool) func(*evidence) outcome {
	return func(e *evidence) outcome {
		accepted, known := e.accepts(bad)
		switch {
		case known && !accepted:
			return pass
		case !known || e.ciphers == nil || e.ciphers.Preference == ciphers.UnknownPreference && e.choice():
			return unknown
		}
		return forbid(e.ciphers.Preference == ciphers.ClientPreference, true)
	}
}

// choice tells whether the server accepts several suites in one version.
func (e *evidence) choice() bool {
	seen := make(map[hello.Version]uint32)
	for _, t := range e.suites {
		if number, ok := seen[t.Version]; ok && number != t.Number {
			return true
		}
		seen[t.Version] = t.Number
	}
	return false
}
