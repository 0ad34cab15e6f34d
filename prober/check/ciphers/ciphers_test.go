package ciphers_test

import (
	"context"
	"crypto"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/endpoint/endpointtest"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
	"tls_exporter/prober/tlstest/legacy"
)

// suitesOfFinding writes the suites of a finding by version, newest first, with a + where
// the list is whole: "1.3+ 1301 1302, 1.2 c02f".
func suitesOfFinding(c *ciphers.Finding) string {
	var versions []string
	for _, v := range slices.Backward(hello.Versions) {
		words := []string{strings.TrimPrefix(v.String(), "TLS ")}
		if c.IsWhole(v) {
			words[0] += "+"
		}
		for _, s := range c.Suites {
			if s.Version == v {
				words = append(words, fmt.Sprintf("%04x", s.Number))
			}
		}
		if len(words) > 1 || !c.IsWhole(v) {
			versions = append(versions, strings.Join(words, " "))
		}
	}
	return strings.Join(versions, ", ")
}

// groupsOfFinding writes the groups of a finding, first those that are accepted, then
// those that are refused, both sorted by name.
func groupsOfFinding(c *ciphers.Finding) string {
	var accepted, refused []string
	for _, g := range c.Groups {
		if g.Accepted {
			accepted = append(accepted, g.Group.String())
		} else {
			refused = append(refused, "-"+g.Group.String())
		}
	}
	slices.Sort(accepted)
	slices.Sort(refused)
	return strings.Join(slices.Concat(accepted, refused), " ")
}

