package policy

import (
	"crypto/x509"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"

	"tls_exporter/prober/hello"
)

// mozillaJSON is Mozilla's Server Side TLS guideline: its version, its date, and
// of its three configurations what can be seen from outside and is judged here,
// under the guideline's own keys (tls_curves are groups; of ciphers the IANA
// names). Its hsts_min_age and ocsp_staple are about HTTP and OCSP, which no
// check asks for, and its ecdh_param_size is in tls_curves. Version 6.0, a draft,
// has no old any more.
//
//go:embed mozilla.json
var mozillaJSON []byte

// guideline is the content of mozillaJSON.
type guideline struct {
	Version        string
	Date           string // of its publication
	Source         string
	Configurations map[string]configuration
}

// configuration is one of the guideline's.
type configuration struct {
	TLSVersions           []string `json:"tls_versions"`
	CipherSuites          []string `json:"ciphersuites"` // of TLS 1.3
	Ciphers               []string `json:"ciphers"`      // of the versions before it
	TLSCurves             []string `json:"tls_curves"`
	DHParamSize           int      `json:"dh_param_size"` // bits, at least; 0: no suite has DHE
	CertificateTypes      []string `json:"certificate_types"`
	CertificateCurves     []string `json:"certificate_curves"`
	CertificateSignatures []string `json:"certificate_signatures"`
	RSAKeySize            int      `json:"rsa_key_size"`                 // bits, at least; 0: no certificate has RSA
	CertificateLifespan   int      `json:"maximum_certificate_lifespan"` // days
	ServerPreferredOrder  bool     `json:"server_preferred_order"`
}

// The guideline's words, which are OpenSSL's, in ours.
var (
	mozillaVersions   = map[string]hello.Version{"TLSv1": hello.TLS10, "TLSv1.1": hello.TLS11, "TLSv1.2": hello.TLS12, "TLSv1.3": hello.TLS13}
	mozillaGroups     = map[string]hello.Group{"X25519": hello.X25519, "prime256v1": hello.SecP256r1, "secp384r1": hello.SecP384r1}
	mozillaKeys       = map[string]string{"ecdsa": "ECDSA", "rsa": "RSA"}
	mozillaCurves     = map[string]string{"prime256v1": "P-256", "secp384r1": "P-384"}
	mozillaSignatures = map[string]x509.SignatureAlgorithm{
		"sha256WithRSAEncryption": x509.SHA256WithRSA, "ecdsa-with-SHA256": x509.ECDSAWithSHA256,
		"ecdsa-with-SHA384": x509.ECDSAWithSHA384, "ecdsa-with-SHA512": x509.ECDSAWithSHA512,
	}
)

// policies is the rules of each policy, the gravest first.
var policies = func() map[Name][]rule {
	all := map[Name][]rule{"pci_dss": pciRules}
	guideline, err := readGuideline(mozillaJSON)
	if err != nil {
		panic(err) // of a file that is built in, and tested
	}
	// What a stricter configuration has is no sin under a looser one: an ECDSA
	// certificate is not in old, because its clients cannot read it.
	var stricter configuration
	for _, name := range []string{"modern", "intermediate", "old"} {
		c := guideline.Configurations[name].with(stricter)
		all[Name("mozilla_"+name)] = c.rules(stricter)
		stricter = c
	}
	return all
}()

// readGuideline reads the guideline and refuses words that nobody here knows.
func readGuideline(content []byte) (*guideline, error) {
	read := new(guideline)
	if err := json.Unmarshal(content, read); err != nil {
		return nil, err
	}
	for name, c := range read.Configurations {
		for _, unknown := range [][]string{
			unknownWords(mozillaVersions, c.TLSVersions), unknownWords(suiteNumbers, c.CipherSuites, c.Ciphers), unknownWords(mozillaGroups, c.TLSCurves),
			unknownWords(mozillaKeys, c.CertificateTypes), unknownWords(mozillaCurves, c.CertificateCurves), unknownWords(mozillaSignatures, c.CertificateSignatures),
		} {
			if len(unknown) > 0 {
				return nil, fmt.Errorf("mozilla.json: %s has %q, which is not known", name, unknown)
			}
		}
	}
	return read, nil
}

// suiteNumbers is the registry by name.
var suiteNumbers = func() map[string]hello.CipherSuite {
	numbers := make(map[string]hello.CipherSuite, len(hello.Suites))
	for _, s := range hello.Suites {
		numbers[s.Name] = s.ID
	}
	return numbers
}()

func unknownWords[V any](known map[string]V, lists ...[]string) (unknown []string) {
	for _, word := range slices.Concat(lists...) {
		if _, ok := known[word]; !ok {
			unknown = append(unknown, word)
		}
	}
	return unknown
}

func translate[V any](words map[string]V, list []string) (values []V) {
	for _, word := range list {
		values = append(values, words[word])
	}
	return values
}

// with is the configuration with what a stricter one allows.
func (c configuration) with(stricter configuration) configuration {
	for _, pair := range []struct{ to, from *[]string }{
		{&c.TLSVersions, &stricter.TLSVersions}, {&c.CipherSuites, &stricter.CipherSuites}, {&c.Ciphers, &stricter.Ciphers}, {&c.TLSCurves, &stricter.TLSCurves},
		{&c.CertificateTypes, &stricter.CertificateTypes}, {&c.CertificateCurves, &stricter.CertificateCurves}, {&c.CertificateSignatures, &stricter.CertificateSignatures},
	} {
		*pair.to = slices.Concat(*pair.to, *pair.from)
	}
	return c
}

func (c configuration) suites() []hello.CipherSuite {
	return translate(suiteNumbers, slices.Concat(c.CipherSuites, c.Ciphers))
}

// rules is what the configuration asks for. Where it wants the server's order to
// count, that is for the sake of the suites that the stricter one does not have;
// where it leaves the choice to the client, the server may still make it.
func (c configuration) rules(stricter configuration) []rule {
	rules := []rule{
		{"protocols", noVersionBut(translate(mozillaVersions, c.TLSVersions)...)},
		{"ciphers", noSuiteOf(without(c.suites()))},
		{"dh_param_size", dhAtLeast(c.DHParamSize)},
		{"rsa_key_size", rsaAtLeast(c.RSAKeySize)},
		{"certificate_signature", signedWith(translate(mozillaSignatures, c.CertificateSignatures)...)},
		{"certificate_type", keyOf(translate(mozillaKeys, c.CertificateTypes)...)},
		{"certificate_curve", onCurve(translate(mozillaCurves, c.CertificateCurves)...)},
		{"groups", noGroupBut(translate(mozillaGroups, c.TLSCurves)...)},
	}
	if c.ServerPreferredOrder {
		rules = append(rules, rule{"server_preference", serverDecides(without(stricter.suites()))})
	}
	return append(rules, rule{"certificate_lifespan", lastsAtMost(c.CertificateLifespan)})
}
