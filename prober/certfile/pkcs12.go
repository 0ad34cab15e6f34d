package certfile

import (
	"crypto/sha1"
	"errors"
	"unicode/utf16"

	"tls_exporter/prober/failure"
)

// Types of content in PKCS #12 (RFC 7292 sections 4.2 and 5, appendix D).
var (
	oidCertBag         = oid{1, 2, 840, 113549, 1, 12, 10, 1, 3}
	oidSafeContentsBag = oid{1, 2, 840, 113549, 1, 12, 10, 1, 6}
	oidX509Certificate = oid{1, 2, 840, 113549, 1, 9, 22, 1}
)

// usualPasswords are those of files for which nobody has chosen one: none, and that of the
// trusted roots of Java.
var usualPasswords = []string{"", "changeit"}

// The bounds of a PKCS #12 file. A hostile one could otherwise keep a processor busy for
// hours.
const (
	maxSafes   = 16        // parts, each of which may be encrypted apart
	maxNesting = 4         // of parts within parts
	maxHashes  = 2_000_000 // to derive the keys of all parts with all passwords: 600,000 iterations fit. OpenSSL makes 2,048 and Java 10,000
)

// safes reads the parts of a PKCS #12 file.
type safes struct {
	*Content
	passwords []string // that may be right
	hashes    int      // that were made, for all parts
}

var (
	errPassword = errors.New("the password does not decrypt it")
	errPKCS12   = noCertificate("is PKCS #12 that cannot be read")
)

// parsePKCS12 reads the certificates of a PFX (RFC 7292 section 4) without its header. The
// digest over the whole is not verified: decryption tells whether the password is right, and
// other formats have no digest either. Private keys are not decrypted.
func parsePKCS12(body reader, password string) (*Content, error) {
	s := &safes{Content: &Content{Format: PKCS12}, passwords: usualPasswords}
	if password != "" {
		s.passwords = []string{password}
	}
	var version int
	var data, list reader
	if !body.ReadASN1Integer(&version) || version != 3 {
		return nil, noCertificate("is DER, but neither certificates nor PKCS #12 of the version 3")
	}
	kind, content, ok := readContentInfo(&body)
	switch {
	case !ok:
		return nil, errPKCS12
	case !kind.Equal(oidData):
		return nil, noCertificate("is PKCS #12 that is signed, not protected by a password")
	case !content.ReadASN1(&data, octetString) || !data.ReadASN1(&list, sequence):
		return nil, errPKCS12
	}
	for n := 0; !list.Empty(); n++ {
		if n == maxSafes {
			return nil, failure.New(failure.ReasonTooLarge, "the file is PKCS #12 with more than %d parts, which is the limit", maxSafes)
		}
		if err := s.addSafe(&list); err != nil {
			return nil, err
		}
	}
	return s.Content, nil
}

// addSafe adds the certificates of one part, which may be encrypted.
func (s *safes) addSafe(list *reader) error {
	kind, content, ok := readContentInfo(list)
	switch {
	case !ok:
		return errPKCS12
	case kind.Equal(oidData):
		var data reader
		if !content.ReadASN1(&data, octetString) || !s.addAll(data) {
			return errPKCS12
		}
		return nil
	case kind.Equal(oidEncryptedData):
		return s.addEncrypted(content)
	}
	return noCertificate("is PKCS #12 with a part that is encrypted for a key, not with a password")
}

// addEncrypted adds the certificates of an EncryptedData (RFC 2315 section 13). A wrong
// password is found by the padding, or because what is decrypted cannot be read.
func (s *safes) addEncrypted(content reader) error {
	var data, info, encrypted reader
	var kind oid
	ok := content.ReadASN1(&data, sequence) && data.SkipASN1(integer) &&
		data.ReadASN1(&info, sequence) && info.ReadASN1ObjectIdentifier(&kind)
	if !ok {
		return errPKCS12
	}
	algorithm, ok := readAlgorithm(&info)
	if !ok || !info.ReadASN1(&encrypted, implicit(0)) {
		return errPKCS12
	}
	scheme, err := newScheme(algorithm)
	if err != nil {
		return err
	}
	return s.tryAll(scheme, encrypted)
}

