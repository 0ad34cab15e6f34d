package legacy

import (
	"bufio"
	"crypto"
	"crypto/cipher"
	"crypto/hmac"
	_ "crypto/md5"
	"crypto/rand"
	"crypto/rc4"
	_ "crypto/sha1"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"net"
	"slices"

	"tls_exporter/prober/tlstest/internal/wire"
)

var errBadRecord = errors.New("bad record MAC")

// recordConn is a connection that carries records. They are protected once keys
// are in use.
type recordConn struct {
	net.Conn
	version uint16 // of the records that are sent
	in, out *protection
}

func newRecordConn(c net.Conn) *recordConn {
	return &recordConn{Conn: c, version: tls.VersionTLS10}
}

// readRecord returns errBadRecord for a record that cannot be decrypted.
func (c *recordConn) readRecord() (contentType byte, payload []byte, err error) {
	header := make([]byte, wire.RecordHeaderSize)
	if _, err := io.ReadFull(c.Conn, header); err != nil {
		return 0, nil, err
	}
	return c.readPayload(header)
}

// readPayload reads the rest of the record after its header.
func (c *recordConn) readPayload(header []byte) (contentType byte, payload []byte, err error) {
	length := int(binary.BigEndian.Uint16(header[3:]))
	if length > wire.MaxCiphertext {
		return 0, nil, alertError(wire.AlertRecordOverflow)
	}
	payload = make([]byte, length)
	if _, err := io.ReadFull(c.Conn, payload); err != nil {
		return 0, nil, err
	}
	if c.alertFollows() {
		return 0, nil, errClose
	}
	if c.in != nil {
		payload, err = c.in.open(header[0], binary.BigEndian.Uint16(header[1:]), payload)
	}
	return header[0], payload, err
}

// aheadConn is a connection whose server sees what has arrived and was not read yet.
type aheadConn struct {
	net.Conn
	ahead *bufio.Reader
}

func (c *aheadConn) Read(b []byte) (int, error) { return c.ahead.Read(b) }

func (c *aheadConn) CloseWrite() error {
	wire.CloseWrite(c.Conn)
	return nil
}

// buffered is how many bytes have arrived and were not read; 0 without an aheadConn.
func (c *recordConn) buffered() int {
	if conn, ok := c.Conn.(*aheadConn); ok {
		return conn.ahead.Buffered()
	}
	return 0
}

// alertFollows reports whether the record that was read last came together with an
// alert.
func (c *recordConn) alertFollows() bool {
	if c.buffered() == 0 {
		return false
	}
	next, err := c.Conn.(*aheadConn).ahead.Peek(1)
	return err == nil && next[0] == wire.RecordAlert
}

// writeRecords sends a payload of any length.
func (c *recordConn) writeRecords(contentType byte, payload []byte) error {
	return c.writePieces(contentType, pieces(payload, wire.MaxPlaintext))
}

// writePieces sends each piece as a record, and all records with one write.
func (c *recordConn) writePieces(contentType byte, pieces [][]byte) error {
	var all []byte
	for _, piece := range pieces {
		if c.out != nil {
			piece = c.out.seal(contentType, c.version, piece)
		}
		all = append(all, wire.Record(contentType, c.version, piece)...)
	}
	_, err := c.Conn.Write(all)
	return err
}

// pieces splits a payload. An empty one becomes one empty piece.
func pieces(payload []byte, size int) [][]byte {
	if len(payload) == 0 {
		return [][]byte{nil}
	}
	return slices.Collect(slices.Chunk(payload, size))
}

// protection encrypts or decrypts the records of one direction (RFC 5246 section
// 6.2.3). The zero value decrypts nothing.
type protection struct {
	sequence       uint64
	mac            hash.Hash
	stream         cipher.Stream // of RC4
	block          cipher.Block  // of CBC
	iv             []byte        // CBC in TLS 1.0: of the next record; GCM: the salt
	chained        bool          // IVs as in TLS 1.0: the last block of the record before
	encryptThenMAC bool
	aead           cipher.AEAD
	supported      bool
}

// protect returns the protection of one direction.
func protect(s cipherSuite, version uint16, encryptThenMAC bool, macKey, key, iv []byte) (*protection, error) {
	p := &protection{iv: iv, chained: version == tls.VersionTLS10, encryptThenMAC: encryptThenMAC, supported: true}
	if s.bulk.mode != modeGCM {
		p.mac = hmac.New(s.mac.New, macKey)
	}
	var err error
	switch s.bulk.mode {
	case modeUnsupported:
		return &protection{}, nil
	case modeRC4:
		p.stream, err = rc4.NewCipher(key)
	case modeCBC:
		p.block, err = s.bulk.block(key)
	case modeGCM:
		if p.block, err = s.bulk.block(key); err == nil {
			p.aead, err = cipher.NewGCM(p.block)
		}
	}
	return p, err
}

// header is what a MAC covers in addition to the content (RFC 5246 section
// 6.2.3.1).
func (p *protection) header(contentType byte, version uint16, length int) []byte {
	b := binary.BigEndian.AppendUint64(nil, p.sequence)
	b = append(b, contentType)
	b = binary.BigEndian.AppendUint16(b, version)
	return binary.BigEndian.AppendUint16(b, uint16(length))
}

func (p *protection) sum(contentType byte, version uint16, content []byte) []byte {
	p.mac.Reset()
	p.mac.Write(p.header(contentType, version, len(content)))
	p.mac.Write(content)
	return p.mac.Sum(nil)
}

