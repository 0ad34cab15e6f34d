// Package reporttest has example results for the tests of report and its
// renderers.
package reporttest

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/certfile"
	"tls_exporter/prober/certificate"
	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/check"
	"tls_exporter/prober/check/expect"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/target"
)

// Now is the moment of every probe in these tests.
var Now = time.Date(2026, 11, 20, 14, 48, 0, 0, time.UTC)

const day = 24 * time.Hour

// Situation is an example result, and what the report says about it.
type Situation struct {
	Name   string // of its golden files
	Status string // as report.Judge has it
	Result *prober.Result
}

// Situations is all examples.
func Situations() []Situation {
	return []Situation{
		{"healthy", "good", Healthy()},
		{"expires_soon", "warning", expiresSoon()},
		{"expired_misnamed_untrusted", "bad", ExpiredMisnamedUntrusted()},
		{"timeout_in_connect", "bad", TimeoutInConnect()},
		{"client_certificate_required", "bad", clientCertificateRequired()},
		{"rejected_as_expected", "good", rejectedAsExpected()},
		{"refused_as_expected", "good", refusedAsExpected()},
		{"not_refused", "bad", notRefused()},
		{"not_tls", "bad", NotTLS()},
		{"starttls_refused", "bad", startTLSRefused()},
		{"legacy_only", "bad", legacyOnly()},
		{"unmet_expectation", "bad", unmetExpectation()},
		{"dns_failure", "unknown", DNSFailure()},
		{"not_yet_valid", "bad", notYetValid()},
		{"unsupported_algorithm", "unknown", unsupportedAlgorithm()},
		{"check_failed", "good", checkFailed()},
		{"expired_yesterday", "bad", expiredYesterday()},
		{"weak_key", "warning", weakKey()},
		{"superfluous_certificate_expired", "good", superfluousExpired()},
		{"stapled", "good", stapled()},
		{"staple_expired", "warning", stapleExpired()},
		{"staple_revoked", "bad", stapleRevoked()},
		{"must_staple_without_staple", "bad", mustStapleWithoutStaple()},
		{"pool_one_stale", "bad", poolOneStale()},
		{"pool_rolling_out", "good", poolRollingOut()},
		{"pool_one_unasked", "unknown", poolOneUnasked()},
		{"proxy_refused", "unknown", proxyRefused()},
		{"unix_socket", "good", unixSocket()},
		{"file_chain", "bad", fileChain()},
		{"file_bundle", "warning", fileBundle()},
		{"file_unreadable", "unknown", fileUnreadable()},
		{"scan_modern", "good", ScannedModern()},
		{"scan_outdated", "bad", ScannedOutdated()},
		{"scan_exposed", "bad", scannedExposed()},
		{"scan_vulnerable", "warning", scannedVulnerable()},
		{"scan_unreachable", "bad", scannedUnreachable()},
		{"scan_partial", "good", ScannedPartial()},
		{"scan_pending", "good", scanPending()},
		{"dane_matches", "good", daneMatches()},
		{"dane_mismatch", "warning", DANEMismatch("https")},
		{"dane_mail_servers", "bad", daneMailServers()},
		{"dns_records", "good", dnsRecords()},
		{"dns_records_broken", "warning", DNSRecordsBroken()},
		{"logged", "good", logged()},
		{"unlogged", "bad", Unlogged()},
		{"logs_not_required", "good", notRequired()},
		{"revoked", "bad", revoked()},
		{"revocation_unknown", "bad", revocationUnknown()},
		{"renewal_due", "good", renewalDue()},
		{"renewal_overdue", "warning", RenewalOverdue()},
	}
}

// fileOf is a file, read in a moment.
func fileOf(path string) *prober.Result {
	return &prober.Result{
		Target: target.Target{Scheme: target.File, Path: path},
		Start:  Now, Duration: 412 * time.Microsecond, Phases: took(failure.PhaseRead, 0.31, failure.PhaseVerify, 0.09),
	}
}

