package ciphers

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/scan"
)

// keyExchanges is what the ServerKeyExchange messages showed while something else was
// asked. Several goroutines may use it.
type keyExchanges struct {
	mutex   sync.Mutex
	dhBits  int                     // of the smallest prime for DHE; 0: none was seen
	schemes []hello.SignatureScheme // in the order in which they were first selected
	primes  []hello.Group           // of RFC 7919

	smallest, largest int  // see DHE.Smallest
	secure, insecure  bool // a ServerHello with renegotiation_info was seen, and one without
}

// note adds what the answer to an offer shows.
func (k *keyExchanges) note(o *hello.Offer, flight *hello.Flight) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if flight.Hello.Version < hello.TLS13 { // all offers of these versions ask for it
		_, secure := flight.Hello.RenegotiationInfo()
		k.secure, k.insecure = k.secure || secure, k.insecure || !secure
	}
	x, suite := flight.KeyExchange, hello.Find(flight.Hello.CipherSuite)
	if x == nil || suite == nil {
		return
	}
	if slices.Contains(overPrimes, suite.KeyExchange) && x.DHBits > 0 && (k.dhBits == 0 || x.DHBits < k.dhBits) {
		k.dhBits = x.DHBits
	}
	if ownPrime := !x.Group.FiniteField() || !listsFinite(o); ownPrime && suite.KeyExchange == "DHE" && !suite.Export && x.DHBits > 0 {
		k.smallest, k.largest = min(cmp.Or(k.smallest, x.DHBits), x.DHBits), max(k.largest, x.DHBits)
	}
	if x.Group.FiniteField() && !slices.Contains(k.primes, x.Group) {
		k.primes = append(k.primes, x.Group)
	}
	if slices.Contains(hello.Schemes, x.Scheme) && !slices.Contains(k.schemes, x.Scheme) {
		k.schemes = append(k.schemes, x.Scheme)
	}
}

// listsFinite tells whether an offer lists groups of RFC 7919. One of SSL 3.0 has no
// extensions.
func listsFinite(o *hello.Offer) bool {
	if o.Groups != nil {
		return slices.ContainsFunc(o.Groups, hello.Group.FiniteField)
	}
	return o.Version >= hello.TLS10 && !o.OwnPrime
}

// renegotiation is whether the server supports secure renegotiation.
func (k *keyExchanges) renegotiation() Fact {
	if k.secure == k.insecure {
		return Unknown
	}
	return FactOf(k.secure)
}

// finite returns the groups of RFC 7919 whose primes the server sent.
func (k *keyExchanges) finite() []hello.Group {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return slices.Clone(k.primes)
}

// olderSchemes finds the schemes of TLS 1.2, which the ServerKeyExchange names. A server
// may have certificates of several kinds, so each kind is asked about.
func (s *scanner) olderSchemes(ctx context.Context) {
	signed := suitesOf(s.lists[hello.TLS12].accepted, "ECDHE", "DHE")
	s.allOldSchemes = s.final(s.lists[hello.TLS12].others)
	for _, authentication := range []string{"ECDSA", "RSA", "DSS"} {
		suites := slices.DeleteFunc(slices.Clone(signed), func(id hello.CipherSuite) bool {
			return hello.Find(id).Authentication != authentication
		})
		if len(suites) == 0 {
			continue
		}
		_, others := eliminate(hello.Schemes, func(rest []hello.SignatureScheme) (hello.SignatureScheme, scan.Answer) {
			flight, answer := s.offer(ctx, hello.Offer{Version: hello.TLS12, Ciphers: suites, Schemes: rest}, hello.UntilDone)
			switch {
			case answer != scan.Accepted:
				return 0, answer
			case flight.KeyExchange == nil:
				return 0, scan.Unanswered
			}
			return flight.KeyExchange.Scheme, scan.Accepted
		})
		s.allOldSchemes = s.allOldSchemes && s.final(others)
	}
}

// newerFamilies are the schemes for CertificateVerify in TLS 1.3, by the kind of
// certificate that they need.
var newerFamilies = [][]hello.SignatureScheme{
	{0x0403, 0x0503, 0x0603}, // ECDSA, each with one curve
	{0x0804, 0x0805, 0x0806}, // RSA-PSS with an RSA key
	{0x0809, 0x080A, 0x080B}, // RSA-PSS with an RSASSA-PSS key
	{0x0807, 0x0808},         // EdDSA
	{0x081A, 0x081B, 0x081C}, // ECDSA with Brainpool curves (RFC 8734)
	{0x0904, 0x0905, 0x0906}, // ML-DSA
	{0x0708, 0x0709, 0x070A, 0x070B, 0x070C, 0x070D, 0x070E, 0x070F}, // SM2 (RFC 8998) and GOST (RFC 9367)
}

// noScheme is one of those for private use (RFC 8446 section 11). No server has it.
const noScheme hello.SignatureScheme = 0xFEFE

// newerSchemes finds the schemes of TLS 1.3. The signature is encrypted, but most servers
// without a matching certificate send an alert instead of a ServerHello. Others send an
// encrypted alert after the ServerHello. They seem to accept noScheme too, and nothing is
// learned about them. The offer has a key share, because some servers request one before
// they look for a certificate.
func (s *scanner) newerSchemes(ctx context.Context) {
	shares := s.smallestShare()
	if shares == nil || !s.final(s.offerSchemes(ctx, shares, noScheme)) {
		return
	}
	s.allNewSchemes = true
	accepts := func(schemes ...hello.SignatureScheme) bool {
		answer := s.offerSchemes(ctx, shares, schemes...)
		s.allNewSchemes = s.allNewSchemes && (answer == scan.Accepted || s.final(answer))
		return answer == scan.Accepted
	}
	for _, family := range newerFamilies {
		if !accepts(family...) {
			continue
		}
		for _, scheme := range family {
			if accepts(scheme) {
				s.newSchemes = append(s.newSchemes, scheme)
			}
		}
	}
}

// offerSchemes asks whether the server continues with one of the schemes.
func (s *scanner) offerSchemes(ctx context.Context, shares []hello.KeyShare, schemes ...hello.SignatureScheme) scan.Answer {
	_, answer := s.offer(ctx, hello.Offer{
		Version: hello.TLS13, Ciphers: s.lists[hello.TLS13].accepted, Groups: []hello.Group{shares[0].Group}, KeyShares: shares, Schemes: schemes,
	}, hello.UntilHello)
	return answer
}

// smallestShare is the shortest key share for a group of TLS 1.3 that the server
// accepts; nil: there is none.
func (s *scanner) smallestShare() []hello.KeyShare {
	var smallest []hello.KeyShare
	if len(s.newGroups.accepted) == 0 {
		return nil
	}
	for _, share := range hello.KeySharesFor(s.newGroups.accepted) {
		if smallest == nil || len(share.Data) < len(smallest[0].Data) {
			smallest = []hello.KeyShare{share}
		}
	}
	return smallest
}
