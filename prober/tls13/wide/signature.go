package wide

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"math/big"

	"tls_exporter/prober/hello"
)

// scheme is a signature scheme (RFC 8446 section 4.2.3). Those that TLS 1.3 forbids in a
// CertificateVerify, such as rsa_pkcs1_sha256, are verified nevertheless: the server has
// the key.
type scheme struct {
	kind kind
	hash crypto.Hash // 0: none
}

type kind int

const (
	kindECDSA kind = iota + 1
	kindPSS
	kindPKCS1
	kindEd25519
	kindEd448
	kindMLDSA
)

var schemes = map[hello.SignatureScheme]scheme{
	0x0403: {kindECDSA, crypto.SHA256}, 0x0503: {kindECDSA, crypto.SHA384}, 0x0603: {kindECDSA, crypto.SHA512}, 0x0203: {kindECDSA, crypto.SHA1},
	0x081A: {kindECDSA, crypto.SHA256}, 0x081B: {kindECDSA, crypto.SHA384}, 0x081C: {kindECDSA, crypto.SHA512},
	0x0804: {kindPSS, crypto.SHA256}, 0x0805: {kindPSS, crypto.SHA384}, 0x0806: {kindPSS, crypto.SHA512},
	0x0809: {kindPSS, crypto.SHA256}, 0x080A: {kindPSS, crypto.SHA384}, 0x080B: {kindPSS, crypto.SHA512},
	0x0401: {kindPKCS1, crypto.SHA256}, 0x0501: {kindPKCS1, crypto.SHA384}, 0x0601: {kindPKCS1, crypto.SHA512}, 0x0201: {kindPKCS1, crypto.SHA1},
	0x0807: {kindEd25519, 0}, 0x0808: {kindEd448, 0},
	0x0904: {kindMLDSA, 0}, 0x0905: {kindMLDSA, 0}, 0x0906: {kindMLDSA, 0},
}

// verifySignature verifies the signature of a CertificateVerify over the hash of the
// transcript, with the key of the leaf. The error is ErrSignature if it is wrong. Unproved:
// the scheme, or a key of this kind, is not known here.
func verifySignature(leaf []byte, id hello.SignatureScheme, transcript, signature []byte) (Proof, error) {
	s, known := schemes[id]
	if !known {
		return Unproved, nil
	}
	key, known := publicKeyOf(leaf)
	if !known {
		return Unproved, nil
	}
	signed := append(bytes.Repeat([]byte{' '}, 64), "TLS 1.3, server CertificateVerify\x00"...) // RFC 8446 section 4.4.3
	signed = append(signed, transcript...)
	digest := signed
	if s.hash != 0 {
		h := s.hash.New()
		h.Write(signed)
		digest = h.Sum(nil)
	}
	valid, known := s.verify(key, digest, signature)
	switch {
	case !known:
		return Unproved, nil
	case !valid:
		return Refuted, ErrSignature
	}
	return Proved, nil
}

// publicKey is a SubjectPublicKeyInfo (RFC 5280 section 4.1).
type publicKey struct {
	Raw       asn1.RawContent
	Algorithm struct {
		Algorithm  asn1.ObjectIdentifier
		Parameters asn1.RawValue `asn1:"optional"`
	}
	Bits asn1.BitString
}

// publicKeyOf reads the key of a certificate and nothing else of it: crypto/x509 parses
// fewer certificates. False: the form of the certificate is wrong.
func publicKeyOf(der []byte) (*publicKey, bool) {
	var certificate struct {
		TBS struct {
			Version                              asn1.RawValue `asn1:"optional,explicit,tag:0"`
			Serial                               asn1.RawValue
			Signature, Issuer, Validity, Subject asn1.RawValue
			Key                                  asn1.RawValue
		}
	}
	if _, err := asn1.Unmarshal(der, &certificate); err != nil {
		return nil, false
	}
	key := new(publicKey)
	_, err := asn1.Unmarshal(certificate.TBS.Key.FullBytes, key)
	return key, err == nil
}

// The algorithms of keys that crypto/x509 does not parse.
var (
	oidRSAPSS  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10} // RFC 4055
	oidECDSA   = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}      // RFC 5480
	oidEd448   = asn1.ObjectIdentifier{1, 3, 101, 113}              // RFC 8410
	brainpoolP = asn1.ObjectIdentifier{1, 3, 36, 3, 3, 2, 8, 1, 1}  // RFC 5639 section 4.1; 7, 11 and 13 follow
	mlDSA      = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3} // RFC 9881; 17, 18 and 19 follow
)

// verify verifies a signature; known is false if the key is not of the kind that the
// scheme needs, or unknown.
func (s scheme) verify(k *publicKey, digest, signature []byte) (valid, known bool) {
	switch s.kind {
	case kindECDSA:
		return k.verifyECDSA(digest, signature)
	case kindEd448:
		if k.Algorithm.Algorithm.Equal(oidEd448) {
			return verifyEd448(k.Bits.Bytes, digest, signature)
		}
		return false, false
	case kindMLDSA:
		set := map[int]int{17: 44, 18: 65, 19: 87}[last(k.Algorithm.Algorithm, mlDSA)]
		return verifyMLDSA(set, k.Bits.Bytes, digest, signature)
	}
	switch key := k.parse().(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() > maxRSABits {
			return false, false
		}
		if s.kind == kindPSS {
			return rsa.VerifyPSS(key, s.hash, digest, signature, nil) == nil, true
		}
		return rsa.VerifyPKCS1v15(key, s.hash, digest, signature) == nil, s.kind == kindPKCS1
	case ed25519.PublicKey:
		return ed25519.Verify(key, digest, signature), s.kind == kindEd25519
	}
	return false, false
}

// maxRSABits bounds the key whose signature is verified, as in package tls13.
const maxRSABits = 8192

// parse returns the key as crypto/x509 does; nil: it is of another kind.
func (k *publicKey) parse() crypto.PublicKey {
	if k.Algorithm.Algorithm.Equal(oidRSAPSS) {
		if key, err := x509.ParsePKCS1PublicKey(k.Bits.Bytes); err == nil {
			return key
		}
		return nil
	}
	key, err := x509.ParsePKIXPublicKey(k.Raw)
	if err != nil {
		return nil
	}
	return key
}

func (k *publicKey) verifyECDSA(digest, signature []byte) (valid, known bool) {
	if key, ok := k.parse().(*ecdsa.PublicKey); ok {
		return ecdsa.VerifyASN1(key, digest, signature), true
	}
	var named asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(k.Algorithm.Parameters.FullBytes, &named); err != nil || !k.Algorithm.Algorithm.Equal(oidECDSA) {
		return false, false
	}
	c := brainpools[map[int]hello.Group{7: brainpoolP256r1, 11: brainpoolP384r1, 13: brainpoolP512r1}[last(named, brainpoolP)]]
	if c == nil {
		return false, false
	}
	key, ok := c.unmarshal(k.Bits.Bytes)
	if !ok {
		return false, false
	}
	var pair struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(signature, &pair); err != nil || len(rest) > 0 {
		return false, true
	}
	return c.verify(key, digest, pair.R, pair.S), true
}

// last returns the number that follows a prefix in an identifier; 0: it has another
// prefix, or length.
func last(id, prefix asn1.ObjectIdentifier) int {
	if len(id) != len(prefix)+1 || !id[:len(prefix)].Equal(prefix) {
		return 0
	}
	return id[len(prefix)]
}