// fileChain is a file whose private key is that of another certificate.
func fileChain() *prober.Result {
	r, matches := fileOf("/etc/ssl/site.pem"), false
	r.Chain = goodChain()
	r.Chain.Name = ""
	r.File = &prober.File{Format: certfile.PEM, Total: 2, Modified: Now.Add(-31 * day), KeyMatches: &matches}
	r.Failure = &failure.Failure{Phase: failure.PhaseVerify, Reason: failure.ReasonKeyMismatch, Err: errors.New("the private key in the file is not that of the certificate")}
	return r
}

// fileBundle is 25 trusted roots, one of which has expired, and another will soon.
func fileBundle() *prober.Result {
	r := fileOf("/etc/ssl/certs/ca-certificates.crt")
	r.Phases = r.Phases[:1]
	r.Chain = &chain.Chain{At: Now, Bundle: true, Valid: true, Problems: []chain.Found{
		{Problem: chain.ProblemExpired, Position: 3, Detail: `certificate 3 ("Root 3") expired on 2024-05-04 14:48:00 UTC`},
	}}
	for i := range 25 {
		left := time.Duration(400+10*i) * day
		switch i {
		case 3:
			left = -930 * day
		case 7:
			left = 12 * day
		}
		name := fmt.Sprintf("Root %d", i)
		r.Chain.Certificates = append(r.Chain.Certificates, sent(issued(name, name, Now.Add(-5000*day), Now.Add(left)), fmt.Sprintf("%02x", i), "RSA", 4096, "SHA256-RSA"))
	}
	r.File = &prober.File{Format: certfile.PEM, Total: 25, Modified: Now.Add(-400 * day)}
	return r
}

// fileUnreadable is a key store whose password the module does not have.
func fileUnreadable() *prober.Result {
	r := fileOf("/etc/app/keystore.p12")
	r.Phases = r.Phases[:1]
	r.Failure = &failure.Failure{Phase: failure.PhaseRead, Reason: failure.ReasonWrongPassword, Err: errors.New("the file has a password, and the module has none: set password_file")}
	return r
}

var (
	leaf = issued("www.example.com", "Example Issuing CA 1", Now.Add(-31*day-17*time.Hour), Now.Add(58*day+7*time.Hour),
		"www.example.com", "example.com", "*.static.example.com")
	issuing = issued("Example Issuing CA 1", "Example Root", Now.Add(-731*day), Now.Add(1825*day))
	root    = issued("Example Root", "Example Root", Now.Add(-3000*day), Now.Add(6000*day))
)

func issued(subject, issuer string, notBefore, notAfter time.Time, names ...string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: subject}, Issuer: pkix.Name{CommonName: issuer},
		NotBefore: notBefore, NotAfter: notAfter, DNSNames: names, Raw: []byte(subject + issuer + notAfter.String()),
	}
}

// sent is what is shown of a certificate that the server sent.
func sent(cert *x509.Certificate, serial, algorithm string, bits int, signature string) *chain.Certificate {
	shown := certificate.Describe(cert)
	shown.SerialNumber, shown.FingerprintSHA256, shown.SPKISHA256 = serial, strings.Repeat(serial, 64/len(serial)), strings.Repeat("5e", 32)
	shown.KeyAlgorithm, shown.KeyBits, shown.SignatureAlgorithm = algorithm, bits, signature
	return shown
}

// path is the trusted path of certificates that were sent, and root.
func path(root *x509.Certificate, sent ...*chain.Certificate) []*chain.Certificate {
	return append(slices.Clone(sent), certificate.Describe(root))
}

func goodChain() *chain.Chain {
	certs := []*chain.Certificate{sent(leaf, "04d2", "ECDSA", 256, "ECDSA-SHA384"), sent(issuing, "11", "ECDSA", 384, "SHA384-RSA")}
	return &chain.Chain{
		At: Now, Name: "www.example.com", Valid: true, Certificates: certs, Path: path(root, certs...), NotAfter: leaf.NotAfter,
	}
}

