// Package sct reads and verifies signed certificate timestamps (SCTs): the promises of
// Certificate Transparency logs to publish a certificate (RFC 6962).
package sct

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// LogID is the SHA-256 of a log's public key, as SubjectPublicKeyInfo in DER (RFC 6962
// section 3.2).
type LogID [sha256.Size]byte

// SCT is a SignedCertificateTimestamp of version 1, RFC 6962 section 3.2.
type SCT struct {
	LogID     LogID
	Timestamp time.Time // in milliseconds
	Index     int64     // of the entry in a log of the Static CT API; -1: it has none

	millis     uint64
	extensions []byte
	algorithm  uint16 // of the signature: its hash, and what RFC 5246 section 7.4.1.4.1 calls its signature
	signature  []byte
}

// The algorithms that logs may use, RFC 6962 section 2.1.4.
const (
	sha256WithRSA   = 0x0401
	sha256WithECDSA = 0x0403
)

// Errors of Verify.
var (
	ErrSignature = errors.New("the signature does not verify under the key of the log")
	ErrAlgorithm = errors.New("the algorithm of the signature is not one of the log's key")
)

// Verify verifies the signature of a log with this key over an entry.
func (s *SCT) Verify(key crypto.PublicKey, e Entry) error {
	digest := sha256.Sum256(s.signed(e))
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		if s.algorithm != sha256WithECDSA {
			return ErrAlgorithm
		}
		if !ecdsa.VerifyASN1(key, digest[:], s.signature) {
			return ErrSignature
		}
	case *rsa.PublicKey:
		if s.algorithm != sha256WithRSA {
			return ErrAlgorithm
		}
		if rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], s.signature) != nil {
			return ErrSignature
		}
	default:
		return fmt.Errorf("a log has a key of type %T", key)
	}
	return nil
}

// signed is what the log signs: digitally-signed struct of RFC 6962 section 3.2.
func (s *SCT) signed(e Entry) []byte {
	const v1, certificateTimestamp = 0, 0
	b := newBuilder(len(e.encoded) + len(s.extensions) + 16)
	b.AddUint8(v1)
	b.AddUint8(certificateTimestamp)
	b.AddUint64(s.millis)
	b.AddBytes(e.encoded)
	b.AddUint16LengthPrefixed(func(b *builder) { b.AddBytes(s.extensions) })
	return b.BytesOrPanic()
}
