package legacy

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

	"tls_exporter/prober/tlstest/internal/wire"
)

const defaultPrimeBits = 2048

// primes are safe primes with the generator 2: 768 and 1024 bits from RFC 2409
// sections 6.1 and 6.2, 1536 and 2048 bits from RFC 3526 sections 2 and 3. The
// one with 512 bits was generated for this package.
var primes = map[int]*big.Int{
	512:  prime("cc367df39daf211f458835fd22cd04cd27cdadca9fd6f2f7a0734a3639265e5fdf630397e273cbc86b59fce49bef545ff8c71d796a880be1535732f7f8b48877"),
	768:  prime(oakley + "a63a3620ffffffffffffffff"),
	1024: prime(oakley + "a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece65381ffffffffffffffff"),
	1536: prime(oakley + "a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca237327ffffffffffffffff"),
	2048: prime(oakley + "a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa051015728e5a8aacaa68ffffffffffffffff"),
}

// ffdhe2048 is the prime of the first group of RFC 7919 (appendix A.1).
var ffdhe2048 = prime("ffffffffffffffffadf85458a2bb4a9aafdc5620273d3cf1d8b9c583ce2d3695a9e13641146433fbcc939dce249b3ef97d2fe363630c75d8f681b202aec4617ad3df1ed5d5fd65612433f51f5f066ed0856365553ded1af3b557135e7f57c935984f0c70e0e68b77e2a689daf3efe8721df158a136ade73530acca4f483a797abc0ab182b324fb61d108a94bb2c8e3fbb96adab760d7f4681d4f42a3de394df4ae56ede76372bb190b07a7c8ee0a6d709e02fce1cdf7e2ecc03404cd28342f619172fe9ce98583ff8e4f1232eef28183c3fe3b1b4c6fad733bb5fcbc2ec22005c58ef1837d1683b2c6f34a26c1b2effa886b423861285c97ffffffffffffffff")

const groupFFDHE2048 = 256

// oakley is the common beginning of these primes.
const oakley = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9"

func prime(hex string) *big.Int {
	p, ok := new(big.Int).SetString(hex, 16)
	if !ok {
		panic("not a hexadecimal number: " + hex)
	}
	return p
}

// share is the server's key share of an ephemeral key exchange.
type share interface {
	public() []byte
	agree(peer []byte) ([]byte, error)
}

type ecdhShare struct{ key *ecdh.PrivateKey }

// newECDHShare returns nil if the group is not supported.
func newECDHShare(group tls.CurveID) share {
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
	return ecdhShare{key}
}

func (s ecdhShare) public() []byte { return s.key.PublicKey().Bytes() }

func (s ecdhShare) agree(peer []byte) ([]byte, error) {
	public, err := s.key.Curve().NewPublicKey(peer)
	if err != nil {
		return nil, err
	}
	return s.key.ECDH(public)
}

var generator = big.NewInt(2)

type dhShare struct{ prime, secret *big.Int }

func newDHShare(p *big.Int) (dhShare, error) {
	secret, err := rand.Int(rand.Reader, new(big.Int).Rsh(p, 1)) // below the order of the generator
	return dhShare{p, secret}, err
}

func (s dhShare) public() []byte { return new(big.Int).Exp(generator, s.secret, s.prime).Bytes() }

// agree removes leading zeros, as RFC 5246 section 8.1.2 says.
func (s dhShare) agree(peer []byte) ([]byte, error) {
	y := new(big.Int).SetBytes(peer)
	one := big.NewInt(1)
	if y.Cmp(one) <= 0 || y.Cmp(new(big.Int).Sub(s.prime, one)) >= 0 {
		return nil, errors.New("the public value is out of range")
	}
	return y.Exp(y, s.secret, s.prime).Bytes(), nil
}

// rsaParams is ServerRSAParams (RFC 2246 section 7.4.3).
func rsaParams(key *rsa.PublicKey) []byte {
	b := wire.AppendVector(nil, 2, key.N.Bytes())
	return wire.AppendVector(b, 2, big.NewInt(int64(key.E)).Bytes())
}

