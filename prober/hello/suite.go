package hello

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
)

//go:generate go run generate.go

// CipherSuite is a number in IANA's TLS Cipher Suites registry.
type CipherSuite uint16

// The signalling values, which are sent in the list of cipher suites.
const (
	EmptyRenegotiationInfoSCSV CipherSuite = 0x00FF // RFC 5746 section 3.3
	FallbackSCSV               CipherSuite = 0x5600 // RFC 7507
)

// String returns the registered name, or the number as in 0x1234.
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

// Suite has the properties of a cipher suite, which come from its name.
type Suite struct {
	ID   CipherSuite
	Name string

	KeyExchange    string // RSA, DHE, ECDHE, DH, ECDH, DH_anon, ECDH_anon, PSK, DHE_PSK, ECDHE_PSK, RSA_PSK, SRP, KRB5, GOST, ECCPWD or NULL; empty for TLS 1.3
	Authentication string // RSA, DSS, ECDSA, PSK, SRP, KRB5 and so on; empty: none, or not part of the suite
	Cipher         string // AES, CAMELLIA, 3DES and so on; NULL: no encryption
	Bits           int    // of the cipher's key; 168 for 3DES, whose strength is 112
	Mode           string // CBC, GCM, CCM, CCM_8, POLY1305, stream and so on
	MAC            string // MD5, SHA, SHA256, SHA384 and so on; AEAD: part of the cipher

	Export       bool // weakened for the export rules of the United States before 2000
	Null         bool // no encryption
	Anonymous    bool // no authentication
	Unregistered bool // in use, but not in the registry

	Min, Max Version // the versions that may negotiate it
}

// AEAD reports whether the cipher also authenticates the data.
func (s *Suite) AEAD() bool { return s.MAC == "AEAD" }

// ForwardSecret reports whether a key that is stolen later does not decrypt recorded
// connections: the key exchange is ephemeral. It is in all handshakes of this client
// with TLS 1.3.
func (s *Suite) ForwardSecret() bool {
	switch s.KeyExchange {
	case "DHE", "ECDHE", "DH_anon", "ECDH_anon", "DHE_PSK", "ECDHE_PSK", "SRP", "ECCPWD":
		return true
	}
	return s.Min == TLS13
}

// Find returns the suite with this number; nil: it is unknown.
func Find(id CipherSuite) *Suite {
	at := sort.Search(len(Suites), func(i int) bool { return Suites[i].ID >= id })
	if at < len(Suites) && Suites[at].ID == id {
		return &Suites[at]
	}
	return nil
}

// SuitesFor returns all suites that a version may negotiate, in the order of a client's
// preference, strong ones first. There are none for SSL 2.0: see SSL2Ciphers. The
// caller owns the slice.
//
// SSL 3.0 has the suites of TLS 1.0 as well: RFC 6101 has none with AES, and RFC 8422
// is for TLS 1.0 and above, but OpenSSL up to 1.0.2 negotiated them all.
// TLS_NULL_WITH_NULL_NULL must not be negotiated (RFC 5246 appendix A.5).
func SuitesFor(v Version) []CipherSuite { return slices.Clone(suitesOf[v]) }

// MaxSuites is how many suites a ClientHello may offer, a signalling value included, so
// that every server reads it: old Cisco ASAs stop at 128, wolfSSL at 150. SuitesFor(TLS12)
// has nearly three times as many.
const MaxSuites = 120

// UsualSuites returns those of SuitesFor that servers on the Internet use: with a
// certificate, but not DSS, or anonymous; without ARIA, IDEA and GOST; of TLS 1.3 those of
// RFC 8446. Those of TLS 1.2 and TLS 1.3 with a signalling value are at most MaxSuites. The
// caller owns the slice.
func UsualSuites(v Version) []CipherSuite { return slices.Clone(usualOf[v]) }

func (s *Suite) usual() bool {
	switch s.KeyExchange {
	case "", "RSA", "DHE", "ECDHE", "DH_anon", "ECDH_anon":
		known := s.Min < TLS13 || s.Cipher == "AES" || s.Cipher == "CHACHA20"
		return known && s.Authentication != "DSS" && s.Cipher != "ARIA" && s.Cipher != "IDEA"
	}
	return false
}

// suitesOf and usualOf are computed once, because that costs more than a ClientHello.
var suitesOf, usualOf = func() (every, usual map[Version][]CipherSuite) {
	every, usual = make(map[Version][]CipherSuite), make(map[Version][]CipherSuite)
	for _, v := range Versions[1:] {
		every[v] = ranked(v)
		usual[v] = slices.DeleteFunc(slices.Clone(every[v]), func(id CipherSuite) bool { return !Find(id).usual() })
	}
	return every, usual
}()

// rank orders suites by a client's preference, lowest first.
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

// ranked returns the suites of a version by rank, then by key bits, then in the order of
// the registry.
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

// FiniteField reports whether the key exchange is ephemeral Diffie-Hellman over a prime
// that the server sends in its ServerKeyExchange: a group of RFC 7919, or its own.
func (s *Suite) FiniteField() bool {
	switch s.KeyExchange {
	case "DHE", "DH_anon", "DHE_PSK":
		return true
	}
	return false
}

// FiniteSuites returns the suites of a version whose key exchange is over a prime. They
// are fewer than MaxSuites.
func FiniteSuites(v Version) []CipherSuite {
	return slices.DeleteFunc(SuitesFor(v), func(id CipherSuite) bool { return !Find(id).FiniteField() })
}

// Parts returns all suites of a version in lists of at most size, the usual ones first.
func Parts(v Version, size int) [][]CipherSuite {
	if len(suitesOf[v]) <= size {
		return [][]CipherSuite{SuitesFor(v)}
	}
	return slices.Concat(slices.Collect(slices.Chunk(usualOf[v], size)), slices.Collect(slices.Chunk(RareSuites(v), size)))
}

// Kinds splits suites by what they need of a server: a certificate with a key that decrypts,
// one that signs with RSA or another algorithm, or none.
func Kinds(suites []CipherSuite) [][]CipherSuite {
	var kinds [][]CipherSuite
	at := make(map[string]int)
	for _, id := range suites {
		need := ""
		if s := Find(id); s != nil {
			need = s.Authentication
			if s.KeyExchange == need { // RSA, PSK, SRP and KRB5 without another key exchange
				need += " alone"
			}
		}
		if _, known := at[need]; !known {
			at[need] = len(kinds)
			kinds = append(kinds, nil)
		}
		kinds[at[need]] = append(kinds[at[need]], id)
	}
	return kinds
}

// PartSize is the size of parts that fit a ClientHello with a signalling value.
const PartSize = MaxSuites - 1

// RareSuites returns the suites of a version that are not in UsualSuites.
func RareSuites(v Version) []CipherSuite {
	usual := UsualSuites(v)
	return slices.DeleteFunc(SuitesFor(v), func(s CipherSuite) bool { return slices.Contains(usual, s) })
}
