package wide

import (
	"bytes"
	"crypto/mlkem"
	"crypto/sha256"
	"encoding/hex"
	"math/big"
	"testing"

	"tls_exporter/prober/hello"
)

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPrimes compares the primes with the digests of those in RFC 7919 appendix A.
func TestPrimes(t *testing.T) {
	for group, want := range map[hello.Group]string{
		hello.FFDHE2048: "9cd3b7f336872f46c09428d1bbc19877a4d440512cda8d1c1cf0cd6e33698966",
		hello.FFDHE3072: "0eaf67db3a839156d5013494a5318a772b5697d270d721f37f092efc69ea5a17",
		hello.FFDHE4096: "4648414224ac881b3d0dc59b466f96d06a558278776807797ecf1f66ff397b3e",
		hello.FFDHE6144: "227ac9066b3ddd9e193670cda2388fa884f65ba0cf98b742d1fe77a6687c79c7",
		hello.FFDHE8192: "770b14efaf6f049929c523113b3fa99a8d11dab1b18af3609590122075d19833",
	} {
		if digest := sha256.Sum256(finiteFields[group].prime().Bytes()); hex.EncodeToString(digest[:]) != want {
			t.Errorf("%s: digest %x", group, digest)
		}
	}
}

// TestShares checks that two shares of a group agree, and that values that are not valid
// are rejected.
func TestShares(t *testing.T) {
	for _, group := range Groups {
		ours, err := NewShare(group)
		if err != nil {
			t.Fatal(err)
		}
		if ours.Group() != group {
			t.Errorf("%s: group is %s", group, ours.Group())
		}
		invalid := map[string][]byte{"empty": nil, "zero": make([]byte, len(ours.Public())), "long": append(bytes.Clone(ours.Public()), 0), "short": ours.Public()[1:]}
		if group == hello.MLKEM768 || group == hello.MLKEM1024 {
			delete(invalid, "zero") // has the wrong length as well
			shared, ciphertext := encapsulate(t, group, ours.Public())
			if got, err := ours.Agree(ciphertext); err != nil || !bytes.Equal(got, shared) {
				t.Errorf("%s: secrets %x and %x, %v", group, got, shared, err)
			}
		} else {
			theirs, err := NewShare(group)
			if err != nil {
				t.Fatal(err)
			}
			one, err1 := ours.Agree(theirs.Public())
			two, err2 := theirs.Agree(ours.Public())
			if err1 != nil || err2 != nil || !bytes.Equal(one, two) || len(one) == 0 {
				t.Errorf("%s: secrets %x and %x, %v, %v", group, one, two, err1, err2)
			}
		}
		for name, value := range invalid {
			if _, err := ours.Agree(value); err == nil {
				t.Errorf("%s: a value that is %s is accepted", group, name)
			}
		}
	}
	if _, err := NewShare(hello.Group(41)); err == nil {
		t.Error("there is a share for curveSM2")
	}
}

func encapsulate(t *testing.T, group hello.Group, public []byte) (shared, ciphertext []byte) {
	t.Helper()
	if group == hello.MLKEM768 {
		key, err := mlkem.NewEncapsulationKey768(public)
		if err != nil {
			t.Fatal(err)
		}
		return key.Encapsulate()
	}
	key, err := mlkem.NewEncapsulationKey1024(public)
	if err != nil {
		t.Fatal(err)
	}
	return key.Encapsulate()
}

// TestFiniteFieldLimits checks the range of RFC 8446 section 4.2.8.1 and the length of
// secrets with leading zeros.
func TestFiniteFieldLimits(t *testing.T) {
	share, err := NewShare(hello.FFDHE2048)
	if err != nil {
		t.Fatal(err)
	}
	p := finiteFields[hello.FFDHE2048].prime()
	for less, valid := range map[int64]bool{0: false, 1: false, 2: true} {
		y := new(big.Int).Sub(p, big.NewInt(less)).FillBytes(make([]byte, 256))
		if _, err := share.Agree(y); (err == nil) != valid {
			t.Errorf("p-%d: %v", less, err)
		}
	}
	short := &finiteFieldShare{hello.FFDHE2048, finiteFields[hello.FFDHE2048], big.NewInt(3)}
	if public := short.Public(); len(public) != 256 || public[255] != 8 {
		t.Errorf("2^3 is %x", public)
	}
}

// TestX448 has the example of RFC 7748 section 6.2.
func TestX448(t *testing.T) {
	alice := new(x448Share)
	copy(alice.secret[:], unhex(t, "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf574a9419744897391006382a6f127ab1d9ac2d8c0a598726b"))
	shared, err := alice.Agree(unhex(t, "3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609"))
	if want := unhex(t, "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56fd2464c335543936521c24403085d59a449a5037514a879d"); err != nil || !bytes.Equal(shared, want) {
		t.Errorf("shared secret %x, %v", shared, err)
	}
}

// TestBrainpoolCurves checks the constants: the base is on the curve and has the order n.
func TestBrainpoolCurves(t *testing.T) {
	for group, c := range brainpools {
		if _, ok := c.unmarshal(c.marshal(c.base)); !ok {
			t.Errorf("%s: the base is not on the curve", group)
		}
		if c.multiply(c.base, c.n).x != nil || c.p.BitLen() != 8*c.size || !c.n.ProbablyPrime(20) || !c.p.ProbablyPrime(20) {
			t.Errorf("%s: wrong order or prime", group)
		}
		off := c.marshal(c.base)
		off[len(off)-1] ^= 1
		if _, ok := c.unmarshal(off); ok {
			t.Errorf("%s: a point off the curve is accepted", group)
		}
	}
}
