package clients

import (
	"cmp"
	"math"
	"slices"

	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/hello"
)

// outcome is how one handshake may end. What is not settled is 0.
type outcome struct {
	unknown bool   // whether the client can connect
	reason  Reason // why it cannot; empty: it can
	cipher  hello.CipherSuite
	group   hello.Group
}

// session computes what a client negotiates; false: it is not settled whether it can
// connect.
func (s *server) session(c *Client) (Session, bool) {
	v, known := s.version(c)
	switch {
	case !known:
		return Session{}, false
	case v == 0:
		return Session{Client: c.Name, Reason: NoCommonVersion}, true
	}
	session, settled := merge(s.outcomes(v, c))
	session.Client, session.Version = c.Name, v
	return session, settled
}

// version is the newest version that both sides support, which a server selects before
// anything else (RFC 8446 section 4.2.1, RFC 5246 appendix E.1); 0: there is none. It is
// false if it is not known whether the server accepts a version that would be newer.
func (s *server) version(c *Client) (v hello.Version, known bool) {
	for _, v := range slices.Backward(hello.Versions) {
		if v < c.Min || v > c.Max {
			continue
		}
		switch accepted, known := s.versions[v]; {
		case !known:
			return 0, false
		case accepted:
			return v, true
		}
	}
	return 0, true
}

// merge is what all outcomes have in common; false: they differ in whether the client can
// connect, or one is unknown.
func merge(all []outcome) (Session, bool) {
	first := all[0]
	session := Session{Supported: first.reason == "", Reason: first.reason, Cipher: first.cipher, Group: first.group}
	for _, o := range all {
		if o.unknown || (o.reason == "") != session.Supported {
			return Session{}, false
		}
		if o.reason != first.reason {
			session.Reason = ""
		}
		if o.cipher != first.cipher {
			session.Cipher = 0
		}
		if o.group != first.group {
			session.Group = 0
		}
	}
	return session, true
}

// outcomes is all outcomes of a handshake in a version that are possible for what is known
// about the server. There is at least one.
func (s *server) outcomes(v hello.Version, c *Client) []outcome {
	if v == hello.TLS13 {
		if o, fails := s.newerObstacle(c); fails {
			return []outcome{o}
		}
	}
	var all []outcome
	for _, order := range s.orders(v, c) {
		ended := false
		for _, id := range order {
			usable, _ := s.usable(v, id, c)
			if usable != ciphers.No {
				all = append(all, s.withSuite(v, id, c))
			}
			if ended = usable == ciphers.Yes; ended {
				break
			}
		}
		if !ended {
			all = append(all, s.withoutSuite(v, c))
		}
	}
	return all
}

// newerObstacle is why a client cannot connect with TLS 1.3, or why that is not known,
// whatever the suite is; false: there is no such reason.
func (s *server) newerObstacle(c *Client) (outcome, bool) {
	if len(common(c.newer, s.Newer.Groups)) == 0 {
		return outcome{unknown: !s.Newer.AllGroups, reason: NoCommonGroup}, true
	}
	if signs := s.signs(c); signs != ciphers.Yes {
		return outcome{unknown: signs == ciphers.Unknown, reason: NoCommonSignature}, true
	}
	return outcome{}, false
}

// usable tells whether the server may select a suite for a client, and if not, why.
func (s *server) usable(v hello.Version, id hello.CipherSuite, c *Client) (ciphers.Fact, Reason) {
	suite, accepted := hello.Find(id), slices.Contains(s.suites[v], id)
	switch {
	case suite == nil, !slices.Contains(c.Suites, id), suite.Min > max(v, hello.TLS10), v > suite.Max:
		return ciphers.No, NoCommonCipher
	case !accepted && s.whole(v):
		return ciphers.No, NoCommonCipher
	case !accepted:
		return ciphers.Unknown, ""
	case v == hello.TLS13:
		return ciphers.Yes, ""
	case s.Older.CertificateFirst && !isECDSA(id) && slices.ContainsFunc(c.Suites, isECDSA):
		return ciphers.No, "" // see withoutSuite
	}
	usable, reason := ciphers.Yes, Reason("")
	need := func(fact ciphers.Fact, why Reason) {
		if fact == ciphers.No || usable == ciphers.Yes {
			usable, reason = fact, why
		}
	}
	switch suite.KeyExchange {
	case "ECDHE":
		need(s.sharesCurve(c), NoCommonGroup)
	case "DHE":
		need(s.acceptsDHE(v, id, c), NoCommonGroup)
	}
	if suite.Authentication == "ECDSA" && usable != ciphers.No {
		need(s.curveFits(c), NoCommonGroup)
	}
	if isSigned(suite) && v == hello.TLS12 && usable != ciphers.No {
		need(s.signsWith(suite.Authentication, c), NoCommonSignature)
	}
	return usable, reason
}