func took(times ...any) []failure.PhaseTime {
	var all []failure.PhaseTime
	for i := 0; i < len(times); i += 2 {
		all = append(all, failure.PhaseTime{Phase: times[i].(failure.Phase), Duration: time.Duration(times[i+1].(float64) * float64(time.Millisecond))})
	}
	return all
}

// Healthy is an endpoint without problems.
func Healthy() *prober.Result {
	return &prober.Result{
		Target: target.Target{Scheme: "https", Host: "www.example.com", Port: 443},
		Start:  Now, Duration: 23100 * time.Microsecond,
		Phases: took(failure.PhaseResolve, 1.92, failure.PhaseConnect, 8.41, failure.PhaseServerHello, 9.87,
			failure.PhaseKeyExchange, 2.113, failure.PhaseVerify, 0.707),
		Addresses: []netip.Addr{netip.MustParseAddr("2001:db8::10"), netip.MustParseAddr("192.0.2.10")},
		Connected: true,
		Remote:    netip.MustParseAddrPort("[2001:db8::10]:443"),
		Session: &handshake.Session{
			Completed: true, Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, Group: tls.X25519MLKEM768,
			ALPN: "h2", ServerName: "www.example.com", Duration: 11983 * time.Microsecond,
		},
		Chain: goodChain(),
	}
}

// expiresSoon has a path whose intermediate expires before the leaf, a leaf
// without a common name, and many names.
func expiresSoon() *prober.Result {
	r := Healthy()
	names := []string{"example.org"}
	for _, label := range strings.Fields("admin api assets blog cdn docs download forum git images login mail media news shop static status www") {
		names = append(names, label+".example.org", label+".eu.example.org")
	}
	leaf := issued("", "Example Issuing CA With a Long Name For Everybody G2", Now.Add(-300*day), Now.Add(65*day), names...)
	leaf.IPAddresses = []net.IP{net.ParseIP("192.0.2.10")}
	issuing := issued("Example Issuing CA With a Long Name For Everybody G2", "", Now.Add(-3640*day), Now.Add(9*day+10*time.Hour))
	issuing.Issuer = pkix.Name{OrganizationalUnit: []string{"Example Class 3 Certification Authority"}, Organization: []string{"Example"}}
	r.Target.Host = "admin.example.org"
	r.Session.ServerName, r.Chain.Name = "admin.example.org", "admin.example.org"
	r.Start = Now.In(time.FixedZone("CET", 3600))
	r.Session.Group, r.Session.HelloRetryRequest = tls.CurveP384, true
	r.Chain.Certificates = []*chain.Certificate{sent(leaf, "0a", "RSA", 2048, "SHA256-RSA"), sent(issuing, "0b", "RSA", 4096, "SHA384-RSAPSS")}
	r.Chain.Path = path(&x509.Certificate{Subject: issuing.Issuer}, r.Chain.Certificates...)
	r.Chain.NotAfter = issuing.NotAfter
	return r
}

// ExpiredMisnamedUntrusted is an endpoint whose leaf has four problems.
func ExpiredMisnamedUntrusted() *prober.Result {
	r := Healthy()
	old := issued("internal.example.net", "Corporate CA", Now.Add(-109*day), time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC), "internal.example.net")
	r.Target.Host = "example.com"
	r.Session.ServerName = "example.com"
	r.Chain = &chain.Chain{
		At: Now, Name: "example.com", Certificates: []*chain.Certificate{sent(old, "2a", "RSA", 1024, "SHA256-RSA")},
		Problems: []chain.Found{
			{Problem: chain.ProblemExpired, Position: 0, Detail: "the leaf expired on 2026-11-01 10:00:00 UTC"},
			{Problem: chain.ProblemNameMismatch, Position: 0, Detail: `"example.com" is not among the names of the leaf ("internal.example.net")`},
			{Problem: chain.ProblemUnknownAuthority, Position: 0, Detail: `"internal.example.net" was issued by "Corporate CA", which is not among the trusted roots`},
			{Problem: chain.ProblemWeakKey, Position: 0, Detail: "the leaf has an RSA key of 1024 bits"},
		},
	}
	r.Failure = &failure.Failure{Phase: failure.PhaseVerify, Reason: "expired", Err: errors.New("the leaf expired on 2026-11-01 10:00:00 UTC")}
	return r
}

