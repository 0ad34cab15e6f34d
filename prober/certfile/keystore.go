package certfile

import (
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"unicode/utf16"

	"tls_exporter/prober/failure"
)

// The key stores of Java: the class JavaKeyStore of the JDK documents the format of JKS, and
// JCEKS has the same with another number at its beginning. Their certificates are not
// encrypted. The password protects the keys, and the digest at the end.
const (
	magicJKS   = 0xfeedfeed
	magicJCEKS = 0xcececece

	entryKey         = 1 // a private key, encrypted, and its chain
	entryCertificate = 2
)

func isKeyStore(content []byte) bool {
	if len(content) < 4 {
		return false
	}
	magic := binary.BigEndian.Uint32(content)
	return magic == magicJKS || magic == magicJCEKS
}

// parseKeyStore reads a key store. With a password, its digest is verified.
func parseKeyStore(content []byte, password string) (*Content, error) {
	size := len(content) - sha1.Size
	if size < 12 {
		return nil, noCertificate("is a key store of Java that is cut")
	}
	if password != "" && !digestMatches(content[:size], content[size:], password) {
		return nil, failure.New(failure.ReasonWrongPassword, "the password is not that of the key store, or the file is damaged")
	}
	c := &Content{Format: JKS}
	input := reader(content[4:size])
	var version, count uint32
	input.ReadUint32(&version) // both are there: see the size
	input.ReadUint32(&count)
	if version != 1 && version != 2 {
		return nil, noCertificate("is a key store of Java of the version %d; known are 1 and 2", version)
	}
	for entry := range count {
		if !c.addEntry(&input, version) {
			return nil, noCertificate("is a key store of Java whose entry %d cannot be read", entry+1)
		}
	}
	return c, nil
}

// addEntry adds the certificates of an entry.
func (c *Content) addEntry(input *reader, version uint32) bool {
	var kind, chain uint32
	var alias reader
	if !input.ReadUint32(&kind) || !input.ReadUint16LengthPrefixed(&alias) || !input.Skip(8) { // 8: the time
		return false
	}
	switch kind {
	case entryKey:
		if !skipBlock(input) || !input.ReadUint32(&chain) {
			return false
		}
	case entryCertificate:
		chain = 1
	default: // a secret key of JCEKS is an object that only Java can read
		return false
	}
	for range chain {
		der, ok := readCertificate(input, version)
		if !ok {
			return false
		}
		c.add(der)
	}
	return true
}

func readCertificate(input *reader, version uint32) ([]byte, bool) {
	var kind reader
	if version > 1 && !input.ReadUint16LengthPrefixed(&kind) {
		return nil, false
	}
	var size uint32
	var der []byte
	ok := input.ReadUint32(&size) && uint64(size) <= uint64(len(*input)) && input.ReadBytes(&der, int(size))
	return der, ok
}

func skipBlock(input *reader) bool {
	var size uint32
	return input.ReadUint32(&size) && uint64(size) <= uint64(len(*input)) && input.Skip(int(size))
}

// digestMatches verifies the digest of a key store.
func digestMatches(content, digest []byte, password string) bool {
	hash := sha1.New()
	hash.Write(utf16BigEndian(password))
	hash.Write([]byte("Mighty Aphrodite"))
	hash.Write(content)
	return subtle.ConstantTimeCompare(hash.Sum(nil), digest) == 1
}

func utf16BigEndian(s string) []byte {
	var encoded []byte
	for _, unit := range utf16.Encode([]rune(s)) {
		encoded = binary.BigEndian.AppendUint16(encoded, unit)
	}
	return encoded
}
