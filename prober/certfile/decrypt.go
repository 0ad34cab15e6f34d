package certfile

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
)

// algorithmOf is an AlgorithmIdentifier (RFC 5280 section 4.1.1.2).
type algorithmOf struct {
	id         oid
	parameters reader // with their header; empty: none
}

func readAlgorithm(from *reader) (a algorithmOf, ok bool) {
	var body reader
	ok = from.ReadASN1(&body, sequence) && body.ReadASN1ObjectIdentifier(&a.id)
	a.parameters = body
	return a, ok
}

// scheme is how a part of a PKCS #12 file is encrypted.
type scheme struct {
	hashes int                                                 // to derive its key
	block  func(password string) (cipher.Block, []byte, error) // with its initialization vector
}

// decrypt decrypts in the mode CBC, and removes the padding (RFC 8018 section 6.1.1). It is
// false if that is wrong.
func (s *scheme) decrypt(password string, encrypted []byte) ([]byte, bool) {
	block, iv, err := s.block(password)
	if err != nil || len(iv) != block.BlockSize() || len(encrypted) == 0 || len(encrypted)%block.BlockSize() != 0 {
		return nil, false
	}
	decrypted := make([]byte, len(encrypted))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(decrypted, encrypted)
	padding := int(decrypted[len(decrypted)-1])
	if padding == 0 || padding > block.BlockSize() {
		return nil, false
	}
	return decrypted[:len(decrypted)-padding], true
}

// newScheme reads the parameters of an algorithm: those of RFC 7292 appendix C, and PBES2.
func newScheme(a algorithmOf) (*scheme, error) {
	if a.id.Equal(oidPBES2) {
		return newPBES2(a.parameters)
	}
	kind, known := pkcs12Ciphers[a.id.String()]
	if !known {
		return nil, unsupported(a.id)
	}
	var parameters reader
	var salt []byte
	var iterations int
	if !a.parameters.ReadASN1(&parameters, sequence) || !parameters.ReadASN1Bytes(&salt, octetString) || len(salt) > maxSalt || !readCount(&parameters, &iterations) {
		return nil, errPKCS12
	}
	return &scheme{3 * iterations, func(password string) (cipher.Block, []byte, error) { // two blocks of SHA-1 for a key, and one for the vector
		secret := asBMPString(password)
		block, err := kind.block(deriveKey(1, secret, salt, iterations, kind.keySize))
		return block, deriveKey(2, secret, salt, iterations, des.BlockSize), err
	}}, nil
}

// maxSalt bounds a salt, in bytes. Programs write 8 to 20.
const maxSalt = 1024

// readCount reads a number of iterations. The limit of the file is applied to it later.
func readCount(from *reader, count *int) bool {
	return from.ReadASN1Integer(count) && *count > 0 && *count < 1<<30
}

// blockCipher is a cipher with the size of its key, in bytes.
type blockCipher struct {
	keySize int
	block   func(key []byte) (cipher.Block, error)
}

func newBlockRC2(key []byte) (cipher.Block, error) { return newRC2(key), nil }

// twoKeys is Triple DES with two keys, the first of which is used twice.
func twoKeys(key []byte) (cipher.Block, error) {
	return des.NewTripleDESCipher(append(key[:16:16], key[:8]...))
}

// pkcs12Ciphers are those of RFC 7292 appendix C, without RC4.
var pkcs12Ciphers = map[string]blockCipher{
	"1.2.840.113549.1.12.1.3": {24, des.NewTripleDESCipher},
	"1.2.840.113549.1.12.1.4": {16, twoKeys},
	"1.2.840.113549.1.12.1.5": {16, newBlockRC2},
	"1.2.840.113549.1.12.1.6": {5, newBlockRC2},
}

// The parts of PBES2 (RFC 8018 section 6.2 and appendix B).
var (
	oidPBES2  = oid{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = oid{1, 2, 840, 113549, 1, 5, 12}

	pbes2Ciphers = map[string]blockCipher{
		"2.16.840.1.101.3.4.1.2":  {16, aes.NewCipher},
		"2.16.840.1.101.3.4.1.22": {24, aes.NewCipher},
		"2.16.840.1.101.3.4.1.42": {32, aes.NewCipher},
		"1.2.840.113549.3.7":      {24, des.NewTripleDESCipher},
	}
	pbkdf2Hashes = map[string]func() hash.Hash{
		"1.2.840.113549.2.7":  sha1.New,
		"1.2.840.113549.2.8":  sha256.New224,
		"1.2.840.113549.2.9":  sha256.New,
		"1.2.840.113549.2.10": sha512.New384,
		"1.2.840.113549.2.11": sha512.New,
	}
)

func newPBES2(parameters reader) (*scheme, error) {
	var body, derivation reader
	if !parameters.ReadASN1(&body, sequence) {
		return nil, errPKCS12
	}
	kdf, ok := readAlgorithm(&body)
	encryption, ok2 := readAlgorithm(&body)
	if !ok || !ok2 {
		return nil, errPKCS12
	}
	kind, known := pbes2Ciphers[encryption.id.String()]
	switch {
	case !kdf.id.Equal(oidPBKDF2):
		return nil, unsupported(kdf.id)
	case !known:
		return nil, unsupported(encryption.id)
	}
	var salt, iv []byte
	var iterations int
	ok = kdf.parameters.ReadASN1(&derivation, sequence) && derivation.ReadASN1Bytes(&salt, octetString) && len(salt) <= maxSalt &&
		readCount(&derivation, &iterations) && derivation.SkipOptionalASN1(integer) && // the size of the key, which the cipher has
		encryption.parameters.ReadASN1Bytes(&iv, octetString)
	if !ok {
		return nil, errPKCS12
	}
	newHash, err := hashOf(&derivation)
	if err != nil {
		return nil, err
	}
	blocks := (kind.keySize + newHash().Size() - 1) / newHash().Size()
	return &scheme{2 * blocks * iterations, func(password string) (cipher.Block, []byte, error) { // HMAC hashes twice
		key, err := pbkdf2.Key(newHash, password, salt, iterations, kind.keySize)
		if err != nil {
			return nil, nil, err
		}
		block, err := kind.block(key)
		return block, iv, err
	}}, nil
}

// hashOf reads the hash of PBKDF2, which is SHA-1 unless another is named.
func hashOf(derivation *reader) (func() hash.Hash, error) {
	if derivation.Empty() {
		return sha1.New, nil
	}
	prf, ok := readAlgorithm(derivation)
	if !ok {
		return nil, errPKCS12
	}
	newHash, known := pbkdf2Hashes[prf.id.String()]
	if !known {
		return nil, unsupported(prf.id)
	}
	return newHash, nil
}

func unsupported(id oid) error {
	return noCertificate("is PKCS #12 that is encrypted with the algorithm %s, which the exporter does not know", id)
}
