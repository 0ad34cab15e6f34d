package hello

import "fmt"

// Alert is a TLS alert (RFC 8446 section 6).
type Alert struct {
	Fatal       bool // its level, which TLS 1.3 ignores
	Description AlertDescription
}

func (a Alert) String() string {
	if a.Fatal {
		return "fatal alert " + a.Description.String()
	}
	return "warning alert " + a.Description.String()
}

// AlertError is the error of an alert that the peer sent.
type AlertError struct{ Alert }

func (e *AlertError) Error() string { return "remote error: " + e.Alert.String() }

// AlertDescription is a number of IANA's TLS Alerts registry.
type AlertDescription uint8

// The alerts that the exporter sends, or distinguishes when it receives them.
const (
	CloseNotify           AlertDescription = 0
	UnexpectedMessage     AlertDescription = 10
	BadRecordMAC          AlertDescription = 20
	HandshakeFailure      AlertDescription = 40
	IllegalParameter      AlertDescription = 47
	DecodeError           AlertDescription = 50
	DecryptError          AlertDescription = 51
	ProtocolVersion       AlertDescription = 70
	InsufficientSecurity  AlertDescription = 71
	InternalError         AlertDescription = 80
	InappropriateFallback AlertDescription = 86
	UserCanceled          AlertDescription = 90
	MissingExtension      AlertDescription = 109
	UnrecognizedName      AlertDescription = 112
	NoApplicationProtocol AlertDescription = 120
)

// alertNames is IANA's TLS Alerts registry (tls-parameters-6). Numbers that are now
// reserved have their names of RFC 6101 and RFC 2246.
var alertNames = map[AlertDescription]string{
	0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed", 22: "record_overflow",
	30: "decompression_failure", 40: "handshake_failure", 41: "no_certificate", 42: "bad_certificate",
	43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown",
	47: "illegal_parameter", 48: "unknown_ca", 49: "access_denied", 50: "decode_error", 51: "decrypt_error",
	52: "too_many_cids_requested", 60: "export_restriction", 70: "protocol_version", 71: "insufficient_security",
	80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation",
	109: "missing_extension", 110: "unsupported_extension", 111: "certificate_unobtainable", 112: "unrecognized_name",
	113: "bad_certificate_status_response", 114: "bad_certificate_hash_value", 115: "unknown_psk_identity",
	116: "certificate_required", 117: "general_error", 120: "no_application_protocol", 121: "ech_required",
}

// String returns the registered name, or the number as in 0xFA.
func (d AlertDescription) String() string {
	if name, ok := alertNames[d]; ok {
		return name
	}
	return fmt.Sprintf("0x%02X", uint8(d))
}

// Registered reports whether the number has a name.
func (d AlertDescription) Registered() bool { return alertNames[d] != "" }