// TimeoutInConnect is an endpoint whose addresses do not answer.
func TimeoutInConnect() *prober.Result {
	first := &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort("[2001:db8::10]:443")), Err: errors.New("connect: no route to host")}
	second := &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.10:443")), Err: errors.New("i/o timeout")}
	return &prober.Result{
		Target: target.Target{Scheme: "https", Host: "www.example.com", Port: 443},
		Start:  Now, Duration: 5004 * time.Millisecond,
		Phases:    took(failure.PhaseResolve, 3.5, failure.PhaseConnect, 5000.2),
		Addresses: Healthy().Addresses,
		Failure:   &failure.Failure{Phase: failure.PhaseConnect, Reason: failure.ReasonTimeout, Err: errors.Join(first, second)},
	}
}

func clientCertificateRequired() *prober.Result {
	r := Healthy()
	r.Target = target.Target{Scheme: "ldaps", Host: "www.example.com", Port: 636}
	r.Remote = netip.MustParseAddrPort("192.0.2.10:636")
	r.Session.Completed, r.Session.Duration, r.Session.ALPN = false, 0, ""
	r.Session.ClientCertificateRequested = true
	r.Failure = &failure.Failure{Phase: failure.PhaseKeyExchange, Reason: "alert_certificate_required", Err: errors.New("remote error: tls: certificate required")}
	return r
}

func rejectedAsExpected() *prober.Result {
	r := clientCertificateRequired()
	r.Failure = nil
	r.Expect.Finding = &expect.Finding{Expectations: []expect.Expectation{{Name: "client_certificate_required", Met: true, Saw: "alert_certificate_required"}}}
	return r
}

// refusedAsExpected is a closed port that has to be closed.
func refusedAsExpected() *prober.Result {
	return &prober.Result{
		Target: target.Target{Scheme: "https", Host: "192.0.2.10", Port: 8443},
		Start:  Now, Duration: 480 * time.Microsecond,
		Phases: took(failure.PhaseConnect, 0.412),
		Checks: expecting(expect.Expectation{Name: "rejected", Met: true, Saw: "refused"}),
	}
}

// notRefused is an endpoint that lets the exporter in, and must not.
func notRefused() *prober.Result {
	r := Healthy()
	r.Checks = expecting(expect.Expectation{Name: "rejected", Saw: "a completed handshake"})
	r.Failure = &failure.Failure{Phase: failure.PhaseExpect, Reason: "rejected", Err: errors.New("rejected: saw a completed handshake, which is not as expected")}
	return r
}

// expecting is what the check expect found.
func expecting(all ...expect.Expectation) (c prober.Checks) {
	c.Expect.Finding = &expect.Finding{Expectations: all}
	return c
}

// legacyOnly is an endpoint that rejects the handshake, and answers another ClientHello.
func legacyOnly() *prober.Result {
	r := Healthy()
	r.Session = nil
	r.Selected = &handshake.Session{Version: tls.VersionTLS13, CipherSuite: 0x1304, Group: 30, Remote: r.Remote, ServerName: "www.example.com"}
	r.Phases = took(failure.PhaseResolve, 3.5, failure.PhaseConnect, 10.2, failure.PhaseServerHello, 11.1, failure.PhaseVerify, 0.1)
	r.Failure = &failure.Failure{Phase: failure.PhaseServerHello, Reason: failure.ReasonLegacyOnly, Err: errors.New("the server would select TLS 1.3 with TLS_AES_128_CCM_SHA256 and x448, which Go, Chrome and other clients do not offer; the handshake failed: remote error: tls: handshake failure")}
	return r
}

