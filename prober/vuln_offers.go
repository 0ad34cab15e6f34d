package prober

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tls_exporter/prober/hello"
)

// plain is what the answer to the greeting says.
func (s *woundScan) plain() {
	h := s.greeted
	_, secure := h.RenegotiationInfo()
	s.tell(InsecureRenegotiation, !secure, saw(secure, "its hello has renegotiation_info", "its hello has no renegotiation_info"))
	s.tell(Compression, h.Compression != compressionNull, saw(h.Compression == compressionNull, "it chose not to compress", "it chose to compress"))
	if h.Version >= hello.TLS10 { // SSL 3.0 has no place for it
		bound := h.ExtendedMasterSecret()
		s.tell(NoExtendedMasterSecret, !bound, saw(bound, "its hello has extended_master_secret", "its hello has no extended_master_secret"))
	}
	if !h.SessionTicket() {
		s.tell(Ticketbleed, false, "it gives no session tickets")
	}
}

func saw(well bool, good, bad string) string {
	if well {
		return good
	}
	return bad
}

// poodle offers SSL 3.0 with all that it has of CBC.
func (s *woundScan) poodle(ctx context.Context) {
	suites := suitesThat(hello.SSL30, func(c *hello.Suite) bool { return c.Mode == "CBC" })
	var t *talk
	t, s.ssl3 = s.ask(ctx, hello.Offer{Version: hello.SSL30, Ciphers: suites}, hello.UntilHello)
	h := t.flight.Hello
	switch {
	case s.ssl3 == saidNo:
		s.tell(POODLE, false, "it refused SSL 3.0 with CBC")
	case s.ssl3 == saidYes && h.Version == hello.SSL30 && slices.Contains(suites, h.CipherSuite):
		s.tell(POODLE, true, fmt.Sprintf("it took %s in SSL 3.0", h.CipherSuite))
	case s.ssl3 == saidYes && h.Version > hello.SSL30:
		s.ssl3 = saidNo
		s.tell(POODLE, false, fmt.Sprintf("it answered SSL 3.0 with %s", h.Version))
	}
}

// drown offers SSL 2.0. A server that speaks it but shares no cipher may still
// take one that it did not name (CVE-2015-3197): of that nothing is said.
func (s *woundScan) drown(ctx context.Context) {
	message, err := s.marshal(hello.Offer{Version: hello.SSL20})
	if err != nil {
		return
	}
	t, a := s.openWith(ctx, message, hello.UntilHello)
	t.close()
	switch {
	case a == saidYes && t.flight.SSL2 != nil:
		s.tell(DROWN, true, fmt.Sprintf("it took SSL 2.0 with %s", t.flight.SSL2.Ciphers[0]))
	case a == saidNo && t.flight.SSL2 == nil:
		s.tell(DROWN, false, "it refused SSL 2.0")
	}
}

// weakness is a vulnerability that taking a suite is.
type weakness struct {
	vulnerability Vulnerability
	of            func(*hello.Suite) bool
}

var weaknesses = []weakness{
	// RSA_EXPORT1024 has keys that are twice as long as FREAK's.
	{FREAK, func(c *hello.Suite) bool {
		return c.KeyExchange == "RSA" && c.Export && !strings.Contains(c.Name, "EXPORT1024")
	}},
	{Logjam, func(c *hello.Suite) bool {
		return c.KeyExchange == "DHE" && c.Export && !strings.Contains(c.Name, "EXPORT1024")
	}},
	{Sweet32, func(c *hello.Suite) bool {
		return c.Mode == "CBC" && slices.Contains([]string{"3DES", "DES", "IDEA", "RC2"}, c.Cipher)
	}},
	{RC4, func(c *hello.Suite) bool { return c.Cipher == "RC4" }},
}

// suitesThat is the suites of a version that are so.
func suitesThat(v hello.Version, so func(*hello.Suite) bool) []hello.CipherSuite {
	return slices.DeleteFunc(hello.SuitesFor(v), func(id hello.CipherSuite) bool { return !so(hello.Find(id)) })
}

