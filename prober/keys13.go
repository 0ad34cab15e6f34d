package prober

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"hash"

	"golang.org/x/crypto/chacha20poly1305"

	"tls_exporter/prober/hello"
)

// suite13 is a cipher suite of TLS 1.3 (RFC 8446 appendix B.4).
type suite13 struct {
	id      uint16
	hash    func() hash.Hash
	size    int // of a hash, in bytes
	key     int // bytes
	newAEAD func(key []byte) (cipher.AEAD, error)
}

var suites13 = []*suite13{
	{tls.TLS_AES_128_GCM_SHA256, sha256.New, sha256.Size, 16, newGCM},
	{tls.TLS_AES_256_GCM_SHA384, sha512.New384, sha512.Size384, 32, newGCM},
	{tls.TLS_CHACHA20_POLY1305_SHA256, sha256.New, sha256.Size, chacha20poly1305.KeySize, chacha20poly1305.New},
}

// suite13For is the suite of a number; nil: it is none of TLS 1.3's.
func suite13For(id uint16) *suite13 {
	for _, suite := range suites13 {
		if suite.id == id {
			return suite
		}
	}
	return nil
}

// The key schedule of RFC 8446 section 7.1, without a pre-shared key: a secret
// comes of the one before it, and traffic secrets of a secret and the transcript.

// handshakeSecret comes of what the key exchange agreed on.
func (s *suite13) handshakeSecret(shared []byte) ([]byte, error) {
	early, err := hkdf.Extract(s.hash, make([]byte, s.size), nil)
	if err != nil {
		return nil, err
	}
	return s.next(early, shared)
}

// masterSecret comes of the handshake secret.
func (s *suite13) masterSecret(handshake []byte) ([]byte, error) {
	return s.next(handshake, make([]byte, s.size))
}

func (s *suite13) next(secret, input []byte) ([]byte, error) {
	salt, err := s.derive(secret, "derived", s.hash())
	if err != nil {
		return nil, err
	}
	return hkdf.Extract(s.hash, input, salt)
}

// derive is Derive-Secret, of the messages that transcript has taken.
func (s *suite13) derive(secret []byte, label string, transcript hash.Hash) ([]byte, error) {
	return s.expandLabel(secret, label, transcript.Sum(nil), s.size)
}

// expandLabel is HKDF-Expand-Label.
func (s *suite13) expandLabel(secret []byte, label string, context []byte, size int) ([]byte, error) {
	const prefix = "tls13 "
	info := make([]byte, 0, 2+1+len(prefix)+len(label)+1+len(context))
	info = binary.BigEndian.AppendUint16(info, uint16(size))
	info = append(append(append(info, byte(len(prefix)+len(label))), prefix...), label...)
	info = append(append(info, byte(len(context))), context...)
	return hkdf.Expand(s.hash, secret, string(info), size)
}

// finished is the verify_data of the side that has a traffic secret (section 4.4.4).
func (s *suite13) finished(secret []byte, transcript hash.Hash) ([]byte, error) {
	key, err := s.expandLabel(secret, "finished", nil, s.size)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(s.hash, key)
	mac.Write(transcript.Sum(nil))
	return mac.Sum(nil), nil
}

// newGCM is AES-GCM with a key.
func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// keys13 protects what one side sends.
type keys13 struct {
	aead     cipher.AEAD
	iv       []byte
	sequence uint64
}

// newKeys derives the keys of a traffic secret (RFC 8446 section 7.3).
func (s *suite13) newKeys(secret []byte) (*keys13, error) {
	key, err := s.expandLabel(secret, "key", nil, s.key)
	if err != nil {
		return nil, err
	}
	iv, err := s.expandLabel(secret, "iv", nil, 12)
	if err != nil {
		return nil, err
	}
	aead, err := s.newAEAD(key)
	return &keys13{aead: aead, iv: iv}, err
}

// nonce is that of the next record (RFC 8446 section 5.3).
func (k *keys13) nonce() []byte {
	nonce := bytes.Clone(k.iv)
	for i, b := range binary.BigEndian.AppendUint64(nil, k.sequence) {
		nonce[len(nonce)-8+i] ^= b
	}
	return nonce
}

// open is the true type and content of a record (RFC 8446 section 5.2), where the
// record was; false: it is not of these keys.
func (k *keys13) open(record hello.Record) (kind uint8, content []byte, ok bool) {
	header := hello.AppendRecordHeader(nil, record.Type, record.Version, len(record.Payload))
	if record.Type != hello.TypeApplicationData {
		return 0, nil, false
	}
	content, err := k.aead.Open(record.Payload[:0], k.nonce(), record.Payload, header)
	if err != nil {
		return 0, nil, false
	}
	k.sequence++
	content = bytes.TrimRight(content, "\x00")
	if len(content) == 0 {
		return 0, nil, false
	}
	return content[len(content)-1], content[:len(content)-1], true
}

// seal appends a record with the content to b.
func (k *keys13) seal(b []byte, kind uint8, content []byte) []byte {
	plain := append(append(make([]byte, 0, len(content)+1), content...), kind)
	start := len(b)
	b = hello.AppendRecordHeader(b, hello.TypeApplicationData, hello.TLS12, len(plain)+k.aead.Overhead())
	b = k.aead.Seal(b, k.nonce(), plain, b[start:])
	k.sequence++
	return b
}
