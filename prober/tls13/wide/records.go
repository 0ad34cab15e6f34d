package wide

import (
	"errors"
	"io"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/tls13/keys"
)

// The bounds of what is read in one handshake.
const (
	maxBytes      = 512 << 10 // in all
	maxMessage    = 256 << 10 // of a message, as crypto/tls has for Certificate
	maxIgnored    = 16        // records in a row without a part of a message
	maxPlaintext  = 1 << 14   // bytes of a record (RFC 8446 section 5.1)
	maxCiphertext = 1<<14 + 256
)

// reader reads handshake messages from records (RFC 8446 section 5.1).
type reader struct {
	in      io.Reader
	keys    *keys.Traffic // nil: records are not protected yet
	pending []byte        // of handshake messages, unread
}

func newReader(r io.Reader) *reader { return &reader{in: io.LimitReader(r, maxBytes)} }

// atBoundary reports whether no part of a message is unread. Keys may change only then.
func (r *reader) atBoundary() bool { return len(r.pending) == 0 }

// message reads a whole message, with its header.
func (r *reader) message() ([]byte, error) {
	for {
		if size, ok := hello.MessageSize(r.pending); ok {
			if size > maxMessage {
				return nil, hello.ErrTooLarge
			}
			if len(r.pending) >= size {
				message := r.pending[:size:size]
				r.pending = r.pending[size:]
				return message, nil
			}
		}
		content, err := r.content()
		if err != nil {
			return nil, err
		}
		r.pending = append(r.pending, content...)
	}
}

// content reads up to a record with handshake messages, and returns its content.
func (r *reader) content() ([]byte, error) {
	for range maxIgnored {
		record, err := hello.ReadRecord(r.in)
		if err != nil {
			return nil, err
		}
		kind, content := record.Type, record.Payload
		protected := r.keys != nil && kind != hello.TypeChangeCipherSpec
		if len(content) > maxCiphertext || !protected && len(content) > maxPlaintext {
			return nil, hello.ErrTooLarge
		}
		// A server that fails before it has its keys sends its alert without protection.
		if protected && !(kind == hello.TypeAlert && len(content) == 2) {
			var ok bool
			if kind, content, ok = r.keys.Open(record); !ok {
				return nil, errRecord
			}
		}
		switch {
		case kind == hello.TypeHandshake && len(content) > 0:
			return content, nil
		case kind == hello.TypeAlert && len(content) == 2:
			if err := alert(hello.AlertDescription(content[1])); err != nil {
				return nil, err
			}
		case kind == hello.TypeChangeCipherSpec && record.Type == kind:
		default:
			return nil, errUnexpected
		}
	}
	return nil, errIgnored
}

var errIgnored = errors.New("the server sent too many records without a message")

// alert returns the error of an alert of the server; nil: it is ignored, as package tls13
// does.
func alert(d hello.AlertDescription) error {
	switch d {
	case hello.CloseNotify:
		return io.EOF
	case hello.UserCanceled:
		return nil
	}
	return &hello.AlertError{Alert: hello.Alert{Fatal: true, Description: d}}
}
