package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"math/big"
)

// The algorithms of public keys (RFC 3279, RFC 5480).
var (
	rsaEncryption = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	ecPublicKey   = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}

	curves = map[string]elliptic.Curve{
		"1.2.840.10045.3.1.7": elliptic.P256(), "1.3.132.0.34": elliptic.P384(), "1.3.132.0.35": elliptic.P521(), "1.3.132.0.33": elliptic.P224(),
	}
)

// readKey reads a SubjectPublicKeyInfo; nil: its algorithm is not known, or the key is not
// valid. Other than crypto/x509 it reads compressed points (RFC 5480 section 2.2), and RSA
// keys without parameters.
func readKey(spki reader) (x509.PublicKeyAlgorithm, any) {
	if len(spki) > maxKey {
		return x509.UnknownPublicKeyAlgorithm, nil
	}
	if key, err := x509.ParsePKIXPublicKey(spki); err == nil {
		return algorithmOf(key), key
	}
	var body, algorithm reader
	var id, curve asn1.ObjectIdentifier
	var bits asn1.BitString
	if !spki.ReadASN1(&body, sequence) || !body.ReadASN1(&algorithm, sequence) || !algorithm.ReadASN1ObjectIdentifier(&id) || !body.ReadASN1BitString(&bits) {
		return x509.UnknownPublicKeyAlgorithm, nil
	}
	switch {
	case id.Equal(ecPublicKey) && algorithm.ReadASN1ObjectIdentifier(&curve) && curves[curve.String()] != nil:
		named := curves[curve.String()]
		if key := readCompressed(named, bits.RightAlign()); key != nil {
			return x509.ECDSA, key
		}
	case id.Equal(rsaEncryption):
		if key := readRSA(bits.RightAlign()); key != nil {
			return x509.RSA, key
		}
	}
	return x509.UnknownPublicKeyAlgorithm, nil
}

// readCompressed reads a compressed point (SEC 1 section 2.3.4).
func readCompressed(curve elliptic.Curve, point []byte) *ecdsa.PublicKey {
	x, y := elliptic.UnmarshalCompressed(curve, point)
	if x == nil {
		return nil
	}
	size := (curve.Params().BitSize + 7) / 8
	uncompressed := make([]byte, 1+2*size)
	uncompressed[0] = 4
	x.FillBytes(uncompressed[1 : 1+size])
	y.FillBytes(uncompressed[1+size:])
	key, err := ecdsa.ParseUncompressedPublicKey(curve, uncompressed)
	if err != nil {
		return nil
	}
	return key
}

// maxKey bounds a public key, in bytes. The largest in use are of RSA with 16384 bits.
const maxKey = 8 << 10

// readRSA reads an RSAPublicKey (RFC 8017 appendix A.1.1). An exponent that crypto/rsa has
// no room for is an invalid key here too.
func readRSA(der reader) *rsa.PublicKey {
	key := &rsa.PublicKey{N: new(big.Int)}
	var body reader
	if !der.ReadASN1(&body, sequence) || !body.ReadASN1Integer(key.N) || !body.ReadASN1Integer(&key.E) || key.N.Sign() <= 0 || key.E <= 0 {
		return nil
	}
	return key
}

func algorithmOf(key any) x509.PublicKeyAlgorithm {
	switch algorithm, _ := Key(&x509.Certificate{PublicKey: key}); algorithm {
	case "RSA":
		return x509.RSA
	case "ECDSA":
		return x509.ECDSA
	case "Ed25519":
		return x509.Ed25519
	case "DSA":
		return x509.DSA
	}
	return x509.UnknownPublicKeyAlgorithm
}

// signatureAlgorithms are by their numbers (RFC 3279 section 2.2, RFC 4055, RFC 5758, RFC
// 8410). Those of RSASSA-PSS are in its parameters.
var signatureAlgorithms = map[string]x509.SignatureAlgorithm{
	"1.2.840.113549.1.1.2":   x509.MD2WithRSA,
	"1.2.840.113549.1.1.4":   x509.MD5WithRSA,
	"1.2.840.113549.1.1.5":   x509.SHA1WithRSA,
	"1.3.14.3.2.29":          x509.SHA1WithRSA,
	"1.2.840.113549.1.1.11":  x509.SHA256WithRSA,
	"1.2.840.113549.1.1.12":  x509.SHA384WithRSA,
	"1.2.840.113549.1.1.13":  x509.SHA512WithRSA,
	"1.2.840.10040.4.3":      x509.DSAWithSHA1,
	"2.16.840.1.101.3.4.3.2": x509.DSAWithSHA256,
	"1.2.840.10045.4.1":      x509.ECDSAWithSHA1,
	"1.2.840.10045.4.3.2":    x509.ECDSAWithSHA256,
	"1.2.840.10045.4.3.3":    x509.ECDSAWithSHA384,
	"1.2.840.10045.4.3.4":    x509.ECDSAWithSHA512,
	"1.3.101.112":            x509.PureEd25519,
}

// pssHashes are the algorithms of RSASSA-PSS by their hash (RFC 4055 section 3.1).
var pssHashes = map[string]x509.SignatureAlgorithm{
	"2.16.840.1.101.3.4.2.1": x509.SHA256WithRSAPSS, "2.16.840.1.101.3.4.2.2": x509.SHA384WithRSAPSS, "2.16.840.1.101.3.4.2.3": x509.SHA512WithRSAPSS,
}

// SignatureAlgorithmOf reads an AlgorithmIdentifier in DER.
func SignatureAlgorithmOf(der []byte) x509.SignatureAlgorithm {
	const rsassaPSS = "1.2.840.113549.1.1.10"
	id, parameters := algorithmIdentifier(der)
	if id != rsassaPSS {
		return signatureAlgorithms[id]
	}
	var hash reader
	if !parameters.ReadASN1(&parameters, sequence) || !parameters.ReadASN1(&hash, constructed|contextSpecific) {
		return x509.UnknownSignatureAlgorithm // SHA-1, which is the default
	}
	id, _ = algorithmIdentifier(hash)
	return pssHashes[id]
}

// algorithmIdentifier reads RFC 5280 section 4.1.1.2.
func algorithmIdentifier(der reader) (id string, parameters reader) {
	var number asn1.ObjectIdentifier
	if len(der) > maxKey || !der.ReadASN1(&der, sequence) || !der.ReadASN1ObjectIdentifier(&number) {
		return "", nil
	}
	return number.String(), der
}
