package grade

import (
	"slices"

	"tls_exporter/prober/accepted"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/vulnerabilities"
	"tls_exporter/prober/hello"
)

// rule limits the grade of endpoints to which it applies.
type rule struct {
	cap     Cap
	grade   Grade  // no better than this
	why     string // for people
	applies condition
}

// condition tells whether something is so, and whether that is known.
type condition func(*evidence) (holds, known bool)

// rules is the section Changes of the guide, by severity. Within a grade those come first
// that help an attacker most. Where the guide judges what browsers negotiate, the rules
// judge what the server accepts, as testssl.sh 3.2.4 does.
//
// The rule starttls is testssl.sh's own. In testssl.sh some rules of the guide have no
// effect: anonymous, no_aead, rc4_preferred and sweet32_preferred, and for weak_key and
// insecure_key the prime of DHE does not count. Left out is what no check asks for:
// revocation, the exponent of RSA keys, and headers of HTTP.
var rules = []rule{
	{"expired", T, "the certificate has expired", problem(chain.ProblemExpired)},
	{"not_yet_valid", T, "the certificate is not valid yet", problem(chain.ProblemNotYetValid)},
	{"self_signed", T, "the certificate is self-signed", problem(chain.ProblemSelfSigned)},
	{"weak_signature", T, "a certificate is signed with SHA-1 or weaker", problem(chain.ProblemWeakSignature)},
	{"untrusted", T, "the chain leads to no trusted root, or is invalid", untrusted},
	{"starttls", T, "an attacker between client and server can remove the offer of STARTTLS", startTLS},

	{"name_mismatch", M, "the certificate is for another name", nameMismatch},

	{"heartbleed", F, "the server is vulnerable to Heartbleed", vulnerable(vulnerabilities.Heartbleed)},
	{"ccs_injection", F, "the server is vulnerable to CCS injection", vulnerable(vulnerabilities.CCSInjection)},
	{"ticketbleed", F, "the server is vulnerable to Ticketbleed", vulnerable(vulnerabilities.Ticketbleed)},
	{"robot", F, "the server is vulnerable to ROBOT", vulnerable(vulnerabilities.ROBOT)},
	{"sslv2", F, "SSL 2.0 is accepted", anyOf(version(hello.SSL20), vulnerable(vulnerabilities.DROWN))},
	{"export", F, "export suites are accepted", suite(func(s *hello.Suite) bool { return s.Export })},
	{"anonymous", F, "suites without authentication are accepted", suite(func(s *hello.Suite) bool { return s.Anonymous })},
	{"weak_cipher", F, "ciphers with less than 112 bits are accepted", suite(func(s *hello.Suite) bool { return s.Bits < 112 })},
	{"insecure_key", F, "the certificate's key, or the prime of DHE, is weaker than RSA with 1024 bits", keyScore(0, 40)},
	{"sslv3_only", F, "no version of TLS is accepted", none(hello.TLS10, hello.TLS11, hello.TLS12, hello.TLS13)},

	{"no_tls12", C, "neither TLS 1.2 nor 1.3 is accepted", none(hello.TLS12, hello.TLS13)},
	{"poodle", C, "the server is vulnerable to POODLE", vulnerable(vulnerabilities.POODLE)},
	{"compression", C, "TLS compression is accepted, which the CRIME attack needs", vulnerable(vulnerabilities.Compression)},
	{"rc4_preferred", C, "RC4 is selected in TLS 1.1 or 1.2", selects(rc4)},
	{"sweet32_preferred", C, "a cipher with blocks of 64 bits is selected in TLS 1.1 or 1.2", selects((*hello.Suite).SmallBlocks)},

	{"sslv3", B, "SSL 3.0 is accepted", version(hello.SSL30)},
	{"weak_key", B, "the certificate's key, or the prime of DHE, is weaker than RSA with 2048 bits", keyScore(41, 80)},
	{"incomplete_chain", B, "the server does not send all intermediate certificates", problem(chain.ProblemIncompleteChain)},
	{"rc4", B, "RC4 is accepted", suite(rc4)},
	{"no_forward_secrecy", B, "no suite has forward secrecy", lacks(forwardSecret)},
	{"no_aead", B, "no suite has an AEAD cipher", lacks((*hello.Suite).AEAD)},
	{"tls10", B, "TLS 1.0 is accepted", version(hello.TLS10)},
	{"tls11", B, "TLS 1.1 is accepted", version(hello.TLS11)},

	{"insecure_renegotiation", AMinus, "secure renegotiation (RFC 5746) is not supported", vulnerable(vulnerabilities.InsecureRenegotiation)},
	{"no_tls13", AMinus, "TLS 1.3 is not accepted", none(hello.TLS13)},

	{"hsts_unknown", A, "A+ requires HSTS, for which no check asks", func(*evidence) (bool, bool) { return true, true }},
}