// dhParams is ServerDHParams (RFC 5246 section 7.4.3).
func dhParams(s dhShare) []byte {
	b := wire.AppendVector(nil, 2, s.prime.Bytes())
	b = wire.AppendVector(b, 2, generator.Bytes())
	return wire.AppendVector(b, 2, s.public())
}

// ecdhParams is ServerECDHParams with a named curve (RFC 8422 section 5.4).
func ecdhParams(group tls.CurveID, s share) []byte {
	const namedCurve = 3
	b := binary.BigEndian.AppendUint16([]byte{namedCurve}, uint16(group))
	return wire.AppendVector(b, 1, s.public())
}

// signParams signs the parameters of a ServerKeyExchange (section 7.4.3 of RFC
// 2246 and RFC 5246, RFC 8422 section 5.4).
func signParams(version uint16, key crypto.Signer, randoms, params []byte) ([]byte, error) {
	signed := append(bytes.Clone(randoms), params...)
	_, isECDSA := key.(*ecdsa.PrivateKey)
	var signature, algorithm []byte
	var err error
	switch {
	case version >= tls.VersionTLS12:
		algorithm = binary.BigEndian.AppendUint16(nil, uint16(tls.PKCS1WithSHA256))
		if isECDSA {
			algorithm = binary.BigEndian.AppendUint16(nil, uint16(tls.ECDSAWithP256AndSHA256))
		}
		signature, err = crypto.SignMessage(key, rand.Reader, signed, crypto.SHA256)
	case isECDSA:
		signature, err = crypto.SignMessage(key, rand.Reader, signed, crypto.SHA1)
	default:
		both := append(digest(crypto.MD5, signed), digest(crypto.SHA1, signed)...)
		signature, err = key.Sign(rand.Reader, both, crypto.MD5SHA1)
	}
	if err != nil {
		return nil, err
	}
	return wire.AppendVector(algorithm, 2, signature), nil
}

func digest(h crypto.Hash, content []byte) []byte {
	sum := h.New()
	sum.Write(content)
	return sum.Sum(nil)
}

// decryptPremaster decrypts a premaster secret. It reveals wrong padding as
// s.RSAOracle says. Otherwise it returns another secret, so that the handshake
// fails at Finished.
func (s *session) decryptPremaster(encrypted []byte) ([]byte, error) {
	key, ok := s.key.(*rsa.PrivateKey)
	if s.suite.exchange == exchangeRSAExport {
		key = s.export
	} else if !ok {
		return nil, alertError(wire.AlertInternalError)
	}
	block := decryptBlock(key, encrypted)
	zero := len(block) - premasterSecretSize - 1
	beginOK := len(encrypted) == key.Size() && block[0] == 0 && block[1] == 2
	paddingOK := beginOK && zero >= 2 && block[zero] == 0 && !bytes.Contains(block[2:zero], []byte{0})
	switch {
	case s.RSAOracle == RSAOracleAlone && !beginOK && s.buffered() == 0:
		return nil, alertError(wire.AlertDecryptError)
	case s.RSAOracle == RSAOracleStrong && !beginOK, s.RSAOracle == RSAOracleWeak && !paddingOK:
		return nil, alertError(wire.AlertDecryptError)
	case s.RSAOracle == RSAOracleByReset && !beginOK:
		return nil, errReset
	case s.RSAOracle == RSAOracleBySilence && !beginOK:
		return nil, errSilence
	case s.RSAOracle == RSAOracleByClosing && !beginOK:
		return nil, errClose
	}
	if !paddingOK || binary.BigEndian.Uint16(block[zero+1:]) != s.hello.version {
		return wire.Filler(premasterSecretSize), nil
	}
	return block[zero+1:], nil
}

// decryptBlock is RSADP (RFC 8017 section 5.1.2). crypto/rsa has no decryption
// without a check of the padding.
func decryptBlock(key *rsa.PrivateKey, encrypted []byte) []byte {
	c := new(big.Int).SetBytes(encrypted)
	c.Mod(c, key.N)
	return c.Exp(c, key.D, key.N).FillBytes(make([]byte, key.Size()))
}
