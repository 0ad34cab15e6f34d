package wide

import (
	"crypto/rand"

	"github.com/cloudflare/circl/dh/x448"
	"github.com/cloudflare/circl/sign/ed448"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"

	"tls_exporter/prober/hello"
)

// x448Share is X448 (RFC 7748).
type x448Share struct{ secret, public x448.Key }

func newX448() (Share, error) {
	s := new(x448Share)
	if _, err := rand.Read(s.secret[:]); err != nil {
		return nil, err
	}
	x448.KeyGen(&s.public, &s.secret)
	return s, nil
}

func (s *x448Share) Group() hello.Group { return hello.X448 }

func (s *x448Share) Public() []byte { return s.public[:] }

// Agree fails if the secret would be zero (RFC 8446 section 7.4.2).
func (s *x448Share) Agree(peer []byte) ([]byte, error) {
	var public, shared x448.Key
	if copy(public[:], peer) != len(peer) || len(peer) != x448.Size || !x448.Shared(&shared, &s.secret, &public) {
		return nil, errShare
	}
	return shared[:], nil
}

// verifyEd448 verifies a signature of Ed448 (RFC 8032); known is false if the key has
// another length.
func verifyEd448(key, signed, signature []byte) (valid, known bool) {
	if len(key) != ed448.PublicKeySize {
		return false, false
	}
	return ed448.Verify(key, signed, signature, ""), true
}

// verifyMLDSA verifies a signature of ML-DSA (FIPS 204) without a context
// (draft-ietf-tls-mldsa); known is false if the key is not of this parameter set.
func verifyMLDSA(set int, key, signed, signature []byte) (valid, known bool) {
	switch set {
	case 44:
		var public mldsa44.PublicKey
		known = public.UnmarshalBinary(key) == nil
		return known && mldsa44.Verify(&public, signed, nil, signature), known
	case 65:
		var public mldsa65.PublicKey
		known = public.UnmarshalBinary(key) == nil
		return known && mldsa65.Verify(&public, signed, nil, signature), known
	case 87:
		var public mldsa87.PublicKey
		known = public.UnmarshalBinary(key) == nil
		return known && mldsa87.Verify(&public, signed, nil, signature), known
	}
	return false, false
}