// schemesOfFinding writes the schemes of a finding, sorted by name.
func schemesOfFinding(c *ciphers.Finding) string {
	var names []string
	for _, s := range c.Schemes {
		names = append(names, s.String())
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// probe returns the finding of a whole probe with the check.
func probe(t testing.TB, lab *tlstest.Lab, addr string, o ciphers.Options) *ciphers.Finding {
	t.Helper()
	m := probetest.Module(t, lab)
	m.Ciphers.Options = &o
	r := probetest.New(t, m).Probe(t.Context(), probetest.Target(t, addr))
	if r.Ciphers.Finding == nil {
		t.Fatalf("no finding: %+v", r.Outcomes[0].Failure)
	}
	return r.Ciphers.Finding
}

// find runs the check without a probe: some servers of the lab never complete a
// handshake.
func find(ctx context.Context, t testing.TB, lab *tlstest.Lab, addr string, o ciphers.Options) (*ciphers.Finding, error) {
	t.Helper()
	return o.Find(ctx, endpointtest.At(t, addr))
}

// The check finds what crypto/tls is configured to accept. Each list takes one
// connection more than it has entries. The suites of TLS 1.2 are three lists and those of
// older versions two, and one more is for a prime of the server's own.
func TestCiphersOfCryptoTLS(t *testing.T) {
	lab := labtest.Lab(t)
	for _, test := range []struct {
		name        string
		key         func() (crypto.Signer, error)
		config      func(*tls.Config)
		suites      string // sorted: the order of crypto/tls depends on the processor
		groups      string
		schemes     string
		preference  ciphers.Preference
		connections int64
	}{
		{
			name:   "TLS 1.3 alone",
			config: func(c *tls.Config) { c.MinVersion, c.CurvePreferences = tls.VersionTLS13, []tls.CurveID{tls.X25519} },
			suites: "1.3+ 1301 1302 1303", preference: ciphers.ServerPreference,
			groups:  "x25519 -SecP256r1MLKEM768 -SecP384r1MLKEM1024 -X25519MLKEM768 -ffdhe2048 -ffdhe3072 -secp256r1 -secp384r1 -secp521r1 -x448",
			schemes: "ecdsa_secp256r1_sha256",
			// Versions 4+5, order 1, groups 2, schemes: none, seven families, three of ECDSA.
			connections: 4 + 5 + 1 + 2 + 1 + 7 + 3,
		},
		{
			name: "TLS 1.2 alone", key: labtest.RSAKey(2048),
			config: func(c *tls.Config) {
				c.MinVersion, c.MaxVersion, c.CurvePreferences = tls.VersionTLS12, tls.VersionTLS12, []tls.CurveID{tls.CurveP256, tls.CurveP384}
				c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA}
			},
			suites: "1.2+ c014 c02f cca8", preference: ciphers.ServerPreference,
			groups:  "secp256r1 secp384r1 -SecP256r1MLKEM768 -SecP384r1MLKEM1024 -X25519MLKEM768 -ffdhe2048 -ffdhe3072 -secp521r1 -x25519 -x448",
			schemes: "rsa_pkcs1_sha1 rsa_pkcs1_sha256 rsa_pkcs1_sha384 rsa_pkcs1_sha512 rsa_pss_rsae_sha256 rsa_pss_rsae_sha384 rsa_pss_rsae_sha512",
			// Versions 4+2+1+5, order 1, groups 3, schemes 8.
			connections: 4 + 2 + 1 + 5 + 1 + 3 + 8,
		},
		{
			name: "TLS 1.2 with an ECDSA certificate",
			config: func(c *tls.Config) {
				c.MinVersion, c.MaxVersion, c.CurvePreferences = tls.VersionTLS12, tls.VersionTLS12, []tls.CurveID{tls.X25519, tls.CurveP256}
				c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}
			},
			suites: "1.2+ c02b cca9", preference: ciphers.UnknownPreference, // one suite beside that with ChaCha20
			// The curve of its certificate hides the other groups. It follows the client's order, so there are none.
			groups:  "secp256r1 x25519 -SecP256r1MLKEM768 -SecP384r1MLKEM1024 -X25519MLKEM768 -ffdhe2048 -ffdhe3072 -secp384r1 -secp521r1 -x448",
			schemes: "ecdsa_secp256r1_sha256 ecdsa_secp384r1_sha384 ecdsa_secp521r1_sha512 ecdsa_sha1",
			// Versions 3+2+1+5, 1 without ECDSA, groups 3, 1 more with the certificate's curve, 2 for whose order decides, schemes 5.
			connections: 3 + 2 + 1 + 5 + 1 + 3 + 1 + 2 + 5,
		},
		{
			name: "all of TLS 1.3, and TLS 1.2", key: labtest.RSAKey(2048),
			config: func(c *tls.Config) {
				c.MinVersion = tls.VersionTLS12
				c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}
			},
			suites: "1.3+ 1301 1302 1303, 1.2+ c02f c030 cca8", preference: ciphers.ServerPreference,
			groups:  "SecP256r1MLKEM768 SecP384r1MLKEM1024 X25519MLKEM768 secp256r1 secp384r1 secp521r1 x25519 -ffdhe2048 -ffdhe3072 -x448",
			schemes: "rsa_pkcs1_sha1 rsa_pkcs1_sha256 rsa_pkcs1_sha384 rsa_pkcs1_sha512 rsa_pss_rsae_sha256 rsa_pss_rsae_sha384 rsa_pss_rsae_sha512",
			// Versions 4+4+2+1+4, order 2, groups 8+5, schemes 1+7+3 and 8.
			connections: 4 + 4 + 2 + 1 + 4 + 2 + 8 + 5 + 1 + 7 + 3 + 8,
		},
		{
			name: "TLS 1.0 and 1.1", key: labtest.RSAKey(2048),
			config: func(c *tls.Config) {
				c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
				c.CipherSuites = []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, tls.TLS_RSA_WITH_RC4_128_SHA, tls.TLS_RSA_WITH_AES_128_CBC_SHA}
			},
			suites: "1.1+ 0005 000a 002f, 1.0+ 0005 000a 002f", preference: ciphers.ServerPreference,
			groups: "-SecP256r1MLKEM768 -SecP384r1MLKEM1024 -X25519MLKEM768 -ffdhe2048 -ffdhe3072 -secp256r1 -secp384r1 -secp521r1 -x25519 -x448",
			// Versions 4+1+1 twice, and 4, order 1. No key exchange has a group.
			connections: 2*(4+1+1) + 4 + 1,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr, calls := labtest.Counted(t, lab, tlstest.Server{Key: test.key, Config: test.config})
			found := probe(t, lab, addr, ciphers.Options{})
			slices.SortStableFunc(found.Suites, func(a, b ciphers.Suite) int { return int(a.Number) - int(b.Number) })
			for _, compared := range []struct{ what, got, want string }{
				{"suites", suitesOfFinding(found), test.suites}, {"groups", groupsOfFinding(found), test.groups}, {"schemes", schemesOfFinding(found), test.schemes},
			} {
				if compared.got != compared.want {
					t.Errorf("%s\n got %s\nwant %s", compared.what, compared.got, compared.want)
				}
			}
			if found.Preference != test.preference {
				t.Errorf("preference is %d, want %d", found.Preference, test.preference)
			}
			own := int64(2) // connections of a first probe of a server without TLS 1.3
			if strings.Contains(suitesOfFinding(found), "1.3") {
				own = 1
			}
			if int64(found.Connections) != test.connections || calls.Load() != test.connections+own {
				t.Errorf("%d connections, %d with those of the probe; want %d", found.Connections, calls.Load(), test.connections)
			}
		})
	}
}