// capScore is the cap of a grade that the score limits.
const capScore Cap = "score"

// Caps is the vocabulary of caps, the most severe first.
var Caps = func() []Cap {
	var all []Cap
	for _, r := range rules {
		if r.grade == C && !slices.Contains(all, capScore) { // the score may give any grade from F to B
			all = append(all, capScore)
		}
		all = append(all, r.cap)
	}
	return all
}()

// Limits is what each rule does to endpoints to which it applies, most severe first.
func Limits() []Limit {
	all := make([]Limit, len(rules))
	for i, r := range rules {
		all[i] = r.limit()
	}
	return all
}

func (r rule) limit() Limit { return Limit{r.cap, r.grade, r.why} }

// evidence is what is known about an endpoint, in the form that rules need.
type evidence struct {
	*accepted.Server
	startTLS   bool
	chain      *chain.Chain       // nil: none was seen
	leaf       *chain.Certificate // nil: none was seen
	vulnerable map[vulnerabilities.Name]bool
}

func newEvidence(f *Facts) *evidence {
	e := &evidence{
		Server:   accepted.By(f.Session, f.Versions, f.Ciphers),
		startTLS: f.StartTLS, chain: f.Chain, vulnerable: make(map[vulnerabilities.Name]bool),
	}
	if f.Chain != nil {
		e.leaf = f.Chain.Certificates[0]
	}
	if f.Vulnerabilities != nil {
		for _, a := range f.Vulnerabilities.Answers {
			e.vulnerable[a.Name] = a.Vulnerable
		}
	}
	return e
}

// version is whether the server accepts a version.
func version(v hello.Version) condition {
	return func(e *evidence) (accepted, known bool) {
		accepted, known = e.Versions[v]
		return accepted, known
	}
}

// none is whether the server accepts none of the versions.
func none(versions ...hello.Version) condition {
	return func(e *evidence) (holds, known bool) {
		known = true
		for _, v := range versions {
			accepted, answered := e.Versions[v]
			if accepted {
				return false, true
			}
			known = known && answered
		}
		return known, known
	}
}

// vulnerable is whether the server has a vulnerability.
func vulnerable(v vulnerabilities.Name) condition {
	return func(e *evidence) (holds, known bool) {
		holds, known = e.vulnerable[v]
		return holds, known
	}
}

// anyOf is whether one of the conditions holds.
func anyOf(conditions ...condition) condition {
	return func(e *evidence) (holds, known bool) {
		known = true
		for _, c := range conditions {
			one, answered := c(e)
			if one {
				return true, true
			}
			known = known && answered
		}
		return false, known
	}
}

// suite is whether the server accepts such a suite. About those that are not registered
// nothing is known.
func suite(such func(*hello.Suite) bool) condition {
	return func(e *evidence) (accepted, known bool) {
		accepted, known = e.Suite(func(s ciphers.Suite) bool { return is(s, such) })
		return accepted, accepted || known && !slices.ContainsFunc(e.Suites, unregistered)
	}
}

