package policy

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/hello"
)

// groups are those for which the check ciphers also reports refusals.
var groups = []hello.Group{
	hello.X25519MLKEM768, hello.SecP256r1MLKEM768, hello.SecP384r1MLKEM1024,
	hello.X25519, hello.SecP256r1, hello.SecP384r1, hello.SecP521r1, hello.X448, hello.FFDHE2048, hello.FFDHE3072,
}

// compliant returns findings about an endpoint that complies with every policy, and
// applies changes to them.
func compliant(changes ...func(*Facts)) *Facts {
	r := &Facts{Versions: new(versions.Finding), Ciphers: &ciphers.Finding{Preference: ciphers.ClientPreference, Whole: slices.Clone(hello.Versions)}}
	for _, v := range hello.Versions {
		r.Versions.Answers = append(r.Versions.Answers, versions.Answer{Version: v, Accepted: v == hello.TLS13})
	}
	for _, number := range []uint32{0x1301, 0x1302, 0x1303} {
		r.Ciphers.Suites = append(r.Ciphers.Suites, ciphers.Suite{Version: hello.TLS13, Number: number})
	}
	for _, g := range groups {
		r.Ciphers.Groups = append(r.Ciphers.Groups, ciphers.GroupAnswer{Group: g, Accepted: g == hello.X25519})
	}
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r.Chain = &chain.Chain{Certificates: []*chain.Certificate{{
		KeyAlgorithm: "ECDSA", KeyBits: 256, Curve: "P-256", SignatureAlgorithm: "ECDSA-SHA256", NotBefore: begin, NotAfter: begin.AddDate(0, 0, 90),
	}}}
	for _, change := range changes {
		change(r)
	}
	return r
}

// accepting has the endpoint accept a version, and more suites with it.
func accepting(v hello.Version, numbers ...uint32) func(*Facts) {
	return func(r *Facts) {
		r.answer(v, true)
		for _, number := range numbers {
			r.Ciphers.Suites = append(r.Ciphers.Suites, ciphers.Suite{Version: v, Number: number})
		}
	}
}

// answer sets the answer for a version.
func (r *Facts) answer(v hello.Version, accepted bool) {
	for i, a := range r.Versions.Answers {
		if a.Version == v {
			r.Versions.Answers[i].Accepted = accepted
		}
	}
}

// unanswered removes the answer for a version.
func unanswered(v hello.Version) func(*Facts) {
	return func(r *Facts) {
		r.Ciphers.Whole = slices.DeleteFunc(r.Ciphers.Whole, func(w hello.Version) bool { return w == v })
		r.Versions.Answers = slices.DeleteFunc(r.Versions.Answers, func(a versions.Answer) bool { return a.Version == v })
	}
}

// acceptingGroup has the endpoint accept a group.
func acceptingGroup(g hello.Group) func(*Facts) {
	return func(r *Facts) {
		r.Ciphers.Groups = append(slices.DeleteFunc(r.Ciphers.Groups, func(a ciphers.GroupAnswer) bool { return a.Group == g }), ciphers.GroupAnswer{Group: g, Accepted: true})
	}
}

// leaf changes the certificate.
func leaf(change func(*chain.Certificate)) func(*Facts) {
	return func(r *Facts) { change(r.Chain.Certificates[0]) }
}

// rsaLeaf makes the certificate one with an RSA key, as public authorities sign them.
func rsaLeaf(bits int) func(*Facts) {
	return leaf(func(c *chain.Certificate) {
		c.KeyAlgorithm, c.KeyBits = "RSA", bits
		c.Curve, c.SignatureAlgorithm = "", "SHA256-RSA"
	})
}

// verdictsOf writes a finding as modern, intermediate, old and PCI: ok, the rules
// that fail, or ? for a policy that is absent.
func verdictsOf(c *Finding) string {
	words := make([]string, len(Names))
	for i, name := range Names {
		words[i] = "?"
		for _, v := range c.Verdicts {
			if v.Policy == name && v.Compliant {
				words[i] = "ok"
			} else if v.Policy == name {
				words[i] = strings.Join(v.Violations, "+")
			}
		}
	}
	return strings.Join(words, " ")
}

