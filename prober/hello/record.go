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

// The bounds of a record's payload, in bytes. Ciphertext may be longer than its
// plaintext (RFC 5246 section 6.2.3).
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

// ErrNotTLS is wrapped by NotTLSError.
var ErrNotTLS = errors.New("the answer is not TLS")

// NotTLSError is the error of an answer that does not begin with a record of SSL or
// TLS.
type NotTLSError struct {
	First []byte // the first bytes of the answer, at most five
}

func (e *NotTLSError) Error() string { return fmt.Sprintf("%v: it begins with %q", ErrNotTLS, e.First) }

// Unwrap returns ErrNotTLS.
func (e *NotTLSError) Unwrap() error { return ErrNotTLS }

// ErrTooLarge is wrapped by every error about an answer that exceeds a bound of this
// package.
var ErrTooLarge = errors.New("too much")

func tooLarge(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrTooLarge}, args...)...)
}

// AppendRecord appends a record to b. An unencrypted payload may have 1<<14 bytes. One
// that does not fit the length field is truncated.
func AppendRecord(b []byte, contentType uint8, version Version, payload []byte) []byte {
	payload = payload[:min(len(payload), maxVector)]
	return append(AppendRecordHeader(b, contentType, version, len(payload)), payload...)
}

// AppendRecordHeader appends the header of a record with a payload of length bytes.
func AppendRecordHeader(b []byte, contentType uint8, version Version, length int) []byte {
	return append(b, contentType, byte(version>>8), byte(version), byte(length>>8), byte(length))
}

// ReadRecord reads one record and nothing beyond it. Errors of r are returned as they
// are: io.EOF before a record, io.ErrUnexpectedEOF within one.
func ReadRecord(r io.Reader) (Record, error) {
	var header [recordHeader]byte
	if err := readHeader(r, &header); err != nil {
		return Record{}, err
	}
	return readPayload(r, &header, nil)
}

// readHeader reads the header of a record. An incomplete header that cannot belong to a
// record is a NotTLSError.
func readHeader(r io.Reader, header *[recordHeader]byte) error {
	n, err := io.ReadFull(r, header[:])
	if n > 0 && !beginsRecord(header[:n]) && !beginsSSL2(header[:n]) {
		return &NotTLSError{append([]byte(nil), header[:n]...)}
	}
	return err
}

// beginsRecord reports whether a record can begin with b.
func beginsRecord(b []byte) bool {
	return b[0] >= TypeChangeCipherSpec && b[0] <= TypeHeartbeat && (len(b) < 2 || b[1] == 3)
}

// readPayload reads the payload after a header and appends it to buffer.
func readPayload(r io.Reader, header *[recordHeader]byte, buffer []byte) (Record, error) {
	if !beginsRecord(header[:]) {
		return Record{}, &NotTLSError{append([]byte(nil), header[:]...)}
	}
	record := Record{Type: header[0], Version: Version(header[1])<<8 | Version(header[2])}
	length := int(header[3])<<8 | int(header[4])
	if length > maxPayload {
		return record, tooLarge("a record of %d bytes", length)
	}
	payload, err := appendRead(r, buffer, length)
	record.Payload = payload
	return record, err
}

// appendRead reads n bytes of r and appends them to buffer. An end before that is
// io.ErrUnexpectedEOF.
func appendRead(r io.Reader, buffer []byte, n int) ([]byte, error) {
	start := len(buffer)
	if cap(buffer)-start < n {
		grown := make([]byte, start, max(start+n, 2*cap(buffer)))
		copy(grown, buffer)
		buffer = grown
	}
	read, err := io.ReadFull(r, buffer[start:start+n])
	if errors.Is(err, io.EOF) && n > 0 {
		err = io.ErrUnexpectedEOF
	}
	return buffer[:start+read], err
}
