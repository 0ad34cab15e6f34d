package hello

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
)

//go:generate go run generate.go

// CipherSuite is a number of IANA's TLS Cipher Suites registry.
type CipherSuite uint16

// The signalling values: they stand among the suites and are none.
const (
	EmptyRenegotiationInfoSCSV CipherSuite = 0x00FF // RFC 5746 section 3.3
	FallbackSCSV               CipherSuite = 0x5600 // RFC 7507
)

// String is the registered name; 0x1234 for a number that has none.
func (c CipherSuite) String() string {
	if s := Find(c); s != nil {
		return s.Name
	}
	switch c {
	case EmptyRenegotiationInfoSCSV:
		return "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"
	case FallbackSCSV:
		return "TLS_FALLBACK_SCSV"
	}
	return fmt.Sprintf("0x%04X", uint16(c))
}

// Suite is what the name of a cipher suite says.
type Suite struct {
	ID   CipherSuite
	Name string

	KeyExchange    string // RSA, DHE, ECDHE, DH, ECDH, DH_anon, ECDH_anon, PSK, DHE_PSK, ECDHE_PSK, RSA_PSK, SRP, KRB5, GOST, ECCPWD or NULL; empty for TLS 1.3
	Authentication string // RSA, DSS, ECDSA, PSK, SRP, KRB5 and so on; empty where there is none or the suite does not say
	Cipher         string // AES, CAMELLIA, 3DES and so on; NULL: no encryption
	Bits           int    // of the cipher's key; 168 for 3DES, which is worth 112
	Mode           string // CBC, GCM, CCM, CCM_8, POLY1305, stream and so on
	MAC            string // MD5, SHA, SHA256, SHA384 and so on; AEAD where the cipher has its own

	Export       bool // weakened for the law of before 2000
	Null         bool // does not encrypt
	Anonymous    bool // nobody is authenticated
	Unregistered bool // in use, and not in the registry

	Min, Max Version // which may negotiate it
}

// AEAD reports whether the cipher authenticates what it encrypts.
func (s *Suite) AEAD() bool { return s.MAC == "AEAD" }

// ForwardSecret reports whether a key that is stolen later opens nothing: the key
// exchange is ephemeral. All suites of TLS 1.3 are used so by us.
func (s *Suite) ForwardSecret() bool {
	switch s.KeyExchange {
	case "DHE", "ECDHE", "DH_anon", "ECDH_anon", "DHE_PSK", "ECDHE_PSK", "SRP", "ECCPWD":
		return true
	}
	return s.Min == TLS13
}

// Find is the suite with a number; nil: it has no name.
func Find(id CipherSuite) *Suite {
	at := sort.Search(len(Suites), func(i int) bool { return Suites[i].ID >= id })
	if at < len(Suites) && Suites[at].ID == id {
		return &Suites[at]
	}
	return nil
}

// SuitesFor is every suite that a version may negotiate, strong ones first, as a
// client would have it; empty for SSL 2.0, whose ciphers are SSL2Ciphers. The
// slice is the caller's.
//
// SSL 3.0 gets the suites of TLS 1.0 as well: RFC 6101 has none with AES, and
// RFC 8422 begins with TLS 1.0, but OpenSSL up to 1.0.2 negotiated them all.
// TLS_NULL_WITH_NULL_NULL must not be negotiated (RFC 5246 appendix A.5).
func SuitesFor(v Version) []CipherSuite { return slices.Clone(suitesOf[v]) }

// MaxSuites is how many a ClientHello may offer for every server to read it: old
// Cisco ASAs take no more. For TLS 1.2, SuitesFor has nearly three times as many.
const MaxSuites = 128

// UsualSuites is what of SuitesFor a server on the Internet may want: with a
// certificate that is not for DSS, or anonymous; and without ARIA and GOST. Those
// of TLS 1.2 and of TLS 1.3 together, with a signalling value, are fewer than
// MaxSuites. The slice is the caller's.
func UsualSuites(v Version) []CipherSuite { return slices.Clone(usualOf[v]) }

func (s *Suite) usual() bool {
	switch s.KeyExchange {
	case "", "RSA", "DHE", "ECDHE", "DH_anon", "ECDH_anon":
		return s.Authentication != "DSS" && s.Cipher != "ARIA"
	}
	return false
}

// suitesOf and usualOf are worked out once: a hello costs less than they do.
var suitesOf, usualOf = func() (every, usual map[Version][]CipherSuite) {
	every, usual = make(map[Version][]CipherSuite), make(map[Version][]CipherSuite)
	for _, v := range Versions[1:] {
		every[v] = ranked(v)
		usual[v] = slices.DeleteFunc(slices.Clone(every[v]), func(id CipherSuite) bool { return !Find(id).usual() })
	}
	return every, usual
}()

// rank is where a client would put the suite, best first.
func (s *Suite) rank() int {
	rank := map[Strength]int{Strong: 0, Acceptable: 3, Weak: 6}[s.Strength(TLS12)]
	switch {
	case !s.ForwardSecret():
		return rank + 2
	case s.KeyExchange == "ECDHE":
		return rank
	}
	return rank + 1
}

// ranked is the suites of a version; what is equal keeps the registry's order.
func ranked(v Version) []CipherSuite {
	var usable []*Suite
	for i := range Suites {
		s := &Suites[i]
		if s.Min <= max(v, TLS10) && v <= s.Max && s.ID != 0 {
			usable = append(usable, s)
		}
	}
	slices.SortStableFunc(usable, func(a, b *Suite) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), -cmp.Compare(a.Bits, b.Bits))
	})
	ids := make([]CipherSuite, len(usable))
	for i, s := range usable {
		ids[i] = s.ID
	}
	return ids
}

// RareSuites are the suites of a version that are not among UsualSuites.
func RareSuites(v Version) []CipherSuite {
	usual := UsualSuites(v)
	return slices.DeleteFunc(SuitesFor(v), func(s CipherSuite) bool { return slices.Contains(usual, s) })
}
