package ciphers

import (
	"context"
	"slices"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/scan"
)

// ending is why no more is picked out of a list.
type ending int

const (
	unanswered ending = iota // the server said nothing that is to be understood
	hungUp                   // it hung up on this, and took something else meanwhile
	otherwise                // it picked what is not in the list
	declined                 // it said no
	picked                   // something was
)

// eliminate offers a list, strikes what was picked, and offers the rest, until
// nothing more is picked or the list is empty.
func eliminate[T comparable](list []T, offer func(rest []T) (T, ending)) (taken []T, end ending) {
	rest := slices.Clone(list)
	for len(rest) > 0 {
		choice, end := offer(rest)
		if end != picked {
			return taken, end
		}
		at := slices.Index(rest, choice)
		if at < 0 {
			return taken, otherwise
		}
		taken, rest = append(taken, choice), slices.Delete(rest, at, at+1)
	}
	return taken, declined
}

// scanner is what is known of a server so far. Its fields are each written by
// one of the things that go side by side, but for what was seen.
type scanner struct {
	*scan.Survey
	seen       seenKeys
	kinds      []hello.SSL2Cipher
	lists      map[hello.Version]*suiteList
	shares     bool // it takes TLS 1.3 with key shares only
	newGroups  groupList
	curves     groupList // of TLS 1.2 and below
	finite     groupList // likewise, by RFC 7919
	newSchemes []hello.SignatureScheme
	orders     []*orderQuestion
}

// suiteList is the suites of one version that a server takes.
type suiteList struct {
	taken []hello.CipherSuite // in the order in which they were picked
	end   ending
	alert *hello.Alert // of the end; nil: there was none
}

// nothing tells whether nothing at all was taken.
func (l *suiteList) nothing() bool { return len(l.taken) == 0 }

// wantsMore tells whether a server turned TLS 1.3 down with an alert that is about
// neither the version nor the suites: it may know no HelloRetryRequest.
func (l *suiteList) wantsMore() bool {
	return l.alert != nil && l.alert.Description != hello.ProtocolVersion && l.alert.Description != hello.HandshakeFailure
}

// run finds out what there is to be found.
func (s *scanner) run(ctx context.Context) error {
	s.lists = make(map[hello.Version]*suiteList)
	var tasks []func()
	for _, v := range slices.Backward(hello.Versions) {
		l := new(suiteList)
		s.lists[v] = l
		tasks = append(tasks, func() { *l = s.list(ctx, v) })
	}
	if err := scan.Parallel(tasks...); err != nil {
		return err
	}
	if err := failure.Contain(func() { s.putOff(ctx) }); err != nil {
		return err
	}
	newer, older := s.orderOf(hello.TLS13), s.orderOf(s.oldOrder())
	s.orders = []*orderQuestion{newer, older}
	return scan.Parallel(
		func() { s.askOrder(ctx, newer); s.newerGroups(ctx); s.newerSchemes(ctx) },
		func() { s.askOrder(ctx, older); s.olderGroups(ctx); s.olderSchemes(ctx) },
	)
}

// list finds the suites of one version.
func (s *scanner) list(ctx context.Context, v hello.Version) suiteList {
	if v == hello.SSL20 {
		return s.listKinds(ctx, s.AskOnce)
	}
	all := hello.SuitesFor(v)
	l := s.strike(ctx, v, all, s.AskOnce)
	if v == hello.TLS13 && l.nothing() && l.end == declined && l.wantsMore() {
		s.shares = true
		l = s.strike(ctx, v, all, s.AskOnce)
		s.shares = !l.nothing()
	}
	return l
}

// listKinds asks for the ciphers of SSL 2.0. The server lists them by itself.
func (s *scanner) listKinds(ctx context.Context, ask asking) suiteList {
	flight, said, hung := ask(ctx, hello.OfferSSL2(), hello.UntilHello)
	if flight.SSL2 != nil {
		for _, kind := range flight.SSL2.Ciphers {
			if len(s.kinds) < len(hello.SSL2Ciphers) && !slices.Contains(s.kinds, kind) {
				s.kinds = append(s.kinds, kind)
			}
		}
	}
	switch {
	case said == scan.Accepted, said == scan.Refused: // also where it answers with another version
		return suiteList{end: declined}
	case hung:
		return suiteList{end: hungUp}
	}
	return suiteList{}
}

// putOff asks again for versions that came to nothing while others were asked
// for, with shorter lists: some servers choke on more than 128 suites. By then
// there may be a hello that is known to be taken, which tells hanging up from
// being tired of us.
func (s *scanner) putOff(ctx context.Context) {
	if s.KnownGood() == nil {
		s.BeSerial()
	}
	for _, v := range slices.Backward(hello.Versions) {
		l := s.lists[v]
		switch {
		case !l.nothing(), l.end != unanswered:
		case v == hello.SSL20:
			*l = s.listKinds(ctx, s.Ask)
		default:
			*l = s.listInParts(ctx, v)
		}
	}
}

