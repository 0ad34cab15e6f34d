package tls13

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"

	"tls_exporter/prober/hello"
)

// scheme is a signature scheme for CertificateVerify (RFC 8446 section 4.2.3).
type scheme struct {
	id    hello.SignatureScheme
	hash  crypto.Hash    // 0: Ed25519 hashes by itself
	curve elliptic.Curve // nil: RSASSA-PSS, or Ed25519
}

// schemes are the signature schemes that crypto/tls accepts in TLS 1.3.
var schemes = []*scheme{
	{0x0403, crypto.SHA256, elliptic.P256()}, {0x0503, crypto.SHA384, elliptic.P384()}, {0x0603, crypto.SHA512, elliptic.P521()},
	{0x0804, crypto.SHA256, nil}, {0x0805, crypto.SHA384, nil}, {0x0806, crypto.SHA512, nil},
	{0x0807, 0, nil},
}

// schemeFor returns the scheme with a number; nil: it is not one of schemes.
func schemeFor(id hello.SignatureScheme) *scheme {
	for _, scheme := range schemes {
		if scheme.id == id {
			return scheme
		}
	}
	return nil
}

// knownKey reports whether a key has a type that some scheme fits. crypto/tls rejects all
// others before it reads CertificateVerify.
func knownKey(key crypto.PublicKey) bool {
	switch key.(type) {
	case *ecdsa.PublicKey, *rsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

// fits reports whether a key has the type, the curve and the size that the scheme
// requires.
func (s *scheme) fits(key crypto.PublicKey) bool {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		return s.curve != nil && key.Curve == s.curve
	case *rsa.PublicKey:
		return s.hash != 0 && s.curve == nil && key.Size() >= 2*s.hash.Size()+2 // RFC 8017 section 9.1.1, with a salt as long as the hash
	case ed25519.PublicKey:
		return s.hash == 0
	}
	return false
}

// verify checks a signature with a key that fits.
func (s *scheme) verify(key crypto.PublicKey, signed, signature []byte) error {
	digest := signed
	if s.hash != 0 {
		h := s.hash.New()
		h.Write(signed)
		digest = h.Sum(nil)
	}
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		if !ecdsa.VerifyASN1(key, digest, signature) {
			return errors.New("ECDSA verification failure")
		}
	case *rsa.PublicKey:
		return rsa.VerifyPSS(key, s.hash, digest, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case ed25519.PublicKey:
		if !ed25519.Verify(key, digest, signature) {
			return errors.New("Ed25519 verification failure")
		}
	}
	return nil
}

// signatureContext precedes the hash of the transcript in the signed content (RFC 8446
// section 4.4.3).
var signatureContext = func() []byte {
	prefix := make([]byte, 64, 64+34)
	for i := range prefix {
		prefix[i] = ' '
	}
	return append(append(prefix, "TLS 1.3, server CertificateVerify"...), 0)
}()
