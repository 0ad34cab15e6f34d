package ciphers

import (
	"context"
	"slices"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/scan"
)

// orderQuestion asks whose order of suites decides in one version.
type orderQuestion struct {
	version hello.Version
	suites  []hello.CipherSuite // in the order in which the server selected them from the offer
	answer  Preference
}

// findOrder finds in which order the server prefers the suites of each version, and then
// whose order decides.
func (s *scanner) findOrder(ctx context.Context) error {
	var tasks []func()
	for _, v := range hello.Versions {
		tasks = append(tasks, func() { s.merge(ctx, v, s.lists[v]) })
	}
	if err := scan.Parallel(tasks...); err != nil {
		return err
	}
	newer, older := s.orderOf(hello.TLS13), s.orderOf(s.oldOrder())
	s.orders = []*orderQuestion{newer, older}
	return scan.Parallel(func() { s.askOrder(ctx, newer) }, func() { s.askOrder(ctx, older) })
}

// merge makes one list of the suites of a version that were found in several offers. Of
// the first suites of all lists, the server selects the one that it prefers. If it follows
// the client's order, the order of the offers is as good.
func (s *scanner) merge(ctx context.Context, v hello.Version, l *suiteList) {
	if len(l.lists) < 2 {
		return
	}
	found := slices.Concat(l.lists...)
	merged, lists := []hello.CipherSuite(nil), slices.Clone(l.lists)
	if s.selectsFirst(ctx, v, firsts(lists)) {
		merged, lists = found, nil
	}
	for len(lists) > 1 {
		selected := s.selected(ctx, v, firsts(lists))
		at := slices.IndexFunc(lists, func(list []hello.CipherSuite) bool { return list[0] == selected })
		if at < 0 {
			return
		}
		merged = append(merged, selected)
		lists[at] = lists[at][1:]
		lists = slices.DeleteFunc(lists, func(list []hello.CipherSuite) bool { return len(list) == 0 })
	}
	merged = slices.Concat(append([][]hello.CipherSuite{merged}, lists...)...)
	l.accepted = append(merged, l.accepted[len(found):]...)
	l.lists = [][]hello.CipherSuite{merged}
}

// firsts returns the first suite of each list.
func firsts(lists [][]hello.CipherSuite) []hello.CipherSuite {
	var all []hello.CipherSuite
	for _, list := range lists {
		all = append(all, list[0])
	}
	return all
}

// selected is the suite that the server selects from a list; 0: it was not told.
func (s *scanner) selected(ctx context.Context, v hello.Version, list []hello.CipherSuite) hello.CipherSuite {
	flight, answer := s.offer(ctx, hello.Offer{Version: v, Ciphers: list}, hello.UntilHello)
	if answer != scan.Accepted {
		return 0
	}
	return flight.Hello.CipherSuite
}

// selectsFirst tells whether the server selects the first suite of a list, and the first
// of the reversed list.
func (s *scanner) selectsFirst(ctx context.Context, v hello.Version, list []hello.CipherSuite) bool {
	reversed := slices.Clone(list)
	slices.Reverse(reversed)
	return s.selected(ctx, v, list) == list[0] && s.selected(ctx, v, reversed) == reversed[0]
}

// ordered is the most suites of a version whose order is known, at most as many as one
// offer may have.
func (l *suiteList) ordered() []hello.CipherSuite {
	var most []hello.CipherSuite
	for _, list := range l.lists {
		if len(list) > len(most) {
			most = list
		}
	}
	return most[:min(len(most), hello.PartSize)]
}

// orderOf returns the question for a version. See Preference for why suites with
// ChaCha20 are left out.
func (s *scanner) orderOf(v hello.Version) *orderQuestion {
	q := &orderQuestion{version: v}
	if l := s.lists[v]; l != nil {
		q.suites = withoutChaCha(l.ordered())
	}
	return q
}

// withoutChaCha returns the suites without ChaCha20.
func withoutChaCha(list []hello.CipherSuite) []hello.CipherSuite {
	return slices.DeleteFunc(slices.Clone(list), func(id hello.CipherSuite) bool {
		suite := hello.Find(id)
		return suite != nil && suite.Cipher == "CHACHA20"
	})
}

// oldOrder is the newest of the older versions with enough suites for the question; 0:
// there is none.
func (s *scanner) oldOrder() hello.Version {
	for _, v := range older {
		if len(withoutChaCha(s.lists[v].ordered())) > 1 {
			return v
		}
	}
	return 0
}

// askOrder offers the accepted suites in reverse. If the server selects the same suite
// as before, its own order decides. If it selects the one that is now first, the
// client's order decides.
func (s *scanner) askOrder(ctx context.Context, q *orderQuestion) {
	if len(q.suites) < 2 {
		return
	}
	reversed := slices.Clone(q.suites)
	slices.Reverse(reversed)
	switch s.selected(ctx, q.version, reversed) {
	case q.suites[0]:
		q.answer = ServerPreference
	case reversed[0]:
		q.answer = ClientPreference
	}
}

// preference combines the answers: the client's order in one version outweighs the
// server's in another.
func (s *scanner) preference() Preference {
	combined := UnknownPreference
	for _, q := range s.orders {
		combined = max(combined, q.answer)
	}
	return combined
}
