package tlstest

import (
	"crypto"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rc4"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"net"
	"slices"

	_ "crypto/md5"    // for the suites that have it
	_ "crypto/sha1"   // the same
	_ "crypto/sha256" // the same
	_ "crypto/sha512" // SHA-384
)

// Records that raw.go has no use for (RFC 5246 section 6.2.1, RFC 6520 section 6).
const (
	recordChangeCipherSpec = 20
	recordApplicationData  = 23
	recordHeartbeat        = 24

	maxRecord = maxRecordPayload + 2048 // RFC 5246 section 6.2.3
)

var errBadRecord = errors.New("a record that does not decrypt")

// wire is a connection that carries records, protected once keys are in use.
type wire struct {
	net.Conn
	version uint16 // of the records that go out
	in, out *protection
}

func newWire(c net.Conn) *wire { return &wire{Conn: c, version: versionTLS10} }

// readRecord returns errBadRecord for what the peer protected badly.
func (w *wire) readRecord() (kind byte, payload []byte, err error) {
	header := make([]byte, recordHeader)
	if _, err := io.ReadFull(w.Conn, header); err != nil {
		return 0, nil, err
	}
	return w.readRest(header)
}

// readRest reads the record that a header announces.
func (w *wire) readRest(header []byte) (kind byte, payload []byte, err error) {
	length := int(binary.BigEndian.Uint16(header[3:]))
	if length > maxRecord {
		return 0, nil, alertEnding(alertRecordOverflow)
	}
	payload = make([]byte, length)
	if _, err := io.ReadFull(w.Conn, payload); err != nil {
		return 0, nil, err
	}
	if w.in != nil {
		payload, err = w.in.open(header[0], binary.BigEndian.Uint16(header[1:]), payload)
	}
	return header[0], payload, err
}

// writeRecords sends a payload of any length.
func (w *wire) writeRecords(kind byte, payload []byte) error {
	return w.writePieces(kind, pieces(payload, maxRecordPayload))
}

// writePieces sends each piece as a record, and all of them at one time.
func (w *wire) writePieces(kind byte, pieces [][]byte) error {
	var all []byte
	for _, piece := range pieces {
		if w.out != nil {
			piece = w.out.seal(kind, w.version, piece)
		}
		all = append(all, record(kind, w.version, piece)...)
	}
	_, err := w.Conn.Write(all)
	return err
}

// pieces are one at least, also of nothing.
func pieces(payload []byte, size int) [][]byte {
	if len(payload) == 0 {
		return [][]byte{nil}
	}
	return slices.Collect(slices.Chunk(payload, size))
}

// protection is one direction of a session's records (RFC 5246 section 6.2.3).
// The zero value opens nothing.
type protection struct {
	sequence       uint64
	mac            hash.Hash
	stream         cipher.Stream // of RC4
	block          cipher.Block  // of CBC
	iv             []byte        // of the next record of TLS 1.0, whose IVs are chained; the salt of GCM
	chained        bool
	encryptThenMAC bool
	aead           cipher.AEAD
	works          bool
}

// protect makes the protection of one direction from its keys.
func protect(s legacySuite, version uint16, encryptThenMAC bool, macKey, key, iv []byte) (*protection, error) {
	p := &protection{iv: iv, chained: version == versionTLS10, encryptThenMAC: encryptThenMAC, works: true}
	if s.bulk.mode != modeGCM {
		p.mac = hmac.New(s.mac.New, macKey)
	}
	var err error
	switch s.bulk.mode {
	case modeNotDone:
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

// header is what a MAC covers beside the content (RFC 5246 section 6.2.3.1).
func (p *protection) header(kind byte, version uint16, length int) []byte {
	b := binary.BigEndian.AppendUint64(nil, p.sequence)
	b = append(b, kind)
	b = binary.BigEndian.AppendUint16(b, version)
	return binary.BigEndian.AppendUint16(b, uint16(length))
}

func (p *protection) sum(kind byte, version uint16, content []byte) []byte {
	p.mac.Reset()
	p.mac.Write(p.header(kind, version, len(content)))
	p.mac.Write(content)
	return p.mac.Sum(nil)
}

func (p *protection) seal(kind byte, version uint16, content []byte) []byte {
	defer func() { p.sequence++ }()
	switch {
	case p.aead != nil:
		explicit := binary.BigEndian.AppendUint64(nil, p.sequence)
		nonce := append(p.iv[:len(p.iv):len(p.iv)], explicit...)
		return p.aead.Seal(explicit, nonce, content, p.header(kind, version, len(content)))
	case p.block != nil && p.encryptThenMAC:
		sealed := p.encrypt(content)
		return append(sealed, p.sum(kind, version, sealed)...)
	case p.block != nil:
		return p.encrypt(append(content[:len(content):len(content)], p.sum(kind, version, content)...))
	default:
		sealed := append(content[:len(content):len(content)], p.sum(kind, version, content)...)
		if p.stream != nil {
			p.stream.XORKeyStream(sealed, sealed)
		}
		return sealed
	}
}

// encrypt pads and encrypts with CBC, after the IV where that is sent.
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

func (p *protection) open(kind byte, version uint16, sealed []byte) ([]byte, error) {
	if !p.works {
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
		header := p.header(kind, version, len(sealed)-explicit-p.aead.Overhead())
		content, err := p.aead.Open(nil, nonce, sealed[explicit:], header)
		if err != nil {
			return nil, errBadRecord
		}
		return content, nil
	case p.block != nil && p.encryptThenMAC:
		encrypted, err := p.verified(kind, version, sealed)
		if err != nil {
			return nil, err
		}
		return p.decrypt(encrypted)
	case p.block != nil:
		content, err := p.decrypt(sealed)
		if err != nil {
			return nil, err
		}
		return p.verified(kind, version, content)
	default:
		if p.stream != nil {
			p.stream.XORKeyStream(sealed, sealed)
		}
		return p.verified(kind, version, sealed)
	}
}

// verified is content without the MAC at its end.
func (p *protection) verified(kind byte, version uint16, content []byte) ([]byte, error) {
	end := len(content) - p.mac.Size()
	if end < 0 || !hmac.Equal(p.sum(kind, version, content[:end]), content[end:]) {
		return nil, errBadRecord
	}
	return content[:end], nil
}

// decrypt takes off IV and padding. Its time gives away which of them is wrong,
// which is no matter here: what it guards is made up.
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

// prf is the pseudorandom function of TLS 1.0 to 1.2 (RFC 2246 and RFC 5246, section 5).
func prf(version uint16, h crypto.Hash, secret []byte, label string, seed []byte, size int) []byte {
	seed = append([]byte(label), seed...)
	if version >= versionTLS12 {
		return expand(h, secret, seed, size)
	}
	half := (len(secret) + 1) / 2 // the halves share a byte if the length is odd
	out := expand(crypto.MD5, secret[:half], seed, size)
	for i, b := range expand(crypto.SHA1, secret[len(secret)-half:], seed, size) {
		out[i] ^= b
	}
	return out
}

// expand is P_hash.
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
