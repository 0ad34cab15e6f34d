package ciphers

import (
	"context"
	"slices"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/scan"
)

// usualGroups are those for which refusals are reported: those that browsers, OpenSSL
// 3.5 and crypto/tls offer by default. Refusals of all groups would be some fifty
// series for each target, most of them about obsolete curves.
var usualGroups = []hello.Group{
	hello.X25519MLKEM768, hello.SecP256r1MLKEM768, hello.SecP384r1MLKEM1024,
	hello.X25519, hello.SecP256r1, hello.SecP384r1, hello.SecP521r1, hello.X448, hello.FFDHE2048, hello.FFDHE3072,
}

// finiteGroups are those of RFC 7919.
var finiteGroups = []hello.Group{hello.FFDHE2048, hello.FFDHE3072, hello.FFDHE4096, hello.FFDHE6144, hello.FFDHE8192}

// groupList is the groups of one kind that a server accepts.
type groupList struct {
	accepted []hello.Group
	others   scan.Answer // the answer to all others
}

// The key exchanges of TLS 1.2 and below that have a group. Export suites have primes of
// their own, and are left out.
var (
	overCurves = []string{"ECDHE", "ECDH_anon", "ECDHE_PSK"}
	overPrimes = []string{"DHE", "DH_anon", "DHE_PSK"}
)

// newerGroups finds the groups of TLS 1.3. If there is no key share, the server names
// the group that it selects in a HelloRetryRequest (RFC 8446 section 4.1.4).
func (s *scanner) newerGroups(ctx context.Context) {
	l := s.lists[hello.TLS13]
	if l.empty() {
		s.newGroups.others = l.others
		return
	}
	accepted, answer := eliminate(hello.GroupsFor(hello.TLS13), func(rest []hello.Group) (hello.Group, scan.Answer) {
		flight, answer := s.offer(ctx, hello.Offer{Version: hello.TLS13, Ciphers: l.accepted, Groups: rest}, hello.UntilHello)
		if answer != scan.Accepted {
			return 0, answer
		}
		return flight.Hello.Group, answer
	})
	s.newGroups = groupList{accepted, answer}
}

// olderGroups finds the groups of TLS 1.2 and below, in the newest of these versions
// that the server accepts. The ServerKeyExchange names the group.
func (s *scanner) olderGroups(ctx context.Context) {
	s.curves = s.olderCurves(ctx)
	s.finite = s.olderPrimes(ctx)
}

// olderCurves finds the curves. If it can, it offers no suite with ECDSA, because with
// these the curve of the certificate matters as well.
func (s *scanner) olderCurves(ctx context.Context) groupList {
	v, suites := s.newestWith(overCurves...)
	if suites == nil {
		return groupList{others: s.olderOthers()}
	}
	if without := withoutECDSA(suites); len(without) > 0 {
		suites = without
	}
	accepted, answer := s.eliminateGroups(ctx, v, suites, hello.CurvesFor(v))
	if !s.final(answer) || len(accepted) == 0 || len(withoutECDSA(suites)) > 0 {
		return groupList{accepted, answer}
	}
	return s.withCertificateCurve(ctx, v, suites, accepted)
}

// withCertificateCurve is for servers that have only ECDSA certificates. Below TLS 1.3
// the groups that a client offers are also the curves that it accepts in certificates
// (RFC 8422 section 5.1). So the server may have refused the rest only because the
// curve of its certificate was removed. Each removed curve is offered again, after the
// rest. If the server then selects that curve, and if it follows the client's order, it
// accepts nothing of the rest. If it follows its own order, nothing is known.
func (s *scanner) withCertificateCurve(ctx context.Context, v hello.Version, suites []hello.CipherSuite, accepted []hello.Group) groupList {
	for _, curve := range slices.Clone(accepted) {
		if !slices.Contains(certificateCurves, curve) {
			continue
		}
		rest := slices.DeleteFunc(hello.CurvesFor(v), func(g hello.Group) bool { return slices.Contains(accepted, g) })
		more, answer := eliminate(rest, func(rest []hello.Group) (hello.Group, scan.Answer) {
			return s.selectedGroup(ctx, hello.Offer{Version: v, Ciphers: suites, Groups: slices.Concat(rest, []hello.Group{curve})})
		})
		accepted = append(accepted, more...)
		if answer == scan.Unanswered {
			break
		}
		at := slices.IndexFunc(accepted, func(g hello.Group) bool { return g != curve })
		if answer == scan.NotOffered && at >= 0 && s.followsClient(ctx, v, suites, curve, accepted[at]) {
			return groupList{accepted, scan.Refused}
		}
	}
	return groupList{accepted: accepted}
}

