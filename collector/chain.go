package collector

import (
	"strconv"

	"tls_exporter/prober"
	"tls_exporter/prober/chain"
)

var chainRows = about(func(r *prober.Result) *chain.Chain { return r.Chain },
	gauge("tls_chain_valid", "Whether the chain is trusted, in date, for this name and for servers, as a modern verifier judges.",
		func(c *chain.Chain) (float64, bool) { return bit(c.Valid), true }),
	gauge("tls_chain_days_remaining", "Days until clients break: until the trusted path that lasts longest ends. Absent without one.",
		(*chain.Chain).DaysRemaining),
	gauge("tls_chain_not_after_timestamp_seconds", "When clients break: when the trusted path that lasts longest ends. Absent without one.",
		func(c *chain.Chain) (float64, bool) { return unix(c.NotAfter), c.Path != nil }),
	gauges("tls_chain_problem", "What is wrong with the chain: 1 for each problem that it has, 0 for each that it does not have.",
		[]string{"problem"}, func(c *chain.Chain, set setter) {
			for _, p := range chain.Problems {
				// Revocation is a question of its own, which was not asked. Nor
				// was that for the name, where there is none.
				if p != chain.ProblemRevoked && (p != chain.ProblemNameMismatch || c.Name != "") {
					set(bit(c.Has(p)), string(p))
				}
			}
		}),
)

var certificates = about(func(r *prober.Result) *chain.Chain { return r.Chain },
	eachCertificate("tls_certificate_days_remaining", "Days until the certificate ends, fractional; negative once it has. Position 0 is the leaf, the others are as sent.",
		func(c *chain.Chain, cert *chain.Certificate) (float64, bool) {
			return cert.DaysRemaining(c.At), true
		}),
	eachCertificate("tls_certificate_not_after_timestamp_seconds", "When the certificate ends.",
		func(_ *chain.Chain, cert *chain.Certificate) (float64, bool) { return unix(cert.X509.NotAfter), true }),
	eachCertificate("tls_certificate_not_before_timestamp_seconds", "When the certificate begins.",
		func(_ *chain.Chain, cert *chain.Certificate) (float64, bool) {
			return unix(cert.X509.NotBefore), true
		}),
	eachCertificate("tls_certificate_lifetime_remaining_ratio", "Share of the certificate's lifetime that is left: 1 fresh, 0 at its end, negative after it.",
		func(c *chain.Chain, cert *chain.Certificate) (float64, bool) { return cert.RemainingRatio(c.At) }),
	gauges("tls_certificate_info", "The certificate's names, keys and fingerprints. The value is 1.",
		[]string{"position", "subject_cn", "issuer_cn", "serial_number", "fingerprint_sha256", "spki_sha256",
			"key_algorithm", "key_bits", "signature_algorithm", "dns_names"},
		func(c *chain.Chain, set setter) {
			for i, cert := range c.Certificates {
				set(1, strconv.Itoa(i), cert.SubjectCN, cert.IssuerCN, cert.SerialNumber, cert.FingerprintSHA256, cert.SPKISHA256,
					cert.KeyAlgorithm, keyBits(cert), cert.SignatureAlgorithm, cert.DNSNames)
			}
		}),
)

// eachCertificate is a row with a series for each certificate of the chain.
func eachCertificate(name, help string, read func(*chain.Chain, *chain.Certificate) (float64, bool)) row[chain.Chain] {
	return gauges(name, help, []string{"position"}, func(c *chain.Chain, set setter) {
		for i, cert := range c.Certificates {
			if value, known := read(c, cert); known {
				set(value, strconv.Itoa(i))
			}
		}
	})
}

// keyBits is empty where the size of a key is not known.
func keyBits(cert *chain.Certificate) string {
	if cert.KeyBits == 0 {
		return ""
	}
	return strconv.Itoa(cert.KeyBits)
}