// NotTLS is an endpoint that answers without TLS.
func NotTLS() *prober.Result {
	return &prober.Result{
		Target: target.Target{Scheme: "https", Host: "192.0.2.10", Port: 8080, Address: netip.MustParseAddrPort("192.0.2.11:0")},
		Start:  Now, Duration: 1740 * time.Microsecond,
		Phases:    took(failure.PhaseConnect, 0.412, failure.PhaseServerHello, 1.301),
		Connected: true,
		Remote:    netip.MustParseAddrPort("192.0.2.11:8080"),
		Failure:   &failure.Failure{Phase: failure.PhaseServerHello, Reason: failure.ReasonNotTLS, Err: errors.New("tls: first record does not look like a TLS handshake")},
	}
}

func startTLSRefused() *prober.Result {
	return &prober.Result{
		Target: target.Target{Scheme: "smtp", Host: "192.0.2.10", Port: 25},
		Start:  Now, Duration: 9350 * time.Microsecond,
		Phases: took(failure.PhaseConnect, 0.412, failure.PhaseStartTLS, 8.93),
		Remote: netip.MustParseAddrPort("192.0.2.10:25"),
		Failure: &failure.Failure{Phase: failure.PhaseStartTLS, Reason: failure.ReasonStartTLSRefused,
			Err: errors.New(`STARTTLS is answered with "454 4.7.0 TLS not available due to local problem"`)},
	}
}

func unmetExpectation() *prober.Result {
	r := Healthy()
	r.Session.Version, r.Session.CipherSuite, r.Session.Group = tls.VersionTLS12, tls.TLS_RSA_WITH_AES_128_CBC_SHA, 0
	r.Session.ALPN, r.Session.ServerName = "", "edge.example.com"
	r.Chain.Certificates = slices.Insert(r.Chain.Certificates, 1, sent(root, "01", "RSA", 4096, "SHA256-RSA"))
	r.Chain.Path[2] = r.Chain.Certificates[1]
	r.Chain.Problems = []chain.Found{{Problem: chain.ProblemWrongOrder, Position: 2, Detail: `certificate 2 ("Example Issuing CA 1") signed the leaf and should follow it`}}
	r.Expect.Finding = &expect.Finding{Expectations: []expect.Expectation{
		{Name: "min_version", Met: false, Saw: "TLS 1.2"},
		{Name: "alpn", Met: false, Saw: ""},
		{Name: "pin", Met: true, Saw: "sha256/" + strings.Repeat("5e", 32)},
		{Name: "names", Met: false, Saw: "*.static.example.com,example.com,www.example.com, without api.example.com"},
		{Name: "key_type", Met: true, Saw: "ECDSA P-256"},
		{Name: "min_days", Met: true, Saw: "58.3 days"},
	}}
	r.Failure = &failure.Failure{Phase: failure.PhaseExpect, Reason: "min_version", Err: errors.New("min_version: saw TLS 1.2, which is not as expected")}
	return r
}

// DNSFailure is an endpoint whose name could not be resolved.
func DNSFailure() *prober.Result {
	return &prober.Result{
		Target: target.Target{Scheme: "smtp", Host: "mail.example.com", Port: 25},
		Start:  Now, Duration: 2004 * time.Millisecond,
		Phases: took(failure.PhaseResolve, 2003.7),
		Failure: &failure.Failure{Phase: failure.PhaseResolve, Reason: failure.ReasonDNSFailure,
			Err: &net.DNSError{Err: "server misbehaving", Name: "mail.example.com", Server: "127.0.0.53:53"}},
	}
}

