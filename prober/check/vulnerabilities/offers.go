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

// inspectServerHello reports what the ServerHello shows that answered the first hello.
func (s *scanner) inspectServerHello() {
	h := s.serverHello
	_, secure := h.RenegotiationInfo()
	s.report(InsecureRenegotiation, !secure, choose(secure, "its ServerHello has renegotiation_info", "its ServerHello has no renegotiation_info"))
	s.report(Compression, h.Compression != compressionNull, choose(h.Compression == compressionNull, "it selected no compression", "it selected compression"))
	if h.Version >= hello.TLS10 { // SSL 3.0 has no such extension
		bound := h.ExtendedMasterSecret()
		s.report(NoExtendedMasterSecret, !bound, choose(bound, "its ServerHello has extended_master_secret", "its ServerHello has no extended_master_secret"))
	}
	if !h.SessionTicket() {
		s.report(Ticketbleed, false, "its ServerHello has no session_ticket")
	}
}

func choose(well bool, good, bad string) string {
	if well {
		return good
	}
	return bad
}

// poodle offers SSL 3.0 with all its suites of CBC, and with RC4, which some servers
// still accept in SSL 3.0 after CBC was disabled.
func (s *scanner) poodle(ctx context.Context) {
	cbc := suitesWhere(hello.SSL30, func(c *hello.Suite) bool { return c.Mode == "CBC" })
	rc4 := suitesWhere(hello.SSL30, func(c *hello.Suite) bool {
		return c.Cipher == "RC4" && (c.KeyExchange == "RSA" || c.KeyExchange == "ECDHE")
	})
	var x *scan.Exchange
	x, s.ssl3 = s.ask(ctx, hello.Offer{Version: hello.SSL30, Ciphers: slices.Concat(cbc, rc4)}, hello.UntilHello)
	if h := x.Flight.Hello; s.ssl3 == scan.Accepted && h.Version > hello.SSL30 {
		s.ssl3 = scan.Refused
		s.report(POODLE, false, fmt.Sprintf("it answered SSL 3.0 with %s", h.Version))
		return
	}
	answer := s.ssl3
	if h := x.Flight.Hello; answer == scan.Accepted && slices.Contains(rc4, h.CipherSuite) {
		x, answer = s.ask(ctx, hello.Offer{Version: hello.SSL30, Ciphers: cbc}, hello.UntilHello)
	}
	switch h := x.Flight.Hello; {
	case answer == scan.Refused:
		s.report(POODLE, false, "it refused SSL 3.0 with CBC")
	case answer == scan.Accepted && h.Version == hello.SSL30 && slices.Contains(cbc, h.CipherSuite):
		s.report(POODLE, true, fmt.Sprintf("it accepted %s in SSL 3.0", h.CipherSuite))
	}
}

// drown offers SSL 2.0. A server that answers in SSL 2.0 without a shared cipher may still
// accept one that it did not list (CVE-2015-3197). So there is no answer then.
func (s *scanner) drown(ctx context.Context) {
	x, answer := s.ask(ctx, hello.Offer{Version: hello.SSL20}, hello.UntilHello)
	switch {
	case answer == scan.Accepted && x.Flight.SSL2 != nil:
		s.report(DROWN, true, fmt.Sprintf("it accepted SSL 2.0 with %s", x.Flight.SSL2.Ciphers[0]))
	case answer == scan.Refused && x.Flight.SSL2 == nil:
		s.report(DROWN, false, "it refused SSL 2.0")
	}
}

// weakness is a kind of suites that make a server vulnerable if it accepts one of them.
type weakness struct {
	vulnerability Name
	of            func(*hello.Suite) bool
	prime         bool // only if the prime that the server sends with the suite is short
}

