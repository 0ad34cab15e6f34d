package tlstest

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"math/big"
)

const defaultPrimeBits = 2048

// primes are safe primes with the generator 2: those of 768 and 1024 bits from
// RFC 2409 sections 6.1 and 6.2, those of 1536 and 2048 from RFC 3526 sections 2
// and 3. That of 512 bits was found for this lab alone.
var primes = map[int]*big.Int{
	512:  prime("cc367df39daf211f458835fd22cd04cd27cdadca9fd6f2f7a0734a3639265e5fdf630397e273cbc86b59fce49bef545ff8c71d796a880be1535732f7f8b48877"),
	768:  prime(oakley + "a63a3620ffffffffffffffff"),
	1024: prime(oakley + "a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381ffffffffffffffff"),
	1536: prime(oakley + "a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca237327ffffffffffffffff"),
	2048: prime(oakley + "a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa051015728e5a8aacaa68ffffffffffffffff"),
}

// oakley is how all of them begin: a margin of ones, and then the digits of pi.
const oakley = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9"

func prime(hex string) *big.Int {
	p, ok := new(big.Int).SetString(hex, 16)
	if !ok {
		panic("a prime that is no number: " + hex)
	}
	return p
}

// share is a server's half of an ephemeral key exchange.
type share interface {
	public() []byte
	agree(peer []byte) ([]byte, error)
}

type ecShare struct{ key *ecdh.PrivateKey }

// newShare makes a key of a group, or is nil for one that is not known here.
func newShare(group tls.CurveID) share {
	curve := map[tls.CurveID]ecdh.Curve{
		tls.X25519: ecdh.X25519(), tls.CurveP256: ecdh.P256(), tls.CurveP384: ecdh.P384(), tls.CurveP521: ecdh.P521(),
	}[group]
	if curve == nil {
		return nil
	}
	key, err := curve.GenerateKey(rand.Reader)
	if err != nil {
		return nil
	}
	return ecShare{key}
}

func (s ecShare) public() []byte { return s.key.PublicKey().Bytes() }

func (s ecShare) agree(peer []byte) ([]byte, error) {
	public, err := s.key.Curve().NewPublicKey(peer)
	if err != nil {
		return nil, err
	}
	return s.key.ECDH(public)
}

var generator = big.NewInt(2)

type dhShare struct{ prime, secret *big.Int }

func newDHShare(bits int) (dhShare, error) {
	p := primes[bits]
	secret, err := rand.Int(rand.Reader, new(big.Int).Rsh(p, 1)) // below the order of the generator
	return dhShare{p, secret}, err
}

func (s dhShare) public() []byte { return new(big.Int).Exp(generator, s.secret, s.prime).Bytes() }

// agree is without leading zeros, as RFC 5246 section 8.1.2 has it.
func (s dhShare) agree(peer []byte) ([]byte, error) {
	y := new(big.Int).SetBytes(peer)
	one := big.NewInt(1)
	if y.Cmp(one) <= 0 || y.Cmp(new(big.Int).Sub(s.prime, one)) >= 0 {
		return nil, errors.New("a public value out of range")
	}
	return y.Exp(y, s.secret, s.prime).Bytes(), nil
}

// rsaParams is ServerRSAParams (RFC 2246 section 7.4.3).
func rsaParams(key *rsa.PublicKey) []byte {
	b := appendVector(nil, 2, key.N.Bytes())
	return appendVector(b, 2, big.NewInt(int64(key.E)).Bytes())
}

// dhParams is ServerDHParams (RFC 5246 section 7.4.3).
func dhParams(s dhShare) []byte {
	b := appendVector(nil, 2, s.prime.Bytes())
	b = appendVector(b, 2, generator.Bytes())
	return appendVector(b, 2, s.public())
}

// ecdhParams is ServerECDHParams with a named curve (RFC 8422 section 5.4).
func ecdhParams(group tls.CurveID, s share) []byte {
	const namedCurve = 3
	b := binary.BigEndian.AppendUint16([]byte{namedCurve}, uint16(group))
	return appendVector(b, 1, s.public())
}

// signParams signs what a ServerKeyExchange says, as the version has it
// (RFC 2246 and RFC 5246 section 7.4.3, RFC 8422 section 5.4).
func signParams(version uint16, key crypto.Signer, randoms, params []byte) ([]byte, error) {
	signed := append(bytes.Clone(randoms), params...)
	_, elliptic := key.(*ecdsa.PrivateKey)
	var signature, algorithm []byte
	var err error
	switch {
	case version >= versionTLS12:
		algorithm = binary.BigEndian.AppendUint16(nil, uint16(tls.PKCS1WithSHA256))
		if elliptic {
			algorithm = binary.BigEndian.AppendUint16(nil, uint16(tls.ECDSAWithP256AndSHA256))
		}
		signature, err = crypto.SignMessage(key, rand.Reader, signed, crypto.SHA256)
	case elliptic:
		signature, err = crypto.SignMessage(key, rand.Reader, signed, crypto.SHA1)
	default:
		both := append(digest(crypto.MD5, signed), digest(crypto.SHA1, signed)...)
		signature, err = key.Sign(rand.Reader, both, crypto.MD5SHA1)
	}
	if err != nil {
		return nil, err
	}
	return appendVector(algorithm, 2, signature), nil
}

func digest(h crypto.Hash, content []byte) []byte {
	sum := h.New()
	sum.Write(content)
	return sum.Sum(nil)
}

// premaster opens an encrypted premaster secret. What is wrong with it is told
// as s.Premaster has it: at once, or else through a secret that is not the client's.
func (s *legacySession) premaster(encrypted []byte) ([]byte, error) {
	key, ok := s.key.(*rsa.PrivateKey)
	if s.suite.exchange == exchangeRSAExport {
		key = s.export
	} else if !ok {
		return nil, alertEnding(alertInternalError)
	}
	block := decryptBlock(key, encrypted)
	zero := len(block) - premasterSecretSize - 1
	begins := len(encrypted) == key.Size() && block[0] == 0 && block[1] == 2
	whole := begins && zero >= 2 && block[zero] == 0 && !bytes.Contains(block[2:zero], []byte{0})
	switch {
	case s.Premaster == PremasterStrong && !begins, s.Premaster == PremasterWeak && !whole:
		return nil, alertEnding(alertDecryptError)
	case s.Premaster == PremasterByReset && !begins:
		return nil, errReset
	case s.Premaster == PremasterBySilence && !begins:
		return nil, errSilence
	case s.Premaster == PremasterByClosing && !begins:
		return nil, errClose
	}
	if !whole || binary.BigEndian.Uint16(block[zero+1:]) != s.hello.version {
		return noise(premasterSecretSize), nil
	}
	return block[zero+1:], nil
}

// decryptBlock is RSA without a look at the padding (RFC 8017 section 5.1.2).
// crypto/rsa has no such thing, so that nobody builds what is built here.
func decryptBlock(key *rsa.PrivateKey, encrypted []byte) []byte {
	c := new(big.Int).SetBytes(encrypted)
	c.Mod(c, key.N)
	return c.Exp(c, key.D, key.N).FillBytes(make([]byte, key.Size()))
}
