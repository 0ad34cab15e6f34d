package ciphers

import (
	"context"
	"slices"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/scan"
)

// eliminate finds what the server accepts of a list, for offers of which it selects one
// thing at a time.
func eliminate[T comparable](list []T, offer func(rest []T) (T, scan.Answer)) (accepted []T, others scan.Answer) {
	return scan.Eliminate(list, func(rest []T) ([]T, scan.Answer) {
		selected, answer := offer(rest)
		return []T{selected}, answer
	})
}

// scanner makes one finding. Each field is written by one goroutine at a time, except
// keys, which has a lock.
type scanner struct {
	*scan.Survey
	keys       keyExchanges
	kinds      []hello.SSL2Cipher
	lists      map[hello.Version]*suiteList
	shares     bool // the server accepts TLS 1.3 only with key shares
	newGroups  groupList
	curves     groupList // of TLS 1.2 and below
	finite     groupList // of RFC 7919, in TLS 1.2 and below
	newSchemes []hello.SignatureScheme
	ownPrime   Fact // see DHE.Own
	orders     []*orderQuestion

	allNewSchemes, allOldSchemes bool // the server signs with no other scheme
}

// suiteList is the suites of one version that a server accepts.
type suiteList struct {
	accepted []hello.CipherSuite   // in the order in which they were selected
	others   scan.Answer           // the answer to all others: the least certain one
	lists    [][]hello.CipherSuite // accepted, without ownPrime: each list is in the order in which they were selected from one offer
	refused  bool                  // the whole version, whatever the suites are
	alert    *hello.Alert          // of the last answer; nil: there was none
	ignores  bool                  // the server sent a prime of its own although groups of RFC 7919 were listed
	ownOnly  []hello.CipherSuite   // accepted only if no group of RFC 7919 was listed

	certificateFirst bool // see OlderNegotiation.CertificateFirst
}

// empty tells whether no suite was accepted.
func (l *suiteList) empty() bool { return len(l.accepted) == 0 }

// add adds the answers to another part of the suites of the version.
func (l *suiteList) add(more suiteList) {
	l.accepted = append(l.accepted, more.accepted...)
	if !more.empty() {
		l.lists = append(l.lists, more.accepted)
	}
	l.others = min(l.others, more.others)
	l.refused, l.alert, l.ignores = more.refused, more.alert, l.ignores || more.ignores
}

// hiddenByECDSA returns the suites of a part for which a server with several certificates
// may need another one than for those of ECDSA. HAProxy, for example, selects a certificate
// before it selects a suite, and takes the one with an ECDSA key if any suite of the
// ClientHello is for such a key: it then accepts no suite for RSA.
func (l *suiteList) hiddenByECDSA(part []hello.CipherSuite) []hello.CipherSuite {
	isECDSA := func(id hello.CipherSuite) bool {
		suite := hello.Find(id)
		return suite != nil && suite.Authentication == "ECDSA"
	}
	if !slices.ContainsFunc(l.accepted, isECDSA) || !slices.ContainsFunc(part, isECDSA) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(part), func(id hello.CipherSuite) bool { return isECDSA(id) || slices.Contains(l.accepted, id) })
}

// needsShares tells whether the server refused TLS 1.3 otherwise than with an alert about
// the version. It may not implement HelloRetryRequest.
func (l *suiteList) needsShares() bool {
	return l.empty() && !l.refused && (l.alert != nil || l.others == scan.Closed)
}

// run asks all questions.
func (s *scanner) run(ctx context.Context) error {
	s.lists = make(map[hello.Version]*suiteList)
	var tasks []func()
	for _, v := range slices.Backward(hello.Versions) {
		l := new(suiteList)
		s.lists[v] = l
		tasks = append(tasks, func() { *l = s.list(ctx, v, hello.PartSize, s.AskOnce) })
	}
	if err := scan.Parallel(tasks...); err != nil {
		return err
	}
	if err := failure.Contain(func() { s.retryInParts(ctx) }); err != nil {
		return err
	}
	if err := scan.Parallel(
		func() { s.newerGroups(ctx); s.newerSchemes(ctx) },
		func() { s.olderGroups(ctx); s.olderSchemes(ctx) },
	); err != nil {
		return err
	}
	return s.findOrder(ctx)
}

// list finds the suites of one version, in parts of at most size. The first offer is sent
// with first, the others with Ask.
func (s *scanner) list(ctx context.Context, v hello.Version, size int, first sender) suiteList {
	if v == hello.SSL20 {
		return s.listKinds(ctx, first)
	}
	l := s.listParts(ctx, v, size, first)
	if v == hello.TLS13 && l.needsShares() {
		s.shares = true
		l = s.listParts(ctx, v, size, first)
		s.shares = !l.empty()
	}
	return l
}

