// Package keys has the key schedule and the record protection of TLS 1.3 (RFC 8446
// sections 5.2 and 7).
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
	ID      uint16
	Hash    func() hash.Hash
	size    int // of a hash, in bytes
	key     int // bytes
	newAEAD func(key []byte) (cipher.AEAD, error)
}

var suites = []*Suite{
	{tls.TLS_AES_128_GCM_SHA256, sha256.New, sha256.Size, 16, newGCM},
	{tls.TLS_AES_256_GCM_SHA384, sha512.New384, sha512.Size384, 32, newGCM},
	{tls.TLS_CHACHA20_POLY1305_SHA256, sha256.New, sha256.Size, chacha20poly1305.KeySize, chacha20poly1305.New},
}

// Find is the suite of a number; nil: it is none of TLS 1.3's.
func Find(id uint16) *Suite {
	for _, suite := range suites {
		if suite.ID == id {
			return suite
		}
	}
	return nil
}

// The key schedule of RFC 8446 section 7.1, without a pre-shared key: a secret
// comes of the one before it, and traffic secrets of a secret and the transcript.

// HandshakeSecret comes of what the key exchange agreed on.
func (s *Suite) HandshakeSecret(shared []byte) ([]byte, error) {
	early, err := hkdf.Extract(s.Hash, make([]byte, s.size), nil)
	if err != nil {
		return nil, err
	}
	return s.next(early, shared)
}

// MasterSecret comes of the handshake secret.
func (s *Suite) MasterSecret(handshake []byte) ([]byte, error) {
	return s.next(handshake, make([]byte, s.size))
}

func (s *Suite) next(secret, input []byte) ([]byte, error) {
	salt, err := s.Derive(secret, "derived", s.Hash())
	if err != nil {
		return nil, err
	}
	return hkdf.Extract(s.Hash, input, salt)
}

// Derive is Derive-Secret, of the messages that transcript has taken.
func (s *Suite) Derive(secret []byte, label string, transcript hash.Hash) ([]byte, error) {
	return s.expandLabel(secret, label, transcript.Sum(nil), s.size)
}

// expandLabel is HKDF-Expand-Label.
func (s *Suite) expandLabel(secret []byte, label string, context []byte, size int) ([]byte, error) {
	const prefix = "tls13 "
	info := make([]byte, 0, 2+1+len(prefix)+len(label)+1+len(context))
	info = binary.BigEndian.AppendUint16(info, uint16(size))
	info = append(append(append(info, byte(len(prefix)+len(label))), prefix...), label...)
	info = append(append(info, byte(len(context))), context...)
	return hkdf.Expand(s.Hash, secret, string(info), size)
}

// Finished is the verify_data of the side that has a traffic secret (section 4.4.4).
func (s *Suite) Finished(secret []byte, transcript hash.Hash) ([]byte, error) {
	key, err := s.expandLabel(secret, "finished", nil, s.size)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(s.Hash, key)
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

// Traffic protects what one side sends.
type Traffic struct {
	aead     cipher.AEAD
	iv       []byte
	sequence uint64
}

// NewKeys derives the keys of a traffic secret (RFC 8446 section 7.3).
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

// nonce is that of the next record (RFC 8446 section 5.3).
func (k *Traffic) nonce() []byte {
	nonce := bytes.Clone(k.iv)
	for i, b := range binary.BigEndian.AppendUint64(nil, k.sequence) {
		nonce[len(nonce)-8+i] ^= b
	}
	return nonce
}

// Open is the true type and content of a record (RFC 8446 section 5.2), where the
// record was; false: it is not of these keys.
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
		return 0, nil, false
	}
	return content[len(content)-1], content[:len(content)-1], true
}

// Seal appends a record with the content to b.
func (k *Traffic) Seal(b []byte, kind uint8, content []byte) []byte {
	plain := append(append(make([]byte, 0, len(content)+1), content...), kind)
	start := len(b)
	b = hello.AppendRecordHeader(b, hello.TypeApplicationData, hello.TLS12, len(plain)+k.aead.Overhead())
	b = k.aead.Seal(b, k.nonce(), plain, b[start:])
	k.sequence++
	return b
}
