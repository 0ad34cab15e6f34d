package hello

import (
	"fmt"
	"slices"
)

// Group is a number in IANA's TLS Supported Groups registry.
type Group uint16

// The groups that code refers to.
const (
	SecP256r1             Group = 23
	SecP384r1             Group = 24
	SecP521r1             Group = 25
	X25519                Group = 29
	X448                  Group = 30
	FFDHE2048             Group = 256
	FFDHE3072             Group = 257
	FFDHE4096             Group = 258
	FFDHE6144             Group = 259
	FFDHE8192             Group = 260
	MLKEM512              Group = 512
	MLKEM768              Group = 513
	MLKEM1024             Group = 514
	SecP256r1MLKEM768     Group = 4587
	X25519MLKEM768        Group = 4588
	SecP384r1MLKEM1024    Group = 4589
	CurveSM2MLKEM768      Group = 4590
	X25519Kyber768Draft00 Group = 25497
	SecP256r1Kyber768     Group = 25498
)

// registeredGroup is a row of the registry.
type registeredGroup struct {
	id   Group
	name string
	from Version // the first version that may negotiate the group
	to   Version // the last
}

// groups is IANA's TLS Supported Groups registry (tls-parameters-8) as of 2025 and one
// later draft, without the reserved numbers, in the order of the registry. Numbers
// below 256 are named curves (RFC 8422), of which TLS 1.3 has only a few (RFC 8446
// section 4.2.7).
var groups = []registeredGroup{
	{1, "sect163k1", TLS10, TLS12}, {2, "sect163r1", TLS10, TLS12}, {3, "sect163r2", TLS10, TLS12},
	{4, "sect193r1", TLS10, TLS12}, {5, "sect193r2", TLS10, TLS12}, {6, "sect233k1", TLS10, TLS12},
	{7, "sect233r1", TLS10, TLS12}, {8, "sect239k1", TLS10, TLS12}, {9, "sect283k1", TLS10, TLS12},
	{10, "sect283r1", TLS10, TLS12}, {11, "sect409k1", TLS10, TLS12}, {12, "sect409r1", TLS10, TLS12},
	{13, "sect571k1", TLS10, TLS12}, {14, "sect571r1", TLS10, TLS12}, {15, "secp160k1", TLS10, TLS12},
	{16, "secp160r1", TLS10, TLS12}, {17, "secp160r2", TLS10, TLS12}, {18, "secp192k1", TLS10, TLS12},
	{19, "secp192r1", TLS10, TLS12}, {20, "secp224k1", TLS10, TLS12}, {21, "secp224r1", TLS10, TLS12},
	{22, "secp256k1", TLS10, TLS12},
	{23, "secp256r1", TLS10, TLS13}, {24, "secp384r1", TLS10, TLS13}, {25, "secp521r1", TLS10, TLS13},
	{26, "brainpoolP256r1", TLS10, TLS12}, {27, "brainpoolP384r1", TLS10, TLS12}, {28, "brainpoolP512r1", TLS10, TLS12}, // RFC 7027
	{29, "x25519", TLS10, TLS13}, {30, "x448", TLS10, TLS13},
	{31, "brainpoolP256r1tls13", TLS13, TLS13}, {32, "brainpoolP384r1tls13", TLS13, TLS13}, {33, "brainpoolP512r1tls13", TLS13, TLS13}, // RFC 8734
	{34, "GC256A", TLS12, TLS13}, {35, "GC256B", TLS12, TLS13}, {36, "GC256C", TLS12, TLS13}, {37, "GC256D", TLS12, TLS13}, // RFC 9189, RFC 9367
	{38, "GC512A", TLS12, TLS13}, {39, "GC512B", TLS12, TLS13}, {40, "GC512C", TLS12, TLS13},
	{41, "curveSM2", TLS13, TLS13},                                                                       // RFC 8998
	{256, "ffdhe2048", TLS10, TLS13}, {257, "ffdhe3072", TLS10, TLS13}, {258, "ffdhe4096", TLS10, TLS13}, // RFC 7919
	{259, "ffdhe6144", TLS10, TLS13}, {260, "ffdhe8192", TLS10, TLS13},
	{512, "MLKEM512", TLS13, TLS13}, {513, "MLKEM768", TLS13, TLS13}, {514, "MLKEM1024", TLS13, TLS13}, // draft-ietf-tls-mlkem
	{4587, "SecP256r1MLKEM768", TLS13, TLS13}, {4588, "X25519MLKEM768", TLS13, TLS13}, {4589, "SecP384r1MLKEM1024", TLS13, TLS13}, // draft-ietf-tls-ecdhe-mlkem
	{4590, "curveSM2MLKEM768", TLS13, TLS13},                                                          // draft-yang-tls-hybrid-sm2-mlkem
	{25497, "X25519Kyber768Draft00", TLS13, TLS13}, {25498, "SecP256r1Kyber768Draft00", TLS13, TLS13}, // obsolete drafts
	{65281, "arbitrary_explicit_prime_curves", TLS10, TLS12}, {65282, "arbitrary_explicit_char2_curves", TLS10, TLS12},
}

var groupNames = func() map[Group]string {
	names := make(map[Group]string, len(groups))
	for _, g := range groups {
		names[g.id] = g.name
	}
	return names
}()

// String returns the registered name, or the number as in 0x1234.
func (g Group) String() string {
	if name, ok := groupNames[g]; ok {
		return name
	}
	return fmt.Sprintf("0x%04X", uint16(g))
}

// Registered reports whether the number has a name.
func (g Group) Registered() bool { return groupNames[g] != "" }

// PostQuantum reports whether the group resists quantum computers: it is ML-KEM (FIPS
// 203) or its draft Kyber, alone or as a hybrid with a curve.
func (g Group) PostQuantum() bool {
	return g >= MLKEM512 && g <= MLKEM1024 || g >= SecP256r1MLKEM768 && g <= CurveSM2MLKEM768 ||
		g == X25519Kyber768Draft00 || g == SecP256r1Kyber768
}

// FiniteField reports whether the group is one of RFC 7919.
func (g Group) FiniteField() bool { return g >= FFDHE2048 && g <= FFDHE8192 }

// preferredGroups come first in an offer. The others follow in the order of the
// registry.
var preferredGroups = []Group{
	X25519MLKEM768, SecP256r1MLKEM768, SecP384r1MLKEM1024, X25519, SecP256r1, SecP384r1, SecP521r1, X448,
}

// GroupsFor returns all groups that the version may negotiate, the common ones first.
// Below TLS 1.3 those of RFC 7919 decide whether a server that follows it selects a suite
// with Diffie-Hellman, and over which prime: some refuse all such suites if none is
// offered, and others then send a prime of their own. A scan has to ask in both ways; see
// CurvesFor.
func GroupsFor(v Version) []Group {
	v = max(v, TLS10)
	var offered []Group
	add := func(row registeredGroup) {
		if row.from <= v && v <= row.to && row.id < 0xff00 {
			offered = append(offered, row.id)
		}
	}
	preferred := make(map[Group]bool)
	for _, id := range preferredGroups {
		preferred[id] = true
		for _, row := range groups {
			if row.id == id {
				add(row)
			}
		}
	}
	for _, row := range groups {
		if !preferred[row.id] {
			add(row)
		}
	}
	return offered
}

// CurvesFor returns GroupsFor without the groups of RFC 7919.
func CurvesFor(v Version) []Group { return slices.DeleteFunc(GroupsFor(v), Group.FiniteField) }