var weaknesses = []*weakness{
	// The keys of RSA_EXPORT1024 have 1024 bits, those of FREAK 512.
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

// suitesWhere returns the suites of a version for which a condition holds.
func suitesWhere(v hello.Version, condition func(*hello.Suite) bool) []hello.CipherSuite {
	return slices.DeleteFunc(hello.SuitesFor(v), func(id hello.CipherSuite) bool { return !condition(hello.Find(id)) })
}

// weakSuites offers the suites of all weaknesses, and looks at the primes of DHE. A server
// may accept other suites in each version, so each one is asked about. If the answer for
// one is not known, no refusal is reported.
func (s *scanner) weakSuites(ctx context.Context) {
	left := slices.Clone(weaknesses)
	for _, v := range s.versionsToAsk() {
		if !s.eliminate(ctx, v, left) {
			return
		}
		left = slices.DeleteFunc(left, s.vulnerable)
	}
	if s.ssl3 == scan.Unanswered {
		return
	}
	for _, w := range left {
		s.report(w.vulnerability, false, "it refused every suite with this vulnerability")
	}
	if _, answered := s.answers[Logjam]; answered && s.prime > logjamBits && !s.answers[Logjam].Vulnerable {
		s.report(Logjam, false, fmt.Sprintf("its shortest prime has %d bits", s.prime))
	}
}

// versionsToAsk is the version of the first hello, and all older ones that the server may
// accept.
func (s *scanner) versionsToAsk() []hello.Version {
	versions := []hello.Version{s.highest}
	for _, v := range []hello.Version{hello.TLS11, hello.TLS10} {
		if v < s.serverHello.Version {
			versions = append(versions, v)
		}
	}
	if s.ssl3 == scan.Accepted && s.serverHello.Version > hello.SSL30 {
		versions = append(versions, hello.SSL30)
	}
	return versions
}

// eliminate offers the suites of all weaknesses, then those of the weaknesses that the
// server did not select from, until it refuses. It is false if the answer for some is not
// known.
func (s *scanner) eliminate(ctx context.Context, v hello.Version, weaknesses []*weakness) bool {
	_, others := scan.Eliminate(weaknesses, func(rest []*weakness) ([]*weakness, scan.Answer) {
		offered := suitesWhere(v, func(c *hello.Suite) bool {
			return slices.ContainsFunc(rest, func(w *weakness) bool { return w.of(c) })
		})
		x, answer := s.ask(ctx, hello.Offer{Version: v, Ciphers: offered}, hello.UntilDone)
		switch {
		case answer != scan.Accepted:
			return nil, answer
		case !slices.Contains(offered, x.Flight.Hello.CipherSuite):
			return nil, scan.NotOffered
		case !s.reportSelected(x.Flight, rest):
			return nil, scan.Unanswered
		}
		selected := hello.Find(x.Flight.Hello.CipherSuite)
		return slices.DeleteFunc(rest, func(w *weakness) bool { return !w.of(selected) && !s.vulnerable(w) }), scan.Accepted
	})
	return others == scan.Refused
}

// vulnerable tells whether the server has been reported to be vulnerable by a weakness.
func (s *scanner) vulnerable(w *weakness) bool { return s.answers[w.vulnerability].Vulnerable }

// reportSelected reports the vulnerabilities that the selected suite shows. It is false
// if one of them depends on a prime that did not come.
func (s *scanner) reportSelected(f *hello.Flight, weaknesses []*weakness) bool {
	selected, version := f.Hello.CipherSuite, f.Hello.Version
	for _, w := range weaknesses {
		saw := fmt.Sprintf("it accepted %s in %s", selected, version)
		switch {
		case !w.of(hello.Find(selected)):
			continue
		case w.prime && (f.KeyExchange == nil || f.KeyExchange.DHBits == 0):
			return false
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
		s.report(w.vulnerability, true, saw)
	}
	return true
}

// logjamBits is the size of primes up to which discrete logarithms can be computed: with
// academic resources up to 768 bits, with those of a state up to 1024 (section 4 of the
// paper at weakdh.org).
const logjamBits = 1024

// fallback offers the version below the one that the server selected, with
// TLS_FALLBACK_SCSV (RFC 7507 section 3). Clients detect a fallback from TLS 1.3 by the
// random of the ServerHello (RFC 8446 section 4.1.3), so that is not tested.
func (s *scanner) fallback(ctx context.Context) {
	v := s.serverHello.Version
	if v <= hello.SSL30 {
		s.report(NoFallbackSCSV, false, "it accepts no version below SSL 3.0")
		return
	}
	if !slices.Contains(hello.UsualSuites(v), s.serverHello.CipherSuite) {
		return // an older version may also need a suite that is not offered
	}
	x, answer := s.ask(ctx, hello.Offer{Version: v - 1, Fallback: true}, hello.UntilHello)
	if alert, ok := errors.AsType[*hello.AlertError](x.Err); ok && alert.Description == hello.InappropriateFallback {
		s.report(NoFallbackSCSV, false, "it refused a fallback from "+v.String())
		return
	}
	switch {
	case answer == scan.Accepted && x.Flight.Hello.Version < v:
		s.report(NoFallbackSCSV, true, fmt.Sprintf("it accepted a fallback from %s to %s", v, x.Flight.Hello.Version))
	case answer == scan.Refused:
		s.report(NoFallbackSCSV, false, "it accepts no version below "+v.String())
	}
}