// followsClient tells whether the server selects the first of two groups that it
// accepts, in either order.
func (s *scanner) followsClient(ctx context.Context, v hello.Version, suites []hello.CipherSuite, a, b hello.Group) bool {
	for _, pair := range [][]hello.Group{{a, b}, {b, a}} {
		if got, answer := s.selectedGroup(ctx, hello.Offer{Version: v, Ciphers: suites, Groups: pair}); answer != scan.Accepted || got != pair[0] {
			return false
		}
	}
	return true
}

// certificateCurves are those that certificates of public authorities may have
// (CA/Browser Forum Baseline Requirements section 6.1.5).
var certificateCurves = []hello.Group{hello.SecP256r1, hello.SecP384r1, hello.SecP521r1}

// withoutECDSA returns the suites that need no ECDSA certificate.
func withoutECDSA(list []hello.CipherSuite) []hello.CipherSuite {
	return slices.DeleteFunc(slices.Clone(list), func(id hello.CipherSuite) bool { return hello.Find(id).Authentication == "ECDSA" })
}

// olderPrimes finds the groups of RFC 7919 of a server that accepts DHE. One that sends
// a prime of its own instead does not implement RFC 7919, so it refuses these groups. One
// that has some may still send a prime of its own to clients that list none, and another
// one for each key exchange.
func (s *scanner) olderPrimes(ctx context.Context) groupList {
	v, suites := s.newestWith(overPrimes...)
	if suites == nil {
		return groupList{others: s.olderOthers()}
	}
	accepted, answer := s.eliminateGroups(ctx, v, suites, finiteGroups)
	if answer == scan.NotOffered {
		answer = scan.Refused
	}
	for _, exchange := range overPrimes {
		list := suitesOf(suites, exchange)
		if len(list) == 0 {
			continue
		}
		own := scan.Unanswered
		if len(accepted) == 0 && s.final(answer) {
			own = scan.Accepted // the server has no other primes than its own
		} else if len(accepted) > 0 {
			_, own = s.offer(ctx, hello.Offer{Version: v, Ciphers: list, OwnPrime: true}, hello.UntilDone) // keyExchanges notes the prime
		}
		if exchange == "DHE" {
			s.noteOwnPrime(own)
		}
	}
	return groupList{accepted, answer}
}

// eliminateGroups finds the groups of a list that the server selects for its key
// exchange.
func (s *scanner) eliminateGroups(ctx context.Context, v hello.Version, suites []hello.CipherSuite, list []hello.Group) ([]hello.Group, scan.Answer) {
	return eliminate(list, func(rest []hello.Group) (hello.Group, scan.Answer) {
		return s.selectedGroup(ctx, hello.Offer{Version: v, Ciphers: suites, Groups: rest})
	})
}

// selectedGroup is the group of the ServerKeyExchange that answers an offer.
func (s *scanner) selectedGroup(ctx context.Context, o hello.Offer) (hello.Group, scan.Answer) {
	flight, answer := s.offer(ctx, o, hello.UntilDone)
	switch {
	case answer != scan.Accepted:
		return 0, answer
	case flight.KeyExchange == nil:
		return 0, scan.Unanswered // the rest of the flight did not come
	}
	return flight.KeyExchange.Group, scan.Accepted
}

// olderOthers is the answer to all suites below TLS 1.3 that the server does not accept: the
// least certain one of all these versions.
func (s *scanner) olderOthers() scan.Answer {
	least := scan.Refused
	for _, v := range older {
		least = min(least, s.lists[v].others)
	}
	return certain(least)
}

// groups combines the answers of all versions.
func (s *scanner) groups() []GroupAnswer {
	var all []GroupAnswer
	accepted := union(s.newGroups.accepted, s.curves.accepted, s.finite.accepted, s.keys.finite())
	for _, g := range accepted {
		all = append(all, GroupAnswer{g, true})
	}
	for _, g := range usualGroups {
		if !slices.Contains(accepted, g) && s.refusesGroup(g) {
			all = append(all, GroupAnswer{Group: g})
		}
	}
	return all
}

// refusesGroup tells whether the server refused a group in every version that has it.
func (s *scanner) refusesGroup(g hello.Group) bool {
	switch {
	case !s.final(s.newGroups.others):
		return false
	case g.FiniteField():
		return s.final(s.finite.others)
	case slices.Contains(hello.CurvesFor(hello.TLS12), g):
		return s.final(s.curves.others)
	}
	return true
}
