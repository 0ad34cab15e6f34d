package policy

import (
	"crypto/x509"
	"slices"
	"time"

	"tls_exporter/prober/accepted"
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

// evidence is what is known about an endpoint, in the form that rules need.
type evidence struct {
	*accepted.Server
	leaf *chain.Certificate // of the probe's own handshake; nil: none was seen
}

func newEvidence(f *Facts) *evidence {
	e := &evidence{Server: accepted.By(f.Session, f.Versions, f.Ciphers)}
	if f.Chain != nil {
		e.leaf = f.Chain.Certificates[0]
	}
	return e
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
			accepted, known := e.Versions[v]
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
	return func(e *evidence) outcome { return forbid(e.Suite(bad)) }
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
		smallest, known := e.DHBits()
		short := smallest > 0 && smallest < bits
		return forbid(short, known || short)
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
		for group, accepted := range e.Groups {
			if accepted && !slices.Contains(allowed, group) && !atLeastAsStrong(group) {
				return fail
			}
		}
		for _, group := range largeCurves {
			if _, answered := e.Groups[group]; !answered {
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
		accepted, known := e.Suite(bad)
		switch {
		case known && !accepted:
			return pass
		case !known || e.Ciphers == nil || e.Ciphers.Preference == ciphers.UnknownPreference && e.choice():
			return unknown
		}
		return forbid(e.Ciphers.Preference == ciphers.ClientPreference, true)
	}
}

// choice tells whether the server accepts several suites in one version.
func (e *evidence) choice() bool {
	seen := make(map[hello.Version]uint32)
	for _, t := range e.Suites {
		if number, ok := seen[t.Version]; ok && number != t.Number {
			return true
		}
		seen[t.Version] = t.Number
	}
	return false
}
