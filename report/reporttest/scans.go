package reporttest

import (
	"crypto/tls"
	"errors"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/check"
	"tls_exporter/prober/check/ciphers"
	"tls_exporter/prober/check/clients"
	"tls_exporter/prober/check/dane"
	"tls_exporter/prober/check/grade"
	"tls_exporter/prober/check/policy"
	"tls_exporter/prober/check/resumption"
	"tls_exporter/prober/check/revocation"
	"tls_exporter/prober/check/versions"
	"tls_exporter/prober/check/vulnerabilities"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/records"
	"tls_exporter/prober/target"
)

func answers(accepted ...hello.Version) *versions.Finding {
	v := new(versions.Finding)
	for _, version := range hello.Versions {
		a := versions.Answer{Version: version}
		for _, t := range accepted {
			a.Accepted = a.Accepted || t == version
		}
		v.Answers = append(v.Answers, a)
	}
	return v
}

func acceptedSuites(v hello.Version, numbers ...uint32) []ciphers.Suite {
	var all []ciphers.Suite
	for _, n := range numbers {
		all = append(all, ciphers.Suite{Version: v, Number: n})
	}
	return all
}

func suitesOf(versions ...[]ciphers.Suite) []ciphers.Suite {
	var all []ciphers.Suite
	for _, v := range versions {
		all = append(all, v...)
	}
	return all
}

func groups(answered bool, numbers ...hello.Group) []ciphers.GroupAnswer {
	var all []ciphers.GroupAnswer
	for _, g := range numbers {
		all = append(all, ciphers.GroupAnswer{Group: g, Accepted: answered})
	}
	return all
}

func notVulnerable(names ...vulnerabilities.Name) []vulnerabilities.Answer {
	var all []vulnerabilities.Answer
	for _, name := range names {
		all = append(all, vulnerabilities.Answer{Name: name})
	}
	return all
}

// checked is the checks of a scan, by the age of their findings.
func checked(ages map[string]time.Duration) []check.Outcome {
	var all []check.Outcome
	for _, name := range []string{"ciphers", "clients", "grade", "policy", "resumption", "revocation", "versions", "vulnerabilities"} {
		if age, ran := ages[name]; ran {
			all = append(all, check.Outcome{Name: name, Time: Now.Add(-age), Duration: 31 * time.Millisecond})
		}
	}
	return all
}

// simulated is what the check clients finds.
func simulated(r *prober.Result) *clients.Finding {
	found, err := new(clients.Options).Judge(&clients.Facts{Session: r.Session, Chain: r.Chain, Versions: r.Versions.Finding, Ciphers: r.Ciphers.Finding})
	if err != nil {
		panic(err) // the findings settle it
	}
	return found
}