// listInParts finds the suites of a version whose whole list the server does not
// answer to. One that refuses those that were ever in use has not got the version.
func (s *scanner) listInParts(ctx context.Context, v hello.Version) suiteList {
	few := hello.UsualSuites(v)
	l := s.strike(ctx, v, few, s.Ask)
	if l.nothing() {
		return l
	}
	rest := slices.DeleteFunc(hello.SuitesFor(v), func(id hello.CipherSuite) bool { return slices.Contains(few, id) })
	for part := range slices.Chunk(rest, hello.MaxSuites-2) {
		if !s.final(l.end) {
			return l
		}
		more := s.strike(ctx, v, part, s.Ask)
		l.taken, l.end = append(l.taken, more.taken...), more.end
	}
	// What comes out of several lists is in no order of the server's.
	if again := s.strike(ctx, v, l.taken, s.Ask); len(again.taken) == len(l.taken) {
		l.taken = again.taken
	}
	return l
}

// strike finds the suites of a list that the server takes in a version. A suite
// that it picks and then fails with is none of them. The first hello may be asked
// in a way of its own.
func (s *scanner) strike(ctx context.Context, v hello.Version, suites []hello.CipherSuite, first asking) suiteList {
	ask := first
	var l suiteList
	var failed []hello.CipherSuite
	l.taken, l.end = eliminate(suites, func(rest []hello.CipherSuite) (hello.CipherSuite, ending) {
		flight, end := s.offerBy(ctx, ask, hello.Offer{Version: v, Ciphers: rest}, hello.UntilDone)
		ask = s.Ask
		if end != picked {
			l.alert = flight.Alert
			return 0, end
		}
		if flight.Alert != nil {
			failed = append(failed, flight.Hello.CipherSuite)
		}
		return flight.Hello.CipherSuite, picked
	})
	l.taken = slices.DeleteFunc(l.taken, func(id hello.CipherSuite) bool { return slices.Contains(failed, id) })
	return l
}

// final tells whether a server that ended so wants nothing more of the list.
func (s *scanner) final(e ending) bool { return e == declined || e == hungUp && !s.Unreliable() }

// offer asks what the server makes of an offer of one version.
func (s *scanner) offer(ctx context.Context, o hello.Offer, until hello.Until) (*hello.Flight, ending) {
	return s.offerBy(ctx, s.Ask, o, until)
}

// asking is a way to put a hello to the server: ask or glance.
type asking func(context.Context, []byte, hello.Until) (flight *hello.Flight, said scan.Answer, hungUp bool)

func (s *scanner) offerBy(ctx context.Context, ask asking, o hello.Offer, until hello.Until) (*hello.Flight, ending) {
	o.ServerName = s.ServerName
	if o.Version == hello.TLS13 && o.KeyShares == nil && s.shares {
		o.KeyShares = hello.KeySharesFor(o.Groups)
	}
	if o.Version >= hello.TLS12 {
		o.Extra = append(o.Extra, anyCertificate)
	}
	message, err := o.Hello().Marshal()
	if err != nil {
		return new(hello.Flight), unanswered
	}
	flight, said, hung := ask(ctx, message, until)
	switch {
	case flight.Hello != nil && flight.Hello.Version != o.Version:
		return flight, declined // it would rather have another one
	case flight.Hello != nil:
		s.seen.note(flight)
		return flight, picked
	case said == scan.Refused:
		return flight, declined
	case hung:
		return flight, hungUp
	}
	return flight, unanswered
}

// anyCertificate is signature_algorithms_cert (RFC 8446 section 4.2.3) with all
// that there is: what the server signs with is to be asked for, and not what its
// certificates are signed with.
var anyCertificate = hello.Extension{Type: 50, Data: hello.SignatureAlgorithms(hello.Schemes...).Data}

// finding is what was learned; an error if that is nothing.
func (s *scanner) finding() (*Finding, error) {
	found := &Finding{Preference: s.preferred(), Connections: s.Connections(), DHBits: s.seen.dhBits, Groups: s.groups()}
	for _, v := range slices.Backward(hello.Versions) {
		l := s.lists[v]
		for _, id := range l.taken {
			found.Suites = append(found.Suites, Suite{v, uint32(id)})
		}
		if s.final(l.end) {
			found.Whole = append(found.Whole, v)
		}
	}
	for _, kind := range s.kinds {
		found.Suites = append(found.Suites, Suite{hello.SSL20, uint32(kind)})
	}
	found.Schemes = union(s.seen.schemes, s.newSchemes)
	if len(found.Suites) == 0 && len(found.Whole) == 0 {
		return nil, s.Failure()
	}
	return found, nil
}

// union is what is in one of the lists, in their order, each thing once.
func union[T comparable](lists ...[]T) []T {
	var all []T
	for _, each := range slices.Concat(lists...) {
		if !slices.Contains(all, each) {
			all = append(all, each)
		}
	}
	return all
}

// suitesOf are those of a list whose key exchange is one of some.
func suitesOf(list []hello.CipherSuite, exchanges ...string) []hello.CipherSuite {
	return slices.DeleteFunc(slices.Clone(list), func(id hello.CipherSuite) bool {
		suite := hello.Find(id)
		return suite == nil || suite.Export || !slices.Contains(exchanges, suite.KeyExchange)
	})
}

// older are the versions below TLS 1.3 that have cipher suites of the registry,
// newest first.
var older = []hello.Version{hello.TLS12, hello.TLS11, hello.TLS10, hello.SSL30}

// newestWith is the newest of the older versions in which the server takes suites
// with one of the key exchanges, and those; nil: it takes none.
func (s *scanner) newestWith(exchanges ...string) (hello.Version, []hello.CipherSuite) {
	for _, v := range older {
		if suites := suitesOf(s.lists[v].taken, exchanges...); len(suites) > 0 {
			return v, suites
		}
	}
	return 0, nil
}
