package hello

import (
	"crypto/sha256"
	"crypto/tls"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// The registry has 350 suites, and crypto/tls uses the same names and versions.
func TestSuites(t *testing.T) {
	registered := 0
	for i := range Suites {
		s := &Suites[i]
		if !s.Unregistered {
			registered++
		}
		if i > 0 && Suites[i-1].ID >= s.ID {
			t.Errorf("%v is out of order", s.ID)
		}
		if s.Cipher == "" || s.MAC == "" || s.Bits == 0 != s.Null || s.Min > s.Max || s.KeyExchange == "" && s.Min != TLS13 && s.KeyExchange != "GOST" {
			t.Errorf("%+v", s)
		}
		if Find(s.ID) != s || s.ID.String() != s.Name {
			t.Errorf("%v is not found", s.ID)
		}
	}
	if registered != 350 {
		t.Errorf("%d suites are registered", registered)
	}
	for _, known := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		s := Find(CipherSuite(known.ID))
		if s == nil || s.Name != known.Name {
			t.Errorf("%s is %+v", known.Name, s)
			continue
		}
		for _, v := range []Version{TLS10, TLS11, TLS12, TLS13} {
			if slices.Contains(known.SupportedVersions, uint16(v)) != slices.Contains(SuitesFor(v), s.ID) {
				t.Errorf("%s in %v", s.Name, v)
			}
		}
	}
}

func TestNames(t *testing.T) {
	for _, row := range []struct{ got, want string }{
		{CipherSuite(0xC02F).String(), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
		{CipherSuite(0x1234).String(), "0x1234"},
		{FallbackSCSV.String(), "TLS_FALLBACK_SCSV"},
		{EmptyRenegotiationInfoSCSV.String(), "TLS_EMPTY_RENEGOTIATION_INFO_SCSV"},
		{SSL20.String(), "SSL 2.0"}, {TLS13.String(), "TLS 1.3"}, {Version(0x0305).String(), "0x0305"},
		{Group(4588).String(), "X25519MLKEM768"}, {Group(0x6399).String(), "X25519Kyber768Draft00"}, {Group(0x0a0a).String(), "0x0A0A"},
		{SignatureScheme(0x0807).String(), "ed25519"}, {SignatureScheme(0x0202).String(), "dsa_sha1"}, {SignatureScheme(0x0101).String(), "rsa_pkcs1_md5"}, {SignatureScheme(0xffff).String(), "0xFFFF"},
		{ProtocolVersion.String(), "protocol_version"}, {AlertDescription(255).String(), "0xFF"},
		{SSL2Cipher(0x0700c0).String(), "SSL_CK_DES_192_EDE3_CBC_WITH_MD5"}, {SSL2Cipher(1).String(), "0x000001"},
		{SSL2Error(6).String(), "unsupported_certificate_type"},
	} {
		if row.got != row.want {
			t.Errorf("%s, want %s", row.got, row.want)
		}
	}
}

func TestSuitesFor(t *testing.T) {
	if suites := SuitesFor(SSL20); len(suites) != 0 {
		t.Errorf("SSL 2.0 has %v", suites)
	}
	if !slices.Equal(SuitesFor(SSL30), SuitesFor(TLS10)) {
		t.Error("SSL 3.0 does not have the suites of TLS 1.0")
	}
	for _, v := range Versions[1:] {
		suites := SuitesFor(v)
		if len(suites) < 5 {
			t.Errorf("%v has %d suites", v, len(suites))
		}
		for _, id := range suites {
			s := Find(id)
			if id == 0 || (s.AEAD() || s.Min == TLS12) && v < TLS12 || (s.Min == TLS13) != (v == TLS13) {
				t.Errorf("%v in %v", id, v)
			}
		}
	}
	if n := len(UsualSuites(TLS12)) + len(UsualSuites(TLS13)) + 1; n > MaxSuites || n < MaxSuites/2 {
		t.Errorf("UsualSuites has %d suites", n)
	}
	for _, known := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		for _, v := range known.SupportedVersions {
			if !slices.Contains(UsualSuites(Version(v)), CipherSuite(known.ID)) {
				t.Errorf("%s is not in UsualSuites", known.Name)
			}
		}
	}
	if first := SuitesFor(TLS12)[0]; Find(first).Strength(TLS12) != Strong {
		t.Errorf("%v comes first", first)
	}
}