// Suites and versions that crypto/tls does not have, in the server's order.
func TestCiphersOfLegacy(t *testing.T) {
	t.Parallel()
	lab := labtest.Lab(t)
	const tls10, tls11, tls12 = tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12
	for _, test := range []struct {
		name       string
		server     legacy.Server
		suites     string
		dhBits     int
		preference ciphers.Preference
	}{
		{
			name:   "SSL 2.0",
			server: legacy.Server{Versions: []uint16{0x0002}, CipherKinds: []uint32{0x0700c0, 0x020080, 0x010080}},
			suites: "SSL 2.0+ 700c0 20080 10080",
		},
		{
			name:   "SSL 3.0 with broken suites",
			server: legacy.Server{Versions: []uint16{0x0300}, Suites: []uint16{0x0003, 0x0005, 0x0009, 0x000a, 0x0002}},
			suites: "SSL 3.0+ 0003 0005 0009 000a 0002", preference: ciphers.ServerPreference,
		},
		{
			name:   "anonymous, NULL and export, in the client's order",
			server: legacy.Server{Versions: []uint16{tls10}, Suites: []uint16{0x0034, 0x0017, 0x0001, 0x0014}, ClientPreference: true, PrimeBits: 1024},
			suites: "1.0+ 0034 0014 0017 0001", dhBits: 512, preference: ciphers.ClientPreference,
		},
		{
			name:   "a prime of 768 bits",
			server: legacy.Server{Suites: []uint16{0x009e, 0x0033}, PrimeBits: 768},
			suites: "1.2+ 009e 0033, 1.1+ 0033, 1.0+ 0033", dhBits: 768, preference: ciphers.ServerPreference,
		},
		{
			name:   "a prime of 2048 bits, for one suite",
			server: legacy.Server{Versions: []uint16{tls12}, Suites: []uint16{0x0067}},
			suites: "1.2+ 0067", dhBits: 2048,
		},
		{
			name: "versions that differ",
			server: legacy.Server{
				Versions: []uint16{0x0002, 0x0300, tls11, tls12, tls.VersionTLS13}, CipherKinds: []uint32{0x060040},
				SuitesOf: map[uint16][]uint16{0x0300: {0x0005}, tls11: {0x000a, 0x002f}, tls12: {0x009c, 0xc02f}, tls.VersionTLS13: {0x1303, 0x1304}},
			},
			suites: "1.3+ 1303 1304, 1.2+ 009c c02f, 1.1+ 000a 002f, SSL 3.0+ 0005, SSL 2.0+ 60040", preference: ciphers.ServerPreference,
		},
		{
			name:   "closes the connection to refuse",
			server: legacy.Server{Suites: []uint16{0x002f, 0x0035}, Refusal: legacy.RefuseByClosing},
			suites: "1.2+ 002f 0035, 1.1+ 002f 0035, 1.0+ 002f 0035", preference: ciphers.ServerPreference,
		},
		{
			name:   "resets the connection to refuse",
			server: legacy.Server{Versions: []uint16{tls12}, Suites: []uint16{0x002f, 0x0035}, Refusal: legacy.RefuseByReset},
			suites: "1.2+ 002f 0035", preference: ciphers.ServerPreference,
		},
		{
			name:   "reads 150 suites at most",
			server: legacy.Server{Versions: []uint16{tls11, tls12}, Suites: []uint16{0xc02f, 0xc050, 0x0033}, MaxSuites: 150},
			suites: "1.2+ c02f c050 0033, 1.1+ 0033", dhBits: 2048, preference: ciphers.ServerPreference,
		},
		{
			name:   "reads 64 suites at most",
			server: legacy.Server{Versions: []uint16{tls12}, Suites: []uint16{0xc050, 0xc02f, 0x0033}, MaxSuites: 64},
			suites: "1.2+ c050 c02f 0033", dhBits: 2048, preference: ciphers.ServerPreference,
		},
		{
			name:   "reads 20 suites at most: nothing is known",
			server: legacy.Server{Versions: []uint16{tls10, tls12}, SuitesOf: map[uint16][]uint16{tls10: {0x002f}, tls12: {0xc02f}}, MaxSuites: 20},
			suites: "1.2, 1.1, 1.0, SSL 3.0",
		},
		{
			name:   "rare suites before and after usual ones",
			server: legacy.Server{Versions: []uint16{tls12}, Suites: []uint16{0xc050, 0xc02f, 0xc060, 0x009e, 0xc052, 0x002f, 0xc051}},
			suites: "1.2+ c050 c02f c060 009e c052 002f c051", dhBits: 2048, preference: ciphers.ServerPreference,
		},
		{
			name:   "rare suites and usual ones, in the client's order",
			server: legacy.Server{Versions: []uint16{tls12}, Suites: []uint16{0xc050, 0xc02f, 0x002f}, ClientPreference: true},
			suites: "1.2+ c02f 002f c050", preference: ciphers.ClientPreference,
		},
		{
			name:   "requires the groups of RFC 7919 for DHE",
			server: legacy.Server{Suites: []uint16{0xc013, 0x0033, 0x0034}, FiniteGroups: legacy.FiniteGroupsRequired, PrimeBits: 1024},
			suites: "1.2+ c013 0033 0034, 1.1+ c013 0033 0034, 1.0+ c013 0033 0034", dhBits: 2048, preference: ciphers.ServerPreference,
		},
		{
			name:   "has a prime of its own for clients without the groups of RFC 7919",
			server: legacy.Server{Versions: []uint16{tls12}, Suites: []uint16{0x0033, 0xc013}, FiniteGroups: legacy.FiniteGroupsFollowed, PrimeBits: 1024},
			suites: "1.2+ 0033 c013", dhBits: 1024, preference: ciphers.ServerPreference,
		},
		{
			name:   "has a prime of its own, and refuses DHE to clients with the groups of RFC 7919",
			server: legacy.Server{Versions: []uint16{tls12}, Suites: []uint16{0x0033, 0xc013, 0x0034, 0x002f}, FiniteGroups: legacy.FiniteGroupsUnknown, PrimeBits: 1024},
			suites: "1.2+ c013 002f 0033 0034", dhBits: 1024, preference: ciphers.ServerPreference,
		},
		{
			name:   "anonymous alone, with a short prime",
			server: legacy.Server{Versions: []uint16{tls12}, Suites: []uint16{0x0034}, PrimeBits: 768},
			suites: "1.2+ 0034", dhBits: 768,
		},
		{
			name:   "anonymous for export",
			server: legacy.Server{Versions: []uint16{tls10}, Suites: []uint16{0x0019, 0x002f}},
			suites: "1.0+ 0019 002f", dhBits: 512, preference: ciphers.ServerPreference,
		},
		{
			name:   "fails on anonymous suites with internal_error, and prefers them",
			server: legacy.Server{Versions: []uint16{tls12}, Suites: []uint16{0x0034, 0xc02f, 0x002f}, FailsWith: []uint16{0x0034}},
			suites: "1.2+ c02f 002f", preference: ciphers.ServerPreference,
		},
		{
			name:   "fails on every suite of TLS 1.1 with internal_error, as OpenSSL 3",
			server: legacy.Server{Versions: []uint16{tls11, tls12}, Suites: []uint16{0xc013, 0x002f}, Chokes: map[uint16]byte{tls11: 80}},
			suites: "1.2+ c013 002f", preference: ciphers.ServerPreference,
		},
		{
			name:   "over SMTP",
			server: legacy.Server{Base: tlstest.Server{StartTLS: "smtp"}, Versions: []uint16{tls12}, Suites: []uint16{0x003c, 0x0016}},
			suites: "1.2+ 003c 0016", dhBits: 2048, preference: ciphers.ServerPreference,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr, err := legacy.Start(lab, test.server)
			if err != nil {
				t.Fatal(err)
			}
			if scheme := test.server.Base.StartTLS; scheme != "" {
				addr = scheme + "://" + addr
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			found, err := find(ctx, t, lab, addr, ciphers.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if suitesOfFinding(found) != test.suites || found.DHBits != test.dhBits || found.Preference != test.preference {
				t.Errorf("got %s; %d bits; preference %d; %d connections\nwant %s; %d bits; preference %d",
					suitesOfFinding(found), found.DHBits, found.Preference, found.Connections, test.suites, test.dhBits, test.preference)
			}
		})
	}
}
