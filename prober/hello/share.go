package hello

import (
	_ "embed" // the keys of ML-KEM
	"encoding/hex"
	"slices"
)

//go:embed registry/mlkem768.bin
var mlkem768 []byte

//go:embed registry/mlkem1024.bin
var mlkem1024 []byte

// The base points, uncompressed: the public keys for the private key 1 (SEC 2 section 2;
// RFC 7748 section 4).
var (
	baseP256 = mustHex("04" +
		"6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296" +
		"4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
	baseP384 = mustHex("04" +
		"aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7" +
		"3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f")
	baseP521 = mustHex("04" +
		"00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66" +
		"011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650")
	base25519 = append([]byte{9}, make([]byte, 31)...)
	base448   = append([]byte{5}, make([]byte, 55)...)
)

func mustHex(text string) []byte {
	bytes, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return bytes
}

// KeyShareFor returns a valid key share for a group, the same each time. A server
// answers it with a ServerHello, but the keys of the handshake are not secret. There is
// one for the curves of TLS 1.3, the groups of RFC 7919, and ML-KEM with and without a
// curve; false for other groups.
func KeyShareFor(g Group) (KeyShare, bool) {
	data := slices.Clone(shareFor(g))
	return KeyShare{g, data}, data != nil
}

// KeySharesFor returns the key shares of those groups that have one; nil: of all groups
// of TLS 1.3.
func KeySharesFor(groups []Group) []KeyShare {
	if groups == nil {
		groups = GroupsFor(TLS13)
	}
	var shares []KeyShare
	for _, g := range groups {
		if share, ok := KeyShareFor(g); ok {
			shares = append(shares, share)
		}
	}
	return shares
}

func shareFor(g Group) []byte {
	switch g {
	case SecP256r1:
		return baseP256
	case SecP384r1:
		return baseP384
	case SecP521r1:
		return baseP521
	case X25519:
		return base25519
	case X448:
		return base448
	case MLKEM768:
		return mlkem768
	case MLKEM1024:
		return mlkem1024
	case X25519MLKEM768: // draft-ietf-tls-ecdhe-mlkem section 4.1: the one with ML-KEM first
		return slices.Concat(mlkem768, base25519)
	case SecP256r1MLKEM768:
		return slices.Concat(baseP256, mlkem768)
	case SecP384r1MLKEM1024:
		return slices.Concat(baseP384, mlkem1024)
	case FFDHE2048:
		return generator(2048)
	case FFDHE3072:
		return generator(3072)
	case FFDHE4096:
		return generator(4096)
	case FFDHE6144:
		return generator(6144)
	case FFDHE8192:
		return generator(8192)
	}
	return nil
}

// generator returns 2, the generator of the groups of RFC 7919, with the length of the
// prime (RFC 8446 section 4.2.8.1).
func generator(bits int) []byte {
	y := make([]byte, bits/8)
	y[len(y)-1] = 2
	return y
}
