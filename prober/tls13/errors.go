package tls13

import (
	"crypto/tls"
	"errors"
	"io"

	"tls_exporter/prober/hello"
)

// ErrUnsupported means that this package does not support the answer of the server, or
// the offer. The caller should use crypto/tls, which supports all of TLS.
var ErrUnsupported = errors.New("not supported by the TLS 1.3 client: crypto/tls is required")

// ErrFinished means that the server's Finished does not match the handshake (RFC 8446
// section 4.4.4). The alert decrypt_error was sent.
var ErrFinished = errors.New("the server's Finished does not match the handshake")

// SignatureError means that the signature in the server's CertificateVerify is not valid
// for the key of its certificate (RFC 8446 section 4.4.3), or that crypto/rsa refuses the
// key. The alert decrypt_error was sent.
type SignatureError struct{ Err error }

func (e *SignatureError) Error() string {
	return "the server's CertificateVerify could not be verified: " + e.Err.Error()
}

func (e *SignatureError) Unwrap() error { return e.Err }

// AlertError is an alert that ended the handshake (RFC 8446 section 6).
type AlertError struct {
	Description hello.AlertDescription
	Sent        bool // this client sent it; false: the server did
}

func (e *AlertError) Error() string {
	if e.Sent {
		return "local error: " + tls.AlertError(e.Description).Error()
	}
	return "remote error: " + tls.AlertError(e.Description).Error()
}

// errBadRecord is a protected record that fails authentication (RFC 8446 section 5.2).
var errBadRecord = &AlertError{hello.BadRecordMAC, true}

// remoteAlert returns the error for an alert of the server in TLS 1.3; nil: the alert is
// ignored.
func remoteAlert(d hello.AlertDescription) error {
	switch d {
	case hello.CloseNotify:
		return io.EOF
	case hello.UserCanceled: // ignored, as in crypto/tls: old versions of Java misuse it (JDK-8323517)
		return nil
	}
	return &AlertError{Description: d}
}
