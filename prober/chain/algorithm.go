package chain

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rsa"
	_ "crypto/sha3" // for signatureKinds
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	mathbits "math/bits"
	"slices"

	"github.com/cloudflare/circl/sign/ed448"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
)

// kind is a kind of keys.
type kind string

// The kinds of keys with which the exporter verifies signatures, and DSA.
const (
	kindRSA     kind = "RSA"
	kindECDSA   kind = "ECDSA"
	kindEd25519 kind = "Ed25519"
	kindEd448   kind = "Ed448"
	kindMLDSA44 kind = "ML-DSA-44"
	kindMLDSA65 kind = "ML-DSA-65"
	kindMLDSA87 kind = "ML-DSA-87"
	kindDSA     kind = "DSA"
)

// keyKinds are the kinds of keys by their object identifiers: RFC 3279 section 2.3,
// RFC 4055 section 1.2, RFC 8410 section 3, RFC 9881 section 2.
var keyKinds = map[string]kind{
	"1.2.840.113549.1.1.1":    kindRSA,
	oidRSAPSS:                 kindRSA,
	"1.2.840.10045.2.1":       kindECDSA,
	"1.3.101.112":             kindEd25519,
	"1.3.101.113":             kindEd448,
	"2.16.840.1.101.3.4.3.17": kindMLDSA44,
	"2.16.840.1.101.3.4.3.18": kindMLDSA65,
	"2.16.840.1.101.3.4.3.19": kindMLDSA87,
	"1.2.840.10040.4.1":       kindDSA,
}

// oidRSAPSS is that of RSA-PSS: of a signature, and of a key that makes no others.
const oidRSAPSS = "1.2.840.113549.1.1.10"

// signatureKinds are signature algorithms by their object identifiers: RFC 3279
// section 2.2, RFC 4055, RFC 5758, RFC 8410, RFC 9881, RFC 9688 (SHA-3), and those of
// China. Those without a kind are here for their name.
var signatureKinds = map[string]struct {
	kind kind
	hash crypto.Hash // of the algorithms that crypto/x509 does not verify; 0: none
	name string
}{
	"1.2.840.113549.1.1.2":    {kindRSA, 0, "MD2 with RSA"},
	"1.2.840.113549.1.1.4":    {kindRSA, crypto.MD5, "MD5 with RSA"},
	"1.2.840.113549.1.1.5":    {kindRSA, 0, "SHA-1 with RSA"},
	"1.2.840.113549.1.1.14":   {kindRSA, crypto.SHA224, "SHA-224 with RSA"},
	"1.2.840.113549.1.1.11":   {kindRSA, 0, "SHA-256 with RSA"},
	"1.2.840.113549.1.1.12":   {kindRSA, 0, "SHA-384 with RSA"},
	"1.2.840.113549.1.1.13":   {kindRSA, 0, "SHA-512 with RSA"},
	oidRSAPSS:                 {kindRSA, 0, "RSA-PSS"},
	"2.16.840.1.101.3.4.3.13": {kindRSA, crypto.SHA3_224, "SHA3-224 with RSA"},
	"2.16.840.1.101.3.4.3.14": {kindRSA, crypto.SHA3_256, "SHA3-256 with RSA"},
	"2.16.840.1.101.3.4.3.15": {kindRSA, crypto.SHA3_384, "SHA3-384 with RSA"},
	"2.16.840.1.101.3.4.3.16": {kindRSA, crypto.SHA3_512, "SHA3-512 with RSA"},
	"1.2.840.10045.4.1":       {kindECDSA, 0, "ECDSA with SHA-1"},
	"1.2.840.10045.4.3.1":     {kindECDSA, crypto.SHA224, "ECDSA with SHA-224"},
	"1.2.840.10045.4.3.2":     {kindECDSA, crypto.SHA256, "ECDSA with SHA-256"},
	"1.2.840.10045.4.3.3":     {kindECDSA, crypto.SHA384, "ECDSA with SHA-384"},
	"1.2.840.10045.4.3.4":     {kindECDSA, crypto.SHA512, "ECDSA with SHA-512"},
	"2.16.840.1.101.3.4.3.9":  {kindECDSA, 0, "ECDSA with SHA3-224"},
	"2.16.840.1.101.3.4.3.10": {kindECDSA, 0, "ECDSA with SHA3-256"},
	"2.16.840.1.101.3.4.3.11": {kindECDSA, 0, "ECDSA with SHA3-384"},
	"2.16.840.1.101.3.4.3.12": {kindECDSA, 0, "ECDSA with SHA3-512"},
	"1.3.101.112":             {kindEd25519, 0, "Ed25519"},
	"1.3.101.113":             {kindEd448, 0, "Ed448"},
	"2.16.840.1.101.3.4.3.17": {kindMLDSA44, 0, "ML-DSA-44"},
	"2.16.840.1.101.3.4.3.18": {kindMLDSA65, 0, "ML-DSA-65"},
	"2.16.840.1.101.3.4.3.19": {kindMLDSA87, 0, "ML-DSA-87"},
	"1.2.840.10040.4.3":       {kindDSA, 0, "DSA with SHA-1"},
	"2.16.840.1.101.3.4.3.2":  {kindDSA, 0, "DSA with SHA-256"},
	"1.2.156.10197.1.501":     {"", 0, "SM2 with SM3"},
}

