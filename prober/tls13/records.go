package tls13

import (
	"errors"
	"io"
	"slices"
	"sync"

	"tls_exporter/prober/hello"
	"tls_exporter/prober/tls13/keys"
)

// recordReader reads handshake messages from records (RFC 8446 section 5.1).
type recordReader struct {
	in      io.Reader
	first   [recordHeader]byte // the first header: no buffer is held for a silent server
	keys    *keys.Traffic      // nil: records are not protected yet
	buffers *buffers           // nil: acquire has not been called
	ignored int                // records without a handshake message, since the last one with
}

// buffers are the buffers of one handshake. They are pooled.
type buffers struct {
	shares  []byte // key shares of the ClientHello
	hello   []byte // record of the ClientHello
	read    []byte // bytes from the connection; those from read[used:] on are unread
	used    int
	pending []byte // content of handshake records; that from pending[taken:] on is unread
	taken   int
}

var bufferPool = sync.Pool{New: func() any {
	return &buffers{shares: make([]byte, 0, 2<<10), hello: make([]byte, 0, 2<<10), read: make([]byte, 0, 8<<10), pending: make([]byte, 0, 8<<10)}
}}

// The limits. Sizes are in bytes.
const (
	maxMessage        = 64 << 10  // body of a handshake message, as in crypto/tls
	maxChain          = 256 << 10 // body of a Certificate message, as in crypto/tls
	messageHeader     = 4
	recordHeader      = 5
	maxRecord         = 1 << 14         // content of a record (RFC 8446 section 5.1)
	maxCiphertext     = maxRecord + 256 // protected record (RFC 8446 section 5.2)
	maxInnerPlaintext = maxRecord + 1   // content, type and padding of a protected record (RFC 8446 section 5.2)
	beginsSSL2        = 0x80            // content type that crypto/tls takes for SSL 2.0 in any record
	maxFirstMajor     = 16              // the major version of the first records is below it, as in crypto/tls
	maxIgnoredRecords = 16              // in a row, as in crypto/tls
	maxPooled         = 32 << 10        // buffer that is returned to the pool
)

// acquire takes buffers from the pool. release returns them.
func (r *recordReader) acquire() { r.buffers = bufferPool.Get().(*buffers) }

// readFirstHeader waits for the header of the first record.
func (r *recordReader) readFirstHeader() error {
	if _, err := io.ReadFull(r.in, r.first[:]); err != nil {
		return err
	}
	r.acquire()
	r.buffers.read = append(r.buffers.read[:0], r.first[:]...)
	r.buffers.used, r.buffers.pending, r.buffers.taken = 0, r.buffers.pending[:0], 0
	return nil
}

// release returns the buffers to the pool. Messages that were read lie in them, and are
// invalid afterwards.
func (r *recordReader) release() {
	if b := r.buffers; b != nil && max(cap(b.shares), cap(b.hello), cap(b.read), cap(b.pending)) <= maxPooled {
		bufferPool.Put(b)
	}
	r.buffers = nil
}

// fill reads until n unread bytes are buffered.
func (r *recordReader) fill(n int) error {
	b := r.buffers
	if len(b.read)-b.used >= n {
		return nil
	}
	b.read = append(b.read[:0], b.read[b.used:]...)
	b.used = 0
	b.read = slices.Grow(b.read, max(n-len(b.read), 4<<10))
	got, err := io.ReadAtLeast(r.in, b.read[len(b.read):cap(b.read)], n-len(b.read))
	b.read = b.read[:len(b.read)+got]
	return err
}

// readRecord reads a record without opening it.
func (r *recordReader) readRecord() (hello.Record, error) {
	if err := r.fill(recordHeader); err != nil {
		return hello.Record{}, err
	}
	header := r.buffers.read[r.buffers.used:]
	length := int(header[3])<<8 | int(header[4])
	record := hello.Record{Type: header[0], Version: hello.Version(header[1])<<8 | hello.Version(header[2])}
	if length > r.maxLength() || !r.validHeader(header[0], header[1], header[2]) {
		return record, ErrUnsupported
	}
	if err := r.fill(recordHeader + length); err != nil {
		return record, unexpected(err)
	}
	start := r.buffers.used + recordHeader
	r.buffers.used = start + length
	record.Payload = r.buffers.read[start:r.buffers.used:r.buffers.used]
	return record, nil
}

// maxLength returns the maximum length of a record, in bytes.
func (r *recordReader) maxLength() int {
	if r.keys == nil {
		return maxRecord
	}
	return maxCiphertext
}

// validHeader reports whether crypto/tls reads the payload of a record with this type and
// version. From the first protected record on, the version is that of TLS 1.2. Before
// that, both have to be likely in an answer to a ClientHello.
func (r *recordReader) validHeader(kind, major, minor byte) bool {
	if r.keys == nil {
		return (kind == hello.TypeAlert || kind == hello.TypeHandshake) && major < maxFirstMajor
	}
	return kind != beginsSSL2 && major == 3 && minor == 3
}

// unexpected makes io.EOF an io.ErrUnexpectedEOF: the connection ended within a record.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readMessage reads a whole handshake message. It is valid until release.
func (r *recordReader) readMessage() ([]byte, error) {
	for {
		b := r.buffers
		rest := b.pending[b.taken:]
		if size, ok := hello.MessageSize(rest); ok {
			if size > messageHeader+r.maxMessage(rest[0]) {
				return nil, ErrUnsupported
			}
			if len(rest) >= size {
				b.taken += size
				return rest[:size:size], nil
			}
		}
		content, err := r.readContent()
		if err != nil {
			return nil, err
		}
		b.pending = append(b.pending, content...)
	}
}

// maxMessage returns the size of the largest body of a message of a type, in bytes. A large one is
// accepted in protected records only, so that a server cannot make the client buffer it
// without a key exchange.
func (r *recordReader) maxMessage(kind uint8) int {
	if r.keys != nil && kind == hello.MsgCertificate {
		return maxChain
	}
	return maxMessage
}

// readContent reads records up to one with handshake messages, and returns its content.
// The first record of all is one, so that others can only come between the fragments of
// the ServerHello, or after it.
func (r *recordReader) readContent() ([]byte, error) {
	for ; r.ignored <= maxIgnoredRecords; r.ignored++ {
		record, err := r.readRecord()
		if err != nil {
			return nil, err
		}
		kind, content := record.Type, record.Payload
		if r.keys != nil && kind != hello.TypeChangeCipherSpec {
			var ok bool
			if kind, content, ok = r.keys.Open(record); !ok {
				return nil, errBadRecord
			}
			if kind == hello.TypeChangeCipherSpec || len(record.Payload) > maxInnerPlaintext+keys.Overhead { // sections 5 and 5.2
				return nil, ErrUnsupported
			}
		}
		switch {
		case kind == hello.TypeHandshake && len(content) > 0:
			r.ignored = 0
			return content, nil
		case !r.atBoundary(): // RFC 8446 section 5.1: no other record between the fragments of a message
			return nil, ErrUnsupported
		case kind == hello.TypeChangeCipherSpec && len(content) == 1 && content[0] == 1: // appendix D.4
		case kind == hello.TypeAlert && len(content) == 2:
			if err := remoteAlert(hello.AlertDescription(content[1])); err != nil {
				return nil, err
			}
		default:
			return nil, ErrUnsupported
		}
	}
	return nil, ErrUnsupported
}

// atBoundary reports whether no part of a message is unread. Keys may change only then
// (RFC 8446 section 5.1).
func (r *recordReader) atBoundary() bool { return r.buffers.taken == len(r.buffers.pending) }
