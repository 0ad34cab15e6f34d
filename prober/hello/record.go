package hello

import (
	"errors"
	"fmt"
	"io"
)

// The content types of a record (RFC 8446 section 5.1).
const (
	TypeChangeCipherSpec = 20
	TypeAlert            = 21
	TypeHandshake        = 22
	TypeApplicationData  = 23
	TypeHeartbeat        = 24 // RFC 6520
)

// The bounds of a record's payload, in bytes. Ciphertext may be longer than what
// it hides (RFC 5246 section 6.2.3).
const (
	maxFragment = 1 << 14
	maxPayload  = maxFragment + 2048
)

const recordHeader = 5 // bytes

// Record is one TLS record.
type Record struct {
	Type    uint8
	Version Version
	Payload []byte
}

// ErrNotTLS is in the chain of a NotTLSError.
var ErrNotTLS = errors.New("the answer is not TLS")

// NotTLSError is an answer whose first bytes begin no record of SSL or TLS.
type NotTLSError struct {
	First []byte // of the answer; at most five
}

func (e *NotTLSError) Error() string { return fmt.Sprintf("%v: it begins with %q", ErrNotTLS, e.First) }

// Unwrap makes it an ErrNotTLS.
func (e *NotTLSError) Unwrap() error { return ErrNotTLS }

// ErrTooLarge is in the chain of every error about an answer that is longer than
// this package reads.
var ErrTooLarge = errors.New("too much")

func tooLarge(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrTooLarge}, args...)...)
}

// AppendRecord appends a record to b. A payload is at most 1<<14 bytes in plain;
// a longer one than fits the length is the caller's mistake and is cut off.
func AppendRecord(b []byte, contentType uint8, version Version, payload []byte) []byte {
	payload = payload[:min(len(payload), maxVector)]
	return append(AppendRecordHeader(b, contentType, version, len(payload)), payload...)
}

// AppendRecordHeader appends the header of a record whose payload has a length.
func AppendRecordHeader(b []byte, contentType uint8, version Version, length int) []byte {
	return append(b, contentType, byte(version>>8), byte(version), byte(length>>8), byte(length))
}

// ReadRecord reads one record and nothing beyond it. The errors of r pass
// through: io.EOF is an end before a record, io.ErrUnexpectedEOF one within.
func ReadRecord(r io.Reader) (Record, error) {
	var header [recordHeader]byte
	if err := readHeader(r, &header); err != nil {
		return Record{}, err
	}
	return readPayload(r, &header, nil)
}

// readHeader reads the first five bytes of a record. Bytes that can begin none
// are told from those that broke off.
func readHeader(r io.Reader, header *[recordHeader]byte) error {
	n, err := io.ReadFull(r, header[:])
	if n > 0 && !beginsRecord(header[:n]) && !beginsSSL2(header[:n]) {
		return &NotTLSError{append([]byte(nil), header[:n]...)}
	}
	return err
}

// beginsRecord reports whether b can be the beginning of a record.
func beginsRecord(b []byte) bool {
	return b[0] >= TypeChangeCipherSpec && b[0] <= TypeHeartbeat && (len(b) < 2 || b[1] == 3)
}

// readPayload reads what follows a header, behind what is in buffer.
func readPayload(r io.Reader, header *[recordHeader]byte, buffer []byte) (Record, error) {
	if !beginsRecord(header[:]) {
		return Record{}, &NotTLSError{append([]byte(nil), header[:]...)}
	}
	record := Record{Type: header[0], Version: Version(header[1])<<8 | Version(header[2])}
	length := int(header[3])<<8 | int(header[4])
	if length > maxPayload {
		return record, tooLarge("a record of %d bytes", length)
	}
	payload, err := readBehind(r, buffer, length)
	record.Payload = payload
	return record, err
}

// readBehind appends n bytes of r to buffer. An end among them is unexpected.
func readBehind(r io.Reader, buffer []byte, n int) ([]byte, error) {
	had := len(buffer)
	if cap(buffer)-had < n {
		grown := make([]byte, had, max(had+n, 2*cap(buffer)))
		copy(grown, buffer)
		buffer = grown
	}
	got, err := io.ReadFull(r, buffer[had:had+n])
	if errors.Is(err, io.EOF) && n > 0 {
		err = io.ErrUnexpectedEOF
	}
	return buffer[:had+got], err
}
