package clients

import (
	"slices"

	"tls_exporter/prober/accepted"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/hello"
)

// server is what is known about a server, in the form that a simulation needs.
type server struct {
	*ciphers.Finding                                       // empty if the check has none
	versions         map[hello.Version]bool                // accepted or refused; absent: not known
	suites           map[hello.Version][]hello.CipherSuite // that it accepts, in its order
	leaf             *chain.Certificate                    // of the probe's own handshake; nil: none was seen
}

func newServer(f *Facts) *server {
	s := &server{
		Finding:  new(ciphers.Finding),
		versions: accepted.By(f.Session, f.Versions, f.Ciphers).Versions, suites: make(map[hello.Version][]hello.CipherSuite),
	}
	if f.Ciphers != nil {
		*s.Finding = *f.Ciphers
	}
	if f.Session != nil && f.Session.Completed {
		s.addSuite(ciphers.Suite{Version: hello.Version(f.Session.Version), Number: uint32(f.Session.CipherSuite)})
	}
	for _, suite := range s.Suites {
		if suite.Version != hello.SSL20 {
			s.suites[suite.Version] = append(s.suites[suite.Version], hello.CipherSuite(suite.Number))
		}
	}
	if f.Chain != nil {
		s.leaf = f.Chain.Certificates[0]
	}
	return s
}

// addSuite adds the suite of the probe's own handshake, which the check may not have found.
func (s *server) addSuite(suite ciphers.Suite) {
	if !slices.Contains(s.Suites, suite) {
		s.Suites = append(slices.Clone(s.Suites), suite)
		s.Unordered = append(slices.Clone(s.Unordered), suite.Version)
	}
}

// whole tells whether all suites of an accepted version are known.
func (s *server) whole(v hello.Version) bool { return s.IsWhole(v) && len(s.suites[v]) > 0 }

// orders is the orders of suites in which the server may choose for a client: each is one
// that it follows for all that is known.
//
// Suites with ChaCha20 may have another place than in the finding. Some servers put them
// first for a client that does so, and the finding is from offers with AES first, until
// the suites with AES of 256 bits were found.
func (s *server) orders(v hello.Version, c *Client) [][]hello.CipherSuite {
	ours, theirs := s.suites[v], c.Suites
	if !s.whole(v) { // any other may come first
		ours = slices.Concat(without(theirs, ours), ours)
	}
	preference := s.Older.Preference
	if v == hello.TLS13 {
		preference = s.Newer.Preference
	}
	if preference == ciphers.ClientPreference {
		return [][]hello.CipherSuite{theirs}
	}
	all := [][]hello.CipherSuite{ours}
	chacha := slices.DeleteFunc(slices.Clone(ours), func(id hello.CipherSuite) bool { return !isChaCha(id) })
	if firstOf(theirs, isChaCha) < firstOf(theirs, isAESGCM) {
		all = append(all, slices.Concat(chacha, without(ours, chacha)))
	} else if firstOf(ours, isAESGCM) < firstOf(ours, isChaCha) {
		all = append(all, slices.Concat(without(ours, chacha), chacha))
	}
	if preference == ciphers.UnknownPreference {
		all = append(all, theirs)
	}
	if slices.Contains(s.Unordered, v) || !s.whole(v) {
		for i := range ours { // any may be the first
			all = append(all, slices.Concat(ours[i:], ours[:i]))
		}
	}
	if own := s.Older.DHE.OwnOnly; v < hello.TLS13 && len(own) > 0 {
		all = append(all, slices.Concat(own, without(ours, own)))
	}
	return all
}

func isChaCha(id hello.CipherSuite) bool {
	suite := hello.Find(id)
	return suite != nil && suite.Cipher == "CHACHA20"
}

func isAESGCM(id hello.CipherSuite) bool {
	suite := hello.Find(id)
	return suite != nil && suite.Cipher == "AES" && suite.Mode == "GCM"
}

func isECDSA(id hello.CipherSuite) bool {
	suite := hello.Find(id)
	return suite != nil && suite.Authentication == "ECDSA"
}

// firstOf is the index of the first such suite; the length of the list: there is none.
func firstOf(list []hello.CipherSuite, such func(hello.CipherSuite) bool) int {
	if at := slices.IndexFunc(list, such); at >= 0 {
		return at
	}
	return len(list)
}