// ScannedModern is a server with Mozilla's intermediate configuration, scanned
// before this probe.
func ScannedModern() *prober.Result {
	r := Healthy()
	r.Outcomes = checked(map[string]time.Duration{"ciphers": 12 * time.Minute, "clients": 0, "grade": 0, "policy": 0, "resumption": 12 * time.Minute, "versions": 12 * time.Minute, "vulnerabilities": 7 * time.Hour})
	r.Versions.Finding = answers(hello.TLS12, hello.TLS13)
	r.Ciphers.Finding = &ciphers.Finding{
		Suites:  suitesOf(acceptedSuites(hello.TLS13, 0x1301, 0x1302, 0x1303), acceptedSuites(hello.TLS12, 0xc02b, 0xc02c, 0xcca9, 0xc02f, 0xc030, 0xcca8)),
		Groups:  append(groups(true, hello.X25519MLKEM768, hello.X25519, hello.SecP256r1, hello.SecP384r1), groups(false, hello.SecP521r1, hello.FFDHE2048)...),
		Schemes: []hello.SignatureScheme{0x0403}, Preference: ciphers.ServerPreference, Connections: 43, Whole: hello.Versions,
		Newer: ciphers.Negotiation{
			Preference: ciphers.ServerPreference, Groups: []hello.Group{hello.X25519MLKEM768, hello.X25519, hello.SecP256r1, hello.SecP384r1}, AllGroups: true,
			Schemes: []hello.SignatureScheme{0x0403}, AllSchemes: true,
		},
		Older: ciphers.OlderNegotiation{
			Negotiation: ciphers.Negotiation{
				Preference: ciphers.ServerPreference, Groups: []hello.Group{hello.X25519, hello.SecP256r1, hello.SecP384r1}, AllGroups: true,
				Schemes: []hello.SignatureScheme{0x0403, 0x0401}, AllSchemes: true,
			},
			SecureRenegotiation: ciphers.Yes,
		},
	}
	r.Chain.Certificates[0].Curve = "P-256"
	r.Clients.Finding = simulated(r)
	r.Policy.Finding = &policy.Finding{Verdicts: []policy.Verdict{
		{Policy: "mozilla_modern", Violations: []string{"protocols", "ciphers"}}, {Policy: "mozilla_intermediate", Compliant: true},
		{Policy: "mozilla_old", Compliant: true}, {Policy: "pci_dss", Compliant: true},
	}}
	r.Vulnerabilities.Finding = &vulnerabilities.Finding{Answers: notVulnerable(vulnerabilities.Names...)}
	r.Grade.Finding = &grade.Finding{Grade: grade.A, Score: 96, Parts: grade.Parts{Protocols: 100, KeyExchange: 100, Ciphers: 90}, Limits: []grade.Limit{
		{Cap: "hsts_unknown", Grade: grade.A, Why: "A+ requires HSTS, for which no check asks"},
	}}
	r.Resumption.Finding = &resumption.Finding{Duration: 6100 * time.Microsecond, Methods: []resumption.Answer{
		{Method: "session_id"}, {Method: "ticket", Supported: true}, {Method: "psk", Supported: true}, {Method: "early_data"},
	}}
	return r
}

// ScannedOutdated is a server that was last updated in 2008.
func ScannedOutdated() *prober.Result {
	r := Healthy()
	r.Session.Version, r.Session.CipherSuite, r.Session.Group, r.Session.ALPN = tls.VersionTLS10, tls.TLS_RSA_WITH_AES_128_CBC_SHA, 0, ""
	r.Outcomes = checked(map[string]time.Duration{"ciphers": 0, "clients": 0, "grade": 0, "policy": 0, "resumption": 0, "versions": 0, "vulnerabilities": 0})
	r.Versions.Finding = answers(hello.SSL20, hello.SSL30, hello.TLS10, hello.TLS11)
	numbers := []uint32{0x0004, 0x0005, 0x002f, 0x0035, 0x000a, 0x0009, 0x0003, 0x0014}
	r.Ciphers.Finding = &ciphers.Finding{
		Suites: suitesOf(acceptedSuites(hello.TLS11, numbers...), acceptedSuites(hello.TLS10, numbers...), acceptedSuites(hello.SSL30, numbers...), acceptedSuites(hello.SSL20, 0x010080, 0x0700c0)),
		DHBits: 512, Preference: ciphers.ClientPreference, Connections: 31, Whole: hello.Versions,
		Older: ciphers.OlderNegotiation{Negotiation: ciphers.Negotiation{Preference: ciphers.ClientPreference}, SecureRenegotiation: ciphers.No},
	}
	r.Clients.Finding = simulated(r)
	r.Policy.Finding = &policy.Finding{Verdicts: []policy.Verdict{
		{Policy: "mozilla_intermediate", Violations: []string{"protocols", "ciphers", "dh_param_size", "rsa_key_size", "groups", "certificate_lifespan"}},
		{Policy: "pci_dss", Violations: []string{"versions: SSL 2.0", "versions: SSL 3.0"}},
	}}
	r.Vulnerabilities.Finding = &vulnerabilities.Finding{Answers: append([]vulnerabilities.Answer{
		{Name: "heartbleed", Vulnerable: true, Saw: "it answered a heartbeat that claims 16 bytes more than it brings"},
		{Name: "drown", Vulnerable: true, Saw: "it takes SSL 2.0"},
		{Name: "poodle", Vulnerable: true, Saw: "it takes SSL 3.0 with TLS_RSA_WITH_AES_128_CBC_SHA"},
		{Name: "gremlins", Vulnerable: true},
	}, notVulnerable("ticketbleed", "compression")...)}
	r.Grade.Finding = &grade.Finding{Grade: grade.F, Limits: []grade.Limit{
		{Cap: "heartbleed", Grade: grade.F, Why: "the server is vulnerable to Heartbleed"}, {Cap: "sslv2", Grade: grade.F, Why: "SSL 2.0 is accepted"},
		{Cap: "tls10", Grade: grade.B, Why: "TLS 1.0 is accepted"}, {Cap: "hsts_unknown", Grade: grade.A, Why: "A+ requires HSTS, for which no check asks"},
	}}
	r.Resumption.Finding = &resumption.Finding{Methods: []resumption.Answer{{Method: "session_id"}, {Method: "ticket"}}}
	return r
}

