package legacy

import (
	"encoding/binary"
	"errors"
	"slices"

	"tls_exporter/prober/tlstest/internal/wire"
)

// Extensions (IANA, TLS ExtensionType Values).
const (
	extensionGroups              = 10
	extensionPointFormats        = 11
	extensionHeartbeat           = 15
	extensionSignatureAlgorithms = 13
	extensionALPN                = 16
	extensionEncryptThenMAC      = 22
	extensionExtendedMaster      = 23
	extensionSessionTicket       = 35
	extensionSupportedVersions   = 43
	extensionKeyShare            = 51
	extensionRenegotiationInfo   = 0xff01
)

// Signaling cipher suite values.
const (
	suiteRenegotiationInfo = 0x00ff // RFC 5746 section 3.3
	suiteFallback          = 0x5600 // RFC 7507
)

// Compression methods (RFC 3749 section 2).
const (
	compressionNull = 0
	deflate         = 1
)

const (
	heartbeatPeerAllowedToSend = 1 // RFC 6520 section 2

	randomBytes         = 32
	sessionIDBytes      = 32 // at most
	premasterSecretSize = 48 // with RSA

	maxHandshakeMessage = 1 << 16 // longer than any ClientHello in use
)

// Numbers of the SSL 2.0 format (RFC 5246 appendix E.2).
const (
	messageClientHelloV2 = 1
	maxClientHelloV2     = 1<<15 - 1
	recordHeaderSizeV2   = 2
)

// clientHello is a parsed ClientHello, in the format of RFC 5246 section 7.4.1.2
// or of its appendix E.2.
type clientHello struct {
	raw          []byte // as in the transcript hash
	ssl2         bool   // in the SSL 2.0 format
	version      uint16
	random       []byte
	sessionID    []byte
	suites       []uint16
	kinds        []uint32 // cipher kinds of SSL 2.0
	compressions []byte
	extensions   map[uint16][]byte
	versions     []uint16 // extension supported_versions
	groups       []uint16
	shares       map[uint16][]byte
}

var errMalformed = errors.New("malformed ClientHello")

// reader parses a message from its beginning. After an error it stays failed.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) take(n int) []byte {
	if r.failed || n > len(r.rest) {
		r.failed = true
		return nil
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}

// number reads a number of size bytes, at most 4.
func (r *reader) number(size int) int {
	n := 0
	for _, b := range r.take(size) {
		n = n<<8 | int(b)
	}
	return n
}

// vector reads bytes after their length, which takes size bytes.
func (r *reader) vector(size int) []byte { return r.take(r.number(size)) }

// numbers reads a vector of numbers of two bytes.
func (r *reader) numbers(size int) []uint16 {
	list := reader{rest: r.vector(size)}
	var all []uint16
	for len(list.rest) > 0 && !list.failed {
		all = append(all, uint16(list.number(2)))
	}
	r.failed = r.failed || list.failed
	return all
}

// parseClientHello parses a handshake message with its header.
func parseClientHello(message []byte) (*clientHello, error) {
	r := &reader{rest: message}
	r.take(wire.MessageHeaderSize)
	h := &clientHello{raw: message, extensions: make(map[uint16][]byte), shares: make(map[uint16][]byte)}
	h.version = uint16(r.number(2))
	h.random = r.take(randomBytes)
	h.sessionID = r.vector(1)
	h.suites = r.numbers(2)
	h.compressions = r.vector(1)
	if len(r.rest) > 0 {
		h.readExtensions(r)
	}
	if r.failed || len(r.rest) > 0 || len(h.sessionID) > sessionIDBytes {
		return nil, errMalformed
	}
	return h, nil
}

func (h *clientHello) readExtensions(r *reader) {
	list := &reader{rest: r.vector(2)}
	for len(list.rest) > 0 && !list.failed {
		kind := uint16(list.number(2))
		h.extensions[kind] = list.vector(2)
	}
	r.failed = r.failed || list.failed
	if body, sent := h.extensions[extensionGroups]; sent {
		h.groups = (&reader{rest: body}).numbers(2)
	}
	if body, sent := h.extensions[extensionSupportedVersions]; sent {
		h.versions = (&reader{rest: body}).numbers(1)
	}
	if body, sent := h.extensions[extensionKeyShare]; sent {
		shares := &reader{rest: (&reader{rest: body}).vector(2)}
		for len(shares.rest) > 0 && !shares.failed {
			group := uint16(shares.number(2))
			h.shares[group] = shares.vector(2)
		}
	}
}

// parseClientHelloV2 parses an SSL 2.0 message without its record header (RFC 5246
// appendix E.2). Suites of TLS have numbers of three bytes, of which the first is
// 0.
func parseClientHelloV2(message []byte) (*clientHello, error) {
	r := &reader{rest: message}
	if byte(r.number(1)) != messageClientHelloV2 {
		return nil, errMalformed
	}
	h := &clientHello{raw: message, ssl2: true, version: uint16(r.number(2)), compressions: []byte{compressionNull}}
	kinds, id, challenge := r.number(2), r.number(2), r.number(2)
	specs := &reader{rest: r.take(kinds)}
	for len(specs.rest) > 0 && !specs.failed {
		kind := specs.number(3)
		if kind < 1<<16 {
			h.suites = append(h.suites, uint16(kind))
		} else {
			h.kinds = append(h.kinds, uint32(kind))
		}
	}
	h.sessionID = r.take(id)
	h.random = alignRight(r.take(challenge), randomBytes)
	if r.failed || specs.failed || len(r.rest) > 0 || challenge < 16 || challenge > randomBytes {
		return nil, errMalformed
	}
	return h, nil
}

func alignRight(b []byte, size int) []byte {
	return append(make([]byte, max(0, size-len(b))), b...)
}

// has reports whether the client sent an extension.
func (h *clientHello) has(extension uint16) bool {
	_, sent := h.extensions[extension]
	return sent
}

// secureRenegotiation reports whether the client supports RFC 5746.
func (h *clientHello) secureRenegotiation() bool {
	return h.has(extensionRenegotiationInfo) || slices.Contains(h.suites, suiteRenegotiationInfo)
}

func appendExtension(b []byte, extension uint16, content []byte) []byte {
	return wire.AppendVector(binary.BigEndian.AppendUint16(b, extension), 2, content)
}
