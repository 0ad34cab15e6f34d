package grade

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tls_exporter/prober/chain"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/check/vulnerabilities"
	"tls_exporter/prober/hello"
)

// good returns facts about an endpoint with the best grade, and applies changes to them.
func good(changes ...func(*Facts)) *Facts {
	f := &Facts{
		Chain:    &chain.Chain{Valid: true, Name: "localhost", Certificates: []*chain.Certificate{{KeyAlgorithm: "ECDSA", KeyBits: 256}}},
		Versions: new(versions.Finding), Vulnerabilities: new(vulnerabilities.Finding),
		Ciphers: &ciphers.Finding{Preference: ciphers.ClientPreference, Whole: slices.Clone(hello.Versions)},
	}
	for _, v := range hello.Versions {
		f.Versions.Answers = append(f.Versions.Answers, versions.Answer{Version: v})
	}
	for _, name := range vulnerabilities.Names {
		f.Vulnerabilities.Answers = append(f.Vulnerabilities.Answers, vulnerabilities.Answer{Name: name})
	}
	accepting(hello.TLS13, 0x1302)(f)
	accepting(hello.TLS12, 0xc030)(f)
	for _, change := range changes {
		change(f)
	}
	return f
}

// accepting has the endpoint accept a version, with more suites in it.
func accepting(v hello.Version, numbers ...uint32) func(*Facts) {
	return func(f *Facts) {
		f.answer(v, true)
		for _, number := range numbers {
			f.Ciphers.Suites = append(f.Ciphers.Suites, ciphers.Suite{Version: v, Number: number})
		}
	}
}

// refusing has the endpoint refuse versions.
func refusing(all ...hello.Version) func(*Facts) {
	return func(f *Facts) {
		for _, v := range all {
			f.answer(v, false)
			f.Ciphers.Suites = slices.DeleteFunc(f.Ciphers.Suites, func(s ciphers.Suite) bool { return s.Version == v })
		}
	}
}

func (f *Facts) answer(v hello.Version, accepted bool) {
	for i := range f.Versions.Answers {
		if f.Versions.Answers[i].Version == v {
			f.Versions.Answers[i].Accepted = accepted
		}
	}
}

// only has the endpoint accept one suite, in TLS 1.2 alone.
func only(number uint32) func(*Facts) {
	return func(f *Facts) {
		refusing(hello.TLS13, hello.TLS12)(f)
		accepting(hello.TLS12, number)(f)
	}
}

func having(name vulnerabilities.Name) func(*Facts) {
	return func(f *Facts) {
		for i := range f.Vulnerabilities.Answers {
			if f.Vulnerabilities.Answers[i].Name == name {
				f.Vulnerabilities.Answers[i].Vulnerable = true
			}
		}
	}
}

// troubled gives the chain a problem.
func troubled(p chain.Problem) func(*Facts) {
	return func(f *Facts) {
		f.Chain.Valid = f.Chain.Valid && !p.Invalidates()
		f.Chain.Problems = append(f.Chain.Problems, chain.Found{Problem: p})
	}
}

func key(algorithm string, bits int) func(*Facts) {
	return func(f *Facts) {
		f.Chain.Certificates[0].KeyAlgorithm, f.Chain.Certificates[0].KeyBits = algorithm, bits
	}
}

func dh(bits int) func(*Facts) {
	return func(f *Facts) {
		accepting(hello.TLS12, 0x009e)(f)
		f.Ciphers.DHBits = bits
	}
}

func preferring(p ciphers.Preference) func(*Facts) {
	return func(f *Facts) { f.Ciphers.Preference = p }
}

func startingTLS(f *Facts) { f.StartTLS = true }

// swapped has the endpoint prefer its last suite.
func swapped(f *Facts) {
	slices.Reverse(f.Ciphers.Suites)
	f.Ciphers.Preference = ciphers.ServerPreference
}

