package collector

import (
	"strconv"

	"tls_exporter/prober"
	"tls_exporter/prober/certstatus"
)

// revocation is what each source says about each certificate. The staple comes with every
// handshake.
var revocationRows = about(func(r *prober.Result) *prober.Result { return r },
	gauges("tls_revocation_info", "Revocation status of the certificate according to a source; staple is the OCSP response that the server sends in the handshake; the check revocation asks ocsp and crl. The value is 1. Absent if the handshake failed before there was one.",
		[]string{"position", "source", "status"}, func(r *prober.Result, set setter) {
			for _, a := range answers(r) {
				set(1, strconv.Itoa(a.position), string(a.Source), string(a.Status))
			}
		}),
	gauges("tls_revocation_next_update_timestamp_seconds", "Until when the answer of the source counts (nextUpdate). Absent if it does not say, or proves nothing.",
		[]string{"position", "source"}, func(r *prober.Result, set setter) {
			for _, a := range answers(r) {
				if !a.NextUpdate.IsZero() {
					set(unix(a.NextUpdate), strconv.Itoa(a.position), string(a.Source))
				}
			}
		}),
	gauge("tls_must_staple", "Whether the certificate, or a CA above it, demands a stapled OCSP response (RFC 7633).",
		func(r *prober.Result) (float64, bool) {
			if r.Chain == nil {
				return 0, false
			}
			_, demands := r.Chain.Demanding()
			return bit(demands), true
		}),
)

// answer is what a source says about the certificate at a position, as sent.
type answer struct {
	position int
	*certstatus.Answer
}

// answers is all that is known about revocation.
func answers(r *prober.Result) []answer {
	var all []answer
	if r.Staple != nil {
		all = append(all, answer{0, r.Staple})
	}
	if found := r.Revocation.Finding; found != nil {
		for _, cert := range found.Certificates {
			for i := range cert.Answers {
				all = append(all, answer{cert.Position, &cert.Answers[i].Answer})
			}
		}
	}
	return all
}
