// Package collector shows to Prometheus what prober learned, and the exporter
// itself. A metric is a row: its name, its help, and how to read it off a
// Result. A row whose question was not answered is absent from the page.
package collector

import (
	"net/netip"
	"strconv"

	"tls_exporter/prober"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/check"
	"tls_exporter/prober/check/expect"
	"tls_exporter/prober/handshake"
)

// contents is the table of contents of a probe's page, in the order in which
// people are told of it.
var contents = []part{
	{"Always", always},
	{"The session", session},
	{"The chain", chainRows},
	{"The certificates", certificates},
	{"The addresses", addresses},
	{"The checks", checks},
	{"Expectations", expectRows},
	{"Versions", versionsRows},
	{"Ciphers, groups and signature schemes", ciphersRows},
	{"Policies", policyRows},
	{"Vulnerabilities", vulnerabilitiesRows},
	{"Resumption", resumptionRows},
}

// part is families that are about the same thing.
type part struct {
	title    string
	families []family
}

var always = about(func(r *prober.Result) *prober.Result { return r },
	gauge("tls_probe_success", "Whether the endpoint was reached, shook hands, has a good chain and met every expectation of its module.",
		func(r *prober.Result) (float64, bool) { return bit(r.Success()), true }),
	gauge("tls_probe_duration_seconds", "How long the whole probe took.",
		func(r *prober.Result) (float64, bool) { return r.Duration.Seconds(), true }),
	gauges("tls_probe_phase_duration_seconds", "How long each phase of the probe took, also one that failed. A phase that was not reached is absent.",
		[]string{"phase"}, func(r *prober.Result, set setter) {
			for _, p := range r.Phases {
				set(p.Duration.Seconds(), string(p.Phase))
			}
		}),
	gauges("tls_probe_failure_info", "Which phase failed and why. Absent when the probe succeeded.",
		[]string{"phase", "reason"}, func(r *prober.Result, set setter) {
			if r.Failure != nil {
				set(1, string(r.Failure.Phase), string(r.Failure.Reason))
			}
		}),
	gauge("tls_tcp_connected", "Whether the port, or the Unix socket, answered. 0 too when the name led to no address to ask; absent when a proxy on the way failed, for nothing was learned of the port then.",
		func(r *prober.Result) (float64, bool) {
			answered, known := r.Reachable()
			return bit(answered), known
		}),
	gauge("tls_handshake_completed", "Whether both sides finished the TLS handshake and the server did not turn us away after it.",
		func(r *prober.Result) (float64, bool) { return bit(r.Session != nil && r.Session.Completed), true }),
)

var session = about(func(r *prober.Result) *handshake.Session { return r.Session },
	gauge("tls_handshake_duration_seconds", "Handshake latency: from ClientHello sent to the handshake's end.",
		func(s *handshake.Session) (float64, bool) { return s.Duration.Seconds(), s.Completed }),
	gauge("tls_negotiated_version", "Negotiated TLS version as a number: 1.0, 1.1, 1.2 or 1.3.",
		(*handshake.Session).VersionNumber),
	gauges("tls_session_info", "What client and server settled, in IANA's names, and the address that answered. The value is 1.",
		[]string{"version", "cipher", "group", "alpn", "ip"}, func(s *handshake.Session, set setter) {
			if s.CipherSuite != 0 {
				set(1, s.VersionName(), s.CipherName(), s.GroupName(), s.ALPN, ip(s.Remote))
			}
		}),
	gauge("tls_key_exchange_post_quantum", "Whether the negotiated group is a hybrid with ML-KEM, which holds against quantum computers too.",
		func(s *handshake.Session) (float64, bool) { return bit(s.PostQuantum()), s.Completed }),
	gauge("tls_hello_retry_request", "Whether the server asked for another ClientHello, which costs a round trip.",
		func(s *handshake.Session) (float64, bool) { return bit(s.HelloRetryRequest), s.Completed }),
	gauge("tls_client_certificate_requested", "Whether the server asked for a client certificate.",
		func(s *handshake.Session) (float64, bool) {
			return bit(s.ClientCertificateRequested), s.Completed || s.ClientCertificateRequested
		}),
)