// The numbers of suites.
const (
	aes128    = 0x009c // TLS_RSA_WITH_AES_128_GCM_SHA256
	ecdheCBC  = 0xc028 // TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384
	rc4Suite  = 0xc011 // TLS_ECDHE_RSA_WITH_RC4_128_SHA
	des3      = 0xc012 // TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA
	null      = 0xc010 // TLS_ECDHE_RSA_WITH_NULL_SHA
	des       = 0x0009 // TLS_RSA_WITH_DES_CBC_SHA
	exported  = 0x0003 // TLS_RSA_EXPORT_WITH_RC4_40_MD5
	anonymous = 0x00a6 // TLS_DH_anon_WITH_AES_128_GCM_SHA256
	unknown   = 0xfabc // in no registry
)

// graded is endpoints, each with what changes from a good one, and its grade, cap, score and
// other limits; ?: there is no grade, with what is not known. The scores are those of the
// guide, by hand.
var graded = []struct {
	name    string
	changes []func(*Facts)
	want    string
}{
	{"nothing wrong", nil, "A hsts_unknown 100"},
	{"AES with 128 bits beside 256", []func(*Facts){accepting(hello.TLS12, aes128)}, "A hsts_unknown 96"},
	{"TLS 1.3 alone", []func(*Facts){refusing(hello.TLS12)}, "A hsts_unknown 100"},
	{"RSA with 4096 bits", []func(*Facts){key("RSA", 4096)}, "A hsts_unknown 100"},
	{"RSA with 2048 bits", []func(*Facts){key("RSA", 2048)}, "A hsts_unknown 97"},
	{"P-224", []func(*Facts){key("ECDSA", 224)}, "A hsts_unknown 97"},
	{"Ed25519", []func(*Facts){key("Ed25519", 256)}, "A hsts_unknown 100"},
	{"DHE with 2048 bits", []func(*Facts){dh(2048)}, "A hsts_unknown 93"},

	{"expired", []func(*Facts){troubled(chain.ProblemExpired)}, "T expired 0"},
	{"not yet valid", []func(*Facts){troubled(chain.ProblemNotYetValid)}, "T not_yet_valid 0"},
	{"self-signed", []func(*Facts){troubled(chain.ProblemSelfSigned)}, "T self_signed 0"},
	{"SHA-1", []func(*Facts){troubled(chain.ProblemWeakSignature)}, "T weak_signature 0"},
	{"unknown authority", []func(*Facts){troubled(chain.ProblemUnknownAuthority)}, "T untrusted 0"},
	{"invalid CA", []func(*Facts){troubled(chain.ProblemInvalidCA)}, "T untrusted 0"},
	{"no problem for the guide", []func(*Facts){troubled(chain.ProblemWrongOrder), troubled(chain.ProblemLifetimeTooLong)}, "A hsts_unknown 100"},
	{"STARTTLS", []func(*Facts){startingTLS}, "T starttls 0"},
	{"another name", []func(*Facts){troubled(chain.ProblemNameMismatch)}, "M name_mismatch 0"},
	{"another name, expired", []func(*Facts){troubled(chain.ProblemNameMismatch), troubled(chain.ProblemExpired)}, "T expired 0 name_mismatch"},
	{"another name and Heartbleed", []func(*Facts){troubled(chain.ProblemNameMismatch), having(vulnerabilities.Heartbleed)}, "M name_mismatch 0 heartbleed"},

	{"Heartbleed", []func(*Facts){having(vulnerabilities.Heartbleed)}, "F heartbleed 0"},
	{"CCS injection", []func(*Facts){having(vulnerabilities.CCSInjection)}, "F ccs_injection 0"},
	{"Ticketbleed", []func(*Facts){having(vulnerabilities.Ticketbleed)}, "F ticketbleed 0"},
	{"ROBOT", []func(*Facts){having(vulnerabilities.ROBOT)}, "F robot 0"},
	{"SSL 2.0", []func(*Facts){accepting(hello.SSL20, 0x010080)}, "F sslv2 0"},
	{"SSL 2.0 without a shared cipher", []func(*Facts){having(vulnerabilities.DROWN)}, "F sslv2 0"},
	{"export", []func(*Facts){accepting(hello.TLS12, exported)}, "F export 0 weak_cipher rc4"},
	{"anonymous", []func(*Facts){dh(4096), accepting(hello.TLS12, anonymous)}, "F anonymous 0"},
	{"NULL", []func(*Facts){accepting(hello.TLS12, null)}, "F weak_cipher 0"},
	{"DES", []func(*Facts){accepting(hello.TLS12, des)}, "F weak_cipher 0"},
	{"RSA with 1023 bits", []func(*Facts){key("RSA", 1023)}, "F insecure_key 0"},
	{"DHE with 768 bits", []func(*Facts){dh(768)}, "F insecure_key 0"},
	{"a curve of 112 bits", []func(*Facts){key("ECDSA", 112)}, "F insecure_key 0"},
	{"SSL 3.0 alone", []func(*Facts){refusing(hello.TLS12, hello.TLS13), accepting(hello.SSL30, 0x002f)},
		"F sslv3_only 0 no_tls12 sslv3 no_forward_secrecy no_aead no_tls13"},

	{"TLS 1.0 and 1.1 alone", []func(*Facts){refusing(hello.TLS12, hello.TLS13), accepting(hello.TLS10, 0xc014), accepting(hello.TLS11, 0xc014)},
		"C no_tls12 97 no_aead tls10 tls11 no_tls13"},
	{"POODLE", []func(*Facts){accepting(hello.SSL30, 0x0035), having(vulnerabilities.POODLE)}, "C poodle 97 sslv3"},
	{"compression", []func(*Facts){having(vulnerabilities.Compression)}, "C compression 100"},
	{"RC4 first", []func(*Facts){accepting(hello.TLS12, rc4Suite), swapped}, "C rc4_preferred 96 rc4"},
	{"RC4 alone", []func(*Facts){only(rc4Suite), preferring(ciphers.UnknownPreference)}, "C rc4_preferred 92 rc4 no_forward_secrecy no_aead no_tls13"},
	{"3DES first", []func(*Facts){accepting(hello.TLS12, des3), swapped}, "C sweet32_preferred 96"},
	{"3DES alone in TLS 1.1", []func(*Facts){accepting(hello.TLS11, des3)}, "C sweet32_preferred 95 tls11"},
	{"3DES last", []func(*Facts){accepting(hello.TLS12, des3), preferring(ciphers.ServerPreference)}, "A hsts_unknown 96"},
	{"3DES, the client's order", []func(*Facts){accepting(hello.TLS12, des3)}, "A hsts_unknown 96"},

	{"SSL 3.0 without CBC", []func(*Facts){accepting(hello.SSL30, 0x0005)}, "B sslv3 93 rc4"},
	{"RSA with 1024 bits", []func(*Facts){key("RSA", 1024)}, "B weak_key 94"},
	{"DSA with 1024 bits", []func(*Facts){key("DSA", 1024)}, "B weak_key 94"},
	{"DHE with 1024 bits", []func(*Facts){dh(1024)}, "B weak_key 90"},
	{"an incomplete chain", []func(*Facts){troubled(chain.ProblemIncompleteChain)}, "B incomplete_chain 100"},
	{"RC4, the client's order", []func(*Facts){accepting(hello.TLS12, rc4Suite)}, "B rc4 96"},
	{"no forward secrecy", []func(*Facts){only(aes128)}, "B no_forward_secrecy 92 no_tls13"},
	{"no AEAD", []func(*Facts){only(ecdheCBC)}, "B no_aead 100 no_tls13"},
	{"TLS 1.0", []func(*Facts){accepting(hello.TLS10, 0xc014)}, "B tls10 98"},
	{"TLS 1.1", []func(*Facts){accepting(hello.TLS11, 0xc014)}, "B tls11 99"},

	{"no secure renegotiation", []func(*Facts){having(vulnerabilities.InsecureRenegotiation)}, "A- insecure_renegotiation 100"},
	{"no TLS 1.3", []func(*Facts){refusing(hello.TLS13)}, "A- no_tls13 100"},

	{"no chain", []func(*Facts){without("chain")}, "? expired, not_yet_valid, self_signed, weak_signature, untrusted, 6 more"},
	{"no chain, STARTTLS", []func(*Facts){startingTLS, without("chain")}, "? expired, not_yet_valid, self_signed, weak_signature, untrusted, 6 more"},
	{"an unverified chain", []func(*Facts){unverified}, "? expired, not_yet_valid, self_signed, weak_signature, untrusted, 2 more"},
	{"an unverified chain and Heartbleed", []func(*Facts){unverified, having(vulnerabilities.Heartbleed)}, "? expired, not_yet_valid, self_signed, weak_signature, untrusted, 1 more"},
	{"an unverified chain, expired", []func(*Facts){unverified, troubled(chain.ProblemExpired)}, "T expired 0"},
	{"no name to compare", []func(*Facts){func(f *Facts) { f.Chain.Name = "" }}, "? name_mismatch"},
	{"an unknown kind of key", []func(*Facts){key("unknown", 0)}, "? insecure_key, weak_key, score"},
	{"no answer to ROBOT", []func(*Facts){without("robot")}, "? robot"},
	{"no answer to ROBOT, Heartbleed", []func(*Facts){without("robot"), having(vulnerabilities.Heartbleed)}, "F heartbleed 0"},
	{"no answer to compression, TLS 1.0", []func(*Facts){without("compression"), accepting(hello.TLS10, 0xc014)}, "? compression"},
	{"no answer to renegotiation, TLS 1.0", []func(*Facts){without("insecure_renegotiation"), accepting(hello.TLS10, 0xc014)}, "B tls10 98"},
	{"no answer in TLS 1.0", []func(*Facts){without("TLS 1.0")},
		"? export, anonymous, weak_cipher, insecure_key, weak_key, 3 more"},
	{"DHE without a prime", []func(*Facts){dh(0)}, "? insecure_key, weak_key, score"},
	{"3DES, whose order is not known", []func(*Facts){accepting(hello.TLS12, des3), preferring(ciphers.UnknownPreference)}, "? sweet32_preferred"},
	{"a suite that is not registered", []func(*Facts){accepting(hello.TLS12, unknown)}, "? export, anonymous, weak_cipher, rc4, score"},
	{"no suites of TLS 1.2", []func(*Facts){func(f *Facts) {
		f.Ciphers.Whole = slices.DeleteFunc(f.Ciphers.Whole, func(v hello.Version) bool { return v == hello.TLS12 })
	}}, "? export, anonymous, weak_cipher, insecure_key, rc4_preferred, 4 more"},
}