// without returns the elements of a list that are not in another one.
func without[T comparable](list, others []T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(one T) bool { return slices.Contains(others, one) })
}

// common returns the elements of a list that are in another one too.
func common[T comparable](list, others []T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(one T) bool { return !slices.Contains(others, one) })
}

// signs tells whether the server can sign for a client in TLS 1.3. If its schemes are not
// known, the certificate of the probe's own handshake tells; the server may have others.
func (s *server) signs(c *Client) ciphers.Fact {
	if len(common(c.Schemes, s.Newer.Schemes)) > 0 {
		return ciphers.Yes
	}
	if s.Newer.AllSchemes {
		return ciphers.No
	}
	if s.leaf != nil && len(common(c.Schemes, schemesOf(s.leaf))) > 0 {
		return ciphers.Yes
	}
	return ciphers.Unknown
}

// schemesOf is the schemes that a key can sign with in TLS 1.3 (RFC 8446 section 4.2.3).
func schemesOf(leaf *chain.Certificate) []hello.SignatureScheme {
	switch leaf.KeyAlgorithm {
	case "RSA":
		return []hello.SignatureScheme{0x0804, 0x0805, 0x0806}
	case "Ed25519":
		return []hello.SignatureScheme{0x0807}
	case "ECDSA":
		switch leaf.Curve {
		case "P-256":
			return []hello.SignatureScheme{0x0403}
		case "P-384":
			return []hello.SignatureScheme{0x0503}
		case "P-521":
			return []hello.SignatureScheme{0x0603}
		}
	}
	return nil
}

// signsWith tells whether the server can sign a key exchange of TLS 1.2 for a client, with
// a key for a kind of suites: RSA, ECDSA or DSS.
func (s *server) signsWith(authentication string, c *Client) ciphers.Fact {
	ours := slices.DeleteFunc(slices.Clone(s.Older.Schemes), func(scheme hello.SignatureScheme) bool { return !isFor(authentication, scheme) })
	switch {
	case len(common(c.Schemes, ours)) > 0:
		return ciphers.Yes
	case s.Older.AllSchemes && len(ours) > 0:
		return ciphers.No
	}
	return ciphers.Unknown
}

// isFor tells whether a scheme signs for a kind of suites in TLS 1.2. Suites for ECDSA are
// for EdDSA too (RFC 8422 section 2.2).
func isFor(authentication string, scheme hello.SignatureScheme) bool {
	const rsa, dsa, ecdsa = 1, 2, 3 // in the lower byte of the pairs of TLS 1.2 (RFC 5246 section 7.4.1.4.1)
	pair, signature := scheme < 0x0700, scheme&0xff
	switch authentication {
	case "RSA": // and RSA-PSS
		return pair && signature == rsa || scheme >= 0x0804 && scheme <= 0x0806 || scheme >= 0x0809 && scheme <= 0x080B
	case "ECDSA": // and Ed25519, Ed448
		return pair && signature == ecdsa || scheme == 0x0807 || scheme == 0x0808
	case "DSS":
		return pair && signature == dsa
	}
	return false
}

// certificateCurves are those of ECDSA keys in certificates, by their names in
// crypto/elliptic.
var certificateCurves = map[string]hello.Group{"P-256": hello.SecP256r1, "P-384": hello.SecP384r1, "P-521": hello.SecP521r1}

// curveFits tells whether a client accepts the curve of an ECDSA key: below TLS 1.3 it has
// to be one of its groups (RFC 8422 section 5.1). The server may have an ECDSA certificate
// beside that of the probe's own handshake, on any curve.
func (s *server) curveFits(c *Client) ciphers.Fact {
	if s.leaf != nil && s.leaf.KeyAlgorithm == "ECDSA" {
		curve, known := certificateCurves[s.leaf.Curve]
		if !known {
			return ciphers.Unknown
		}
		return ciphers.FactOf(slices.Contains(c.Groups, curve))
	}
	for _, curve := range certificateCurves {
		if !slices.Contains(c.Groups, curve) {
			return ciphers.Unknown
		}
	}
	return ciphers.Yes
}