func TestStrength(t *testing.T) {
	for _, row := range []struct {
		name string
		v    Version
		want Strength
	}{
		{"TLS_AES_128_GCM_SHA256", TLS13, Strong},
		{"TLS_AES_128_CCM_8_SHA256", TLS13, Acceptable},
		{"TLS_SHA256_SHA256", TLS13, Weak},
		{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", TLS12, Strong},
		{"TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", TLS12, Strong},
		{"TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", TLS12, Acceptable},
		{"TLS_RSA_WITH_AES_256_GCM_SHA384", TLS12, Acceptable},
		{"TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256", TLS12, Acceptable},
		{"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", TLS10, Acceptable},
		{"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", SSL30, Weak},
		{"TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", TLS12, Weak},
		{"TLS_ECDHE_RSA_WITH_RC4_128_SHA", TLS12, Weak},
		{"TLS_DH_anon_WITH_AES_256_GCM_SHA384", TLS12, Weak},
		{"TLS_ECDHE_RSA_WITH_NULL_SHA", TLS12, Weak},
		{"TLS_RSA_WITH_IDEA_CBC_SHA", TLS11, Weak},
		{"TLS_RSA_WITH_RC4_128_MD5", TLS12, Weak},
		{"TLS_RSA_EXPORT_WITH_DES40_CBC_SHA", TLS10, Weak},
		{"TLS_RSA_WITH_DES_CBC_SHA", TLS10, Weak},
		{"TLS_RSA_WITH_SEED_CBC_SHA", TLS12, Acceptable},
	} {
		at := slices.IndexFunc(Suites, func(s Suite) bool { return s.Name == row.name })
		if got := Suites[at].Strength(row.v); got != row.want {
			t.Errorf("%s in %v is %s, want %s", row.name, row.v, got, row.want)
		}
	}
}

// The properties of a suite agree with its name.
func TestProperties(t *testing.T) {
	for _, s := range Suites {
		for property, has := range map[string]bool{
			"EXPORT": s.Export, "_anon_": s.Anonymous, "WITH_NULL": s.Null && s.Min < TLS13,
			"_ECDHE_": strings.HasPrefix(s.KeyExchange, "ECDHE"), "PSK": strings.HasSuffix(s.KeyExchange, "PSK"),
			"_GCM_": s.Mode == "GCM", "_CBC_": s.Mode == "CBC", "RC4": s.Cipher == "RC4", "_128_": s.Bits == 128 && !slices.Contains([]string{"IDEA", "SEED", "SM4", "AEGIS"}, s.Cipher),
		} {
			if s.Name == "TLS_RSA_EXPORT1024_WITH_RC2_CBC_56_MD5" || strings.Contains(s.Name, "_1024_") {
				continue
			}
			if strings.Contains(s.Name, property) != has {
				t.Errorf("%s: %s is %v: %+v", s.Name, property, has, s)
			}
		}
	}
}

// RFC 7919 appendix A has the formula of the primes, with e and a small number.
func TestFiniteFields(t *testing.T) {
	for bits, small := range map[uint]int64{2048: 560316, 3072: 2625351, 4096: 5736041, 6144: 15705020, 8192: 10965728} {
		one := big.NewInt(1)
		prime := new(big.Int).Lsh(one, bits)
		prime.Sub(prime, new(big.Int).Lsh(one, bits-64))
		middle := new(big.Int).Add(euler(bits-130), big.NewInt(small))
		prime.Add(prime, middle.Lsh(middle, 64)).Sub(prime, one)
		if !prime.ProbablyPrime(0) {
			t.Errorf("%d bits: no prime", bits)
		}
		got := finiteField(append([]byte{0}, prime.Bytes()...), []byte{2})
		share, _ := KeyShareFor(got)
		if want := Group(256 + slices.Index([]uint{2048, 3072, 4096, 6144, 8192}, bits)); got != want || len(share.Data) != int(bits/8) {
			t.Errorf("%d bits: %v %x", bits, got, sha256.Sum256(prime.Bytes()))
		}
		if got := finiteField(prime.Bytes(), []byte{5}); got != 0 {
			t.Errorf("%v with the generator 5", got)
		}
	}
}

// euler returns the integer part of e times 2 to the n.
func euler(n uint) *big.Int {
	const guard = 64
	sum := new(big.Int)
	term := new(big.Int).Lsh(big.NewInt(1), n+guard)
	for k := int64(1); term.Sign() > 0; k++ {
		sum.Add(sum, term)
		term.Quo(term, big.NewInt(k))
	}
	return sum.Rsh(sum, guard)
}

func TestPostQuantum(t *testing.T) {
	for _, g := range groups {
		want := strings.Contains(g.name, "MLKEM") || strings.Contains(g.name, "Kyber")
		if g.id.PostQuantum() != want || g.id.FiniteField() != strings.HasPrefix(g.name, "ffdhe") {
			t.Errorf("%v", g.id)
		}
	}
	for _, v := range []Version{SSL30, TLS10, TLS11, TLS12} {
		for _, g := range CurvesFor(v) {
			if g.PostQuantum() || g.FiniteField() {
				t.Errorf("%v in %v", g, v)
			}
		}
	}
}
