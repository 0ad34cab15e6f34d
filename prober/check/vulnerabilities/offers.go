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

// poodle offers SSL 3.0 with all its suites of CBC, in parts, and with RC4, which some
// servers still accept in SSL 3.0 after CBC was disabled.
func (s *scanner) poodle(ctx context.Context) {
	isCBC := func(c *hello.Suite) bool { return c.Mode == "CBC" }
	isRC4 := func(c *hello.Suite) bool {
		return c.Cipher == "RC4" && (c.KeyExchange == "RSA" || c.KeyExchange == "ECDHE")
	}
	s.ssl3 = scan.Refused
	for _, part := range hello.Parts(hello.SSL30, hello.PartSize) {
		cbc, rc4 := filtered(part, isCBC), filtered(part, isRC4)
		x, answer := s.ask(ctx, hello.Offer{Version: hello.SSL30, Ciphers: slices.Concat(cbc, rc4)}, hello.UntilHello)
		if answer == scan.Accepted && slices.Contains(rc4, x.Flight.Hello.CipherSuite) {
			s.ssl3 = scan.Accepted
			x, answer = s.ask(ctx, hello.Offer{Version: hello.SSL30, Ciphers: cbc}, hello.UntilHello)
		}
		switch h := x.Flight.Hello; {
		case answer == scan.Accepted && h.Version > hello.SSL30:
			s.report(POODLE, false, fmt.Sprintf("it answered SSL 3.0 with %s", h.Version))
			return
		case answer == scan.Accepted:
			s.ssl3 = scan.Accepted
			if slices.Contains(cbc, h.CipherSuite) {
				s.report(POODLE, true, fmt.Sprintf("it accepted %s in SSL 3.0", h.CipherSuite))
			}
			return
		case answer != scan.Refused:
			s.ssl3 = min(s.ssl3, answer)
			return
		}
		if refusesVersion(x) {
			break
		}
	}
	s.report(POODLE, false, "it refused SSL 3.0 with CBC")
}

// refusesVersion tells whether a server refused an offer because of its version, whatever
// the suites are.
func refusesVersion(x *scan.Exchange) bool {
	return x.Flight.Alert != nil && x.Flight.Alert.Description == hello.ProtocolVersion
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
	{FREAK, func(c *hello.Suite) bool { return c.KeyExchange == "RSA" && export512(c) }, false},
	{Logjam, func(c *hello.Suite) bool {
		return (c.KeyExchange == "DHE" || c.KeyExchange == "DH_anon") && export512(c)
	}, false},
	{Sweet32, func(c *hello.Suite) bool {
		return c.Mode == "CBC" && slices.Contains([]string{"3DES", "DES", "IDEA", "RC2"}, c.Cipher)
	}, false},
	{RC4, func(c *hello.Suite) bool { return c.Cipher == "RC4" }, false},
	// A server may have one prime for its certificate, and others for anonymous suites: those of
	// OpenSSL depend on whether the cipher has a key of 256 bits (ssl_get_auto_dh).
	{Logjam, func(c *hello.Suite) bool { return c.KeyExchange == "DHE" && !export512(c) }, true},
	{Logjam, func(c *hello.Suite) bool { return c.KeyExchange == "DH_anon" && !export512(c) && c.Bits < 256 }, true},
	{Logjam, func(c *hello.Suite) bool { return c.KeyExchange == "DH_anon" && !export512(c) && c.Bits >= 256 }, true},
}

// export512 tells whether a suite was weakened to keys of 512 bits.
func export512(c *hello.Suite) bool { return c.Export && !strings.Contains(c.Name, "EXPORT1024") }

// suitesWhere returns the suites of a version for which a condition holds.
func suitesWhere(v hello.Version, condition func(*hello.Suite) bool) []hello.CipherSuite {
	return filtered(hello.SuitesFor(v), condition)
}

// filtered returns the suites of a list for which a condition holds.
func filtered(list []hello.CipherSuite, condition func(*hello.Suite) bool) []hello.CipherSuite {
	return slices.DeleteFunc(slices.Clone(list), func(id hello.CipherSuite) bool { return !condition(hello.Find(id)) })
}

// weakSuites offers the suites of all weaknesses, and looks at the primes of DHE. A server
// may accept other suites in each version, so each one is asked about. If the answer for
// one is not known, no refusal is reported.
func (s *scanner) weakSuites(ctx context.Context) {
	left := slices.Clone(weaknesses)
	for _, v := range s.versionsToAsk() {
		if !s.eliminateIn(ctx, v, left) {
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

// eliminateIn asks in one version about the suites that are weak themselves, and then, if
// the version is not refused, about primes. A server that follows RFC 7919 may accept the
// former only if the groups of that RFC are offered, and sends a prime of its own only if
// they are not. EliminateIn is false if the answer for some is not known.
func (s *scanner) eliminateIn(ctx context.Context, v hello.Version, all []*weakness) bool {
	for _, primes := range []bool{false, true} {
		asked := slices.DeleteFunc(slices.Clone(all), func(w *weakness) bool { return w.prime != primes || s.vulnerable(w) })
		if known, refused := s.eliminate(ctx, hello.Offer{Version: v, OwnPrime: primes}, asked); !known || refused {
			return known
		}
	}
	return true
}

// eliminate offers the suites of the weaknesses, then those of the weaknesses that the
// server did not select from, until it refuses. Known is false if the answer for some is
// not known. Refused says that the server refuses the version.
func (s *scanner) eliminate(ctx context.Context, o hello.Offer, asked []*weakness) (known, refused bool) {
	_, others := scan.Eliminate(asked, func(rest []*weakness) ([]*weakness, scan.Answer) {
		o.Ciphers = suitesWhere(o.Version, func(c *hello.Suite) bool {
			return slices.ContainsFunc(rest, func(w *weakness) bool { return w.of(c) })
		})
		x, answer := s.ask(ctx, o, hello.UntilDone)
		refused = answer == scan.Refused && refusesVersion(x)
		switch {
		case answer != scan.Accepted:
			return nil, answer
		case !slices.Contains(o.Ciphers, x.Flight.Hello.CipherSuite):
			return nil, scan.NotOffered
		case !s.reportSelected(x.Flight):
			return nil, scan.Unanswered
		}
		selected := hello.Find(x.Flight.Hello.CipherSuite)
		return slices.DeleteFunc(rest, func(w *weakness) bool { return !w.of(selected) && !s.vulnerable(w) }), scan.Accepted
	})
	return others == scan.Refused, refused
}

// vulnerable tells whether the server has been reported to be vulnerable by a weakness.
func (s *scanner) vulnerable(w *weakness) bool { return s.answers[w.vulnerability].Vulnerable }

// reportSelected reports the vulnerabilities that the selected suite shows. It is false
// if one of them depends on a prime that did not come.
func (s *scanner) reportSelected(f *hello.Flight) bool {
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
