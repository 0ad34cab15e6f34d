package tls13

import (
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/rand"
	"slices"
	"sync"
	"time"

	"tls_exporter/prober/hello"
)

// keyShares are the private keys of the key shares of one ClientHello: X25519MLKEM768,
// and X25519 with the same X25519 key (RFC 9954 section 3.2).
type keyShares struct {
	groups []hello.Group // some of sharedGroups, in the order of the offer
	mlkem  *mlkemKey
	x25519 *ecdh.PrivateKey
}

// sharedGroups are the groups that this package has key shares for.
var sharedGroups = []hello.Group{hello.X25519MLKEM768, hello.X25519}

// append appends the list of a key_share extension to b.
func (s *keyShares) append(b []byte) []byte {
	public := s.x25519.PublicKey().Bytes()
	for _, group := range s.groups {
		if group == hello.X25519MLKEM768 { // ML-KEM comes first: draft-ietf-tls-ecdhe-mlkem section 4.1
			b = hello.AppendKeyShare(b, group, s.mlkem.public, public)
		} else {
			b = hello.AppendKeyShare(b, group, public)
		}
	}
	return b
}

// sharedSecret computes the shared secret (RFC 8446 section 7.4.2, RFC 9954 section
// 3.3); false: the server's share is not valid for its group, or its group was not
// offered.
func (s *keyShares) sharedSecret(group hello.Group, share []byte) ([]byte, bool) {
	if !slices.Contains(s.groups, group) {
		return nil, false
	}
	var encapsulated []byte
	if group == hello.X25519MLKEM768 {
		if len(share) < mlkem.CiphertextSize768 {
			return nil, false
		}
		var err error
		if encapsulated, err = s.mlkem.private.Decapsulate(share[:mlkem.CiphertextSize768]); err != nil {
			return nil, false
		}
		share = share[mlkem.CiphertextSize768:]
	}
	peer, err := ecdh.X25519().NewPublicKey(share)
	if err != nil {
		return nil, false
	}
	secret, err := s.x25519.ECDH(peer) // fails if it is zero (RFC 7748 section 6.1)
	return append(encapsulated, secret...), err == nil
}

// mlkemKey is a key of ML-KEM-768 (FIPS 203).
type mlkemKey struct {
	private *mlkem.DecapsulationKey768
	public  []byte
	created time.Time
}

// mlkemLifetime is how long one ML-KEM key is offered. The X25519 key beside it is new
// in each handshake, so no key share is sent twice (RFC 9846 section 4.3.8), and each
// session has its own secret. RFC 9954 section 2 permits the reuse of such keys, and
// names two disadvantages:
//
//   - Forward secrecy is limited. A probe protects nothing but a close_notify.
//   - Connections can be attributed to one client. A monitor does not hide.
//
// In return a handshake costs an eighth less CPU, and a probe that waits for an answer
// needs half as much memory (docs/scaling.md).
const mlkemLifetime = time.Second

// keyShareSource generates the key shares of a client's handshakes.
type keyShareSource struct {
	groups []hello.Group
	mutex  sync.Mutex
	mlkem  *mlkemKey // the current key; nil: none yet
}

// generate returns the key shares of one handshake.
func (s *keyShareSource) generate() (*keyShares, error) {
	kem, err := s.currentMLKEM()
	if err != nil {
		return nil, err
	}
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	return &keyShares{s.groups, kem, x25519}, err
}

// currentMLKEM returns the current ML-KEM key, and replaces it after mlkemLifetime.
func (s *keyShareSource) currentMLKEM() (*mlkemKey, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.mlkem != nil && time.Since(s.mlkem.created) < mlkemLifetime {
		return s.mlkem, nil
	}
	var err error
	s.mlkem, err = newMLKEMKey()
	return s.mlkem, err
}

// newMLKEMKey is not inlined because it needs 6 kB of stack. Inlined, it would double
// the stack of every goroutine that only reads the current key and then waits.
//
//go:noinline
func newMLKEMKey() (*mlkemKey, error) {
	key, err := mlkem.GenerateKey768()
	if err != nil {
		return nil, err
	}
	return &mlkemKey{key, key.EncapsulationKey().Bytes(), time.Now()}, nil
}
