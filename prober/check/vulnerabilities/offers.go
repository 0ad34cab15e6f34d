package vulnerabilities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/scan"
)

// plain is what the answer to the greeting says.
func (s *scanner) plain() {
	h := s.answered
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

// poodle offers SSL 3.0 with all that it has of CBC, and with RC4, which some kept
// when they had turned CBC off.
func (s *scanner) poodle(ctx context.Context) {
	cbc := suitesThat(hello.SSL30, func(c *hello.Suite) bool { return c.Mode == "CBC" })
	rc4 := suitesThat(hello.SSL30, func(c *hello.Suite) bool {
		return c.Cipher == "RC4" && (c.KeyExchange == "RSA" || c.KeyExchange == "ECDHE")
	})
	var t *exchange
	t, s.ssl3 = s.ask(ctx, hello.Offer{Version: hello.SSL30, Ciphers: slices.Concat(cbc, rc4)}, hello.UntilHello)
	if h := t.flight.Hello; s.ssl3 == scan.Accepted && h.Version > hello.SSL30 {
		s.ssl3 = scan.Refused
		s.tell(POODLE, false, fmt.Sprintf("it answered SSL 3.0 with %s", h.Version))
		return
	}
	said := s.ssl3
	if h := t.flight.Hello; said == scan.Accepted && slices.Contains(rc4, h.CipherSuite) {
		t, said = s.ask(ctx, hello.Offer{Version: hello.SSL30, Ciphers: cbc}, hello.UntilHello)
	}
	switch h := t.flight.Hello; {
	case said == scan.Refused:
		s.tell(POODLE, false, "it refused SSL 3.0 with CBC")
	case said == scan.Accepted && h.Version == hello.SSL30 && slices.Contains(cbc, h.CipherSuite):
		s.tell(POODLE, true, fmt.Sprintf("it took %s in SSL 3.0", h.CipherSuite))
	}
}

// drown offers SSL 2.0. A server that speaks it but shares no cipher may still
// take one that it did not name (CVE-2015-3197): of that nothing is said.
func (s *scanner) drown(ctx context.Context) {
	message, err := s.Marshal(hello.Offer{Version: hello.SSL20})
	if err != nil {
		return
	}
	t, a := s.openWith(ctx, message, hello.UntilHello)
	t.close()
	switch {
	case a == scan.Accepted && t.flight.SSL2 != nil:
		s.tell(DROWN, true, fmt.Sprintf("it took SSL 2.0 with %s", t.flight.SSL2.Ciphers[0]))
	case a == scan.Refused && t.flight.SSL2 == nil:
		s.tell(DROWN, false, "it refused SSL 2.0")
	}
}

// weakness is a vulnerability that taking a suite is, or may be.
type weakness struct {
	vulnerability Name
	of            func(*hello.Suite) bool
	prime         bool // it is one if the prime that comes with the suite is short
}

var weaknesses = []weakness{
	// RSA_EXPORT1024 has keys that are twice as long as FREAK's.
	{FREAK, func(c *hello.Suite) bool {
		return c.KeyExchange == "RSA" && c.Export && !strings.Contains(c.Name, "EXPORT1024")
	}, false},
	{Logjam, func(c *hello.Suite) bool {
		return c.KeyExchange == "DHE" && c.Export && !strings.Contains(c.Name, "EXPORT1024")
	}, false},
	{Logjam, func(c *hello.Suite) bool { return c.KeyExchange == "DHE" && !c.Export }, true},
	{Sweet32, func(c *hello.Suite) bool {
		return c.Mode == "CBC" && slices.Contains([]string{"3DES", "DES", "IDEA", "RC2"}, c.Cipher)
	}, false},
	{RC4, func(c *hello.Suite) bool { return c.Cipher == "RC4" }, false},
}

// suitesThat is the suites of a version that are so.
func suitesThat(v hello.Version, so func(*hello.Suite) bool) []hello.CipherSuite {
	return slices.DeleteFunc(hello.SuitesFor(v), func(id hello.CipherSuite) bool { return !so(hello.Find(id)) })
}

// weakSuites asks for the suites of all weaknesses, and for the primes of DHE. A
// server may have other suites for each version, so it is asked in all of them;
// where one cannot be asked, nothing is said to be refused.
func (s *scanner) weakSuites(ctx context.Context) {
	left := slices.Clone(weaknesses)
	for _, v := range s.versionsToAsk() {
		var all bool
		if left, all = s.eliminate(ctx, v, left); !all {
			return
		}
	}
	if s.ssl3 == scan.Unanswered {
		return
	}
	for _, w := range left {
		s.tell(w.vulnerability, false, "it refused every suite that has this")
	}
	if _, told := s.answers[Logjam]; told && s.prime > logjamBits && !s.answers[Logjam].Vulnerable {
		s.tell(Logjam, false, fmt.Sprintf("its shortest prime has %d bits", s.prime))
	}
}

// versionsToAsk is the version that was greeted in, by its offer, and all below it
// that the server may take.
func (s *scanner) versionsToAsk() []hello.Version {
	versions := []hello.Version{s.highest}
	for _, v := range []hello.Version{hello.TLS11, hello.TLS10} {
		if v < s.answered.Version {
			versions = append(versions, v)
		}
	}
	if s.ssl3 == scan.Accepted && s.answered.Version > hello.SSL30 {
		versions = append(versions, hello.SSL30)
	}
	return versions
}

// eliminate offers the suites of the weaknesses that are left at once, then those
// of the ones that the server did not choose from, until it refuses. It returns
// the weaknesses that were not shown; false: the server did not tell of all.
func (s *scanner) eliminate(ctx context.Context, v hello.Version, left []weakness) ([]weakness, bool) {
	asked := slices.Clone(left)
	for len(asked) > 0 {
		offered := suitesThat(v, func(c *hello.Suite) bool {
			return slices.ContainsFunc(asked, func(w weakness) bool { return w.of(c) })
		})
		t, a := s.ask(ctx, hello.Offer{Version: v, Ciphers: offered}, hello.UntilDone)
		if a == scan.Refused {
			return left, true
		}
		if a != scan.Accepted || !slices.Contains(offered, t.flight.Hello.CipherSuite) {
			return left, false
		}
		shown, ok := s.show(t.flight, asked)
		if !ok {
			return left, false
		}
		chosen := hello.Find(t.flight.Hello.CipherSuite)
		asked = slices.DeleteFunc(asked, func(w weakness) bool { return w.of(chosen) || slices.Contains(shown, w.vulnerability) })
		left = slices.DeleteFunc(left, func(w weakness) bool { return slices.Contains(shown, w.vulnerability) })
	}
	return left, true
}

// show tells of the vulnerabilities that a choice shows; false: the prime that
// one of them hangs on did not come.
func (s *scanner) show(f *hello.Flight, asked []weakness) (shown []Name, ok bool) {
	chosen, version := f.Hello.CipherSuite, f.Hello.Version
	for _, w := range asked {
		saw := fmt.Sprintf("it took %s in %s", chosen, version)
		switch {
		case !w.of(hello.Find(chosen)):
			continue
		case w.prime && (f.KeyExchange == nil || f.KeyExchange.DHBits == 0):
			return shown, false
		case w.prime:
			bits := f.KeyExchange.DHBits
			if s.prime == 0 || bits < s.prime {
				s.prime = bits
			}
			if bits > logjamBits {
				continue
			}
			saw = fmt.Sprintf("it sent a prime of %d bits in %s", bits, version)
		}
		s.tell(w.vulnerability, true, saw)
		shown = append(shown, w.vulnerability)
	}
	return shown, true
}

// logjamBits is the size up to which discrete logarithms are within reach: of
// academics up to 768 bits, of states at 1024 (weakdh.org, section 4 of the paper).
const logjamBits = 1024

// fallback says that it fell back to a version below that which the server took,
// if there is one (RFC 7507 section 3). Whoever falls back from TLS 1.3 to 1.2 is
// told of it by the ServerHello's random (RFC 8446 section 4.1.3), so that is not
// asked for.
func (s *scanner) fallback(ctx context.Context) {
	v := s.answered.Version
	if v <= hello.SSL30 {
		s.tell(NoFallbackSCSV, false, "it takes no version below SSL 3.0")
		return
	}
	if !slices.Contains(hello.UsualSuites(v), s.answered.CipherSuite) {
		return // an older version may want something unusual as well
	}
	t, a := s.ask(ctx, hello.Offer{Version: v - 1, Fallback: true}, hello.UntilHello)
	if alert, ok := errors.AsType[*hello.AlertError](t.err); ok && alert.Description == hello.InappropriateFallback {
		s.tell(NoFallbackSCSV, false, "it turned down a fallback from "+v.String())
		return
	}
	switch {
	case a == scan.Accepted && t.flight.Hello.Version < v:
		s.tell(NoFallbackSCSV, true, fmt.Sprintf("it let a client fall back from %s to %s", v, t.flight.Hello.Version))
	case a == scan.Refused:
		s.tell(NoFallbackSCSV, false, "it takes no version below "+v.String())
	}
}
