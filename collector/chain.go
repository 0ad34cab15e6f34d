package collector

import (
	"strconv"

	"tls_exporter/prober"
	"tls_exporter/prober/chain"
)

var chainRows = append(about(func(r *prober.Result) *chain.Chain { return r.Chain },
	gauge("tls_chain_valid", "Whether a modern client accepts the chain: trusted, valid now, for this name, and for servers. Absent if a signature cannot be verified and nothing else is wrong, and for a file that has no chain.",
		func(c *chain.Chain) (float64, bool) { return bit(c.Valid), !c.Unverified && !c.Bundle }),
	gauge("tls_chain_days_remaining", "Days until clients fail: until the trusted path that is valid longest expires. Absent without one.",
		(*chain.Chain).DaysRemaining),
	gauge("tls_chain_not_after_timestamp_seconds", "When clients fail: when the trusted path that is valid longest expires. Absent without one.",
		func(c *chain.Chain) (float64, bool) { return unix(c.NotAfter), c.Path != nil }),
), about(func(r *prober.Result) *prober.Result { return r },
	gauges("tls_chain_problem", "Problems of the chain: 1 for each that it has, 0 for each that it does not have. Absent for those that were not looked for, and for a file that has no chain.",
		[]string{"problem"}, func(r *prober.Result, set setter) {
			if r.Chain == nil || r.Chain.Bundle || r.Chain.Unverified && len(r.Chain.Problems) == 0 {
				return // nothing was asked
			}
			for _, p := range chain.Problems {
				if has := r.Chain.Has(p); has || r.LookedFor(p) {
					set(bit(has), string(p))
				}
			}
		}),
)...)

var certificates = about(func(r *prober.Result) *chain.Chain { return r.Chain },
	eachCertificate("tls_certificate_days_remaining", "Days until the certificate expires, fractional; negative afterwards. Position 0 is the leaf, the others are in the order in which they were sent. Of a file, the certificates that are not CAs come first, and the others are in its order.",
		func(c *chain.Chain, cert *chain.Certificate) (float64, bool) {
			return cert.DaysRemaining(c.At), cert.Expires()
		}),
	eachCertificate("tls_certificate_not_after_timestamp_seconds", "When the certificate expires.",
		func(_ *chain.Chain, cert *chain.Certificate) (float64, bool) {
			return unix(cert.NotAfter), cert.Expires() || !cert.NotAfter.IsZero()
		}),
	eachCertificate("tls_certificate_not_before_timestamp_seconds", "When the certificate becomes valid.",
		func(_ *chain.Chain, cert *chain.Certificate) (float64, bool) {
			return unix(cert.NotBefore), cert.Expires() || !cert.NotBefore.IsZero()
		}),
	eachCertificate("tls_certificate_lifetime_remaining_ratio", "Share of the certificate's lifetime that is left: 1 when it becomes valid, 0 when it expires, negative afterwards.",
		func(c *chain.Chain, cert *chain.Certificate) (float64, bool) { return cert.RemainingRatio(c.At) }),
	eachCertificate("tls_certificate_fingerprint_hash", "First 48 bits of the SHA-256 of the certificate, as a number.",
		func(_ *chain.Chain, cert *chain.Certificate) (float64, bool) { return cert.FingerprintHash() }),
	eachCertificate("tls_certificate_spki_hash", "First 48 bits of the SHA-256 of the public key (SubjectPublicKeyInfo), as a number.",
		func(_ *chain.Chain, cert *chain.Certificate) (float64, bool) { return cert.SPKIHash() }),
	gauges("tls_certificate_info", "Names, key and fingerprints of the certificate. The value is 1.",
		[]string{"position", "subject_cn", "issuer_cn", "serial_number", "fingerprint_sha256", "spki_sha256",
			"key_algorithm", "key_bits", "signature_algorithm", "dns_names"},
		func(c *chain.Chain, set setter) {
			for i, cert := range c.Certificates {
				set(1, strconv.Itoa(i), cert.SubjectCN, cert.IssuerCN, cert.SerialNumber, cert.FingerprintSHA256, cert.SPKISHA256,
					cert.KeyAlgorithm, keyBits(cert), cert.SignatureAlgorithm, cert.DNSNames)
			}
		}),
)

// eachCertificate is a row with a series for each certificate that was sent.
func eachCertificate(name, help string, read func(*chain.Chain, *chain.Certificate) (float64, bool)) row[chain.Chain] {
	return gauges(name, help, []string{"position"}, func(c *chain.Chain, set setter) {
		for i, cert := range c.Certificates {
			if value, known := read(c, cert); known {
				set(value, strconv.Itoa(i))
			}
		}
	})
}

// keyBits is the size of the key; empty: not known.
func keyBits(cert *chain.Certificate) string {
	if cert.KeyBits == 0 {
		return ""
	}
	return strconv.Itoa(cert.KeyBits)
}
