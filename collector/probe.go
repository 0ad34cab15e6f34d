package collector

import (
	"net/netip"

	"tls_exporter/prober"
	"tls_exporter/prober/check"
	"tls_exporter/prober/handshake"
)

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