// scannedExposed is a server that is good but for ROBOT.
func scannedExposed() *prober.Result {
	r := Healthy()
	r.Outcomes = checked(map[string]time.Duration{"vulnerabilities": 0})
	r.Vulnerabilities.Finding = &vulnerabilities.Finding{Answers: append([]vulnerabilities.Answer{
		{Name: vulnerabilities.ROBOT, Vulnerable: true, Saw: "its answers tell correct padding from incorrect"},
	}, notVulnerable(vulnerabilities.Heartbleed)...)}
	return r
}

// scannedVulnerable is a server with two reasons for a warning: a vulnerability that
// gives no secrets away, and little time left. It also violates the module's policy.
func scannedVulnerable() *prober.Result {
	r := expiresSoon()
	r.Outcomes = checked(map[string]time.Duration{"policy": 0, "vulnerabilities": 0})
	r.Policy.Finding = &policy.Finding{Verdicts: []policy.Verdict{{Policy: "pci_dss", Violations: []string{"ciphers"}}}}
	r.Vulnerabilities.Finding = &vulnerabilities.Finding{Answers: []vulnerabilities.Answer{{Name: vulnerabilities.Sweet32, Vulnerable: true}}}
	return r
}

// scannedUnreachable is a server that had Heartbleed an hour ago, and whose name does not
// resolve now.
func scannedUnreachable() *prober.Result {
	r := DNSFailure()
	r.Outcomes = checked(map[string]time.Duration{"vulnerabilities": time.Hour})
	r.Vulnerabilities.Finding = &vulnerabilities.Finding{Answers: []vulnerabilities.Answer{{Name: vulnerabilities.Heartbleed, Vulnerable: true}}}
	return r
}

// ScannedPartial is a server that stopped answering during the scan.
func ScannedPartial() *prober.Result {
	r := Healthy()
	r.Outcomes = checked(map[string]time.Duration{"ciphers": 0, "versions": 0})
	r.Outcomes = append(r.Outcomes,
		check.Outcome{Name: "grade", Time: Now, Failure: &failure.Failure{Reason: failure.ReasonClosed, Err: errors.New("the grade depends on what is not known (heartbleed, robot): the server left some hellos unanswered")}},
		check.Outcome{Name: "policy", Time: Now, Failure: &failure.Failure{Reason: failure.ReasonTimeout, Err: errors.New("no answer to TLS 1.1 and 1.0")}},
		check.Outcome{Name: "resumption", Failure: &failure.Failure{Reason: failure.ReasonReset, Err: errors.New("read: connection reset by peer")}})
	r.Versions.Finding = &versions.Finding{Answers: []versions.Answer{{Version: hello.SSL30}, {Version: hello.TLS12, Accepted: true}, {Version: hello.TLS13, Accepted: true}}}
	r.Ciphers.Finding = &ciphers.Finding{Suites: acceptedSuites(hello.TLS13, 0x1301), Connections: 20}
	r.Vulnerabilities.Finding = &vulnerabilities.Finding{Answers: notVulnerable("poodle")}
	return r
}

