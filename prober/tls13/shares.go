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

// shares are the private halves of the key shares of one ClientHello: for
// X25519MLKEM768, and for X25519 with the same key as in it (RFC 9954 section 3.2).
type shares struct {
	groups []hello.Group // some of sharedGroups, in the order of the offer
	kem    *kemKey
	x25519 *ecdh.PrivateKey
}

// sharedGroups are those for which there may be a share.
var sharedGroups = []hello.Group{hello.X25519MLKEM768, hello.X25519}

// append appends the list of a key_share extension to b.
func (s *shares) append(b []byte) []byte {
	public := s.x25519.PublicKey().Bytes()
	for _, group := range s.groups {
		if group == hello.X25519MLKEM768 { // the one with ML-KEM first: draft-ietf-tls-ecdhe-mlkem section 4.1
			b = hello.AppendKeyShare(b, group, s.kem.public, public)
		} else {
			b = hello.AppendKeyShare(b, group, public)
		}
	}
	return b
}

// agree is the shared secret (RFC 8446 section 7.4.2, RFC 9954 section 3.3); false:
// the server's share is none of its group, or for a group that was not offered.
func (s *shares) agree(group hello.Group, share []byte) ([]byte, bool) {
	if !slices.Contains(s.groups, group) {
		return nil, false
	}
	var encapsulated []byte
	if group == hello.X25519MLKEM768 {
		if len(share) < mlkem.CiphertextSize768 {
			return nil, false
		}
		var err error
		if encapsulated, err = s.kem.private.Decapsulate(share[:mlkem.CiphertextSize768]); err != nil {
			return nil, false
		}
		share = share[mlkem.CiphertextSize768:]
	}
	peer, err := ecdh.X25519().NewPublicKey(share)
	if err != nil {
		return nil, false
	}
	agreed, err := s.x25519.ECDH(peer)
	return append(encapsulated, agreed...), err == nil
}

// kemKey is a key of ML-KEM-768.
type kemKey struct {
	private *mlkem.DecapsulationKey768
	public  []byte
	made    time.Time
}

// kemLifetime is for how long an ML-KEM key is offered, beside an X25519 key that is
// another one each time, so that no key share is sent twice (RFC 9846 section
// 4.3.8) and each session has a secret of its own. RFC 9954 section 2 lets keys of
// a KEM that is made for it, as this one is, be used again, and has two things
// against it. Forward secrecy is limited: what a probe protects is a goodbye. And
// connections can be told to come from one client, which a monitor does not hide.
// In return there is an eighth of a handshake less to compute, and a probe that
// waits for an answer takes half as much memory (docs/scaling.md).
const kemLifetime = time.Second

// shareSource makes the shares of a prober's handshakes.
type shareSource struct {
	groups []hello.Group
	mutex  sync.Mutex
	kem    *kemKey
}

func (s *shareSource) fresh() (*shares, error) {
	kem, err := s.current()
	if err != nil {
		return nil, err
	}
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	return &shares{s.groups, kem, key}, err
}

// current is the ML-KEM key of now.
func (s *shareSource) current() (*kemKey, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.kem != nil && time.Since(s.kem.made) < kemLifetime {
		return s.kem, nil
	}
	var err error
	s.kem, err = newKEMKey()
	return s.kem, err
}

// newKEMKey is apart because it takes 6 kB of stack: where it is inlined, all who
// only ask for the key of now would have their stacks doubled, and wait with them.
//
//go:noinline
func newKEMKey() (*kemKey, error) {
	key, err := mlkem.GenerateKey768()
	if err != nil {
		return nil, err
	}
	return &kemKey{key, key.EncapsulationKey().Bytes(), time.Now()}, nil
}