// lacks is whether the server accepts no such suite.
func lacks(such func(*hello.Suite) bool) condition {
	return func(e *evidence) (holds, known bool) {
		accepted, known := suite(such)(e)
		return known && !accepted, known
	}
}

func is(s ciphers.Suite, such func(*hello.Suite) bool) bool {
	suite := s.Registered()
	return suite != nil && such(suite)
}

// unregistered leaves out SSL 2.0, whose kinds of ciphers are in no registry: sslv2 limits
// the grade then.
func unregistered(s ciphers.Suite) bool { return s.Version != hello.SSL20 && s.Registered() == nil }

func rc4(s *hello.Suite) bool { return s.Cipher == "RC4" }

// forwardSecret is what testssl.sh calls robust forward secrecy.
func forwardSecret(s *hello.Suite) bool {
	robust := s.Min == hello.TLS13 || s.KeyExchange == "DHE" || s.KeyExchange == "ECDHE"
	return robust && !s.Null && !s.SmallBlocks() && s.Cipher != "RC4"
}

// selects is whether the server selects such a suite in TLS 1.1 or 1.2 if the client offers
// everything and prefers other suites.
func selects(such func(*hello.Suite) bool) condition {
	return anyOf(selectsIn(hello.TLS12, such), selectsIn(hello.TLS11, such))
}

func selectsIn(v hello.Version, such func(*hello.Suite) bool) condition {
	return func(e *evidence) (holds, known bool) {
		if accepted, known := e.Versions[v]; known && !accepted {
			return false, true
		}
		if e.Ciphers == nil {
			return false, false
		}
		suites := slices.DeleteFunc(slices.Clone(e.Ciphers.Suites), func(s ciphers.Suite) bool { return s.Version != v })
		has := slices.ContainsFunc(suites, func(s ciphers.Suite) bool { return is(s, such) })
		others := slices.ContainsFunc(suites, func(s ciphers.Suite) bool { return !is(s, such) })
		switch {
		case has && others && e.Ciphers.Preference == ciphers.ServerPreference:
			return is(suites[0], such), true
		case has && others && e.Ciphers.Preference == ciphers.ClientPreference:
			return false, true
		}
		return has && !others && e.Ciphers.IsWhole(v), e.Ciphers.IsWhole(v) && (!has || !others)
	}
}

// keyScore is whether the score of the key exchange is in a range.
func keyScore(lowest, highest int) condition {
	return func(e *evidence) (holds, known bool) {
		score, known := e.keyScore()
		return lowest <= score && score <= highest, known || score <= highest
	}
}

// problem is whether the chain has a problem.
func problem(p chain.Problem) condition {
	return func(e *evidence) (holds, known bool) {
		return e.chain != nil && e.chain.Has(p), e.chain != nil && !e.chain.Unverified
	}
}

// untrusted is whether the chain has a problem that makes it invalid and that no other
// rule names.
func untrusted(e *evidence) (holds, known bool) {
	named := []chain.Problem{
		chain.ProblemExpired, chain.ProblemNotYetValid, chain.ProblemSelfSigned, chain.ProblemWeakSignature,
		chain.ProblemNameMismatch, chain.ProblemIncompleteChain,
	}
	if e.chain == nil {
		return false, false
	}
	holds = slices.ContainsFunc(e.chain.Problems, func(f chain.Found) bool {
		return f.Problem.Invalidates() && !slices.Contains(named, f.Problem)
	})
	return holds, !e.chain.Unverified
}

// nameMismatch is not known without a name to compare with.
func nameMismatch(e *evidence) (holds, known bool) {
	holds, known = problem(chain.ProblemNameMismatch)(e)
	return holds, holds || known && e.chain.Name != ""
}

// startTLS is not known before TLS has started.
func startTLS(e *evidence) (holds, known bool) { return e.startTLS && e.chain != nil, e.chain != nil }
