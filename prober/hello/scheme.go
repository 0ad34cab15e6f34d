package hello

import "fmt"

// SignatureScheme is a number in IANA's TLS SignatureScheme registry, or a pair of hash
// and signature of TLS 1.2 (RFC 5246 section 7.4.1.4.1).
type SignatureScheme uint16

// schemes is the registry (tls-signaturescheme) as of 2025, in the order of an
// offer.
var schemes = []struct {
	id   SignatureScheme
	name string
}{
	{0x0403, "ecdsa_secp256r1_sha256"}, {0x0804, "rsa_pss_rsae_sha256"}, {0x0401, "rsa_pkcs1_sha256"},
	{0x0503, "ecdsa_secp384r1_sha384"}, {0x0805, "rsa_pss_rsae_sha384"}, {0x0501, "rsa_pkcs1_sha384"},
	{0x0603, "ecdsa_secp521r1_sha512"}, {0x0806, "rsa_pss_rsae_sha512"}, {0x0601, "rsa_pkcs1_sha512"},
	{0x0807, "ed25519"}, {0x0808, "ed448"},
	{0x0809, "rsa_pss_pss_sha256"}, {0x080A, "rsa_pss_pss_sha384"}, {0x080B, "rsa_pss_pss_sha512"},
	{0x081A, "ecdsa_brainpoolP256r1tls13_sha256"}, {0x081B, "ecdsa_brainpoolP384r1tls13_sha384"}, {0x081C, "ecdsa_brainpoolP512r1tls13_sha512"}, // RFC 8734
	{0x0904, "mldsa44"}, {0x0905, "mldsa65"}, {0x0906, "mldsa87"}, // draft-ietf-tls-mldsa
	{0x0708, "sm2sig_sm3"},                                                                                                         // RFC 8998
	{0x0709, "gostr34102012_256a"}, {0x070A, "gostr34102012_256b"}, {0x070B, "gostr34102012_256c"}, {0x070C, "gostr34102012_256d"}, // RFC 9367
	{0x070D, "gostr34102012_512a"}, {0x070E, "gostr34102012_512b"}, {0x070F, "gostr34102012_512c"},
	{0x0420, "rsa_pkcs1_sha256_legacy"}, {0x0520, "rsa_pkcs1_sha384_legacy"}, {0x0620, "rsa_pkcs1_sha512_legacy"}, // draft-ietf-tls-tls13-pkcs1
	{0x0704, "eccsi_sha256"}, {0x0705, "iso_ibs1"}, {0x0706, "iso_ibs2"}, {0x0707, "iso_chinese_ibs"},
	{0x0203, "ecdsa_sha1"}, {0x0201, "rsa_pkcs1_sha1"},
}

var schemeNames = func() map[SignatureScheme]string {
	names := make(map[SignatureScheme]string, len(schemes))
	for _, s := range schemes {
		names[s.id] = s.name
	}
	return names
}()

// The registries of TLS 1.2 for the two bytes (RFC 5246 section 7.4.1.4.1).
var (
	hashNames      = []string{"none", "md5", "sha1", "sha224", "sha256", "sha384", "sha512"}
	signatureNames = []string{"anonymous", "rsa_pkcs1", "dsa", "ecdsa"}
)

// String returns the registered name. A pair of TLS 1.2 without one is named in the
// same form, as in dsa_sha1. Any other number is as in 0x1234.
func (s SignatureScheme) String() string {
	if name, ok := schemeNames[s]; ok {
		return name
	}
	hash, signature := int(s>>8), int(s&0xff)
	if hash > 0 && hash < len(hashNames) && signature > 0 && signature < len(signatureNames) {
		return signatureNames[signature] + "_" + hashNames[hash]
	}
	return fmt.Sprintf("0x%04X", uint16(s))
}

// Schemes are the signature schemes of a client that accepts every signature: the
// registry, and the pairs of TLS 1.2 with DSA, SHA-224 and MD5.
var Schemes = func() []SignatureScheme {
	var all []SignatureScheme
	for _, s := range schemes {
		all = append(all, s.id)
	}
	return append(all, 0x0602, 0x0502, 0x0402, 0x0303, 0x0301, 0x0302, 0x0202, 0x0101)
}()