func TestPolicies(t *testing.T) {
	const (
		ecdheGCM, ecdheCBC, dheGCM, rsaCBC, null, rc4, anonymous, tripleDES = 0xC02F, 0xC013, 0x009E, 0x002F, 0x0002, 0x0005, 0x0034, 0x000A
	)
	dh := func(bits int) func(*Facts) { return func(r *Facts) { r.Ciphers.DHBits = bits } }
	for _, test := range []struct {
		name    string
		changes []func(*Facts)
		want    string // modern, intermediate, old, PCI
	}{
		{"no failures", nil, "ok ok ok ok"},
		{"the server's order", []func(*Facts){func(r *Facts) { r.Ciphers.Preference = ciphers.ServerPreference }}, "ok ok ok ok"},

		{"TLS 1.2", []func(*Facts){accepting(hello.TLS12, ecdheGCM)}, "protocols+ciphers ok ok ok"},
		{"TLS 1.0 in the server's order", []func(*Facts){accepting(hello.TLS10, ecdheCBC), func(r *Facts) { r.Ciphers.Preference = ciphers.ServerPreference }},
			"protocols+ciphers protocols+ciphers ok protocols"},
		{"TLS 1.0 in the client's order", []func(*Facts){accepting(hello.TLS10, ecdheCBC)}, "protocols+ciphers protocols+ciphers server_preference protocols"},
		{"SSL 3.0", []func(*Facts){accepting(hello.SSL30, tripleDES)}, "protocols+ciphers protocols+ciphers protocols+server_preference protocols"},
		{"SSL 2.0", []func(*Facts){accepting(hello.SSL20, 0x010080)},
			"protocols+ciphers protocols+ciphers protocols+ciphers+server_preference protocols+ciphers"},
		{"TLS 1.1 without an answer", []func(*Facts){unanswered(hello.TLS11)}, "? ? ? ?"},
		{"TLS 1.1 without an answer, and TLS 1.0", []func(*Facts){unanswered(hello.TLS11), accepting(hello.TLS10, ecdheCBC)},
			"protocols+ciphers protocols+ciphers server_preference protocols"},

		{"static RSA", []func(*Facts){accepting(hello.TLS12, rsaCBC)}, "protocols+ciphers ciphers server_preference ok"},
		{"CCM in TLS 1.3", []func(*Facts){accepting(hello.TLS13, 0x1304)}, "ciphers ciphers ciphers+server_preference ok"},
		{"NULL", []func(*Facts){accepting(hello.TLS12, null)}, "protocols+ciphers ciphers ciphers+server_preference ciphers"},
		{"RC4", []func(*Facts){accepting(hello.TLS12, rc4)}, "protocols+ciphers ciphers ciphers+server_preference ciphers"},
		{"3DES", []func(*Facts){accepting(hello.TLS12, tripleDES)}, "protocols+ciphers ciphers server_preference ok"},
		{"anonymous", []func(*Facts){accepting(hello.TLS12, anonymous), dh(2048)}, "protocols+ciphers ciphers ciphers+server_preference ciphers"},
		{"a suite that is not registered", []func(*Facts){accepting(hello.TLS12, 0xFAFA)}, "protocols+ciphers ciphers ciphers+server_preference ciphers"},
		{"a version without suites", []func(*Facts){accepting(hello.TLS12)}, "protocols ? ? ?"},
		{"a list of suites that may be incomplete", []func(*Facts){func(r *Facts) { r.Ciphers.Whole = r.Ciphers.Whole[:4] }}, "? ? ? ?"},
		{"versions known from suites alone", []func(*Facts){func(r *Facts) { r.Versions = nil }}, "ok ok ok ok"},
		{"no finding of ciphers", []func(*Facts){func(r *Facts) { r.Ciphers = nil }}, "? ? ? ?"},
		{"no finding of ciphers, and TLS 1.0", []func(*Facts){func(r *Facts) { r.Ciphers = nil; r.answer(hello.TLS10, true) }}, "protocols protocols ? protocols"},
		{"preference unknown", []func(*Facts){accepting(hello.TLS12, ecdheCBC, rsaCBC), func(r *Facts) { r.Ciphers.Preference = ciphers.UnknownPreference }},
			"protocols+ciphers ciphers ? ok"},

		{"DHE of 2048 bits", []func(*Facts){accepting(hello.TLS12, dheGCM), dh(2048)}, "protocols+ciphers ok ok ok"},
		{"DHE of 1024 bits", []func(*Facts){accepting(hello.TLS12, dheGCM), dh(1024)}, "protocols+ciphers dh_param_size ok dh_param_size"},
		{"DHE of 768 bits", []func(*Facts){accepting(hello.TLS12, dheGCM), dh(768)}, "protocols+ciphers dh_param_size dh_param_size dh_param_size"},
		{"DHE of unknown size", []func(*Facts){accepting(hello.TLS12, dheGCM)}, "protocols+ciphers ? ? ?"},

		{"secp521r1", []func(*Facts){acceptingGroup(hello.SecP521r1)}, "ok ok ok ok"},
		{"a hybrid group", []func(*Facts){acceptingGroup(hello.X25519MLKEM768)}, "ok ok ok ok"},
		{"a group of RFC 7919", []func(*Facts){acceptingGroup(hello.FFDHE2048)}, "ok ok ok ok"},
		{"a brainpool curve", []func(*Facts){acceptingGroup(26)}, "groups groups groups ok"},
		{"ML-KEM alone", []func(*Facts){acceptingGroup(hello.MLKEM768)}, "ok ok ok ok"},
		{"secp192r1", []func(*Facts){acceptingGroup(19)}, "groups groups groups ok"},
		{"X448 without an answer", []func(*Facts){func(r *Facts) {
			r.Ciphers.Groups = slices.DeleteFunc(r.Ciphers.Groups, func(a ciphers.GroupAnswer) bool { return a.Group == hello.X448 })
		}}, "? ? ? ok"},
		{"X25519 without an answer", []func(*Facts){func(r *Facts) {
			r.Ciphers.Groups = slices.DeleteFunc(r.Ciphers.Groups, func(a ciphers.GroupAnswer) bool { return a.Group == hello.X25519 })
		}}, "ok ok ok ok"},

		{"RSA", []func(*Facts){rsaLeaf(2048)}, "certificate_signature+certificate_type ok ok ok"},
		{"RSA of 1024 bits", []func(*Facts){rsaLeaf(1024)},
			"certificate_signature+certificate_type rsa_key_size rsa_key_size rsa_key_size"},
		{"SHA-1", []func(*Facts){leaf(func(c *chain.Certificate) { c.SignatureAlgorithm = "ECDSA-SHA1" })},
			"certificate_signature certificate_signature certificate_signature ok"},
		{"P-521", []func(*Facts){leaf(func(c *chain.Certificate) { c.Curve = "P-521" })},
			"certificate_curve certificate_curve certificate_curve ok"},
		{"Ed25519", []func(*Facts){leaf(func(c *chain.Certificate) { c.KeyAlgorithm, c.Curve = "Ed25519", "" })},
			"certificate_type certificate_type certificate_type ok"},
		{"91 days", []func(*Facts){leaf(func(c *chain.Certificate) { c.NotAfter = c.NotAfter.AddDate(0, 0, 1) })}, "certificate_lifespan ok ok ok"},
		{"two years", []func(*Facts){leaf(func(c *chain.Certificate) { c.NotAfter = c.NotAfter.AddDate(2, 0, 0) })},
			"certificate_lifespan certificate_lifespan certificate_lifespan ok"},
		{"dates that cannot be read", []func(*Facts){leaf(func(c *chain.Certificate) {
			c.NotBefore, c.NotAfter, c.Undated = time.Time{}, time.Time{}, true
		})}, "? ? ? ok"},
		{"no certificate", []func(*Facts){func(r *Facts) { r.Chain = nil }}, "? ? ? ?"},

		{"what the probe negotiated", []func(*Facts){func(r *Facts) {
			r.Versions, r.Ciphers = nil, nil
			r.Session = &handshake.Session{Completed: true, Version: tls.VersionTLS10, CipherSuite: tls.TLS_RSA_WITH_AES_128_CBC_SHA}
		}}, "protocols+ciphers protocols+ciphers ? protocols"},
		{"a group that the probe negotiated", []func(*Facts){func(r *Facts) {
			r.Session = &handshake.Session{Completed: true, Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, Group: 26}
		}}, "groups groups groups ok"},
	} {
		t.Run(test.name, func(t *testing.T) {
			found, err := new(Options).Judge(compliant(test.changes...))
			if err != nil {
				found = new(Finding)
			}
			if got := verdictsOf(found); got != test.want {
				t.Errorf("got %s, want %s (%v)", got, test.want, err)
			}
		})
	}
}

