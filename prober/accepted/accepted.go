// Package accepted combines what the checks versions and ciphers found with what the
// probe's own handshake negotiated, for the checks that judge it.
package accepted

import (
	"slices"

	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/hello"
)

// Server is what a server accepts.
type Server struct {
	Versions  map[hello.Version]bool // accepted or refused; absent: not known
	Suites    []ciphers.Suite
	AllSuites bool                 // the server accepts no other suites
	Groups    map[hello.Group]bool // accepted or refused; absent: not known
	Ciphers   *ciphers.Finding     // nil: the check has no finding
}

// By combines the findings and the session. Each of them may be nil.
func By(session *handshake.Session, versions *versions.Finding, found *ciphers.Finding) *Server {
	s := &Server{Versions: make(map[hello.Version]bool), Groups: make(map[hello.Group]bool), Ciphers: found}
	if versions != nil {
		for _, a := range versions.Answers {
			s.Versions[a.Version] = a.Accepted
		}
	}
	if found != nil {
		s.addCiphers()
	}
	if session != nil && session.Completed {
		s.Versions[hello.Version(session.Version)] = true
		s.Suites = append(s.Suites, ciphers.Suite{Version: hello.Version(session.Version), Number: uint32(session.CipherSuite)})
		if session.Group != 0 {
			s.Groups[hello.Group(session.Group)] = true
		}
	}
	return s
}

func (s *Server) addCiphers() {
	s.Suites = slices.Clone(s.Ciphers.Suites)
	for _, g := range s.Ciphers.Groups {
		s.Groups[g.Group] = g.Accepted
	}
	for _, v := range hello.Versions {
		if accepted := s.hasSuite(v); accepted || s.Ciphers.IsWhole(v) {
			s.Versions[v] = accepted || s.Versions[v]
		}
	}
	s.AllSuites = !slices.ContainsFunc(hello.Versions, func(v hello.Version) bool { return !s.complete(v) })
}

// complete tells whether all suites of a version are known. If the server accepts the
// version, there is at least one.
func (s *Server) complete(v hello.Version) bool {
	return s.Ciphers.IsWhole(v) && (!s.Versions[v] || s.hasSuite(v))
}

func (s *Server) hasSuite(v hello.Version) bool {
	return slices.ContainsFunc(s.Suites, func(suite ciphers.Suite) bool { return suite.Version == v })
}

// Suite tells whether the server accepts such a suite. That is known if it does, or if
// all its suites are known.
func (s *Server) Suite(such func(ciphers.Suite) bool) (accepted, known bool) {
	accepted = slices.ContainsFunc(s.Suites, such)
	return accepted, accepted || s.AllSuites
}

// DHBits is the size of the smallest prime of DHE below TLS 1.3; 0: the server accepts no
// suite that needs one. Where it is not known, bits may still have one that the server
// sent: there may be a smaller one.
func (s *Server) DHBits() (bits int, known bool) {
	if s.Ciphers != nil && s.Ciphers.DHBits > 0 {
		return s.Ciphers.DHBits, s.AllSuites
	}
	accepted, known := s.Suite(func(suite ciphers.Suite) bool {
		registered := suite.Registered()
		return registered != nil && slices.Contains(needPrime, registered.KeyExchange)
	})
	return 0, known && !accepted // if accepted, the size of the prime is not known
}

// needPrime is the key exchanges for which the server sends a prime.
var needPrime = []string{"DHE", "DHE_PSK", "DH_anon"}
