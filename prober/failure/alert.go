package failure

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"

	"tls_exporter/prober/hello"
)

const (
	// AlertPrefix begins the reason of every alert that a peer sends.
	AlertPrefix = "alert_"
	// AlertUnassigned is the reason of an alert without a registered name.
	AlertUnassigned = Reason(AlertPrefix + "unassigned")
)

// alerts is IANA's TLS Alerts registry: names by number.
var alerts = func() map[uint8]string {
	names := make(map[uint8]string)
	for code := range 256 {
		if d := hello.AlertDescription(code); d.Registered() {
			names[uint8(code)] = d.String()
		}
	}
	return names
}()

// IsAlert reports whether the reason is an alert of the peer.
func (r Reason) IsAlert() bool { return strings.HasPrefix(string(r), AlertPrefix) }

// ForAlert returns the reason of an alert: alert_ and its registered name.
func ForAlert(d hello.AlertDescription) Reason {
	if name, registered := alerts[uint8(d)]; registered {
		return AlertPrefix + Reason(name)
	}
	return AlertUnassigned
}

// alertReason returns the reason of an alert that the peer sent; false: err is none.
// crypto/tls has the number in an unexported type, so the number is found by its
// text.
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