// curves are those whose keys crypto/ecdsa has, and the names of others: RFC 5480
// section 2.1.1.1, RFC 5639 appendix A.1, SEC 2, GB/T 33560.
var curves = map[string]struct {
	curve elliptic.Curve // nil: unsupported
	name  string
}{
	"1.3.132.0.33":          {elliptic.P224(), "P-224"},
	"1.2.840.10045.3.1.7":   {elliptic.P256(), "P-256"},
	"1.3.132.0.34":          {elliptic.P384(), "P-384"},
	"1.3.132.0.35":          {elliptic.P521(), "P-521"},
	"1.3.132.0.10":          {nil, "secp256k1"},
	"1.3.36.3.3.2.8.1.1.7":  {nil, "brainpoolP256r1"},
	"1.3.36.3.3.2.8.1.1.11": {nil, "brainpoolP384r1"},
	"1.3.36.3.3.2.8.1.1.13": {nil, "brainpoolP512r1"},
	"1.2.156.10197.1.301":   {nil, "SM2"},
}

// publicKeyInfo is SubjectPublicKeyInfo of RFC 5280 section 4.1.
type publicKeyInfo struct {
	Algorithm pkix.AlgorithmIdentifier
	Key       asn1.BitString
}

// keyOf returns the public key of a certificate as it was sent; it is empty if it cannot
// be read.
func keyOf(cert *x509.Certificate) publicKeyInfo {
	var info publicKeyInfo
	if _, err := asn1.Unmarshal(cert.RawSubjectPublicKeyInfo, &info); err != nil {
		return publicKeyInfo{}
	}
	return info
}

func (k publicKeyInfo) kind() kind { return keyKinds[k.Algorithm.Algorithm.String()] }

// curve returns the object identifier of the curve of an ECDSA key.
func (k publicKeyInfo) curve() string {
	var oid asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(k.Algorithm.Parameters.FullBytes, &oid); err != nil {
		return "" // parameters in full, or none
	}
	return oid.String()
}

// String names the algorithm of a key in a sentence.
func (k publicKeyInfo) String() string {
	if curve := k.curve(); k.kind() == kindECDSA && curve != "" {
		if known, ok := curves[curve]; ok {
			return known.name
		}
		return "curve " + curve
	}
	if kind := k.kind(); kind != "" {
		return string(kind)
	}
	return "algorithm " + k.Algorithm.Algorithm.String()
}

