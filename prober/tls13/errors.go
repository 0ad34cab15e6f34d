package tls13

import (
	"crypto/tls"
	"errors"
	"io"

	"tls_exporter/prober/hello"
)

// ErrUnsupported is an answer, or an offer, that crypto/tls has to handle, which
// knows the whole of TLS.
var ErrUnsupported = errors.New("not supported by the TLS 1.3 client: left to crypto/tls")

// ErrFinished is a Finished of the server that does not match the handshake
// (RFC 8446 section 4.4.4). The server gets the alert decrypt_error.
var ErrFinished = errors.New("the server's Finished does not match the handshake")

// SignatureError is a CertificateVerify of the server that its certificate's key
// did not make (RFC 8446 section 4.4.3). The server gets the alert decrypt_error.
type SignatureError struct{ Err error }

func (e *SignatureError) Error() string {
	return "the server's CertificateVerify has an invalid signature: " + e.Err.Error()
}

func (e *SignatureError) Unwrap() error { return e.Err }

// AlertError is an alert that ended the handshake (RFC 8446 section 6.2).
type AlertError struct {
	Description hello.AlertDescription
	Sent        bool // by this client; else the server sent it
}

func (e *AlertError) Error() string {
	if e.Sent {
		return "local error: " + tls.AlertError(e.Description).Error()
	}
	return "remote error: " + tls.AlertError(e.Description).Error()
}

// errBadRecord is a record that its keys do not open.
var errBadRecord = &AlertError{hello.BadRecordMAC, true}

// remoteAlert is the error that an alert of the server under TLS 1.3 is; nil: it
// has no effect.
func remoteAlert(d hello.AlertDescription) error {
	switch d {
	case hello.CloseNotify:
		return io.EOF
	case hello.UserCanceled: // old versions of Java send it instead: RFC 8446 section 6.1 has it followed by a close_notify
		return nil
	}
	return &AlertError{Description: d}
}
