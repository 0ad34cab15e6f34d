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

// orderOf returns the question for a version. See Preference for why suites with
// ChaCha20 are left out.
func (s *scanner) orderOf(v hello.Version) *orderQuestion {
	q := &orderQuestion{version: v}
	if l := s.lists[v]; l != nil {
		q.suites = withoutChaCha(l.accepted)
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
		if len(withoutChaCha(s.lists[v].accepted)) > 1 {
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
	flight, answer := s.offer(ctx, hello.Offer{Version: q.version, Ciphers: reversed}, hello.UntilHello)
	if answer != scan.Accepted {
		return
	}
	switch flight.Hello.CipherSuite {
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
