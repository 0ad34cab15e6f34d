package failure

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"

	"tls_exporter/prober/hello"
)

const (
	AlertPrefix     = "alert_"
	AlertUnassigned = Reason(AlertPrefix + "unassigned")
)

// alerts is IANA's TLS Alerts registry, as the codec has it.
var alerts = func() map[uint8]string {
	names := make(map[uint8]string)
	for code := range 256 {
		if d := hello.AlertDescription(code); d.Registered() {
			names[uint8(code)] = d.String()
		}
	}
	return names
}()

// IsAlert reports whether the peer sent an alert.
func (r Reason) IsAlert() bool { return strings.HasPrefix(string(r), AlertPrefix) }

// ForAlert is the reason of an alert: alert_ and its registered name.
func ForAlert(d hello.AlertDescription) Reason {
	if name, registered := alerts[uint8(d)]; registered {
		return AlertPrefix + Reason(name)
	}
	return AlertUnassigned
}

// alertReason names the alert that the peer sent. crypto/tls keeps its number
// in an unexported type, so it is found by the text that the number gives.
func alertReason(err error) (Reason, bool) {
	if received, ok := errors.AsType[*hello.AlertError](err); ok {
		return ForAlert(received.Description), true
	}
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return "", false
	}
	for code := range alerts {
		if tls.AlertError(code).Error() == op.Err.Error() {
			return ForAlert(hello.AlertDescription(code)), true
		}
	}
	return AlertUnassigned, true
}
