package wide

import (
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/rand"
	"errors"
	"fmt"

	"tls_exporter/prober/hello"
)

// The groups of RFC 8734.
const (
	brainpoolP256r1 hello.Group = 31 + iota
	brainpoolP384r1
	brainpoolP512r1
)

// Groups are the groups that this package has. The hybrids with ML-KEM are not among
// them: crypto/tls has them, and their long key shares are what some servers fail on.
var Groups = []hello.Group{
	hello.X25519, hello.SecP256r1, hello.SecP384r1, hello.SecP521r1, hello.X448,
	brainpoolP256r1, brainpoolP384r1, brainpoolP512r1,
	hello.FFDHE2048, hello.FFDHE3072, hello.FFDHE4096, hello.FFDHE6144, hello.FFDHE8192,
	hello.MLKEM768, hello.MLKEM1024,
}

// Share is the private key of a key share.
type Share interface {
	Group() hello.Group
	// Public is the client's key_exchange of a KeyShareEntry (RFC 8446 section 4.2.8).
	Public() []byte
	// Agree computes the shared secret (RFC 8446 section 7.4) from that of the server. It
	// fails if that is not valid.
	Agree(peer []byte) ([]byte, error)
}

// NewShare makes a key share for one of Groups.
func NewShare(g hello.Group) (Share, error) {
	switch {
	case g == hello.X448:
		return newX448()
	case g == hello.MLKEM768 || g == hello.MLKEM1024:
		return newKEM(g)
	case g.FiniteField():
		return newFiniteField(g)
	case brainpools[g] != nil:
		return newBrainpool(g)
	case curves[g] != nil:
		key, err := curves[g].GenerateKey(rand.Reader)
		return &ecdhShare{g, key}, err
	}
	return nil, fmt.Errorf("no key share for group %s", g)
}

// errShare is a public value that is not valid for its group.
var errShare = errors.New("the server's key share is not valid for its group")

// curves are the groups that crypto/ecdh has.
var curves = map[hello.Group]ecdh.Curve{
	hello.X25519: ecdh.X25519(), hello.SecP256r1: ecdh.P256(), hello.SecP384r1: ecdh.P384(), hello.SecP521r1: ecdh.P521(),
}

type ecdhShare struct {
	group hello.Group
	key   *ecdh.PrivateKey
}

func (s *ecdhShare) Group() hello.Group { return s.group }

func (s *ecdhShare) Public() []byte { return s.key.PublicKey().Bytes() }

func (s *ecdhShare) Agree(peer []byte) ([]byte, error) {
	public, err := s.key.Curve().NewPublicKey(peer)
	if err != nil {
		return nil, errShare
	}
	return s.key.ECDH(public)
}

// kemShare is ML-KEM (FIPS 203): the server's value is a ciphertext
// (draft-ietf-tls-mlkem).
type kemShare struct {
	group       hello.Group
	public      []byte
	decapsulate func(ciphertext []byte) ([]byte, error)
}

func newKEM(g hello.Group) (Share, error) {
	if g == hello.MLKEM768 {
		key, err := mlkem.GenerateKey768()
		if err != nil {
			return nil, err
		}
		return &kemShare{g, key.EncapsulationKey().Bytes(), key.Decapsulate}, nil
	}
	key, err := mlkem.GenerateKey1024()
	if err != nil {
		return nil, err
	}
	return &kemShare{g, key.EncapsulationKey().Bytes(), key.Decapsulate}, nil
}

func (s *kemShare) Group() hello.Group { return s.group }

func (s *kemShare) Public() []byte { return s.public }

func (s *kemShare) Agree(peer []byte) ([]byte, error) { return s.decapsulate(peer) }