// listParts asks for one part after the other, as long as the server answers. Then it asks
// for Diffie-Hellman over a prime of the server's own.
func (s *scanner) listParts(ctx context.Context, v hello.Version, size int, ask sender) suiteList {
	l := suiteList{others: scan.Accepted}
	hides := true // until it is known: suites that are accepted only without those for ECDSA
	for _, part := range hello.Parts(v, size) {
		l.add(s.eliminateSuites(ctx, hello.Offer{Version: v, Ciphers: part}, ask))
		ask = s.Ask
		if hidden := l.hiddenByECDSA(part); hides && len(hidden) > 0 && !l.refused && s.final(l.others) {
			found := s.eliminateSuites(ctx, hello.Offer{Version: v, Ciphers: hidden}, ask)
			hides = !found.empty()
			l.certificateFirst = l.certificateFirst || hides
			l.add(found)
		}
		if l.refused || !s.final(l.others) {
			return l
		}
	}
	if v < hello.TLS10 || v > hello.TLS12 || l.ignores { // SSL 3.0 has no extensions
		return l
	}
	rest := slices.DeleteFunc(hello.FiniteSuites(v), func(id hello.CipherSuite) bool { return slices.Contains(l.accepted, id) })
	own := s.eliminateSuites(ctx, hello.Offer{Version: v, Ciphers: rest, OwnPrime: true}, ask)
	l.accepted, l.others, l.ownOnly = append(l.accepted, own.accepted...), min(l.others, own.others), own.accepted
	return l
}

// listKinds asks for the cipher kinds of SSL 2.0. The server sends a list of them.
func (s *scanner) listKinds(ctx context.Context, ask sender) suiteList {
	flight, answer := ask(ctx, hello.OfferSSL2(), hello.UntilHello)
	if flight.SSL2 != nil {
		for _, kind := range flight.SSL2.Ciphers {
			if len(s.kinds) < len(hello.SSL2Ciphers) && !slices.Contains(s.kinds, kind) {
				s.kinds = append(s.kinds, kind)
			}
		}
	}
	if answer == scan.Accepted { // the list is whole, also if it answers with another version
		answer = scan.Refused
	}
	return suiteList{others: certain(answer)}
}

// shortPart is the size of parts for a server that does not answer longer ones.
const shortPart = 60

// retryInParts asks again for versions without a clear answer, with shorter lists. By now
// a hello may have been accepted, so that a closed connection can be told from a limit on
// connections.
func (s *scanner) retryInParts(ctx context.Context) {
	if s.KnownGood() == nil {
		s.BeSerial()
	}
	for _, v := range slices.Backward(hello.Versions) {
		if l := s.lists[v]; l.empty() && l.others == scan.Unanswered {
			*l = s.list(ctx, v, shortPart, s.Ask)
		}
	}
}

// eliminateSuites finds the suites of an offer that the server accepts. A suite that it
// selects and then fails with is not accepted. The first offer is sent with ask, the
// others with Ask.
func (s *scanner) eliminateSuites(ctx context.Context, o hello.Offer, ask sender) suiteList {
	var l suiteList
	var failed []hello.CipherSuite
	all := o.Ciphers
	l.accepted, l.others = eliminate(all, func(rest []hello.CipherSuite) (hello.CipherSuite, scan.Answer) {
		o.Ciphers = rest
		flight, answer := s.offerBy(ctx, ask, o, hello.UntilDone)
		ask = s.Ask
		if answer != scan.Accepted {
			l.alert = flight.Alert
			l.refused = flight.Hello != nil || l.alert != nil && l.alert.Description == hello.ProtocolVersion
			if some := len(rest) < len(all); some && l.alert != nil && l.alert.Description == hello.InternalError {
				return 0, scan.Unanswered // it may fail with one suite and accept another of the same kind
			}
			return 0, answer
		}
		if flight.Alert != nil {
			failed = append(failed, flight.Hello.CipherSuite)
		}
		l.ignores = l.ignores || !o.OwnPrime && sentOwnPrime(flight)
		return flight.Hello.CipherSuite, scan.Accepted
	})
	l.accepted = slices.DeleteFunc(l.accepted, func(id hello.CipherSuite) bool { return slices.Contains(failed, id) })
	return l
}

// sentOwnPrime tells whether a server selected Diffie-Hellman over a prime that is not one
// of RFC 7919. Those of export suites never are.
func sentOwnPrime(f *hello.Flight) bool {
	suite := hello.Find(f.Hello.CipherSuite)
	return suite != nil && suite.FiniteField() && !suite.Export && f.KeyExchange != nil && f.KeyExchange.DHBits > 0 && !f.KeyExchange.Group.FiniteField()
}

