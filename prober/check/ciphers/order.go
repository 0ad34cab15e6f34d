package ciphers

import (
	"context"
	"slices"

	"tls_exporter/prober/hello"
)

// orderQuestion asks whose order of suites counts in a version.
type orderQuestion struct {
	version hello.Version
	suites  []hello.CipherSuite // in the order in which the server picked them from ours
	answer  Preference
}

// orderOf is the question for a version. Suites with ChaCha20 are left out of it:
// some servers go by the client's order for them alone.
func (s *scanner) orderOf(v hello.Version) *orderQuestion {
	q := &orderQuestion{version: v}
	if l := s.lists[v]; l != nil {
		q.suites = withoutChaCha(l.taken)
	}
	return q
}

func withoutChaCha(list []hello.CipherSuite) []hello.CipherSuite {
	return slices.DeleteFunc(slices.Clone(list), func(id hello.CipherSuite) bool {
		suite := hello.Find(id)
		return suite != nil && suite.Cipher == "CHACHA20"
	})
}

// oldOrder is the newest of the older versions in which the order can be told.
func (s *scanner) oldOrder() hello.Version {
	for _, v := range older {
		if len(withoutChaCha(s.lists[v].taken)) > 1 {
			return v
		}
	}
	return 0
}

// askOrder offers the suites that the server takes the other way round. If it
// still picks what it picked first before, the order is its own; if it picks what
// is now the first, it is the client's.
func (s *scanner) askOrder(ctx context.Context, q *orderQuestion) {
	if len(q.suites) < 2 {
		return
	}
	turned := slices.Clone(q.suites)
	slices.Reverse(turned)
	flight, end := s.offer(ctx, hello.Offer{Version: q.version, Ciphers: turned}, hello.UntilHello)
	if end != picked {
		return
	}
	switch flight.Hello.CipherSuite {
	case q.suites[0]:
		q.answer = ServerPreference
	case turned[0]:
		q.answer = ClientPreference
	}
}

// preferred is what the answers come to.
func (s *scanner) preferred() Preference {
	whose := UnknownPreference
	for _, q := range s.orders {
		whose = max(whose, q.answer) // the client's in one version, the client's
	}
	return whose
}
