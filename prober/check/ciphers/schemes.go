package ciphers

import (
	"context"
	"slices"
	"sync"

	"tls_exporter/prober/hello"
)

// seenKeys is what the server's halves of key exchanges said while something else
// was asked. It may be used by several goroutines.
type seenKeys struct {
	mutex   sync.Mutex
	dhBits  int                     // of the smallest prime for DHE; 0: there was none
	schemes []hello.SignatureScheme // in the order in which they were first chosen
	primes  []hello.Group           // of RFC 7919
}

func (k *seenKeys) note(flight *hello.Flight) {
	x, suite := flight.KeyExchange, hello.Find(flight.Hello.CipherSuite)
	if x == nil || suite == nil {
		return
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if slices.Contains(overPrimes, suite.KeyExchange) && x.DHBits > 0 && (k.dhBits == 0 || x.DHBits < k.dhBits) {
		k.dhBits = x.DHBits
	}
	if x.Group.FiniteField() && !slices.Contains(k.primes, x.Group) {
		k.primes = append(k.primes, x.Group)
	}
	if slices.Contains(hello.Schemes, x.Scheme) && !slices.Contains(k.schemes, x.Scheme) {
		k.schemes = append(k.schemes, x.Scheme)
	}
}

// finite is the groups of RFC 7919 whose primes the server sent.
func (k *seenKeys) finite() []hello.Group {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return slices.Clone(k.primes)
}

// olderSchemes finds what the server signs with in TLS 1.2, where its half of the
// key exchange says that: one kind of certificate after another, as it may have
// several.
func (s *scanner) olderSchemes(ctx context.Context) {
	signed := suitesOf(s.lists[hello.TLS12].taken, "ECDHE", "DHE")
	for _, authentication := range []string{"ECDSA", "RSA", "DSS"} {
		suites := slices.DeleteFunc(slices.Clone(signed), func(id hello.CipherSuite) bool {
			return hello.Find(id).Authentication != authentication
		})
		if len(suites) == 0 {
			continue
		}
		eliminate(hello.Schemes, func(rest []hello.SignatureScheme) (hello.SignatureScheme, ending) {
			flight, end := s.offer(ctx, hello.Offer{Version: hello.TLS12, Ciphers: suites, Schemes: rest}, hello.UntilDone)
			switch {
			case end != picked:
				return 0, end
			case flight.KeyExchange == nil:
				return 0, unanswered
			}
			return flight.KeyExchange.Scheme, picked
		})
	}
}

// newerFamilies are the schemes that TLS 1.3 has for its CertificateVerify, by the
// kind of certificate that they need.
var newerFamilies = [][]hello.SignatureScheme{
	{0x0403, 0x0503, 0x0603}, // ECDSA, each with its curve
	{0x0804, 0x0805, 0x0806}, // RSA-PSS with the usual key
	{0x0809, 0x080A, 0x080B}, // RSA-PSS with a key for nothing else
	{0x0807, 0x0808},         // EdDSA
	{0x081A, 0x081B, 0x081C}, // ECDSA with Brainpool's curves (RFC 8734)
	{0x0904, 0x0905, 0x0906}, // ML-DSA
	{0x0708, 0x0709, 0x070A, 0x070B, 0x070C, 0x070D, 0x070E, 0x070F}, // SM2 (RFC 8998) and GOST (RFC 9367)
}

// noScheme is of those for private use (RFC 8446 section 11): no server has it.
const noScheme hello.SignatureScheme = 0xFEFE

// newerSchemes finds what the server signs with in TLS 1.3. The signature itself
// is not in plain, but a server that has none to offer says so instead of a
// ServerHello. Some say so behind it, where it cannot be read: those go on with
// schemes that nobody has, and nothing is learned from them. The key share is
// there because some ask for another one before they look at their certificates.
func (s *scanner) newerSchemes(ctx context.Context) {
	shares := s.smallestShare()
	if shares == nil || !s.final(s.signs(ctx, shares, noScheme)) {
		return
	}
	for _, family := range newerFamilies {
		if s.signs(ctx, shares, family...) != picked {
			continue
		}
		for _, scheme := range family {
			if s.signs(ctx, shares, scheme) == picked {
				s.newSchemes = append(s.newSchemes, scheme)
			}
		}
	}
}

// signs asks whether the server goes on with one of the schemes.
func (s *scanner) signs(ctx context.Context, shares []hello.KeyShare, schemes ...hello.SignatureScheme) ending {
	_, end := s.offer(ctx, hello.Offer{
		Version: hello.TLS13, Ciphers: s.lists[hello.TLS13].taken, Groups: []hello.Group{shares[0].Group}, KeyShares: shares, Schemes: schemes,
	}, hello.UntilHello)
	return end
}

// smallestShare is a key share for one of the groups of TLS 1.3 that the server
// takes; nil: there is none.
func (s *scanner) smallestShare() []hello.KeyShare {
	var smallest []hello.KeyShare
	if len(s.newGroups.taken) == 0 {
		return nil
	}
	for _, share := range hello.KeySharesFor(s.newGroups.taken) {
		if smallest == nil || len(share.Data) < len(smallest[0].Data) {
			smallest = []hello.KeyShare{share}
		}
	}
	return smallest
}