// tryAll decrypts a part with the first password that is right.
func (s *safes) tryAll(scheme *scheme, encrypted []byte) error {
	for _, password := range s.passwords {
		if s.hashes += scheme.hashes; s.hashes > maxHashes {
			return failure.New(failure.ReasonTooLarge, "the file is PKCS #12 whose keys need more than %d hashes, which is the limit; write it with fewer iterations", maxHashes)
		}
		if decrypted, ok := scheme.decrypt(password, encrypted); ok && s.addAll(decrypted) {
			s.passwords = []string{password}
			return nil
		}
	}
	if len(s.passwords) > 1 {
		return failure.New(failure.ReasonWrongPassword, "the file has a password, and the module has none: set password_file")
	}
	return failure.New(failure.ReasonWrongPassword, "%w", errPassword)
}

// addAll adds the certificates of a SafeContents. It adds none if one of its bags cannot be
// read.
func (s *safes) addAll(contents reader) bool {
	certs, ok := readBags(contents, maxNesting)
	if ok {
		for _, der := range certs {
			s.add(der)
		}
	}
	return ok
}

// readBags returns the certificates of a SafeContents (RFC 7292 section 4.2).
func readBags(contents reader, nesting int) (certs []reader, ok bool) {
	var bags reader
	if nesting == 0 || !contents.ReadASN1(&bags, sequence) {
		return nil, false
	}
	for !bags.Empty() {
		found, ok := readBag(&bags, nesting)
		if !ok {
			return nil, false
		}
		certs = append(certs, found...)
	}
	return certs, true
}

func readBag(bags *reader, nesting int) (certs []reader, ok bool) {
	var bag, value, cert, der reader
	var kind, certKind oid
	if !bags.ReadASN1(&bag, sequence) || !bag.ReadASN1ObjectIdentifier(&kind) || !bag.ReadASN1(&value, explicit(0)) {
		return nil, false
	}
	switch {
	case kind.Equal(oidSafeContentsBag):
		return readBags(value, nesting-1)
	case !kind.Equal(oidCertBag):
		return nil, true // a key, a list of revoked certificates or a secret
	}
	if !value.ReadASN1(&cert, sequence) || !cert.ReadASN1ObjectIdentifier(&certKind) || !cert.ReadASN1(&value, explicit(0)) {
		return nil, false
	}
	if !certKind.Equal(oidX509Certificate) {
		return nil, true
	}
	ok = value.ReadASN1(&der, octetString)
	return []reader{der}, ok
}

// deriveKey derives a key, or an initialization vector, of at most 40 bytes from a password
// (RFC 7292 appendix B.2) with SHA-1. purpose is the byte ID of appendix B.3.
func deriveKey(purpose byte, password, salt []byte, iterations, size int) []byte {
	const blockSize = 64 // of SHA-1, v in the RFC
	input := append(repeated(salt, blockSize), repeated(password, blockSize)...)
	diversifier := make([]byte, blockSize)
	for i := range diversifier {
		diversifier[i] = purpose
	}
	var key []byte
	for {
		digest := sha1.Sum(append(diversifier, input...))
		for range iterations - 1 {
			digest = sha1.Sum(digest[:])
		}
		if key = append(key, digest[:]...); len(key) >= size {
			return key[:size]
		}
		addToBlocks(input, repeated(digest[:], blockSize)[:blockSize])
	}
}

// repeated returns s as often as is needed for a multiple of size.
func repeated(s []byte, size int) []byte {
	var whole []byte
	for i := range (len(s) + size - 1) / size * size {
		whole = append(whole, s[i%len(s)])
	}
	return whole
}

// addToBlocks adds b and 1 to each block of input, which are numbers.
func addToBlocks(input, b []byte) {
	for at := 0; at < len(input); at += len(b) {
		carry := 1
		for i := len(b) - 1; i >= 0; i-- {
			carry += int(input[at+i]) + int(b[i])
			input[at+i] = byte(carry)
			carry >>= 8
		}
	}
}

// asBMPString returns a password as appendix B.1 of RFC 7292 has it: in UTF-16, with two
// zero bytes at the end.
func asBMPString(password string) []byte {
	var encoded []byte
	for _, unit := range append(utf16.Encode([]rune(password)), 0) {
		encoded = append(encoded, byte(unit>>8), byte(unit))
	}
	return encoded
}
