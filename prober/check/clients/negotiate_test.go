package clients

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/hello"
)

// facts are about a server with TLS 1.2 and 1.3 and an RSA certificate, of which all is
// known, with changes.
func facts(changes ...func(*Facts)) *Facts {
	older := ciphers.OlderNegotiation{
		Negotiation: ciphers.Negotiation{
			Preference: ciphers.ServerPreference, Groups: []hello.Group{hello.X25519, hello.SecP256r1}, AllGroups: true,
			Schemes: []hello.SignatureScheme{0x0804, 0x0401}, AllSchemes: true,
		},
		SecureRenegotiation: ciphers.Yes,
		DHE:                 ciphers.DHE{AllGroups: true, Own: ciphers.Yes, Smallest: 2048, Largest: 2048},
	}
	f := &Facts{
		Versions: new(versions.Finding),
		Chain:    &chain.Chain{Certificates: []*chain.Certificate{{KeyAlgorithm: "RSA", KeyBits: 2048}}},
		Ciphers: &ciphers.Finding{
			Whole: slices.Clone(hello.Versions), Older: older,
			Newer: ciphers.Negotiation{
				Preference: ciphers.ServerPreference, Groups: []hello.Group{hello.X25519MLKEM768, hello.X25519, hello.SecP256r1}, AllGroups: true,
				Schemes: []hello.SignatureScheme{0x0804}, AllSchemes: true,
			},
		},
	}
	for _, v := range hello.Versions {
		f.Versions.Answers = append(f.Versions.Answers, versions.Answer{Version: v, Accepted: v >= hello.TLS12})
	}
	with(hello.TLS13, 0x1301, 0x1302, 0x1303)(f)
	with(hello.TLS12, 0xc02f, 0xc030, 0xcca8, 0x009e)(f)
	for _, change := range changes {
		change(f)
	}
	return f
}

// with replaces the suites of a version.
func with(v hello.Version, suites ...uint32) func(*Facts) {
	return func(f *Facts) {
		f.Ciphers.Suites = slices.DeleteFunc(f.Ciphers.Suites, func(s ciphers.Suite) bool { return s.Version == v })
		for _, number := range suites {
			f.Ciphers.Suites = append(f.Ciphers.Suites, ciphers.Suite{Version: v, Number: number})
		}
	}
}

// answered replaces the answer for a version; nil: there is none.
func answered(v hello.Version, accepted *bool) func(*Facts) {
	return func(f *Facts) {
		f.Versions.Answers = slices.DeleteFunc(f.Versions.Answers, func(a versions.Answer) bool { return a.Version == v })
		if accepted != nil {
			f.Versions.Answers = append(f.Versions.Answers, versions.Answer{Version: v, Accepted: *accepted})
		}
	}
}

// notWhole has the server accept more suites of a version than are known.
func notWhole(v hello.Version) func(*Facts) {
	return func(f *Facts) {
		f.Ciphers.Whole = slices.DeleteFunc(f.Ciphers.Whole, func(w hello.Version) bool { return w == v })
	}
}

func newer(change func(*ciphers.Negotiation)) func(*Facts) {
	return func(f *Facts) { change(&f.Ciphers.Newer) }
}

func older(change func(*ciphers.OlderNegotiation)) func(*Facts) {
	return func(f *Facts) { change(&f.Ciphers.Older) }
}

func leaf(certificate chain.Certificate) func(*Facts) {
	return func(f *Facts) { f.Chain.Certificates[0] = &certificate }
}

// shown writes a session: version, suite and group, with ? for what is not settled; the
// reason of a failure; or ? alone.
func shown(f *Finding, name Name) string {
	at := slices.IndexFunc(f.Sessions, func(s Session) bool { return s.Client == name })
	if at < 0 {
		return "?"
	}
	s := f.Sessions[at]
	if !s.Supported {
		return "fails " + string(s.Reason)
	}
	cipher, group := "?", "?"
	if s.Cipher != 0 {
		cipher = fmt.Sprintf("%04x", uint16(s.Cipher))
	}
	if s.Group != 0 {
		group = s.Group.String()
	}
	return s.Version.String() + " " + cipher + " " + group
}

