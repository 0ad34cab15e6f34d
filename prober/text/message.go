package text

import "strings"

// MaxMessage bounds the message of a failure, in bytes. crypto/x509 quotes what
// it cannot read in full, and that may be as long as a certificate: every failed
// probe would write it to the log.
const MaxMessage = 2048

// Message returns at most MaxMessage bytes of a message. An ellipsis marks the
// cut.
func Message(message string) string {
	if len(message) <= MaxMessage {
		return message
	}
	return strings.ToValidUTF8(message[:MaxMessage], "") + "…"
}

// Bounded returns an error that wraps err and whose text is the Message of err's.
func Bounded(err error) error {
	if message := err.Error(); len(message) > MaxMessage {
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