// isSigned tells whether the server signs the key exchange of a suite below TLS 1.3.
func isSigned(suite *hello.Suite) bool {
	return suite.KeyExchange == "ECDHE" || suite.KeyExchange == "DHE"
}

// withoutSuite is the outcome if the server finds no suite for a client.
func (s *server) withoutSuite(v hello.Version, c *Client) outcome {
	o := outcome{reason: NoCommonCipher}
	for _, id := range c.Suites {
		switch usable, reason := s.usable(v, id, c); {
		case usable == ciphers.Unknown, usable == ciphers.No && reason == "": // or it takes another certificate
			return outcome{unknown: true}
		case reason != NoCommonCipher:
			o.reason = reason
		}
	}
	return o
}

// withSuite is the outcome if the server selects a suite.
func (s *server) withSuite(v hello.Version, id hello.CipherSuite, c *Client) outcome {
	if v == hello.TLS13 {
		return outcome{cipher: id, group: s.newerGroup(c)}
	}
	suite, o := hello.Find(id), outcome{cipher: id}
	if c.StrictOpenSSL && s.Older.SecureRenegotiation != ciphers.Yes {
		return outcome{unknown: s.Older.SecureRenegotiation == ciphers.Unknown, reason: NoSecureRenegotiation}
	}
	if c.StrictOpenSSL && v < hello.TLS12 && isSigned(suite) {
		return outcome{reason: WeakSignature}
	}
	switch suite.KeyExchange {
	case "ECDHE":
		o.group = preferred(c.curves, &s.Older.Negotiation)
	case "DHE":
		return s.withPrime(v, id, c)
	}
	return o
}

// newerGroup is the group of TLS 1.3; 0: it is not settled. A server may prefer a group
// with a key share to one that costs another round trip, and follow its own order or the
// client's.
func (s *server) newerGroup(c *Client) hello.Group {
	groups := []hello.Group{preferred(c.newer, &s.Newer)}
	if shares := common(c.Shares, s.Newer.Groups); len(shares) > 0 {
		groups = append(groups, preferred(c.Shares, &s.Newer))
	}
	if groups[0] != groups[len(groups)-1] {
		return 0
	}
	return groups[0]
}

// preferred is the group of a client's list that a server selects in its own order as well
// as in the client's; 0: they differ, or it may be another one. Any that the server accepts
// beside those that are known comes after them in its own order, because it selected each
// of them while all others were offered.
func preferred(list []hello.Group, n *ciphers.Negotiation) hello.Group {
	ours, theirs := common(n.Groups, list), common(list, n.Groups)
	if len(ours) == 0 || ours[0] != theirs[0] || !n.AllGroups && theirs[0] != list[0] {
		return 0
	}
	return ours[0]
}

// sharesCurve tells whether both sides have a group for ECDHE below TLS 1.3.
func (s *server) sharesCurve(c *Client) ciphers.Fact {
	if len(common(c.curves, s.Older.Groups)) > 0 {
		return ciphers.Yes
	}
	if s.Older.AllGroups {
		return ciphers.No
	}
	return ciphers.Unknown
}

// finiteGroups is the groups of RFC 7919 that a client lists. SSL 3.0 has no extensions.
func (c *Client) finiteGroups(v hello.Version) []hello.Group {
	if v == hello.SSL30 {
		return nil
	}
	return c.finite
}

// acceptsDHE tells whether the server selects an accepted suite with DHE for the groups of
// RFC 7919 that a client lists (section 4).
func (s *server) acceptsDHE(v hello.Version, id hello.CipherSuite, c *Client) ciphers.Fact {
	dhe, listed := &s.Older.DHE, c.finiteGroups(v)
	switch {
	case len(listed) == 0:
		return dhe.Own
	case len(common(listed, dhe.Groups)) > 0:
		return ciphers.Yes
	case slices.Contains(dhe.OwnOnly, id):
		return ciphers.No
	case len(dhe.Groups) > 0 || !dhe.AllGroups:
		return ciphers.Unknown
	}
	return ciphers.Yes // the server ignores such groups
}

// withPrime is the outcome if the server selects a suite with DHE below TLS 1.3.
func (s *server) withPrime(v hello.Version, id hello.CipherSuite, c *Client) outcome {
	dhe, listed := &s.Older.DHE, c.finiteGroups(v)
	if len(common(dhe.Groups, listed)) > 0 { // which have 2048 bits or more
		return outcome{cipher: id, group: preferred(listed, &ciphers.Negotiation{Groups: dhe.Groups, AllGroups: dhe.AllGroups})}
	}
	highest := cmp.Or(c.MaxDHBits, math.MaxInt)
	switch {
	case dhe.Smallest == 0:
		return outcome{unknown: true}
	case dhe.Largest < c.MinDHBits:
		return outcome{reason: DHTooSmall}
	case dhe.Smallest > highest:
		return outcome{reason: DHTooLarge}
	}
	return outcome{cipher: id, unknown: dhe.Smallest < c.MinDHBits || dhe.Largest > highest}
}