// scanPending is the first probe of a module with a scan, which is still running.
func scanPending() *prober.Result {
	r := Healthy()
	r.Versions.Finding = answers(hello.TLS12, hello.TLS13)
	r.Outcomes = []check.Outcome{
		{Name: "ciphers", Failure: &failure.Failure{Reason: failure.ReasonPending, Err: errors.New("the finding is still being made; a later probe has it")}},
		{Name: "versions", Time: Now, Duration: 31 * time.Millisecond},
	}
	return r
}

// tlsa is the TLSA records of a healthy endpoint: of the key of its certificate, of the
// one before, and of the CA.
func tlsa() []dane.Record {
	digest := func(first byte) []byte { return append([]byte{first}, make([]byte, 31)...) }
	return []dane.Record{
		{TLSA: records.TLSA{Usage: 3, Selector: 1, Matching: 1, Data: digest(0x5e)}, Result: dane.Match},
		{TLSA: records.TLSA{Usage: 3, Selector: 1, Matching: 1, Data: digest(0x17)}, Result: dane.Mismatch},
	}
}

// daneMatches is a healthy endpoint with a TLSA record for the next key.
func daneMatches() *prober.Result {
	r := Healthy()
	r.Outcomes = checked(map[string]time.Duration{"dane": 0})
	r.DANE.Finding = &dane.Finding{Protocol: "https", Services: []*dane.Service{
		{Host: "www.example.com", Name: "_443._tcp.www.example.com", Secure: true, Trusted: true, Records: tlsa()},
	}}
	return r
}

// DANEMismatch is a healthy endpoint of a protocol, whose TLSA records are those of an
// earlier key.
func DANEMismatch(protocol target.Scheme) *prober.Result {
	r := daneMatches()
	r.DANE.Finding.Protocol = protocol
	service := r.DANE.Finding.Services[0]
	service.Records = append(service.Records[1:], dane.Record{TLSA: records.TLSA{Usage: 7, Selector: 1, Matching: 1, Data: []byte{1}}, Result: dane.Unusable, Detail: "the usage 7 is not defined"})
	return r
}

// daneMailServers is a mail domain: one of its mail servers has the record of an earlier
// key, one has none, one is down, and one has broken signatures.
func daneMailServers() *prober.Result {
	r := DANEMismatch("smtp")
	refused := &failure.Failure{Phase: failure.PhaseConnect, Reason: failure.ReasonRefused, Err: errors.New("dial tcp 192.0.2.12:25: connect: connection refused")}
	bogus := &failure.Failure{Reason: failure.ReasonDNSSECBogus, Err: errors.New("the resolver has an answer that DNSSEC does not prove: the server answered SERVFAIL")}
	waiting := tlsa()[:1]
	waiting[0].Result = dane.Unknown
	mismatch := r.DANE.Finding.Services[0]
	mismatch.Host, mismatch.Name = "mx1.example.com", "_25._tcp.mx1.example.com"
	r.DANE.Finding.Domain = &dane.Domain{Name: "example.com", Secure: true, Hosts: 6}
	r.DANE.Finding.Services = []*dane.Service{
		mismatch,
		{Host: "mx2.example.com", Name: "_25._tcp.mx2.example.com", Trusted: true},
		{Host: "mx3.example.com", Name: "_25._tcp.mx3.example.com", Secure: true, Trusted: true, Records: waiting, Failure: refused},
		{Host: "mx4.example.com", Failure: bogus},
		{Host: "mx5.example.com", Name: "_25._tcp.mx5.example.com", Trusted: true, Records: tlsa()},
	}
	return r
}