func notYetValid() *prober.Result {
	r := Healthy()
	early := issued("www.example.com", "Example Issuing CA 1", Now.Add(50*time.Hour), Now.Add(90*day), "www.example.com")
	r.Chain.Valid = false
	r.Chain.Certificates[0] = sent(early, "07", "Ed25519", 256, "ECDSA-SHA384")
	r.Chain.Path[0] = r.Chain.Certificates[0]
	r.Chain.NotAfter = early.NotAfter
	r.Chain.Problems = []chain.Found{
		{Problem: chain.ProblemNotYetValid, Position: 0, Detail: "the leaf becomes valid on 2026-11-22 16:48:00 UTC"},
	}
	r.Failure = &failure.Failure{Phase: failure.PhaseVerify, Reason: "not_yet_valid", Err: errors.New("the leaf becomes valid on 2026-11-22 16:48:00 UTC")}
	return r
}

func unsupportedAlgorithm() *prober.Result {
	r := Healthy()
	detail := `the exporter cannot verify the signature of the leaf (DSA with SHA-256, with a key of DSA)`
	r.Chain.Valid, r.Chain.Unverified = false, true
	r.Chain.Certificates[0] = sent(leaf, "07", "ECDSA", 256, "DSA-SHA256")
	r.Chain.Path, r.Chain.NotAfter = nil, time.Time{}
	r.Chain.Problems = []chain.Found{{Problem: chain.ProblemUnsupportedAlgorithm, Position: 0, Detail: detail}}
	r.Failure = &failure.Failure{Phase: failure.PhaseVerify, Reason: "unsupported_algorithm", Err: errors.New(detail)}
	return r
}

// expiredYesterday has expired, and has no other problem. The caller chose the
// address.
func expiredYesterday() *prober.Result {
	r := Healthy()
	old := issued("www.example.com", "Example Issuing CA 1", Now.Add(-91*day), Now.Add(-19*time.Hour), "www.example.com", "example.com")
	r.Target.Address = netip.MustParseAddrPort("192.0.2.99:8443")
	r.Addresses, r.Remote, r.Phases = nil, r.Target.Address, r.Phases[1:]
	r.Chain.Valid = false
	r.Chain.Certificates[0] = sent(old, "03", "ECDSA", 256, "ECDSA-SHA384")
	r.Chain.Path[0] = r.Chain.Certificates[0]
	r.Chain.NotAfter = old.NotAfter
	r.Chain.Problems = []chain.Found{{Problem: chain.ProblemExpired, Position: 0, Detail: "the leaf expired on 2026-11-19 19:48:00 UTC"}}
	r.Failure = &failure.Failure{Phase: failure.PhaseVerify, Reason: "expired", Err: errors.New("the leaf expired on 2026-11-19 19:48:00 UTC")}
	return r
}

// superfluousExpired sends an expired cross-signed certificate that no client
// needs.
func superfluousExpired() *prober.Result {
	r := Healthy()
	cross := issued("Example Root", "Old Root", Now.Add(-3000*day), Now.Add(-50*day))
	r.Chain.Certificates = append(r.Chain.Certificates, sent(cross, "0c", "RSA", 4096, "SHA256-RSA"))
	return r
}

func weakKey() *prober.Result {
	r := Healthy()
	r.Chain.Certificates[0] = sent(leaf, "04d2", "RSA", 1024, "ECDSA-SHA384")
	r.Chain.Problems = []chain.Found{{Problem: chain.ProblemWeakKey, Position: 0, Detail: "the leaf has an RSA key of 1024 bits"}}
	return r
}

// answered is an OCSP response of three days ago that counts for four more.
func answered(status certstatus.Status) *certstatus.Answer {
	return &certstatus.Answer{Source: certstatus.Staple, Status: status, ProducedAt: Now.Add(-3 * day), ThisUpdate: Now.Add(-3 * day), NextUpdate: Now.Add(4 * day)}
}

