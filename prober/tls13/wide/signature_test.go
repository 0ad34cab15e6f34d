package wide

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"math/big"
	"testing"

	"github.com/cloudflare/circl/sign/ed448"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"

	"tls_exporter/prober/hello"
)

// leafWith returns a certificate with a key, and nothing else in it; version 1 or 3.
func leafWith(t *testing.T, version int, spki []byte) []byte {
	t.Helper()
	empty := asn1.RawValue{FullBytes: []byte{0x30, 0}}
	tbs := []any{}
	if version == 3 {
		tbs = append(tbs, asn1.RawValue{FullBytes: []byte{0xa0, 3, 2, 1, 2}})
	}
	var content []byte
	for _, part := range append(tbs, 1, empty, empty, empty, empty, asn1.RawValue{FullBytes: spki}) {
		b, err := asn1.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		content = append(content, b...)
	}
	tbsDER, err1 := asn1.Marshal(asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagSequence, IsCompound: true, Bytes: content})
	der, err2 := asn1.Marshal(asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagSequence, IsCompound: true, Bytes: append(tbsDER, 0x30, 0, 3, 1, 0)})
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	return der
}

// spkiOf encodes a key that crypto/x509 does not know.
func spkiOf(t *testing.T, key []byte, algorithm asn1.ObjectIdentifier, parameters ...asn1.ObjectIdentifier) []byte {
	t.Helper()
	identifiers := append([]asn1.ObjectIdentifier{algorithm}, parameters...)
	der, err := asn1.Marshal(struct {
		Algorithm []asn1.ObjectIdentifier
		Bits      asn1.BitString
	}{identifiers, asn1.BitString{Bytes: key, BitLength: 8 * len(key)}})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func pkix(t *testing.T, key crypto.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// signECDSA is ECDSA on a brainpool curve (SEC 1 section 4.1.3).
func signECDSA(t *testing.T, c *curve, key *big.Int, digest []byte) []byte {
	t.Helper()
	k, err := rand.Int(rand.Reader, c.n)
	if err != nil {
		t.Fatal(err)
	}
	r := new(big.Int).Mod(c.multiply(c.base, k).x, c.n)
	s := new(big.Int).Mul(r, key)
	s.Add(s, new(big.Int).SetBytes(digest))
	s.Mul(s, new(big.Int).ModInverse(k, c.n))
	der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s.Mod(s, c.n)})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// signer is a key, encoded, with its signature over the content of a CertificateVerify.
type signer struct {
	spki []byte
	sign func(signed []byte) []byte
}

// sum is the digest of a hash.
func sum(h crypto.Hash, signed []byte) []byte {
	state := h.New()
	state.Write(signed)
	return state.Sum(nil)
}

func standard(t *testing.T, key crypto.Signer, o crypto.SignerOpts) signer {
	t.Helper()
	return signer{pkix(t, key.Public()), func(signed []byte) []byte {
		if o.HashFunc() != 0 {
			signed = sum(o.HashFunc(), signed)
		}
		signature, err := key.Sign(rand.Reader, signed, o)
		if err != nil {
			t.Fatal(err)
		}
		return signature
	}}
}

// TestSignatures verifies signatures of every kind of key, and rejects the same ones with
// a wrong bit.
func TestSignatures(t *testing.T) {
	must := func(key crypto.Signer, err error) crypto.Signer {
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p256, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, err2 := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	_, ed, err3 := ed25519.GenerateKey(rand.Reader)
	public448, private448, err4 := ed448.GenerateKey(rand.Reader)
	public44, private44, err5 := mldsa44.GenerateKey(rand.Reader)
	public65, private65, err6 := mldsa65.GenerateKey(rand.Reader)
	public87, private87, err7 := mldsa87.GenerateKey(rand.Reader)
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7); err != nil {
		t.Fatal(err)
	}
	brainpool := func(group hello.Group, oid int, hash crypto.Hash) signer {
		share, err := newBrainpool(group)
		if err != nil {
			t.Fatal(err)
		}
		s := share.(*brainpoolShare)
		return signer{spkiOf(t, s.Public(), oidECDSA, append(brainpoolP[:len(brainpoolP):len(brainpoolP)], oid)),
			func(signed []byte) []byte { return signECDSA(t, s.curve, s.key, sum(hash, signed)) }}
	}
	ml := func(last int, key []byte, sign func(signed, signature []byte) error, size int) signer {
		return signer{spkiOf(t, key, append(mlDSA[:len(mlDSA):len(mlDSA)], last)), func(signed []byte) []byte {
			signature := make([]byte, size)
			if err := sign(signed, signature); err != nil {
				t.Fatal(err)
			}
			return signature
		}}
	}
	pss := standard(t, must(rsaKey, nil), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	for scheme, s := range map[hello.SignatureScheme]signer{
		0x0403: standard(t, p256, crypto.SHA256), 0x0503: standard(t, p384, crypto.SHA384), 0x0203: standard(t, p256, crypto.SHA1),
		0x0804: pss, 0x0809: {spkiOf(t, x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey), oidRSAPSS), pss.sign},
		0x0401: standard(t, rsaKey, crypto.SHA256), 0x0807: standard(t, ed, crypto.Hash(0)),
		0x0808: {spkiOf(t, public448, oidEd448), func(signed []byte) []byte { return ed448.Sign(private448, signed, "") }},
		0x081A: brainpool(brainpoolP256r1, 7, crypto.SHA256), 0x081B: brainpool(brainpoolP384r1, 11, crypto.SHA384), 0x081C: brainpool(brainpoolP512r1, 13, crypto.SHA512),
		0x0904: ml(17, public44.Bytes(), func(m, sig []byte) error { return mldsa44.SignTo(private44, m, nil, false, sig) }, mldsa44.SignatureSize),
		0x0905: ml(18, public65.Bytes(), func(m, sig []byte) error { return mldsa65.SignTo(private65, m, nil, false, sig) }, mldsa65.SignatureSize),
		0x0906: ml(19, public87.Bytes(), func(m, sig []byte) error { return mldsa87.SignTo(private87, m, nil, false, sig) }, mldsa87.SignatureSize),
	} {
		transcript := sha256.Sum256([]byte("transcript"))
		signed := append(append(bytes.Repeat([]byte{' '}, 64), "TLS 1.3, server CertificateVerify\x00"...), transcript[:]...)
		signature := s.sign(signed)
		for _, version := range []int{1, 3} {
			if proof, err := verifySignature(leafWith(t, version, s.spki), scheme, transcript[:], signature); proof != Proved || err != nil {
				t.Errorf("%s, version %d: proof %d, %v", scheme, version, proof, err)
			}
		}
		signature[len(signature)-1] ^= 1
		if proof, err := verifySignature(leafWith(t, 3, s.spki), scheme, transcript[:], signature); proof != Refuted || !errors.Is(err, ErrSignature) {
			t.Errorf("%s with a wrong bit: proof %d, %v", scheme, proof, err)
		}
	}
}

// TestUnproved checks that nothing is said about keys and schemes that are not known, or
// do not fit.
func TestUnproved(t *testing.T) {
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := p256.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	leaf := leafWith(t, 3, pkix(t, &p256.PublicKey))
	for name, test := range map[string]struct {
		leaf   []byte
		scheme hello.SignatureScheme
	}{
		"unknown scheme":           {leaf, 0x0708},
		"RSA scheme":               {leaf, 0x0804},
		"PKCS1 scheme":             {leaf, 0x0401},
		"Ed448 scheme":             {leaf, 0x0808},
		"ML-DSA scheme":            {leaf, 0x0905},
		"point off the curve":      {leafWith(t, 3, spkiOf(t, point, oidECDSA, append(brainpoolP[:len(brainpoolP):len(brainpoolP)], 7))), 0x081A},
		"unknown curve":            {leafWith(t, 3, spkiOf(t, point, oidECDSA, append(brainpoolP[:len(brainpoolP):len(brainpoolP)], 1))), 0x081A},
		"short Ed448 key":          {leafWith(t, 3, spkiOf(t, point[:56], oidEd448)), 0x0808},
		"not a certificate":        {[]byte{0x30, 0}, 0x0403},
		"certificate that is cut":  {leaf[:len(leaf)/2], 0x0403},
		"RSA-PSS key that is none": {leafWith(t, 3, spkiOf(t, point, oidRSAPSS)), 0x0809},
	} {
		if proof, err := verifySignature(test.leaf, test.scheme, make([]byte, 32), make([]byte, 70)); proof != Unproved || err != nil {
			t.Errorf("%s: proof %d, %v", name, proof, err)
		}
	}
}

// TestBrainpoolOfOpenSSL verifies signatures that OpenSSL made of the text "message".
func TestBrainpoolOfOpenSSL(t *testing.T) {
	for _, test := range []struct {
		hash           crypto.Hash
		key, signature string
	}{
		{crypto.SHA256, "305a301406072a8648ce3d020106092b240303020801010703420004a04bf50ed8614ee93bcf2478809c6a5a3129198e363886a7790d1ca70f4bb39677ab5735fcc77ba74d0d50254a2a3b28e4c459f395af75d6d97e3b0ce966fffe",
			"3044022037e2ce5e4f58f7195b7957d337e67949913b3d35cdaaa6ed7138740319acea4b02203f7d4371d5af9dde5e1ea086be875c699f50739a089fc0a2a85c580a916410d1"},
		{crypto.SHA512, "30819b301406072a8648ce3d020106092b240303020801010d038182000443ec1393249f8370581eef7afc54d603ce50a34a1f507cd7931ba02e5e6b84ead036108f65f5d73b7d94b72d2cec9d1dbd2d0e2385a7638515a792b89a1a58c843661a28827e4e480adbc2fb8c139dabd63c09b117b24fa4d6ff970e230e3e54fd8946be71fe389162846041411abb419519dacdde8da135afaf081e66d183b2",
			"30818502405366d05bf5eefd0ae823f48d9848bbf867c6f79b13a00f025d5a1645a34808660b44cfdbf6cbee90cfe9a4f773ec54a1cb41036d8da93bcb929f53c59af206470241009e9fc47fc4ddb424009ba30ecef7dac6d9eb576cfae0e4d9918837460fcf0909d008b0200c6271d938c98b9e2d97e14c7bb1bda46c27407ef1b6fe44fdee06ac"},
	} {
		key, known := publicKeyOf(leafWith(t, 3, unhex(t, test.key)))
		if !known {
			t.Fatal("the key cannot be read")
		}
		for text, want := range map[string]bool{"message": true, "another message": false} {
			if valid, known := key.verifyECDSA(sum(test.hash, []byte(text)), unhex(t, test.signature)); valid != want || !known {
				t.Errorf("%s of %q: valid %t, known %t", test.hash, text, valid, known)
			}
		}
	}
}