// signatureOf returns the algorithm with which a certificate is signed.
func signatureOf(cert *x509.Certificate) pkix.AlgorithmIdentifier {
	var whole struct {
		Body      asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(cert.Raw, &whole); err != nil {
		return pkix.AlgorithmIdentifier{}
	}
	return whole.Algorithm
}

// signatureName names the algorithm of a signature in a sentence.
func signatureName(cert *x509.Certificate) string {
	return nameOf(signatureOf(cert))
}

// nameOf names the algorithm of a signature in a sentence.
func nameOf(algorithm pkix.AlgorithmIdentifier) string {
	oid := algorithm.Algorithm.String()
	if known, ok := signatureKinds[oid]; ok {
		return known.name
	}
	return "algorithm " + oid
}

// maxRSABits is the size of the largest RSA keys with which signatures are verified, as
// go.mod has it for crypto/tls. A certificate can have one a hundred times longer, with
// which that would take minutes.
const maxRSABits = 16384

// affordable reports whether signatures are verified with a key. A long exponent makes that
// almost four times as costly, and is not in use; those of up to 8192 bits may have one, as
// a verification then takes as long as with 16384 bits and the usual exponent, 65537.
func affordable(key *rsa.PublicKey) bool {
	const usualExponent = 17 // bits
	bits := key.N.BitLen()
	return bits <= maxRSABits/2 || bits <= maxRSABits && mathbits.Len(uint(key.E)) <= usualExponent
}

var errBadSignature = errors.New("the signature does not verify")

// checkSignature verifies the signature of child under the key of parent. The error
// is x509.ErrUnsupportedAlgorithm if that cannot be done. It knows all that OpenSSL does
// and that a maintained library has, whether browsers accept it or not.
func checkSignature(parent, child *x509.Certificate) error {
	algorithm := func() pkix.AlgorithmIdentifier { return signatureOf(child) }
	return verifySignature(parent, child.SignatureAlgorithm, algorithm, child.RawTBSCertificate, child.Signature)
}

// verifySignature is checkSignature for anything that is signed. known is the algorithm as
// crypto/x509 has it.
func verifySignature(signer *x509.Certificate, known x509.SignatureAlgorithm, algorithm func() pkix.AlgorithmIdentifier, signed, signature []byte) error {
	if key, ok := signer.PublicKey.(*rsa.PublicKey); ok && !affordable(key) {
		return x509.ErrUnsupportedAlgorithm
	}
	err := signer.CheckSignature(known, signed, signature)
	if _, insecure := errors.AsType[x509.InsecureAlgorithmError](err); insecure || errors.Is(err, x509.ErrUnsupportedAlgorithm) {
		return checkOther(keyOf(signer), algorithm(), signed, signature)
	}
	return err
}

// checkOther verifies signatures that crypto/x509 does not.
func checkOther(info publicKeyInfo, algorithm pkix.AlgorithmIdentifier, body, signature []byte) error {
	of := signatureKinds[algorithm.Algorithm.String()]
	if of.kind == "" || info.kind() != "" && of.kind != info.kind() {
		return x509.ErrUnsupportedAlgorithm
	}
	raw := info.Key.RightAlign()
	switch of.kind {
	case kindRSA:
		return checkRSA(info, algorithm, of.hash, body, signature)
	case kindECDSA:
		key, ok := ecdsaKey(info)
		if !ok || of.hash == 0 {
			return x509.ErrUnsupportedAlgorithm
		}
		return verdictOf(ecdsa.VerifyASN1(key, sum(of.hash, body), signature))
	case kindEd448:
		return verdictOf(len(raw) == ed448.PublicKeySize && ed448.Verify(raw, body, signature, ""))
	case kindMLDSA44:
		var key mldsa44.PublicKey
		return verdictOf(key.UnmarshalBinary(raw) == nil && mldsa44.Verify(&key, body, nil, signature))
	case kindMLDSA65:
		var key mldsa65.PublicKey
		return verdictOf(key.UnmarshalBinary(raw) == nil && mldsa65.Verify(&key, body, nil, signature))
	case kindMLDSA87:
		var key mldsa87.PublicKey
		return verdictOf(key.UnmarshalBinary(raw) == nil && mldsa87.Verify(&key, body, nil, signature))
	}
	return x509.ErrUnsupportedAlgorithm
}

func verdictOf(valid bool) error {
	if !valid {
		return errBadSignature
	}
	return nil
}

func sum(hash crypto.Hash, body []byte) []byte {
	if hash == crypto.MD5 {
		digest := md5.Sum(body)
		return digest[:]
	}
	h := hash.New()
	h.Write(body)
	return h.Sum(nil)
}

// ecdsaKey returns a key of a curve that crypto/ecdsa has. Its point may be compressed
// (RFC 5480 section 2.2).
func ecdsaKey(info publicKeyInfo) (*ecdsa.PublicKey, bool) {
	curve := curves[info.curve()].curve
	if curve == nil {
		return nil, false
	}
	raw := info.Key.RightAlign()
	if key, err := ecdsa.ParseUncompressedPublicKey(curve, raw); err == nil {
		return key, true
	}
	x, y := elliptic.UnmarshalCompressed(curve, raw)
	if x == nil {
		return nil, false
	}
	size := (curve.Params().BitSize + 7) / 8
	point := slices.Concat([]byte{4}, x.FillBytes(make([]byte, size)), y.FillBytes(make([]byte, size)))
	key, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	return key, err == nil
}

// checkRSA verifies signatures of keys for RSA-PSS alone, with other parameters of
// RSA-PSS, and with other hashes.
func checkRSA(info publicKeyInfo, algorithm pkix.AlgorithmIdentifier, hash crypto.Hash, body, signature []byte) error {
	var key struct{ N, E *big.Int }
	if _, err := asn1.Unmarshal(info.Key.RightAlign(), &key); err != nil || key.E.BitLen() > 31 {
		return x509.ErrUnsupportedAlgorithm
	}
	public := &rsa.PublicKey{N: key.N, E: int(key.E.Int64())}
	if !affordable(public) {
		return x509.ErrUnsupportedAlgorithm
	}
	if algorithm.Algorithm.String() != oidRSAPSS {
		if hash == 0 || info.Algorithm.Algorithm.String() == oidRSAPSS {
			return x509.ErrUnsupportedAlgorithm
		}
		return rsa.VerifyPKCS1v15(public, hash, sum(hash, body), signature)
	}
	used, ok := pssOf(algorithm)
	if !ok {
		return x509.ErrUnsupportedAlgorithm
	}
	// The parameters of a key limit those of its signatures (RFC 4055 section 1.2).
	if info.Algorithm.Algorithm.String() == oidRSAPSS && len(info.Algorithm.Parameters.FullBytes) > 0 {
		if allowed, ok := pssOf(info.Algorithm); !ok || allowed.hash != used.hash || used.salt < allowed.salt {
			return errBadSignature
		}
	}
	return rsa.VerifyPSS(public, used.hash, sum(used.hash, body), signature, &rsa.PSSOptions{SaltLength: used.salt})
}

// pss is RSASSA-PSS-params of RFC 4055 section 3.1.
type pss struct {
	hash crypto.Hash // also of the mask
	salt int         // bytes
}

var pssHashes = map[string]crypto.Hash{
	"1.3.14.3.2.26": crypto.SHA1, "2.16.840.1.101.3.4.2.4": crypto.SHA224, "2.16.840.1.101.3.4.2.1": crypto.SHA256,
	"2.16.840.1.101.3.4.2.2": crypto.SHA384, "2.16.840.1.101.3.4.2.3": crypto.SHA512,
}

// PSS returns the hash and the length of the salt, in bytes, of a signature by RSA-PSS; false:
// it is another algorithm, or crypto/rsa does not have its parameters.
func PSS(algorithm pkix.AlgorithmIdentifier) (hash crypto.Hash, salt int, ok bool) {
	used, ok := pssOf(algorithm)
	return used.hash, used.salt, ok && algorithm.Algorithm.String() == oidRSAPSS
}

// pssOf reads the parameters of RSA-PSS; false: crypto/rsa does not have them.
func pssOf(algorithm pkix.AlgorithmIdentifier) (pss, bool) {
	var sent struct {
		Hash    pkix.AlgorithmIdentifier `asn1:"explicit,optional,tag:0"`
		Mask    pkix.AlgorithmIdentifier `asn1:"explicit,optional,tag:1"`
		Salt    int                      `asn1:"explicit,optional,tag:2,default:20"`
		Trailer int                      `asn1:"explicit,optional,tag:3,default:1"`
	}
	if _, err := asn1.Unmarshal(algorithm.Parameters.FullBytes, &sent); err != nil || sent.Trailer != 1 || sent.Salt < 0 {
		return pss{}, false
	}
	hash, mask := crypto.SHA1, crypto.SHA1 // the defaults
	if sent.Hash.Algorithm != nil {
		hash = pssHashes[sent.Hash.Algorithm.String()]
	}
	if sent.Mask.Algorithm != nil {
		var of pkix.AlgorithmIdentifier
		if _, err := asn1.Unmarshal(sent.Mask.Parameters.FullBytes, &of); err != nil {
			return pss{}, false
		}
		mask = pssHashes[of.Algorithm.String()]
	}
	return pss{hash, sent.Salt}, hash != 0 && hash == mask
}