func stapled() *prober.Result {
	r := Healthy()
	r.Chain.Certificates[0].MustStaple = true
	r.Staple = answered(certstatus.Good)
	return r
}

func stapleExpired() *prober.Result {
	r := Healthy()
	r.Staple = answered(certstatus.Expired)
	r.Staple.NextUpdate, r.Staple.Detail = Now.Add(-day), "the OCSP response expired on 2026-11-19 14:48:00 UTC"
	return r
}

func stapleRevoked() *prober.Result {
	r := WithProblem(chain.ProblemRevoked)
	r.Staple = answered(certstatus.Revoked)
	r.Staple.RevokedAt, r.Staple.RevocationReason = Now.Add(-5*day), 1
	r.Staple.Detail = "the CA revoked the certificate on 2026-11-15 14:48:00 UTC (keyCompromise)"
	r.Chain.Problems[0].Detail, r.Failure.Err = r.Staple.Detail, errors.New(r.Staple.Detail)
	return r
}

func mustStapleWithoutStaple() *prober.Result {
	r := WithProblem(chain.ProblemMissingStaple)
	detail := "the certificate demands a stapled OCSP response (must-staple, RFC 7633), and the server sends none"
	r.Chain.Certificates[0].MustStaple = true
	r.Staple = &certstatus.Answer{Source: certstatus.Staple, Status: certstatus.NotOffered}
	r.Chain.Problems[0].Detail, r.Failure.Err = detail, errors.New(detail)
	return r
}

// checkFailed has a check that failed, with hostile bytes in its message.
func checkFailed() *prober.Result {
	r := Healthy()
	r.Outcomes = []check.Outcome{
		{Name: "versions", Duration: 31 * time.Millisecond, Time: Now},
		{Name: "revocation", Duration: 2 * time.Second, Time: Now, Failure: &failure.Failure{
			Reason: failure.ReasonBadMessage, Err: errors.New("responder said \x1b[31m\u202e\xff" + strings.Repeat("very ", 80) + "much")}},
	}
	return r
}

// poolMember is an address whose certificate expires after left.
func poolMember(address, serial string, left time.Duration) *prober.Member {
	cert := issued("www.example.com", "Example Issuing CA 1", Now.Add(left-90*day), Now.Add(left), "www.example.com")
	return &prober.Member{
		Address: netip.MustParseAddrPort(address),
		Session: &handshake.Session{Completed: true, Duration: 12 * time.Millisecond},
		Chain:   &chain.Chain{At: Now, Valid: true, NotAfter: cert.NotAfter, Certificates: []*chain.Certificate{sent(cert, serial, "ECDSA", 256, "ECDSA-SHA384")}},
	}
}

func poolOneStale() *prober.Result {
	r := Healthy()
	stale := poolMember("[2001:db8::10]:443", "01", 10*day)
	stale.Failure = &failure.Failure{Phase: failure.PhaseVerify, Reason: "stale_certificate", Err: errors.New("the leaf expires on 2026-11-30; 192.0.2.10 has one that became valid on 2026-10-19 and expires on 2027-01-17")}
	refused := &prober.Member{Address: netip.MustParseAddrPort("192.0.2.11:443"),
		Failure: &failure.Failure{Phase: failure.PhaseConnect, Reason: "refused", Err: errors.New("dial tcp 192.0.2.11:443: connect: connection refused")}}
	r.Pool = &prober.Pool{Total: 40, Members: []*prober.Member{poolMember("192.0.2.10:443", "04d2", 58*day+7*time.Hour), refused, stale}, Shown: 2}
	failure := *stale.Failure
	failure.Address = stale.Address
	r.Failure = &failure
	return r
}

func poolRollingOut() *prober.Result {
	r := Healthy()
	r.Pool = &prober.Pool{Total: 2, Members: []*prober.Member{poolMember("192.0.2.10:443", "11", 89*day), poolMember("[2001:db8::10]:443", "04d2", 58*day+7*time.Hour)}, Shown: 1}
	return r
}

