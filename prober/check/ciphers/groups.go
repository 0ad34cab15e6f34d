package ciphers

import (
	"context"
	"slices"

	"tls_exporter/prober/hello"
)

// usualGroups are those of which it is worth saying that a server has not got
// them: what clients of today offer by default, which is to say browsers, OpenSSL
// 3.5 and crypto/tls together. To say it of all that there are would be some
// fifty series that nobody asked for, most of them about curves of the past.
var usualGroups = []hello.Group{
	hello.X25519MLKEM768, hello.SecP256r1MLKEM768, hello.SecP384r1MLKEM1024,
	hello.X25519, hello.SecP256r1, hello.SecP384r1, hello.SecP521r1, hello.X448, hello.FFDHE2048, hello.FFDHE3072,
}

// finiteGroups are those of RFC 7919.
var finiteGroups = []hello.Group{hello.FFDHE2048, hello.FFDHE3072, hello.FFDHE4096, hello.FFDHE6144, hello.FFDHE8192}

// groupList is the groups of one kind that a server takes.
type groupList struct {
	taken []hello.Group
	end   ending // what it said to all others
}

// Key exchanges of TLS 1.2 and below, by what they are computed in. Export suites
// have primes of their own, and are not asked about here.
var (
	overCurves = []string{"ECDHE", "ECDH_anon", "ECDHE_PSK"}
	overPrimes = []string{"DHE", "DH_anon", "DHE_PSK"}
)

// newerGroups finds the groups of TLS 1.3. Without a key share, the server names
// the group that it wants in a HelloRetryRequest (RFC 8446 section 4.1.4).
func (s *scanner) newerGroups(ctx context.Context) {
	l := s.lists[hello.TLS13]
	if l.nothing() {
		s.newGroups.end = l.end
		return
	}
	taken, end := eliminate(hello.GroupsFor(hello.TLS13), func(rest []hello.Group) (hello.Group, ending) {
		flight, end := s.offer(ctx, hello.Offer{Version: hello.TLS13, Ciphers: l.taken, Groups: rest}, hello.UntilHello)
		if end != picked {
			return 0, end
		}
		return flight.Hello.Group, end
	})
	s.newGroups = groupList{taken, end}
}

// olderGroups finds the groups of TLS 1.2 and below, in the newest of these
// versions that the server takes: by the server's half of the key exchange.
func (s *scanner) olderGroups(ctx context.Context) {
	s.curves = s.olderCurves(ctx)
	s.finite = s.olderPrimes(ctx)
}

func (s *scanner) olderCurves(ctx context.Context) groupList {
	v, suites := s.newestWith(overCurves...)
	if suites == nil {
		return groupList{end: s.oldEnd()}
	}
	if without := withoutECDSA(suites); len(without) > 0 {
		suites = without
	}
	taken, end := s.exchanged(ctx, v, suites, hello.GroupsFor(v))
	if !s.final(end) || len(taken) == 0 || len(withoutECDSA(suites)) > 0 {
		return groupList{taken, end}
	}
	return s.besideItsOwn(ctx, v, suites, taken)
}

// besideItsOwn goes on where a server has elliptic certificates only. Below
// TLS 1.3 the client's groups are also the curves of certificates that it takes
// (RFC 8422 section 5.1), so the server may have said no because the curve of its
// certificate was struck. Each curve that was is offered behind the rest. What the
// server then still does not pick it has not got, if it heeds the client's order;
// if it prefers the other one, that is not known.
func (s *scanner) besideItsOwn(ctx context.Context, v hello.Version, suites []hello.CipherSuite, taken []hello.Group) groupList {
	for _, own := range slices.Clone(taken) {
		if !slices.Contains(certificateCurves, own) {
			continue
		}
		rest := slices.DeleteFunc(hello.GroupsFor(v), func(g hello.Group) bool { return slices.Contains(taken, g) })
		more, end := eliminate(rest, func(rest []hello.Group) (hello.Group, ending) {
			return s.exchange(ctx, hello.Offer{Version: v, Ciphers: suites, Groups: slices.Concat(rest, []hello.Group{own})})
		})
		taken = append(taken, more...)
		if end == unanswered {
			break
		}
		at := slices.IndexFunc(taken, func(g hello.Group) bool { return g != own })
		if end == otherwise && at >= 0 && s.heeds(ctx, v, suites, own, taken[at]) {
			return groupList{taken, declined}
		}
	}
	return groupList{taken: taken}
}