// final tells whether the server refuses the rest of a list.
func (s *scanner) final(others scan.Answer) bool {
	return others == scan.Refused || others == scan.Closed && !s.Unreliable()
}

// offer sends an offer of one version.
func (s *scanner) offer(ctx context.Context, o hello.Offer, until hello.Until) (*hello.Flight, scan.Answer) {
	return s.offerBy(ctx, s.Ask, o, until)
}

// sender sends a hello: Survey.Ask or Survey.AskOnce.
type sender func(context.Context, []byte, hello.Until) (*hello.Flight, scan.Answer)

// offerBy sends an offer with one of the two senders. A server that answers with another
// version refuses it.
func (s *scanner) offerBy(ctx context.Context, ask sender, o hello.Offer, until hello.Until) (*hello.Flight, scan.Answer) {
	flight, answer := s.send(ctx, ask, o, until)
	if answer == scan.Closed {
		flight, answer = scan.ByKinds(o, flight, answer, func(o hello.Offer) (*hello.Flight, scan.Answer) {
			return s.send(ctx, s.AskOnce, o, until)
		})
	}
	switch {
	case flight.Hello != nil && flight.Hello.Version != o.Version:
		return flight, scan.Refused
	case flight.Hello != nil:
		s.keys.note(&o, flight)
		return flight, scan.Accepted
	}
	return flight, certain(answer)
}

// send sends an offer with one of the two senders.
func (s *scanner) send(ctx context.Context, ask sender, o hello.Offer, until hello.Until) (*hello.Flight, scan.Answer) {
	o.ServerName = s.ServerName
	if o.Version == hello.TLS13 && o.KeyShares == nil && s.shares {
		o.KeyShares = hello.KeySharesFor(o.Groups)
	}
	if o.Version >= hello.TLS12 {
		o.Extra = append(o.Extra, anyCertificate)
	}
	message, err := o.Hello().Marshal()
	if err != nil {
		return new(hello.Flight), scan.Unanswered
	}
	return ask(ctx, message, until)
}

// certain returns a refusal as it is, and any other answer as Unanswered.
func certain(answer scan.Answer) scan.Answer {
	if answer == scan.Refused || answer == scan.Closed {
		return answer
	}
	return scan.Unanswered
}

// anyCertificate is signature_algorithms_cert (RFC 8446 section 4.2.3) with all schemes.
// The question is what the server signs with, not how its certificates are signed.
var anyCertificate = hello.Extension{Type: 50, Data: hello.SignatureAlgorithms(hello.Schemes...).Data}

// finding is what was learned, or an error if that is nothing.
func (s *scanner) finding() (*Finding, error) {
	found := &Finding{
		Preference: s.preference(), Connections: s.Connections(), DHBits: s.keys.dhBits, Groups: s.groups(),
		Newer: s.newer(), Older: s.older(), Unordered: s.unordered(),
	}
	for _, v := range slices.Backward(hello.Versions) {
		l := s.lists[v]
		for _, id := range l.accepted {
			found.Suites = append(found.Suites, Suite{v, uint32(id)})
		}
		if s.final(l.others) {
			found.Whole = append(found.Whole, v)
		}
	}
	for _, kind := range s.kinds {
		found.Suites = append(found.Suites, Suite{hello.SSL20, uint32(kind)})
	}
	found.Schemes = union(s.keys.schemes, s.newSchemes)
	if len(found.Suites) == 0 && len(found.Whole) == 0 {
		return nil, s.Failure()
	}
	return found, nil
}

// union is all elements of the lists, in their order, each once.
func union[T comparable](lists ...[]T) []T {
	var all []T
	for _, each := range slices.Concat(lists...) {
		if !slices.Contains(all, each) {
			all = append(all, each)
		}
	}
	return all
}

// suitesOf returns the suites of a list with one of these key exchanges, without export
// suites.
func suitesOf(list []hello.CipherSuite, exchanges ...string) []hello.CipherSuite {
	return slices.DeleteFunc(slices.Clone(list), func(id hello.CipherSuite) bool {
		suite := hello.Find(id)
		return suite == nil || suite.Export || !slices.Contains(exchanges, suite.KeyExchange)
	})
}

// older are the versions from SSL 3.0 to TLS 1.2, newest first.
var older = []hello.Version{hello.TLS12, hello.TLS11, hello.TLS10, hello.SSL30}

// newestWith returns the newest of the older versions in which the server accepts suites
// with one of these key exchanges, and these suites; nil: there is none.
func (s *scanner) newestWith(exchanges ...string) (hello.Version, []hello.CipherSuite) {
	for _, v := range older {
		if suites := suitesOf(s.lists[v].accepted, exchanges...); len(suites) > 0 {
			return v, suites
		}
	}
	return 0, nil
}
