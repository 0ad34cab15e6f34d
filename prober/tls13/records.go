package tls13

import (
	"errors"
	"io"
	"slices"
	"sync"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/tls13/keys"
)

// records reads handshake messages of TLS 1.3 out of their records (RFC 8446
// section 5.1).
type records struct {
	in      io.Reader
	first   [recordHeader]byte // the first header: while a server is silent, no more is held for it
	keys    *keys.Traffic      // nil: in plain
	scratch *scratch
	idle    int // records on end that had nothing in them
}

// scratch is what a handshake needs while a server speaks, and is used again.
type scratch struct {
	shares  []byte // the key shares of the ClientHello
	hello   []byte // its record
	read    []byte // what came and is not yet used: read[used:]
	used    int
	pending []byte // content of handshake records: pending[taken:] is not yet used
	taken   int
}

var scratches = sync.Pool{New: func() any {
	return &scratch{shares: make([]byte, 0, 2<<10), hello: make([]byte, 0, 2<<10), read: make([]byte, 0, 8<<10), pending: make([]byte, 0, 8<<10)}
}}

// The bounds of what is read and of what is used again, in bytes and records.
const (
	maxMessage     = 64 << 10  // of a handshake message, as in crypto/tls
	maxChain       = 256 << 10 // of a Certificate message, as in crypto/tls
	recordHeader   = 5
	maxRecord      = 1 << 14
	maxCiphertext  = maxRecord + 256
	maxIdleRecords = 16
	maxScratch     = 32 << 10
)

// borrow has a scratch at hand, until end.
func (r *records) borrow() { r.scratch = scratches.Get().(*scratch) }

// begin waits for the first header.
func (r *records) begin() error {
	if _, err := io.ReadFull(r.in, r.first[:]); err != nil {
		return err
	}
	r.borrow()
	r.scratch.read = append(r.scratch.read[:0], r.first[:]...)
	r.scratch.used, r.scratch.pending, r.scratch.taken = 0, r.scratch.pending[:0], 0
	return nil
}

// end gives back what was borrowed. No message may be used after it.
func (r *records) end() {
	if s := r.scratch; s != nil && max(cap(s.shares), cap(s.hello), cap(s.read), cap(s.pending)) <= maxScratch {
		scratches.Put(r.scratch)
	}
	r.scratch = nil
}

// fill reads until n bytes are there to be used.
func (r *records) fill(n int) error {
	s := r.scratch
	if len(s.read)-s.used >= n {
		return nil
	}
	s.read = append(s.read[:0], s.read[s.used:]...)
	s.used = 0
	s.read = slices.Grow(s.read, max(n-len(s.read), 4<<10))
	got, err := io.ReadAtLeast(r.in, s.read[len(s.read):cap(s.read)], n-len(s.read))
	s.read = s.read[:len(s.read)+got]
	return err
}

// record is the next record, as it came.
func (r *records) record() (hello.Record, error) {
	if err := r.fill(recordHeader); err != nil {
		return hello.Record{}, err
	}
	header := r.scratch.read[r.scratch.used:]
	length := int(header[3])<<8 | int(header[4])
	record := hello.Record{Type: header[0], Version: hello.Version(header[1])<<8 | hello.Version(header[2])}
	if length > maxCiphertext || r.keys != nil && record.Version != hello.TLS12 {
		return record, ErrUnsupported
	}
	if err := r.fill(recordHeader + length); err != nil {
		return record, unexpected(err)
	}
	start := r.scratch.used + recordHeader
	r.scratch.used = start + length
	record.Payload = r.scratch.read[start:r.scratch.used:r.scratch.used]
	return record, nil
}

// unexpected is an end of the connection in the middle of something.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// message is the next handshake message, whole. It stays where it is until end.
func (r *records) message() ([]byte, error) {
	const header = 4
	for {
		s := r.scratch
		if rest := s.pending[s.taken:]; len(rest) >= header {
			length := header + int(rest[1])<<16 + int(rest[2])<<8 + int(rest[3])
			if length > header+maxMessage && (rest[0] != hello.MsgCertificate || length > header+maxChain) {
				return nil, ErrUnsupported
			}
			if len(rest) >= length {
				s.taken += length
				return rest[:length:length], nil
			}
		}
		content, err := r.content()
		if err != nil {
			return nil, err
		}
		s.pending = append(s.pending, content...)
	}
}

// content is that of the next record with handshake messages in it.
func (r *records) content() ([]byte, error) {
	for ; r.idle <= maxIdleRecords; r.idle++ {
		record, err := r.record()
		if err != nil {
			return nil, err
		}
		kind, content := record.Type, record.Payload
		if r.keys != nil && kind != hello.TypeChangeCipherSpec {
			var ok bool
			if kind, content, ok = r.keys.Open(record); !ok {
				return nil, errBadRecord
			}
		}
		switch {
		case kind == hello.TypeHandshake && len(content) > 0 && len(content) <= maxRecord:
			r.idle = 0
			return content, nil
		case len(r.scratch.pending) > r.scratch.taken: // RFC 8446 section 5.1: nothing comes between the parts of a message
			return nil, ErrUnsupported
		case kind == hello.TypeChangeCipherSpec && r.keys != nil && len(content) == 1 && content[0] == 1: // appendix D.4
		case kind == hello.TypeAlert && r.keys != nil && len(content) == 2:
			if err := remoteAlert(hello.AlertDescription(content[1])); err != nil {
				return nil, err
			}
		default:
			return nil, ErrUnsupported
		}
	}
	return nil, ErrUnsupported
}

// clean tells whether no message has begun: keys change between messages only.
func (r *records) clean() bool { return r.scratch.taken == len(r.scratch.pending) }
