package expect

import (
	"slices"

	"tls_exporter/prober/failure"
)

// This file has the expectations that the endpoint does not let the exporter in.

func (o *Options) alert(f *Facts) *answer {
	if o.Alert == "" || !f.completed() && (f.Failure == nil || !f.Failure.Reason.IsAlert()) {
		return nil
	}
	met := f.Failure != nil && f.Failure.Reason == failure.AlertPrefix+failure.Reason(o.Alert)
	return &answer{met, f.ending()}
}

func (o *Options) rejected(f *Facts) *answer {
	if !o.Refused {
		return nil
	}
	switch {
	case f.Failure != nil && refuses(f.Failure):
		return &answer{true, f.ending()}
	case f.completed():
		return &answer{false, "a completed handshake"}
	}
	return nil
}

// refuses reports whether a failure is the endpoint's answer that it does not let the
// exporter in: a refused or reset connection, one that is closed in place of the first
// answer, an alert, or a client that is refused for its certificate. No answer is no
// refusal: a firewall that drops packets cannot be told from a host that is down. Neither
// is an answer that is not TLS, a STARTTLS that is not offered, or what only the exporter,
// the DNS or a proxy says. After a completed handshake silence is no refusal either.
func refuses(f *failure.Failure) bool {
	if f.Unasked() {
		return false
	}
	switch f.Phase {
	case failure.PhaseConnect, failure.PhaseStartTLS, failure.PhaseServerHello:
		if slices.Contains([]failure.Reason{failure.ReasonRefused, failure.ReasonReset, failure.ReasonClosed}, f.Reason) {
			return true
		}
	}
	return f.Reason.IsAlert() || f.Reason == failure.ReasonClientCertificateRefused
}

// ending says how the probe ended, for people.
func (f *Facts) ending() string {
	if f.Failure == nil {
		return "a completed handshake"
	}
	return string(f.Failure.Reason)
}

// onlyRefused reports whether Refused is the only expectation.
func (o *Options) onlyRefused() bool {
	return o.MinVersion == 0 && o.MaxVersion == 0 && o.ALPN == nil && o.Group == nil && o.Pins == nil && o.BackupPins == nil &&
		o.Issuer == "" && o.IssuerOrganization == "" && o.IssuerSPKI == nil && o.Names == nil && o.KeyType == nil &&
		o.MinDays == 0 && o.MinLifetimeRatio == 0 && o.SameAsFile == "" && !o.ClientCertificateRequired && o.Alert == ""
}
