package wide

import (
	"crypto/rand"
	"math/big"

	"tls_exporter/prober/hello"
)

// curve is a curve in short Weierstrass form, y^2 = x^3 + ax + b modulo p, whose points
// have the prime order n. crypto/elliptic has curves with a = -3 only.
type curve struct {
	p, a, b, n *big.Int
	base       point
	size       int // of a coordinate, in bytes
}

// point has affine coordinates; x is nil for the point at infinity.
type point struct{ x, y *big.Int }

// brainpools are the curves of RFC 5639 section 3, with the numbers that TLS 1.3 has for
// them (RFC 8734).
var brainpools = map[hello.Group]*curve{
	brainpoolP256r1: newCurve(32,
		"a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377",
		"7d5a0975fc2c3057eef67530417affe7fb8055c126dc5c6ce94a4b44f330b5d9",
		"26dc5c6ce94a4b44f330b5d9bbd77cbf958416295cf7e1ce6bccdc18ff8c07b6",
		"8bd2aeb9cb7e57cb2c4b482ffc81b7afb9de27e1e3bd23c23a4453bd9ace3262",
		"547ef835c3dac4fd97f8461a14611dc9c27745132ded8e545c1d54c72f046997",
		"a9fb57dba1eea9bc3e660a909d838d718c397aa3b561a6f7901e0e82974856a7"),
	brainpoolP384r1: newCurve(48,
		"8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b412b1da197fb71123acd3a729901d1a71874700133107ec53",
		"7bc382c63d8c150c3c72080ace05afa0c2bea28e4fb22787139165efba91f90f8aa5814a503ad4eb04a8c7dd22ce2826",
		"04a8c7dd22ce28268b39b55416f0447c2fb77de107dcd2a62e880ea53eeb62d57cb4390295dbc9943ab78696fa504c11",
		"1d1c64f068cf45ffa2a63a81b7c13f6b8847a3e77ef14fe3db7fcafe0cbd10e8e826e03436d646aaef87b2e247d4af1e",
		"8abe1d7520f9c2a45cb1eb8e95cfd55262b70b29feec5864e19c054ff99129280e4646217791811142820341263c5315",
		"8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b31f166e6cac0425a7cf3ab6af6b7fc3103b883202e9046565"),
	brainpoolP512r1: newCurve(64,
		"aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca703308717d4d9b009bc66842aecda12ae6a380e62881ff2f2d82c68528aa6056583a48f3",
		"7830a3318b603b89e2327145ac234cc594cbdd8d3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d77fc94ca",
		"3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d77fc94cadc083e67984050b75ebae5dd2809bd638016f723",
		"81aee4bdd82ed9645a21322e9c4c6a9385ed9f70b5d916c1b43b62eef4d0098eff3b1f78e2d0d48d50d1687b93b97d5f7c6d5047406a5e688b352209bcb9f822",
		"7dde385d566332ecc0eabfa9cf7822fdf209f70024a57b1aa000c55b881f8111b2dcde494a5f485e5bca4bd88a2763aed1ca2b2fa8f0540678cd1e0f3ad80892",
		"aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca70330870553e5c414ca92619418661197fac10471db1d381085ddaddb58796829ca90069"),
}

func newCurve(size int, p, a, b, x, y, n string) *curve {
	return &curve{p: number(p), a: number(a), b: number(b), n: number(n), base: point{number(x), number(y)}, size: size}
}

func number(hex string) *big.Int {
	n, ok := new(big.Int).SetString(hex, 16)
	if !ok {
		panic("not a hexadecimal number: " + hex)
	}
	return n
}