func (p *protection) seal(contentType byte, version uint16, content []byte) []byte {
	defer func() { p.sequence++ }()
	switch {
	case p.aead != nil:
		explicit := binary.BigEndian.AppendUint64(nil, p.sequence)
		nonce := append(p.iv[:len(p.iv):len(p.iv)], explicit...)
		return p.aead.Seal(explicit, nonce, content, p.header(contentType, version, len(content)))
	case p.block != nil && p.encryptThenMAC:
		sealed := p.encrypt(content)
		return append(sealed, p.sum(contentType, version, sealed)...)
	case p.block != nil:
		return p.encrypt(append(content[:len(content):len(content)], p.sum(contentType, version, content)...))
	default:
		sealed := append(content[:len(content):len(content)], p.sum(contentType, version, content)...)
		if p.stream != nil {
			p.stream.XORKeyStream(sealed, sealed)
		}
		return sealed
	}
}

// encrypt pads and encrypts with CBC. From TLS 1.1 on the IV precedes the result.
func (p *protection) encrypt(content []byte) []byte {
	size := p.block.BlockSize()
	padding := size - len(content)%size
	padded := append([]byte{}, content...)
	for range padding {
		padded = append(padded, byte(padding-1))
	}
	iv := p.iv
	if !p.chained {
		iv = make([]byte, size)
		rand.Read(iv)
	}
	cipher.NewCBCEncrypter(p.block, iv).CryptBlocks(padded, padded)
	if p.chained {
		p.iv = padded[len(padded)-size:]
		return padded
	}
	return append(iv, padded...)
}

func (p *protection) open(contentType byte, version uint16, sealed []byte) ([]byte, error) {
	if !p.supported {
		return nil, errBadRecord
	}
	defer func() { p.sequence++ }()
	switch {
	case p.aead != nil:
		const explicit = 8
		if len(sealed) < explicit+p.aead.Overhead() {
			return nil, errBadRecord
		}
		nonce := append(p.iv[:len(p.iv):len(p.iv)], sealed[:explicit]...)
		header := p.header(contentType, version, len(sealed)-explicit-p.aead.Overhead())
		content, err := p.aead.Open(nil, nonce, sealed[explicit:], header)
		if err != nil {
			return nil, errBadRecord
		}
		return content, nil
	case p.block != nil && p.encryptThenMAC:
		encrypted, err := p.verified(contentType, version, sealed)
		if err != nil {
			return nil, err
		}
		return p.decrypt(encrypted)
	case p.block != nil:
		content, err := p.decrypt(sealed)
		if err != nil {
			return nil, err
		}
		return p.verified(contentType, version, content)
	default:
		if p.stream != nil {
			p.stream.XORKeyStream(sealed, sealed)
		}
		return p.verified(contentType, version, sealed)
	}
}

// verified checks the MAC at the end of content and removes it.
func (p *protection) verified(contentType byte, version uint16, content []byte) ([]byte, error) {
	end := len(content) - p.mac.Size()
	if end < 0 || !hmac.Equal(p.sum(contentType, version, content[:end]), content[end:]) {
		return nil, errBadRecord
	}
	return content[:end], nil
}

// decrypt removes the IV and the padding. It is not constant-time, because the
// data is not secret.
func (p *protection) decrypt(sealed []byte) ([]byte, error) {
	size := p.block.BlockSize()
	iv := p.iv
	if !p.chained {
		if len(sealed) < size {
			return nil, errBadRecord
		}
		iv, sealed = sealed[:size], sealed[size:]
	}
	if len(sealed) == 0 || len(sealed)%size != 0 {
		return nil, errBadRecord
	}
	if p.chained {
		p.iv = append([]byte{}, sealed[len(sealed)-size:]...)
	}
	content := make([]byte, len(sealed))
	cipher.NewCBCDecrypter(p.block, iv).CryptBlocks(content, sealed)
	padding := int(content[len(content)-1]) + 1
	if padding > len(content) {
		return nil, errBadRecord
	}
	for _, b := range content[len(content)-padding:] {
		if int(b) != padding-1 {
			return nil, errBadRecord
		}
	}
	return content[:len(content)-padding], nil
}

// prf is the pseudorandom function of TLS 1.0 to 1.2 (section 5 of RFC 2246 and
// RFC 5246).
func prf(version uint16, h crypto.Hash, secret []byte, label string, seed []byte, size int) []byte {
	seed = append([]byte(label), seed...)
	if version >= tls.VersionTLS12 {
		return expand(h, secret, seed, size)
	}
	half := (len(secret) + 1) / 2 // if the length is odd, both halves contain the middle byte
	out := expand(crypto.MD5, secret[:half], seed, size)
	for i, b := range expand(crypto.SHA1, secret[len(secret)-half:], seed, size) {
		out[i] ^= b
	}
	return out
}

// expand is P_hash (RFC 5246 section 5).
func expand(h crypto.Hash, secret, seed []byte, size int) []byte {
	var out []byte
	mac := hmac.New(h.New, secret)
	sum := func(parts ...[]byte) []byte {
		mac.Reset()
		for _, part := range parts {
			mac.Write(part)
		}
		return mac.Sum(nil)
	}
	for a := sum(seed); len(out) < size; a = sum(a) {
		out = append(out, sum(a, seed)...)
	}
	return out[:size]
}