// poolOneUnasked has an address for which the exporter had no descriptor.
func poolOneUnasked() *prober.Result {
	r := Healthy()
	unasked := &prober.Member{Address: netip.MustParseAddrPort("192.0.2.11:443"),
		Failure: &failure.Failure{Phase: failure.PhaseConnect, Reason: failure.ReasonLocalResources, Err: errors.New("dial tcp 192.0.2.11:443: socket: too many open files")}}
	r.Pool = &prober.Pool{Total: 2, Members: []*prober.Member{poolMember("192.0.2.10:443", "04d2", 58*day+7*time.Hour), unasked}, Shown: 0}
	failure := *unasked.Failure
	failure.Address = unasked.Address
	r.Failure = &failure
	return r
}

func proxyRefused() *prober.Result {
	return &prober.Result{
		Target: target.Target{Scheme: "https", Host: "www.example.com", Port: 443},
		Start:  Now, Duration: 9 * time.Millisecond, Proxy: "http://<secret>@proxy.example.com:3128",
		Phases: took(failure.PhaseConnect, 1.5, failure.PhaseProxy, 7.5),
		Failure: &failure.Failure{Phase: failure.PhaseProxy, Reason: failure.ReasonProxyRefused,
			Err: errors.New(`proxy http://<secret>@proxy.example.com:3128: the proxy says no: "407 Proxy Authentication Required"`)},
	}
}

func unixSocket() *prober.Result {
	r := Healthy()
	r.Target = target.Target{Scheme: "unix", Path: "/run/x.sock"}
	r.Phases, r.Addresses, r.Remote, r.Connected = r.Phases[1:], nil, netip.AddrPort{}, true
	r.Session.ServerName, r.Session.ALPN, r.Chain.Name = "", "", ""
	return r
}

// Lasting is a healthy endpoint by the lifetime of its leaf and the time left.
func Lasting(lifetime, left time.Duration) *prober.Result {
	r := Healthy()
	leaf := issued("www.example.com", "Example Issuing CA 1", Now.Add(left-lifetime), Now.Add(left))
	r.Chain.Certificates[0] = sent(leaf, "01", "ECDSA", 256, "ECDSA-SHA384")
	r.Chain.NotAfter = leaf.NotAfter
	return r
}

// WithProblem is a healthy endpoint but for a problem of its chain, which is the failure
// of the probe unless clients accept the chain.
func WithProblem(problem chain.Problem) *prober.Result {
	r := Healthy()
	r.Chain.Problems = []chain.Found{{Problem: problem}}
	r.Chain.Unverified = problem == chain.ProblemUnsupportedAlgorithm || problem == chain.ProblemTooLarge
	r.Chain.Valid = !problem.Invalidates() && !r.Chain.Unverified
	if !r.Chain.Valid {
		r.Failure = &failure.Failure{Phase: failure.PhaseVerify, Reason: failure.Reason(problem)}
	}
	return r
}

// Named is a healthy endpoint whose certificates have these names: the host and the only
// name of the leaf, and the common names of leaf and issuer.
func Named(host, leafName, issuerName string) *prober.Result {
	r := Healthy()
	leaf := issued(leafName, issuerName, Now.Add(-31*day), Now.Add(58*day), host)
	issuing := issued(issuerName, leafName, Now.Add(-731*day), Now.Add(1825*day))
	r.Target.Host, r.Chain.Name = host, host
	certs := []*chain.Certificate{sent(leaf, "04d2", "ECDSA", 256, "ECDSA-SHA384"), sent(issuing, "11", "ECDSA", 384, "SHA384-RSA")}
	r.Chain.Certificates, r.Chain.Path, r.Chain.NotAfter = certs, path(root, certs...), leaf.NotAfter
	return r
}
