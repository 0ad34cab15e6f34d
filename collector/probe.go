package collector

import (
	"net/netip"

	"tls_exporter/prober"
	"tls_exporter/prober/check"
	"tls_exporter/prober/handshake"
)

var always = about(func(r *prober.Result) *prober.Result { return r },
	gauge("tls_probe_success", "Whether the endpoint could be reached, completed the handshake, has a valid chain and meets every expectation of the module. For a file: whether it could be read, and its certificates are good.",
		func(r *prober.Result) (float64, bool) { return bit(r.Success()), true }),
	gauge("tls_probe_duration_seconds", "How long the whole probe took.",
		func(r *prober.Result) (float64, bool) { return r.Duration.Seconds(), true }),
	gauges("tls_probe_phase_duration_seconds", "How long each phase of the probe took, failed ones too. A phase that was not reached is absent.",
		[]string{"phase"}, func(r *prober.Result, set setter) {
			for _, p := range r.Phases {
				set(p.Duration.Seconds(), string(p.Phase))
			}
		}),
	gauges("tls_probe_failure_info", "Which phase failed and why. Absent if the probe succeeded.",
		[]string{"phase", "reason"}, func(r *prober.Result, set setter) {
			if r.Failure != nil {
				set(1, string(r.Failure.Phase), string(r.Failure.Reason))
			}
		}),
	gauge("tls_tcp_connected", "Whether the port, or the Unix socket, answered. Also 0 if the name has no usable address. Absent if the exporter, its DNS or a proxy failed or the policy denied the connection: nothing was learned about the port. Also absent for a file.",
		func(r *prober.Result) (float64, bool) {
			answered, known := r.Reachable()
			return bit(answered), known
		}),
	gauge("tls_handshake_completed", "Whether both sides completed the TLS handshake and the server did not reject the client after it. Absent where the server could not be asked, as for tls_tcp_connected.",
		func(r *prober.Result) (float64, bool) {
			completed, known := r.Handshaken()
			return bit(completed), known
		}),
)

var session = about(func(r *prober.Result) *handshake.Session { return r.Session },
	gauge("tls_handshake_duration_seconds", "Handshake latency: from the ClientHello to the end of the handshake.",
		func(s *handshake.Session) (float64, bool) { return s.Duration.Seconds(), s.Completed }),
	gauge("tls_negotiated_version", "Negotiated TLS version as a number: 1.0, 1.1, 1.2 or 1.3. Absent without a ServerHello.",
		(*handshake.Session).VersionNumber),
	gauges("tls_session_info", "What client and server negotiated, with the names of IANA, and the address that answered. The value is 1. Absent without a ServerHello: what the server would select after another ClientHello is not negotiated.",
		[]string{"version", "cipher", "group", "alpn", "ip"}, func(s *handshake.Session, set setter) {
			if s.CipherSuite != 0 {
				set(1, s.VersionName(), s.CipherName(), s.GroupName(), s.ALPN, ip(s.Remote))
			}
		}),
	gauge("tls_key_exchange_post_quantum", "Whether the negotiated group is a hybrid with ML-KEM, which also resists quantum computers.",
		func(s *handshake.Session) (float64, bool) { return bit(s.PostQuantum()), s.Completed }),
	gauge("tls_hello_retry_request", "Whether the server requested another ClientHello, which costs a round trip.",
		func(s *handshake.Session) (float64, bool) { return bit(s.HelloRetryRequest), s.Completed }),
	gauge("tls_client_certificate_requested", "Whether the server requested a client certificate.",
		func(s *handshake.Session) (float64, bool) {
			return bit(s.ClientCertificateRequested), s.Completed || s.ClientCertificateRequested
		}),
)

// ip is the address that answered; empty: there is none, as for a Unix socket, or only
// the proxy knows it.
func ip(remote netip.AddrPort) string {
	if !remote.IsValid() {
		return ""
	}
	return remote.Addr().String()
}

var checks = about(func(r *prober.Result) *prober.Result { return r },
	eachCheck("tls_check_success", "Whether the check has a finding, whatever it found.",
		func(c check.Outcome) (float64, bool) { return bit(c.Failure == nil), true }),
	eachCheck("tls_check_duration_seconds", "How long the check took.",
		func(c check.Outcome) (float64, bool) { return c.Duration.Seconds(), true }),
	gauges("tls_check_failure_info", "Why the check has no finding. Absent if it has one.",
		[]string{"check", "reason"}, func(r *prober.Result, set setter) {
			for _, c := range r.Outcomes {
				if c.Failure != nil {
					set(1, c.Name, string(c.Failure.Reason))
				}
			}
		}),
	eachCheck("tls_check_timestamp_seconds", "When the finding of the check was made.",
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