// What the findings do not settle is absent.
func TestSettled(t *testing.T) {
	yes, no := true, false
	for _, test := range []struct {
		name    string
		client  Name
		changes []func(*Facts)
		want    string
	}{
		{"all is known", "chrome_156", nil, "TLS 1.3 1301 X25519MLKEM768"},
		{"all is known", "android_7", nil, "TLS 1.2 c02f secp256r1"},
		{"all is known", "java_7u25", nil, "fails no_common_version"},

		{"no answer about TLS 1.3", "chrome_156", []func(*Facts){with(hello.TLS13), notWhole(hello.TLS13), answered(hello.TLS13, nil)}, "?"},
		{"no answer about TLS 1.3", "android_7", []func(*Facts){with(hello.TLS13), notWhole(hello.TLS13), answered(hello.TLS13, nil)}, "TLS 1.2 c02f secp256r1"},
		{"no answer about TLS 1.0", "java_7u25", []func(*Facts){notWhole(hello.TLS10), answered(hello.TLS10, nil)}, "?"},
		{"no TLS 1.3", "chrome_156", []func(*Facts){with(hello.TLS13), answered(hello.TLS13, &no)}, "TLS 1.2 c02f x25519"},
		{"TLS 1.3 without suites", "chrome_156", []func(*Facts){with(hello.TLS13), answered(hello.TLS13, &yes)}, "?"},
		{"no check ciphers", "chrome_156", []func(*Facts){func(f *Facts) { f.Ciphers = nil }}, "?"},
		{"no check ciphers", "java_7u25", []func(*Facts){func(f *Facts) { f.Ciphers = nil }}, "fails no_common_version"},
		{"no check versions", "java_7u25", []func(*Facts){func(f *Facts) { f.Versions = nil }}, "fails no_common_version"},
		{"only the handshake has TLS 1.3", "chrome_101", []func(*Facts){with(hello.TLS13), notWhole(hello.TLS13), answered(hello.TLS13, nil), func(f *Facts) {
			f.Session = &handshake.Session{Completed: true, Version: uint16(hello.TLS13), CipherSuite: 0x1301}
		}}, "TLS 1.3 ? x25519"},

		{"more suites than are known", "android_7", []func(*Facts){notWhole(hello.TLS12)}, "TLS 1.2 ? ?"},
		{"more suites than are known, maybe with a bad prime", "openssl_1_0_2", []func(*Facts){notWhole(hello.TLS12), older(func(n *ciphers.OlderNegotiation) { n.DHE.Smallest = 512 })}, "?"},
		{"no known suite in common, and maybe more", "windows_7", []func(*Facts){with(hello.TLS12, 0xcca8), notWhole(hello.TLS12)}, "?"},
		{"no suite in common", "windows_7", []func(*Facts){with(hello.TLS12, 0xcca8)}, "fails no_common_cipher"},
		{"suites for DSS alone", "android_7", []func(*Facts){with(hello.TLS12, 0x00a2)}, "fails no_common_cipher"},

		{"the order is not known", "java_21", []func(*Facts){newer(func(n *ciphers.Negotiation) { n.Preference = ciphers.UnknownPreference })}, "TLS 1.3 ? x25519"},
		{"the order is not known, and both are the same", "chrome_101", []func(*Facts){newer(func(n *ciphers.Negotiation) { n.Preference = ciphers.UnknownPreference })}, "TLS 1.3 1301 x25519"},
		{"the client's order", "java_21", []func(*Facts){newer(func(n *ciphers.Negotiation) { n.Preference = ciphers.ClientPreference })}, "TLS 1.3 1302 x25519"},
		{"an order in parts", "safari_9", []func(*Facts){func(f *Facts) { f.Ciphers.Unordered = []hello.Version{hello.TLS12} }}, "TLS 1.2 ? secp256r1"},
		{"ChaCha20 first in the client's order", "curl_macos", nil, "TLS 1.3 ? x25519"},
		{"an ECDSA certificate first, maybe on a curve that the client does not have", "android_7", []func(*Facts){with(hello.TLS12, 0xc02b, 0xc02f), older(func(n *ciphers.OlderNegotiation) {
			n.CertificateFirst, n.Schemes = true, []hello.SignatureScheme{0x0403, 0x0401}
		})}, "?"},
		{"an ECDSA certificate first, on a curve of the client", "safari_9", []func(*Facts){with(hello.TLS12, 0xc02f, 0xc02b), older(func(n *ciphers.OlderNegotiation) {
			n.CertificateFirst, n.Schemes = true, []hello.SignatureScheme{0x0403, 0x0401}
		})}, "TLS 1.2 c02b secp256r1"},

		{"no group in common", "android_7", []func(*Facts){with(hello.TLS12, 0xc02f), older(func(n *ciphers.OlderNegotiation) { n.Groups = []hello.Group{hello.X25519} })}, "fails no_common_group"},
		{"no known group in common", "android_7", []func(*Facts){with(hello.TLS12, 0xc02f), older(func(n *ciphers.OlderNegotiation) { n.Groups, n.AllGroups = []hello.Group{hello.X25519}, false })}, "?"},
		{"no known group in common, and RSA", "android_7", []func(*Facts){with(hello.TLS12, 0xc02f, 0x009c), older(func(n *ciphers.OlderNegotiation) { n.Groups, n.AllGroups = []hello.Group{hello.X25519}, false })}, "TLS 1.2 ? ?"},
		{"no group in common in TLS 1.3", "chrome_101", []func(*Facts){newer(func(n *ciphers.Negotiation) { n.Groups = []hello.Group{hello.SecP521r1} })}, "fails no_common_group"},
		{"no known group in common in TLS 1.3", "chrome_101", []func(*Facts){newer(func(n *ciphers.Negotiation) { n.Groups, n.AllGroups = []hello.Group{hello.SecP521r1}, false })}, "?"},
		{"a group that is maybe accepted comes first", "chrome_156", []func(*Facts){newer(func(n *ciphers.Negotiation) { n.Groups, n.AllGroups = []hello.Group{hello.X25519}, false })}, "TLS 1.3 1301 ?"},
		{"the server prefers a group without a key share", "chrome_101", []func(*Facts){newer(func(n *ciphers.Negotiation) { n.Groups = []hello.Group{hello.SecP256r1, hello.X25519} })}, "TLS 1.3 1301 ?"},

		{"no scheme in common", "android_7", []func(*Facts){with(hello.TLS12, 0xc02f), older(func(n *ciphers.OlderNegotiation) { n.Schemes = []hello.SignatureScheme{0x0804} })}, "fails no_common_signature_scheme"},
		{"no known scheme in common", "android_7", []func(*Facts){with(hello.TLS12, 0xc02f), older(func(n *ciphers.OlderNegotiation) { n.Schemes, n.AllSchemes = nil, false })}, "?"},
		{"no scheme in common in TLS 1.3", "chrome_101", []func(*Facts){newer(func(n *ciphers.Negotiation) { n.Schemes = []hello.SignatureScheme{0x0603} })}, "fails no_common_signature_scheme"},
		{"unknown schemes, and a certificate that fits", "chrome_101", []func(*Facts){newer(func(n *ciphers.Negotiation) { n.Schemes, n.AllSchemes = nil, false })}, "TLS 1.3 1301 x25519"},
		{"unknown schemes, and P-384", "chrome_101", []func(*Facts){leaf(chain.Certificate{KeyAlgorithm: "ECDSA", Curve: "P-384"}), newer(func(n *ciphers.Negotiation) { n.Schemes, n.AllSchemes = nil, false })}, "TLS 1.3 1301 x25519"},
		{"unknown schemes, and P-521", "chrome_101", []func(*Facts){leaf(chain.Certificate{KeyAlgorithm: "ECDSA", Curve: "P-521"}), newer(func(n *ciphers.Negotiation) { n.Schemes, n.AllSchemes = nil, false })}, "?"},
		{"unknown schemes, and Ed25519", "openssl_3_0", []func(*Facts){leaf(chain.Certificate{KeyAlgorithm: "Ed25519"}), newer(func(n *ciphers.Negotiation) { n.Schemes, n.AllSchemes = nil, false })}, "TLS 1.3 1301 x25519"},
		{"unknown schemes, and no certificate", "chrome_101", []func(*Facts){func(f *Facts) { f.Chain = nil }, newer(func(n *ciphers.Negotiation) { n.Schemes, n.AllSchemes = nil, false })}, "?"},
		{"ECDSA on a curve that the client does not have", "android_7", []func(*Facts){with(hello.TLS12, 0xc02b), leaf(chain.Certificate{KeyAlgorithm: "ECDSA", Curve: "P-384"})}, "fails no_common_group"},

		{"a prime of unknown size", "openssl_1_0_2", []func(*Facts){with(hello.TLS12, 0x009e), older(func(n *ciphers.OlderNegotiation) { n.DHE.Smallest, n.DHE.Largest = 0, 0 })}, "?"},
		{"a prime that is too small", "openssl_1_1_1", []func(*Facts){with(hello.TLS13), answered(hello.TLS13, &no), with(hello.TLS12, 0x009e), older(func(n *ciphers.OlderNegotiation) { n.DHE.Smallest, n.DHE.Largest = 1024, 1024 })}, "fails dh_too_small"},
		{"a prime that is too large", "java_8u161", []func(*Facts){with(hello.TLS12, 0x009e), older(func(n *ciphers.OlderNegotiation) { n.DHE.Smallest, n.DHE.Largest = 4096, 4096 })}, "fails dh_too_large"},
		{"several primes", "java_8u161", []func(*Facts){with(hello.TLS12, 0x009e), older(func(n *ciphers.OlderNegotiation) { n.DHE.Largest = 4096 })}, "?"},

		{"no secure renegotiation", "openssl_3_5", []func(*Facts){with(hello.TLS13), answered(hello.TLS13, &no), older(func(n *ciphers.OlderNegotiation) { n.SecureRenegotiation = ciphers.No })}, "fails no_secure_renegotiation"},
		{"secure renegotiation is not known", "openssl_3_5", []func(*Facts){with(hello.TLS13), answered(hello.TLS13, &no), older(func(n *ciphers.OlderNegotiation) { n.SecureRenegotiation = ciphers.Unknown })}, "?"},
		{"no secure renegotiation in TLS 1.3", "openssl_3_5", []func(*Facts){older(func(n *ciphers.OlderNegotiation) { n.SecureRenegotiation = ciphers.No })}, "TLS 1.3 1301 X25519MLKEM768"},
	} {
		t.Run(test.name+", "+string(test.client), func(t *testing.T) {
			found, err := (&Options{Clients: []Name{test.client}}).Judge(facts(test.changes...))
			if err != nil {
				found = new(Finding)
			}
			if got := shown(found, test.client); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// Without any finding there is no simulation, and the error says why.
func TestNothingSettled(t *testing.T) {
	if found, err := new(Options).Judge(new(Facts)); err == nil {
		t.Errorf("found %+v", found)
	}
}

// Each row of the table is complete, and could be sent.
func TestTable(t *testing.T) {
	seen := make(map[Name]bool)
	for _, c := range Table {
		source, _, _ := strings.Cut(c.Source, ":")
		switch {
		case seen[c.Name]:
			t.Errorf("%s is listed twice", c.Name)
		case c.Title == "" || len(c.Released) != len("2026-11") || Sources[source] == "":
			t.Errorf("%s has no title, no date or no known source", c.Name)
		case c.Min > c.Max || len(c.Suites) == 0 || len(c.Groups) == 0:
			t.Errorf("%s offers nothing", c.Name)
		case (c.Max >= hello.TLS12) != (len(c.Schemes) > 0) || (c.Max >= hello.TLS13) != (len(c.Shares) > 0):
			t.Errorf("%s has schemes or key shares that its versions do not have, or none", c.Name)
		case len(without(c.Shares, c.Groups)) > 0:
			t.Errorf("%s has key shares for groups that it does not offer", c.Name)
		}
		seen[c.Name] = true
	}
}

// The check runs at each probe: its finding is not cached.
func BenchmarkJudge(b *testing.B) {
	f := facts()
	for b.Loop() {
		if _, err := new(Options).Judge(f); err != nil {
			b.Fatal(err)
		}
	}
}
