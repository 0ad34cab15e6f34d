package crl

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha256" // for hashes
	_ "crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"hash"
	"slices"

	"tls_exporter/prober/chain"
)

// maxMessage is the size of the largest list that is in memory as a whole until its signature
// is verified, in bytes.
const maxMessage = 4 << 20

// signed verifies the signature of the bytes that are written to it. Those of RSA and ECDSA
// with SHA-2 are only hashed. The others have to be in memory: Ed25519, for example, reads
// the message again after the first half of the signature, which follows the message
// (RFC 8032 section 5.1.7).
type signed struct {
	issuer    *x509.Certificate
	algorithm []byte                              // AlgorithmIdentifier in DER; nil: not known yet
	verifies  func(digest, signature []byte) bool // with hash
	hash      hash.Hash                           // nil: message has the bytes
	message   []byte
}

func (s *signed) Write(b []byte) (int, error) {
	if s.hash != nil {
		return s.hash.Write(b)
	}
	if len(s.message)+len(b) > maxMessage {
		return 0, invalid("the CRL has more than %d bytes, which is too large for its signature algorithm", maxMessage)
	}
	s.message = append(s.message, b...)
	return len(b), nil
}

// start tells the algorithm, which follows from the first bytes of the message. It refuses
// those that nothing can be verified with.
func (s *signed) start(algorithm []byte) error {
	var id pkix.AlgorithmIdentifier
	if _, err := asn1.Unmarshal(algorithm, &id); err != nil {
		return Invalid("the signature algorithm of the CRL cannot be read")
	}
	s.algorithm = algorithm
	hash, verifies := streamed(s.issuer.PublicKey, id)
	if hash == 0 {
		err := chain.VerifySignature(s.issuer, algorithm, nil, nil)
		if errors.Is(err, chain.ErrWeakSignature) || errors.Is(err, x509.ErrUnsupportedAlgorithm) {
			return unverified(err)
		}
		return nil
	}
	s.hash, s.verifies = hash.New(), verifies
	s.hash.Write(s.message)
	s.message = nil
	return nil
}

// hashesRSA and hashesECDSA are those of signature algorithms that need only the hash of a message, by their
// object identifiers (RFC 4055 section 5, RFC 5758 section 3.2).
var hashesRSA = map[string]crypto.Hash{
	"1.2.840.113549.1.1.11": crypto.SHA256, "1.2.840.113549.1.1.12": crypto.SHA384, "1.2.840.113549.1.1.13": crypto.SHA512,
}

var hashesECDSA = map[string]crypto.Hash{
	"1.2.840.10045.4.3.2": crypto.SHA256, "1.2.840.10045.4.3.3": crypto.SHA384, "1.2.840.10045.4.3.4": crypto.SHA512,
}

// secureHashes are those that are accepted with RSA-PSS, which has the hash in its parameters.
var secureHashes = []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}

// streamed returns how to verify a signature by the hash of the message; 0: that is not
// possible, or not here.
func streamed(key crypto.PublicKey, id pkix.AlgorithmIdentifier) (hash crypto.Hash, verifies func(digest, signature []byte) bool) {
	oid := id.Algorithm.String()
	switch key := key.(type) {
	case *rsa.PublicKey:
		if hash, salt, ok := chain.PSS(id); ok && slices.Contains(secureHashes, hash) {
			options := &rsa.PSSOptions{SaltLength: salt}
			return hash, func(digest, signature []byte) bool {
				return rsa.VerifyPSS(key, hash, digest, signature, options) == nil
			}
		}
		hash = hashesRSA[oid]
		return hash, func(digest, signature []byte) bool { return rsa.VerifyPKCS1v15(key, hash, digest, signature) == nil }
	case *ecdsa.PublicKey:
		return hashesECDSA[oid], func(digest, signature []byte) bool { return ecdsa.VerifyASN1(key, digest, signature) }
	}
	return 0, nil
}

// verify checks the signature, and that the issuer may sign lists (RFC 5280 section 6.3.3
// (f) and (g)).
func (s *signed) verify(signature []byte) error {
	if s.issuer.KeyUsage != 0 && s.issuer.KeyUsage&x509.KeyUsageCRLSign == 0 {
		return Invalid("the CRL is signed by a CA whose certificate does not allow that (no cRLSign in its key usage)")
	}
	if s.hash == nil {
		return unverified(chain.VerifySignature(s.issuer, s.algorithm, s.message, signature))
	}
	if !s.verifies(s.hash.Sum(nil), signature) {
		return unverified(errors.New("it is not that of the issuer"))
	}
	return nil
}

func unverified(err error) error {
	if err == nil {
		return nil
	}
	return invalid("the signature of the CRL does not verify: %v", err)
}