// Every rule has a name of the vocabulary, and the rules of a policy are in its order.
func TestPolicyRules(t *testing.T) {
	for _, name := range Names {
		last := -1
		for _, rule := range policies[name] {
			if at := slices.Index(Rules, rule.name); at <= last {
				t.Errorf("%s: %s has position %d in the vocabulary, and comes after %d", name, rule.name, at, last)
			} else {
				last = at
			}
		}
		if last < 0 {
			t.Errorf("%s has no rules", name)
		}
	}
}

func TestPolicyOptions(t *testing.T) {
	found, err := (&Options{Policies: []Name{"pci_dss"}}).Judge(compliant())
	if err != nil || verdictsOf(found) != "? ? ? ok" {
		t.Errorf("got %v, %v", found, err)
	}
}

// The guideline is the one that the documentation names. Unknown names in it are an
// error.
func TestGuideline(t *testing.T) {
	g, err := readGuideline(mozillaJSON)
	if err != nil || g.Version != "5.7" || g.Date != "2023-05-15" || len(g.Configurations) != 3 {
		t.Errorf("got %+v, %v", g, err)
	}
	for _, wrong := range []string{`{`, `{"configurations":{"old":{"tls_versions":["TLSv1.4"]}}}`, `{"configurations":{"old":{"ciphers":["AES128-SHA"]}}}`} {
		if g, err := readGuideline([]byte(wrong)); err == nil {
			t.Errorf("%s was accepted as %+v", wrong, g)
		}
	}
}