// heeds tells whether the server picks of two groups that it takes the one that
// comes first, whichever that is.
func (s *scanner) heeds(ctx context.Context, v hello.Version, suites []hello.CipherSuite, a, b hello.Group) bool {
	for _, pair := range [][]hello.Group{{a, b}, {b, a}} {
		if got, end := s.exchange(ctx, hello.Offer{Version: v, Ciphers: suites, Groups: pair}); end != picked || got != pair[0] {
			return false
		}
	}
	return true
}

// certificateCurves are those that public authorities certify, and that a server
// can have taken for its certificate's (CA/Browser Forum Baseline Requirements
// section 6.1.5).
var certificateCurves = []hello.Group{hello.SecP256r1, hello.SecP384r1, hello.SecP521r1}

func withoutECDSA(list []hello.CipherSuite) []hello.CipherSuite {
	return slices.DeleteFunc(slices.Clone(list), func(id hello.CipherSuite) bool { return hello.Find(id).Authentication == "ECDSA" })
}

// olderPrimes asks a server that takes DHE for a group of RFC 7919. One that sends
// a prime of its own instead does not know of that, and has not got these groups.
func (s *scanner) olderPrimes(ctx context.Context) groupList {
	v, suites := s.newestWith(overPrimes...)
	if suites == nil {
		return groupList{end: s.oldEnd()}
	}
	taken, end := s.exchanged(ctx, v, suites, finiteGroups)
	if end == otherwise {
		end = declined
	}
	return groupList{taken, end}
}

// exchanged are the groups out of a list that the server exchanges keys in.
func (s *scanner) exchanged(ctx context.Context, v hello.Version, suites []hello.CipherSuite, list []hello.Group) ([]hello.Group, ending) {
	return eliminate(list, func(rest []hello.Group) (hello.Group, ending) {
		return s.exchange(ctx, hello.Offer{Version: v, Ciphers: suites, Groups: rest})
	})
}

// exchange is the group of the server's half of a key exchange.
func (s *scanner) exchange(ctx context.Context, o hello.Offer) (hello.Group, ending) {
	flight, end := s.offer(ctx, o, hello.UntilDone)
	switch {
	case end != picked:
		return 0, end
	case flight.KeyExchange == nil:
		return 0, unanswered // the rest of the flight did not come
	}
	return flight.KeyExchange.Group, picked
}

// oldEnd is what the server said to all the suites below TLS 1.3 that it does not
// take: the least of what it said in any version.
func (s *scanner) oldEnd() ending {
	end := declined
	for _, v := range older {
		switch e := s.lists[v].end; {
		case e == hungUp:
			end = hungUp
		case e != declined:
			return unanswered
		}
	}
	return end
}

// groups is what all versions together come to.
func (s *scanner) groups() []GroupAnswer {
	var all []GroupAnswer
	taken := union(s.newGroups.taken, s.curves.taken, s.finite.taken, s.seen.finite())
	for _, g := range taken {
		all = append(all, GroupAnswer{g, true})
	}
	for _, g := range usualGroups {
		if !slices.Contains(taken, g) && s.turnedDown(g) {
			all = append(all, GroupAnswer{Group: g})
		}
	}
	return all
}

// turnedDown tells whether the server was asked for a group, in vain, in every
// version that has it.
func (s *scanner) turnedDown(g hello.Group) bool {
	switch {
	case !s.final(s.newGroups.end):
		return false
	case g.FiniteField():
		return s.final(s.finite.end)
	case slices.Contains(hello.GroupsFor(hello.TLS12), g):
		return s.final(s.curves.end)
	}
	return true
}