// revocationUnknown is an endpoint of a module that requires proof about revocation: there is
// none about the intermediate.
func revocationUnknown() *prober.Result {
	r := Healthy()
	r.Outcomes = checked(map[string]time.Duration{"revocation": 0})
	r.Revocation.Finding = &revocation.Finding{Certificates: []revocation.Certificate{
		{Answers: []revocation.Answer{
			{Answer: certstatus.Answer{Source: certstatus.OCSP, Status: certstatus.NotOffered}},
			{Answer: certstatus.Answer{Source: certstatus.CRL, Status: certstatus.Good, ThisUpdate: Now.Add(-5 * time.Hour), NextUpdate: Now.Add(9*day - 5*time.Hour)}, URL: "http://ye1.c.example.com/42.crl", Checked: Now.Add(-time.Hour)},
		}},
		{Position: 1, Answers: []revocation.Answer{
			{Answer: certstatus.Answer{Source: certstatus.OCSP, Status: certstatus.Unavailable, Reason: failure.ReasonHTTPStatus, Detail: `"http://ocsp.example.com/MFYwVKADAgEAME0wSzBJMAk": the server answered 503 Service Unavailable`}, URL: "http://ocsp.example.com"},
			{Answer: certstatus.Answer{Source: certstatus.CRL, Status: certstatus.Expired, ThisUpdate: Now.Add(-40 * day), NextUpdate: Now.Add(-10 * day), Detail: "the CRL expired on 2026-11-10 14:48:00 UTC"}, URL: "http://x.c.example.com/", Checked: Now.Add(-4 * day),
				Refresh: `"http://x.c.example.com/": dial tcp 192.0.2.80:80: connect: connection refused`},
		}},
	}}
	r.Failure = &failure.Failure{Phase: failure.PhaseVerify, Reason: failure.ReasonRevocationUnknown, Err: errors.New("no source has proven that certificate 1 is not revoked; ocsp: unavailable; crl: expired")}
	return r
}

// revoked has a leaf that the CA has revoked, as its CRL says.
func revoked() *prober.Result {
	r := Healthy()
	const detail = "the CA revoked the certificate on 2026-11-18 09:12:00 UTC (keyCompromise)"
	r.Outcomes = checked(map[string]time.Duration{"revocation": 0})
	r.Revocation.Finding = &revocation.Finding{Certificates: []revocation.Certificate{{Answers: []revocation.Answer{
		{Answer: certstatus.Answer{Source: certstatus.OCSP, Status: certstatus.NotOffered}},
		{Answer: certstatus.Answer{Source: certstatus.CRL, Status: certstatus.Revoked, ThisUpdate: Now.Add(-5 * time.Hour), NextUpdate: Now.Add(9*day - 5*time.Hour), RevokedAt: Now.Add(-2*day - 336*time.Minute), RevocationReason: 1, Detail: detail},
			URL: "http://ye1.c.example.com/42.crl", Checked: Now.Add(-time.Hour)},
	}}}}
	r.Chain = r.Chain.With(chain.Found{Problem: chain.ProblemRevoked, Detail: detail})
	r.Failure = &failure.Failure{Phase: failure.PhaseVerify, Reason: failure.Reason(chain.ProblemRevoked), Err: errors.New(detail)}
	return r
}

// Accepting is a healthy endpoint that accepts these versions.
func Accepting(versions ...hello.Version) *prober.Result {
	r := Healthy()
	r.Versions.Finding = answers(versions...)
	return r
}

// AcceptingWeakSuite is a healthy endpoint that also accepts RC4.
func AcceptingWeakSuite() *prober.Result {
	r := Healthy()
	r.Ciphers.Finding = &ciphers.Finding{Suites: acceptedSuites(hello.TLS12, 0xc02f, 0x0005)}
	return r
}

// Violating is a healthy endpoint that violates a policy of its module.
func Violating(name policy.Name) *prober.Result {
	r := Healthy()
	r.Policy.Finding = &policy.Finding{Verdicts: []policy.Verdict{{Policy: name, Violations: []string{"ciphers"}}}}
	return r
}
