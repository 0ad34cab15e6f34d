package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
)

// rareSuites are the suites of RFC 8446 appendix B.4 that crypto/tls does not have.
var rareSuites = []*Suite{
	{0x1304, sha256.New, sha256.Size, 16, newCCM(16)}, // TLS_AES_128_CCM_SHA256
	{0x1305, sha256.New, sha256.Size, 16, newCCM(8)},  // TLS_AES_128_CCM_8_SHA256
}

// FindAny is Find for all suites of RFC 8446 appendix B.4, those with AES-CCM too.
func FindAny(id uint16) *Suite {
	for _, suite := range rareSuites {
		if suite.ID == id {
			return suite
		}
	}
	return Find(id)
}

// ccm is AES-CCM (RFC 3610) with a nonce of 12 bytes, which TLS 1.3 has, so that the
// field for the length of a message has 3 bytes (section 2.1).
type ccm struct {
	block cipher.Block
	tag   int // bytes
}

const (
	ccmNonce       = 12      // bytes
	ccmLengthField = 3 - 1   // its bytes less one, as in the flags
	ccmMaxMessage  = 1 << 24 // bytes, exclusively
)

// newCCM returns the function that makes AES-CCM with a tag of so many bytes.
func newCCM(tag int) func(key []byte) (cipher.AEAD, error) {
	return func(key []byte) (cipher.AEAD, error) {
		block, err := aes.NewCipher(key)
		return &ccm{block, tag}, err
	}
}

func (c *ccm) NonceSize() int { return ccmNonce }

func (c *ccm) Overhead() int { return c.tag }

// errCCM is a message that fails authentication, or that AES-CCM cannot protect.
var errCCM = errors.New("AES-CCM: message authentication failed")

// Seal encrypts and authenticates. It panics if the message is too long, as other AEADs
// do.
func (c *ccm) Seal(dst, nonce, plain, additional []byte) []byte {
	if len(plain) >= ccmMaxMessage {
		panic("AES-CCM: message too long")
	}
	tag := c.authenticate(nonce, plain, additional)
	stream := c.stream(nonce)
	stream.XORKeyStream(tag[:], tag[:])
	sealed := make([]byte, len(plain), len(plain)+c.tag)
	stream.XORKeyStream(sealed, plain)
	return append(append(dst, sealed...), tag[:c.tag]...)
}

// Open decrypts a message and verifies its tag.
func (c *ccm) Open(dst, nonce, sealed, additional []byte) ([]byte, error) {
	length := len(sealed) - c.tag
	if length < 0 || length >= ccmMaxMessage {
		return nil, errCCM
	}
	var mask [aes.BlockSize]byte
	stream := c.stream(nonce)
	stream.XORKeyStream(mask[:], mask[:])
	plain := make([]byte, length)
	stream.XORKeyStream(plain, sealed[:length])
	tag := c.authenticate(nonce, plain, additional)
	subtle.XORBytes(tag[:], tag[:], mask[:])
	if subtle.ConstantTimeCompare(tag[:c.tag], sealed[length:]) != 1 {
		return nil, errCCM
	}
	return append(dst, plain...), nil
}

// stream returns the key stream. Its first block encrypts the tag (section 2.3).
func (c *ccm) stream(nonce []byte) cipher.Stream {
	var counter [aes.BlockSize]byte
	counter[0] = ccmLengthField
	copy(counter[1:], nonce)
	return cipher.NewCTR(c.block, counter[:])
}

// authenticate computes the CBC-MAC (section 2.2).
func (c *ccm) authenticate(nonce, plain, additional []byte) (mac [aes.BlockSize]byte) {
	mac[0] = byte((c.tag-2)/2)<<3 | ccmLengthField
	if len(additional) > 0 {
		mac[0] |= 1 << 6
	}
	copy(mac[1:], nonce)
	length := binary.BigEndian.AppendUint32(nil, uint32(len(plain)))
	copy(mac[1+ccmNonce:], length[1:])
	c.block.Encrypt(mac[:], mac[:])
	if len(additional) > 0 { // a header of a record: shorter than 0xff00 bytes
		c.absorb(&mac, append(binary.BigEndian.AppendUint16(nil, uint16(len(additional))), additional...))
	}
	c.absorb(&mac, plain)
	return mac
}

// absorb adds data, padded with zeros to whole blocks.
func (c *ccm) absorb(mac *[aes.BlockSize]byte, data []byte) {
	for len(data) > 0 {
		n := subtle.XORBytes(mac[:], mac[:], data[:min(len(data), aes.BlockSize)])
		data = data[n:]
		c.block.Encrypt(mac[:], mac[:])
	}
}