// without removes a fact.
func without(name string) func(*Facts) {
	return func(f *Facts) {
		switch name {
		case "chain":
			f.Chain = nil
		case "versions":
			f.Versions = nil
		case "ciphers":
			f.Ciphers = nil
		case "vulnerabilities":
			f.Vulnerabilities = nil
		}
		if f.Versions != nil {
			f.Versions.Answers = slices.DeleteFunc(f.Versions.Answers, func(a versions.Answer) bool { return a.Version.String() == name })
		}
		if f.Ciphers != nil {
			f.Ciphers.Whole = slices.DeleteFunc(f.Ciphers.Whole, func(v hello.Version) bool { return v.String() == name })
			f.Ciphers.Suites = slices.DeleteFunc(f.Ciphers.Suites, func(s ciphers.Suite) bool { return s.Version.String() == name })
		}
		if f.Vulnerabilities != nil {
			f.Vulnerabilities.Answers = slices.DeleteFunc(f.Vulnerabilities.Answers, func(a vulnerabilities.Answer) bool { return string(a.Name) == name })
		}
	}
}

func unverified(f *Facts) { f.Chain.Valid, f.Chain.Unverified = false, true }

func TestGrade(t *testing.T) {
	used := make(map[Cap]bool)
	for _, test := range graded {
		t.Run(test.name, func(t *testing.T) {
			found, err := new(Options).Judge(good(test.changes...))
			if got := describe(found, err); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if err == nil {
				used[found.Limits[0].Cap] = true
			}
		})
	}
	for _, c := range Caps {
		if !used[c] && c != capScore { // see TestScore
			t.Errorf("no endpoint above is limited by %s", c)
		}
	}
}

