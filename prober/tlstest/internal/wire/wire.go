// Package wire frames TLS records and handshake messages, and closes
// connections so that the peer sees how they end.
package wire

import (
	"encoding/binary"
	"math/rand/v2"
)

// Content types of records (RFC 5246 section 6.2.1, RFC 6520 section 6).
const (
	RecordChangeCipherSpec = 20
	RecordAlert            = 21
	RecordHandshake        = 22
	RecordApplicationData  = 23
	RecordHeartbeat        = 24
)

// Sizes of records, in bytes (RFC 5246 sections 6.2.1 and 6.2.3).
const (
	RecordHeaderSize = 5
	MaxPlaintext     = 1 << 14
	MaxCiphertext    = MaxPlaintext + 2048
)

// Handshake messages (RFC 5246 section 7.4, RFC 5077 section 3.3).
const (
	MessageClientHello        = 1
	MessageServerHello        = 2
	MessageNewSessionTicket   = 4
	MessageCertificate        = 11
	MessageServerKeyExchange  = 12
	MessageCertificateRequest = 13
	MessageServerHelloDone    = 14
	MessageCertificateVerify  = 15
	MessageClientKeyExchange  = 16
	MessageFinished           = 20

	MessageHeaderSize = 4 // bytes
)

// Alert levels and descriptions (RFC 5246 section 7.2, RFC 6066 section 9,
// RFC 7507 section 3).
const (
	Warning = 1
	Fatal   = 2

	AlertCloseNotify           = 0
	AlertUnexpectedMessage     = 10
	AlertBadRecordMAC          = 20
	AlertRecordOverflow        = 22
	AlertHandshakeFailure      = 40
	AlertIllegalParameter      = 47
	AlertDecodeError           = 50
	AlertDecryptError          = 51
	AlertProtocolVersion       = 70
	AlertInternalError         = 80
	AlertInappropriateFallback = 86
	AlertNoRenegotiation       = 100
	AlertUnrecognizedName      = 112
)

// Versions that crypto/tls has no constant for, or only a deprecated one.
const (
	VersionSSL20 = 0x0002
	VersionSSL30 = 0x0300
)

// Record returns a record with a payload of at most MaxCiphertext bytes.
func Record(contentType byte, version uint16, payload []byte) []byte {
	b := binary.BigEndian.AppendUint16([]byte{contentType}, version)
	return AppendVector(b, 2, payload)
}

// MessageHeader returns the header of a handshake message with a body of length
// bytes. The body need not follow.
func MessageHeader(message byte, length int) []byte {
	return []byte{message, byte(length >> 16), byte(length >> 8), byte(length)}
}

// Message returns a handshake message.
func Message(message byte, body []byte) []byte {
	return append(MessageHeader(message, len(body)), body...)
}

// SplitMessage splits the first handshake message, with its header, off b. It
// reports false if b does not hold a whole message.
func SplitMessage(b []byte) (message, rest []byte, ok bool) {
	if len(b) < MessageHeaderSize {
		return nil, b, false
	}
	end := MessageHeaderSize + int(b[1])<<16 + int(b[2])<<8 + int(b[3])
	if len(b) < end {
		return nil, b, false
	}
	return b[:end:end], b[end:], true
}

// AppendVector appends content after its length, which takes size bytes, at
// most 4.
func AppendVector(b []byte, size int, content []byte) []byte {
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(content)))
	return append(append(b, length[4-size:]...), content...)
}

// Filler returns n bytes that look random and are the same each time. They do
// not begin like a TLS record or an SSL 2.0 message.
func Filler(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte([]byte("the noise of the tlstest package"))).Read(b)
	return b
}
