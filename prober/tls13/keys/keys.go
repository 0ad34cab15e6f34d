// Package keys implements the key schedule and the record protection of TLS 1.3 (RFC
// 8446 sections 7 and 5.2).
package keys

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

// Suite is a cipher suite of TLS 1.3 (RFC 8446 appendix B.4).
type Suite struct {
	ID      uint16           // number of the TLS Cipher Suites registry
	Hash    func() hash.Hash // of the transcript and the key schedule
	size    int              // of a hash, in bytes
	key     int              // size of a key, in bytes
	newAEAD func(key []byte) (cipher.AEAD, error)
}

var suites = []*Suite{
	{tls.TLS_AES_128_GCM_SHA256, sha256.New, sha256.Size, 16, newGCM},
	{tls.TLS_AES_256_GCM_SHA384, sha512.New384, sha512.Size384, 32, newGCM},
	{tls.TLS_CHACHA20_POLY1305_SHA256, sha256.New, sha256.Size, chacha20poly1305.KeySize, chacha20poly1305.New},
}

// Find returns the suite with a number; nil: this package does not implement it.
func Find(id uint16) *Suite {
	for _, suite := range suites {
		if suite.ID == id {
			return suite
		}
	}
	return nil
}

// HandshakeSecret derives the Handshake Secret of RFC 8446 section 7.1 from the shared
// secret of the key exchange, without a pre-shared key. An error is one of crypto/hkdf,
// as in all functions of this package.
func (s *Suite) HandshakeSecret(shared []byte) ([]byte, error) {
	early, err := hkdf.Extract(s.Hash, make([]byte, s.size), nil)
	if err != nil {
		return nil, err
	}
	return s.nextSecret(early, shared)
}

// MasterSecret derives the Master Secret from the Handshake Secret (RFC 8446 section
// 7.1).
func (s *Suite) MasterSecret(handshake []byte) ([]byte, error) {
	return s.nextSecret(handshake, make([]byte, s.size))
}

// nextSecret derives one secret of the key schedule from the one before it and its input
// (RFC 8446 section 7.1).
func (s *Suite) nextSecret(secret, input []byte) ([]byte, error) {
	salt, err := s.Derive(secret, "derived", s.Hash())
	if err != nil {
		return nil, err
	}
	return hkdf.Extract(s.Hash, input, salt)
}

// Derive is Derive-Secret with the messages written to transcript (RFC 8446 section
// 7.1).
func (s *Suite) Derive(secret []byte, label string, transcript hash.Hash) ([]byte, error) {
	return s.expandLabel(secret, label, transcript.Sum(nil), s.size)
}

// expandLabel is HKDF-Expand-Label; size is in bytes (RFC 8446 section 7.1).
func (s *Suite) expandLabel(secret []byte, label string, context []byte, size int) ([]byte, error) {
	const prefix = "tls13 "
	info := make([]byte, 0, 2+1+len(prefix)+len(label)+1+len(context))
	info = binary.BigEndian.AppendUint16(info, uint16(size))
	info = append(append(append(info, byte(len(prefix)+len(label))), prefix...), label...)
	info = append(append(info, byte(len(context))), context...)
	return hkdf.Expand(s.Hash, secret, string(info), size)
}

// Finished computes the verify_data of the side with a handshake traffic secret (RFC
// 8446 section 4.4.4).
func (s *Suite) Finished(secret []byte, transcript hash.Hash) ([]byte, error) {
	key, err := s.expandLabel(secret, "finished", nil, s.size)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(s.Hash, key)
	mac.Write(transcript.Sum(nil))
	return mac.Sum(nil), nil
}

// newGCM returns AES-GCM with a key.
func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Traffic protects the records of one direction. It is not safe for concurrent use.
type Traffic struct {
	aead     cipher.AEAD
	iv       []byte
	sequence uint64 // number of the next record
}

// NewKeys derives key and IV from a traffic secret (RFC 8446 section 7.3).
func (s *Suite) NewKeys(secret []byte) (*Traffic, error) {
	key, err := s.expandLabel(secret, "key", nil, s.key)
	if err != nil {
		return nil, err
	}
	iv, err := s.expandLabel(secret, "iv", nil, 12)
	if err != nil {
		return nil, err
	}
	aead, err := s.newAEAD(key)
	return &Traffic{aead: aead, iv: iv}, err
}

// nonce returns the nonce of the next record (RFC 8446 section 5.3).
func (k *Traffic) nonce() []byte {
	nonce := bytes.Clone(k.iv)
	for i, b := range binary.BigEndian.AppendUint64(nil, k.sequence) {
		nonce[len(nonce)-8+i] ^= b
	}
	return nonce
}

// Overhead is how much longer a protected record is than its inner plaintext, in bytes:
// the tag, which has this size in every suite.
const Overhead = 16

// Open decrypts a record in place, and returns its inner content type and its content
// without padding (RFC 8446 section 5.2); false: it is not the next record of these keys.
// The type is 0 if the inner plaintext has none.
func (k *Traffic) Open(record hello.Record) (kind uint8, content []byte, ok bool) {
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
		return 0, nil, true
	}
	return content[len(content)-1], content[:len(content)-1], true
}

// Seal appends a protected record with the content to b (RFC 8446 section 5.2). The
// content must not be longer than 1<<14 bytes.
func (k *Traffic) Seal(b []byte, kind uint8, content []byte) []byte {
	plain := append(append(make([]byte, 0, len(content)+1), content...), kind)
	start := len(b)
	b = hello.AppendRecordHeader(b, hello.TypeApplicationData, hello.TLS12, len(plain)+k.aead.Overhead())
	b = k.aead.Seal(b, k.nonce(), plain, b[start:])
	k.sequence++
	return b
}