// describe writes a finding as its grade, cap and score, and what else limits it.
func describe(found *Finding, err error) string {
	if err != nil {
		_, rest, _ := strings.Cut(err.Error(), "(")
		unknown, _, _ := strings.Cut(rest, ")")
		return "? " + unknown
	}
	words := fmt.Sprintf("%s %s %d", found.Grade, found.Limits[0].Cap, found.Score)
	for _, l := range found.Limits[1:] {
		if l.Cap != "hsts_unknown" {
			words += " " + string(l.Cap)
		}
	}
	return words
}

// What is not known never makes a grade better: without any one of the facts there is the
// same grade or none.
func TestUnknownIsNeverGood(t *testing.T) {
	names := []string{"chain", "versions", "ciphers", "vulnerabilities"}
	for _, v := range hello.Versions {
		names = append(names, v.String())
	}
	for _, v := range vulnerabilities.Names {
		names = append(names, string(v))
	}
	absent := 0
	for _, test := range graded {
		whole, err := new(Options).Judge(good(test.changes...))
		if err != nil {
			continue
		}
		for _, name := range names {
			found, err := new(Options).Judge(good(append(slices.Clone(test.changes), without(name))...))
			switch {
			case err != nil:
				absent++
			case found.Grade != whole.Grade || found.Score != whole.Score:
				t.Errorf("%s without %s: %s %d, and with it %s %d", test.name, name, found.Grade, found.Score, whole.Grade, whole.Score)
			}
		}
	}
	if absent < 100 {
		t.Errorf("only %d endpoints have no grade without one of the facts", absent)
	}
}

