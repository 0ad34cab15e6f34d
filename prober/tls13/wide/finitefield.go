package wide

import (
	"crypto/rand"
	"math/big"
	"sync"

	"tls_exporter/prober/hello"
)

// finiteField is a group of RFC 7919 appendix A. Its generator is 2, and its prime is
//
//	2^bits - 2^(bits-64) + (floor(2^(bits-130) * e) + offset) * 2^64 - 1
type finiteField struct {
	bits     int
	offset   int64
	exponent int // bits of a private key (section 5.2): more than twice the strength of the group
	prime    func() *big.Int
}

var finiteFields = map[hello.Group]*finiteField{
	hello.FFDHE2048: field(2048, 560316, 225),
	hello.FFDHE3072: field(3072, 2625351, 275),
	hello.FFDHE4096: field(4096, 5736041, 325),
	hello.FFDHE6144: field(6144, 15705020, 375),
	hello.FFDHE8192: field(8192, 10965728, 400),
}

func field(bits int, offset int64, exponent int) *finiteField {
	f := &finiteField{bits: bits, offset: offset, exponent: exponent}
	f.prime = sync.OnceValue(f.compute)
	return f
}

// compute returns the prime. Euler's number is the sum of 1/n!, which is computed here
// with 64 more bits than are needed.
func (f *finiteField) compute() *big.Int {
	const guard = 64
	one := big.NewInt(1)
	term := new(big.Int).Lsh(one, uint(f.bits-130+guard))
	sum := new(big.Int).Set(term)
	for n := int64(1); term.Sign() > 0; n++ {
		term.Quo(term, big.NewInt(n))
		sum.Add(sum, term)
	}
	sum.Rsh(sum, guard)
	sum.Add(sum, big.NewInt(f.offset))
	sum.Lsh(sum, 64)
	prime := new(big.Int).Lsh(one, uint(f.bits))
	prime.Sub(prime, new(big.Int).Lsh(one, uint(f.bits-64)))
	prime.Add(prime, sum)
	return prime.Sub(prime, one)
}

type finiteFieldShare struct {
	group hello.Group
	field *finiteField
	key   *big.Int
}

func newFiniteField(g hello.Group) (Share, error) {
	f := finiteFields[g]
	key, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(f.exponent)))
	if err != nil {
		return nil, err
	}
	return &finiteFieldShare{g, f, key.SetBit(key, f.exponent-1, 1)}, nil
}

func (s *finiteFieldShare) Group() hello.Group { return s.group }

// Public is padded to the length of the prime (RFC 8446 section 4.2.8.1).
func (s *finiteFieldShare) Public() []byte { return s.power(big.NewInt(2)) }

// Agree accepts values from 2 to p-2 with the length of the prime (RFC 8446 section
// 4.2.8.1), and pads the secret to that length (section 7.4.1).
func (s *finiteFieldShare) Agree(peer []byte) ([]byte, error) {
	y, last := new(big.Int).SetBytes(peer), new(big.Int).Sub(s.field.prime(), big.NewInt(2))
	if len(peer) != s.field.bits/8 || y.Cmp(big.NewInt(2)) < 0 || y.Cmp(last) > 0 {
		return nil, errShare
	}
	return s.power(y), nil
}

func (s *finiteFieldShare) power(base *big.Int) []byte {
	return new(big.Int).Exp(base, s.key, s.field.prime()).FillBytes(make([]byte, s.field.bits/8))
}