// ip is empty where the address is not known: a Unix socket has none, and what a
// proxy found is the proxy's to know.
func ip(remote netip.AddrPort) string {
	if !remote.IsValid() {
		return ""
	}
	return remote.Addr().String()
}

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

var addresses = about(func(r *prober.Result) *prober.Pool { return r.Pool },
	gauge("tls_addresses", "How many addresses the name has. With addresses: all in the module they are probed each by itself, the first 32 of them.",
		func(p *prober.Pool) (float64, bool) { return float64(p.Total), true }),
	gauge("tls_addresses_failing", "How many of the probed addresses are not as they should be.",
		func(p *prober.Pool) (float64, bool) { return float64(p.Failing()), true }),
	gauge("tls_addresses_distinct_certificates", "How many different leaf certificates the addresses serve. Absent when none was seen.",
		func(p *prober.Pool) (float64, bool) {
			distinct := p.DistinctCertificates()
			return float64(distinct), distinct > 0
		}),
	eachAddress("tls_address_success", "Whether the address, probed by itself, is as it should be.",
		func(m *prober.Member) (float64, bool) { return bit(m.Failure == nil), true }),
	gauges("tls_address_failure_info", "Which phase failed at the address and why. Absent when nothing did.",
		[]string{"ip", "phase", "reason"}, func(p *prober.Pool, set setter) {
			for _, m := range p.Members {
				if m.Failure != nil {
					set(1, ip(m.Address), string(m.Failure.Phase), string(m.Failure.Reason))
				}
			}
		}),
	eachAddress("tls_address_handshake_duration_seconds", "Handshake latency of the address. Absent when no handshake was completed.",
		func(m *prober.Member) (float64, bool) {
			if m.Session == nil || !m.Session.Completed {
				return 0, false
			}
			return m.Session.Duration.Seconds(), true
		}),
	eachAddress("tls_address_certificate_days_remaining", "Days until the leaf certificate that the address serves ends. Absent when none was seen.",
		func(m *prober.Member) (float64, bool) {
			if m.Chain == nil {
				return 0, false
			}
			return m.Chain.Certificates[0].DaysRemaining(m.Chain.At), true
		}),
)

// eachAddress is a row with a series for each address that was probed.
func eachAddress(name, help string, read func(*prober.Member) (float64, bool)) row[prober.Pool] {
	return gauges(name, help, []string{"ip"}, func(p *prober.Pool, set setter) {
		for _, m := range p.Members {
			if value, known := read(m); known {
				set(value, ip(m.Address))
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

var checks = about(func(r *prober.Result) *prober.Result { return r },
	eachCheck("tls_check_success", "Whether the check came to a finding, whatever it found.",
		func(c check.Outcome) (float64, bool) { return bit(c.Failure == nil), true }),
	eachCheck("tls_check_duration_seconds", "How long the check took.",
		func(c check.Outcome) (float64, bool) { return c.Duration.Seconds(), true }),
	gauges("tls_check_failure_info", "Why the check came to no finding. Absent when it did.",
		[]string{"check", "reason"}, func(r *prober.Result, set setter) {
			for _, c := range r.Outcomes {
				if c.Failure != nil {
					set(1, c.Name, string(c.Failure.Reason))
				}
			}
		}),
	eachCheck("tls_check_timestamp_seconds", "When the check's finding was made.",
		func(c check.Outcome) (float64, bool) { return unix(c.Time), c.Failure == nil }),
)

// eachCheck is a row with a series for each check that ran.
func eachCheck(name, help string, read func(check.Outcome) (float64, bool)) row[prober.Result] {
	return gauges(name, help, []string{"check"}, func(r *prober.Result, set setter) {
		for _, c := range r.Outcomes {
			if value, known := read(c); known {
				set(value, c.Name)
			}
		}
	})
}

var expectRows = about(func(r *prober.Result) *expect.Finding { return r.Expect.Finding },
	gauges("tls_expectation_met", "Whether each expectation of the module is met. One that could not be held against anything is absent.",
		[]string{"expectation"}, func(x *expect.Finding, set setter) {
			for _, e := range x.Expectations {
				set(bit(e.Met), e.Name)
			}
		}),
)