// Every score has the grade of the guide's Table 1, and one that is worse than the rules
// gives the grade.
func TestScore(t *testing.T) {
	for _, test := range []struct {
		score int
		want  Grade
	}{{100, A}, {80, A}, {79, B}, {65, B}, {64, C}, {50, C}, {49, D}, {35, D}, {34, E}, {20, E}, {19, F}, {0, F}} {
		if got := gradeOf(test.score); got != test.want {
			t.Errorf("%d is %s, want %s", test.score, got, test.want)
		}
	}
	if got := (Parts{97, 90, 0}).score(); got != 0 {
		t.Errorf("a part of 0 has the score %d, want 0", got)
	}
	f := &Finding{Limits: []Limit{{Cap: "tls10", Grade: B}, {Cap: "hsts_unknown", Grade: A}}}
	f.rate(Parts{95, 40, 50})
	if f.Grade = f.Limits[0].Grade; describe(f, nil) != "C score 60 tls10" {
		t.Errorf("got %s", describe(f, nil))
	}
	f = &Finding{Limits: []Limit{{Cap: "tls10", Grade: B}, {Cap: "hsts_unknown", Grade: A}}}
	f.rate(Parts{95, 80, 50})
	if f.Grade = f.Limits[0].Grade; describe(f, nil) != "B tls10 72 score" {
		t.Errorf("got %s", describe(f, nil))
	}
}

// The rules are sorted by grade, and the vocabulary has each name once.
func TestRules(t *testing.T) {
	if !slices.IsSortedFunc(rules, func(a, b rule) int { return slices.Index(Grades, a.grade) - slices.Index(Grades, b.grade) }) {
		t.Error("the rules are not sorted by grade")
	}
	sorted := slices.Clone(Caps)
	slices.Sort(sorted)
	if len(slices.Compact(sorted)) != len(rules)+1 {
		t.Errorf("the vocabulary is %v", Caps)
	}
}
