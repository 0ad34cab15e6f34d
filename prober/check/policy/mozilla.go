package policy

import (
	"crypto/x509"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"

	"tls_exporter/prober/hello"
)

// mozillaJSON is Mozilla's Server Side TLS guideline: its version, its date, and of its
// three configurations the part that is compared here, with the guideline's own keys.
// The key tls_curves lists groups, ciphers the IANA names. Left out are hsts_min_age
// and ocsp_staple, as no check asks for them, and ecdh_param_size, which tls_curves
// covers. Version 6.0, a draft, has no configuration old.
//
//go:embed mozilla.json
var mozillaJSON []byte

// guideline is the content of mozillaJSON.
type guideline struct {
	Version        string
	Date           string // of publication
	Source         string
	Configurations map[string]configuration
}

// configuration is one configuration of the guideline.
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

// The names of the guideline, which are OpenSSL's, and what they stand for here.
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

// policies is the rules of each policy, in the order of Rules.
var policies = func() map[Name][]rule {
	all := map[Name][]rule{"pci_dss": pciRules}
	guideline, err := readGuideline(mozillaJSON)
	if err != nil {
		panic(err) // the file is built in, and a test reads it
	}
	// What a stricter configuration lists does not violate a looser one. An ECDSA
	// certificate, for example, is missing in old only because old clients cannot use it.
	var stricter configuration
	for _, name := range []string{"modern", "intermediate", "old"} {
		c := guideline.Configurations[name].with(stricter)
		all[Name("mozilla_"+name)] = c.rules(stricter)
		stricter = c
	}
	return all
}()

// readGuideline reads the guideline. It fails on names that are not known here.
func readGuideline(content []byte) (*guideline, error) {
	read := new(guideline)
	if err := json.Unmarshal(content, read); err != nil {
		return nil, err
	}
	for name, c := range read.Configurations {
		for _, unknown := range [][]string{
			unknownNames(mozillaVersions, c.TLSVersions), unknownNames(suiteNumbers, c.CipherSuites, c.Ciphers), unknownNames(mozillaGroups, c.TLSCurves),
			unknownNames(mozillaKeys, c.CertificateTypes), unknownNames(mozillaCurves, c.CertificateCurves), unknownNames(mozillaSignatures, c.CertificateSignatures),
		} {
			if len(unknown) > 0 {
				return nil, fmt.Errorf("mozilla.json: %s has unknown names %q", name, unknown)
			}
		}
	}
	return read, nil
}

// suiteNumbers is the registry of cipher suites, by name.
var suiteNumbers = func() map[string]hello.CipherSuite {
	numbers := make(map[string]hello.CipherSuite, len(hello.Suites))
	for _, s := range hello.Suites {
		numbers[s.Name] = s.ID
	}
	return numbers
}()

// unknownNames returns the names in the lists that are no keys of known.
func unknownNames[V any](known map[string]V, lists ...[]string) (unknown []string) {
	for _, name := range slices.Concat(lists...) {
		if _, ok := known[name]; !ok {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// translate returns the values of the names in the list.
func translate[V any](known map[string]V, list []string) (values []V) {
	for _, name := range list {
		values = append(values, known[name])
	}
	return values
}

// with adds what a stricter configuration allows.
func (c configuration) with(stricter configuration) configuration {
	for _, pair := range []struct{ to, from *[]string }{
		{&c.TLSVersions, &stricter.TLSVersions}, {&c.CipherSuites, &stricter.CipherSuites}, {&c.Ciphers, &stricter.Ciphers}, {&c.TLSCurves, &stricter.TLSCurves},
		{&c.CertificateTypes, &stricter.CertificateTypes}, {&c.CertificateCurves, &stricter.CertificateCurves}, {&c.CertificateSignatures, &stricter.CertificateSignatures},
	} {
		*pair.to = slices.Concat(*pair.to, *pair.from)
	}
	return c
}

// suites is all cipher suites of the configuration.
func (c configuration) suites() []hello.CipherSuite {
	return translate(suiteNumbers, slices.Concat(c.CipherSuites, c.Ciphers))
}

// rules is what the configuration requires. The server's order of suites matters only
// for suites that the stricter configuration does not list. Where the configuration
// leaves the order to the client, the server's order is no violation.
func (c configuration) rules(stricter configuration) []rule {
	rules := []rule{
		{"protocols", noVersionBut(translate(mozillaVersions, c.TLSVersions)...)},
		{"ciphers", noSuite(notIn(c.suites()))},
		{"dh_param_size", dhAtLeast(c.DHParamSize)},
		{"rsa_key_size", rsaAtLeast(c.RSAKeySize)},
		{"certificate_signature", signedWith(translate(mozillaSignatures, c.CertificateSignatures)...)},
		{"certificate_type", keyOf(translate(mozillaKeys, c.CertificateTypes)...)},
		{"certificate_curve", onCurve(translate(mozillaCurves, c.CertificateCurves)...)},
		{"groups", noGroupBut(translate(mozillaGroups, c.TLSCurves)...)},
	}
	if c.ServerPreferredOrder {
		rules = append(rules, rule{"server_preference", serverPrefers(notIn(stricter.suites()))})
	}
	return append(rules, rule{"certificate_lifespan", lastsAtMost(c.CertificateLifespan)})
}