// weakSuites offers the suites of all weaknesses at once, then those of the ones
// that the server did not choose from, until it refuses. Some servers keep weak
// suites for old versions, so it begins again with TLS 1.0 at the most.
func (s *woundScan) weakSuites(ctx context.Context) {
	left := slices.Clone(weaknesses)
	versions := []hello.Version{s.highest}
	if s.greeted.Version > hello.TLS10 {
		versions = append(versions, hello.TLS10)
	}
	for _, v := range versions {
		var all bool
		if left, all = s.eliminate(ctx, v, left); !all {
			return
		}
	}
	for _, w := range left {
		s.tell(w.vulnerability, false, "it refused every suite that has this")
	}
}

// eliminate returns the weaknesses whose suites the server refused; false: it
// does not know that of all.
func (s *woundScan) eliminate(ctx context.Context, v hello.Version, left []weakness) ([]weakness, bool) {
	for len(left) > 0 {
		offered := suitesThat(v, func(c *hello.Suite) bool {
			return slices.ContainsFunc(left, func(w weakness) bool { return w.of(c) })
		})
		t, a := s.ask(ctx, hello.Offer{Version: v, Ciphers: offered}, hello.UntilHello)
		if a == saidNo {
			break
		}
		if a != saidYes || !slices.Contains(offered, t.flight.Hello.CipherSuite) {
			return left, false
		}
		chosen := t.flight.Hello
		left = slices.DeleteFunc(left, func(w weakness) bool {
			has := w.of(hello.Find(chosen.CipherSuite))
			if has {
				s.tell(w.vulnerability, true, fmt.Sprintf("it took %s in %s", chosen.CipherSuite, chosen.Version))
			}
			return has
		})
	}
	return left, true
}

// shortPrimes looks at the prime that a client gets which takes DHE alone and
// does not ask for the groups of RFC 7919. weakdh.org has 512 bits broken and 768
// within reach of a university; below the 1024 that are within reach of a state,
// a server is called vulnerable.
func (s *woundScan) shortPrimes(ctx context.Context) {
	told, known := s.answers[Logjam]
	if known && told.Vulnerable {
		return
	}
	delete(s.answers, Logjam)
	suites := suitesThat(s.highest, func(c *hello.Suite) bool { return c.KeyExchange == "DHE" && !c.Export })
	t, a := s.ask(ctx, hello.Offer{Version: s.highest, Ciphers: suites, Groups: []hello.Group{}}, hello.UntilDone)
	exchange := t.flight.KeyExchange
	switch {
	case a == saidYes && exchange != nil && exchange.DHBits > 0:
		if vulnerable := exchange.DHBits <= logjamBits; vulnerable || known {
			s.tell(Logjam, vulnerable, fmt.Sprintf("it sent a prime of %d bits", exchange.DHBits))
		}
	case a == saidNo && known:
		s.tell(Logjam, false, "it refused DHE")
	}
}

// logjamBits is the size up to which discrete logarithms are within reach: of
// academics up to 768 bits, of states at 1024 (weakdh.org, section 4 of the paper).
const logjamBits = 1024

// fallback says that it fell back to a version below that which the server took,
// if there is one (RFC 7507 section 3). Whoever falls back from TLS 1.3 to 1.2 is
// told of it by the ServerHello's random (RFC 8446 section 4.1.3), so that is not
// asked for.
func (s *woundScan) fallback(ctx context.Context) {
	v := s.greeted.Version
	if v <= hello.SSL30 {
		s.tell(NoFallbackSCSV, false, "it takes no version below SSL 3.0")
		return
	}
	if !slices.Contains(hello.UsualSuites(v), s.greeted.CipherSuite) {
		return // an older version may want something unusual as well
	}
	t, a := s.ask(ctx, hello.Offer{Version: v - 1, Fallback: true}, hello.UntilHello)
	if alert, ok := errors.AsType[*alertError](t.err); ok && alert.alert.Description == hello.InappropriateFallback {
		s.tell(NoFallbackSCSV, false, "it turned down a fallback from "+v.String())
		return
	}
	switch {
	case a == saidYes && t.flight.Hello.Version < v:
		s.tell(NoFallbackSCSV, true, fmt.Sprintf("it let a client fall back from %s to %s", v, t.flight.Hello.Version))
	case a == saidNo:
		s.tell(NoFallbackSCSV, false, "it takes no version below "+v.String())
	}
}
