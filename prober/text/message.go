package text

import "strings"

// maxMessage bounds the message of a failure, in bytes. crypto/x509 quotes what
// it cannot read in full, and that may be as long as a certificate: every failed
// probe would write it to the log.
const maxMessage = 2048

// Message returns at most maxMessage bytes of a message. An ellipsis marks the
// cut.
func Message(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	return strings.ToValidUTF8(message[:maxMessage], "") + "…"
}

// Bounded returns an error that wraps err and whose text is the Message of err's.
func Bounded(err error) error {
	if message := err.Error(); len(message) > maxMessage {
		return &boundedError{Message(message), err}
	}
	return err
}

type boundedError struct {
	message string
	err     error
}

func (e *boundedError) Error() string { return e.message }

func (e *boundedError) Unwrap() error { return e.err }