// add adds two points by the textbook formulas (SEC 1 section 2.2.1).
func (c *curve) add(p, q point) point {
	if p.x == nil {
		return q
	}
	if q.x == nil {
		return p
	}
	slope := new(big.Int)
	switch {
	case p.x.Cmp(q.x) != 0:
		slope.Sub(p.x, q.x)
		slope.ModInverse(slope.Mod(slope, c.p), c.p)
		slope.Mul(slope, new(big.Int).Sub(p.y, q.y))
	case p.y.Cmp(q.y) != 0 || p.y.Sign() == 0:
		return point{}
	default:
		slope.ModInverse(new(big.Int).Lsh(p.y, 1), c.p)
		square := new(big.Int).Mul(p.x, p.x)
		square.Mul(square, big.NewInt(3))
		slope.Mul(slope, square.Add(square, c.a))
	}
	slope.Mod(slope, c.p)
	x := new(big.Int).Mul(slope, slope)
	x.Sub(x, p.x)
	x.Mod(x.Sub(x, q.x), c.p)
	y := new(big.Int).Sub(p.x, x)
	y.Mul(y, slope)
	return point{x, y.Mod(y.Sub(y, p.y), c.p)}
}

// multiply returns k times p.
func (c *curve) multiply(p point, k *big.Int) point {
	var sum point
	for i := k.BitLen() - 1; i >= 0; i-- {
		if sum = c.add(sum, sum); k.Bit(i) == 1 {
			sum = c.add(sum, p)
		}
	}
	return sum
}

// marshal returns the uncompressed form (SEC 1 section 2.3.3), the only one that TLS 1.3
// has (RFC 8446 section 4.2.8.2).
func (c *curve) marshal(p point) []byte {
	b := make([]byte, 1+2*c.size)
	b[0] = 4
	p.x.FillBytes(b[1 : 1+c.size])
	p.y.FillBytes(b[1+c.size:])
	return b
}

// unmarshal accepts points on the curve only. As its order is prime, all of them have
// this order.
func (c *curve) unmarshal(b []byte) (point, bool) {
	if len(b) != 1+2*c.size || b[0] != 4 {
		return point{}, false
	}
	p := point{new(big.Int).SetBytes(b[1 : 1+c.size]), new(big.Int).SetBytes(b[1+c.size:])}
	if p.x.Cmp(c.p) >= 0 || p.y.Cmp(c.p) >= 0 {
		return point{}, false
	}
	right := new(big.Int).Mul(p.x, p.x)
	right.Mul(right.Add(right, c.a), p.x)
	right.Mod(right.Add(right, c.b), c.p)
	left := new(big.Int).Mul(p.y, p.y)
	return p, left.Mod(left, c.p).Cmp(right) == 0
}

// verify verifies a signature of ECDSA (SEC 1 section 4.1.4).
func (c *curve) verify(key point, digest []byte, r, s *big.Int) bool {
	if r.Sign() <= 0 || s.Sign() <= 0 || r.Cmp(c.n) >= 0 || s.Cmp(c.n) >= 0 {
		return false
	}
	e := new(big.Int).SetBytes(digest[:min(len(digest), c.size)])
	w := new(big.Int).ModInverse(s, c.n)
	u, v := e.Mod(e.Mul(e, w), c.n), new(big.Int).Mul(r, w)
	sum := c.add(c.multiply(c.base, u), c.multiply(key, v.Mod(v, c.n)))
	return sum.x != nil && new(big.Int).Mod(sum.x, c.n).Cmp(r) == 0
}

type brainpoolShare struct {
	group hello.Group
	curve *curve
	key   *big.Int
}

func newBrainpool(g hello.Group) (Share, error) {
	c := brainpools[g]
	key, err := rand.Int(rand.Reader, new(big.Int).Sub(c.n, big.NewInt(1)))
	if err != nil {
		return nil, err
	}
	return &brainpoolShare{g, c, key.Add(key, big.NewInt(1))}, nil
}

func (s *brainpoolShare) Group() hello.Group { return s.group }

func (s *brainpoolShare) Public() []byte {
	return s.curve.marshal(s.curve.multiply(s.curve.base, s.key))
}

// Agree returns the x coordinate (RFC 8446 section 7.4.2).
func (s *brainpoolShare) Agree(peer []byte) ([]byte, error) {
	p, ok := s.curve.unmarshal(peer)
	if !ok {
		return nil, errShare
	}
	return s.curve.multiply(p, s.key).x.FillBytes(make([]byte, s.curve.size)), nil
}
