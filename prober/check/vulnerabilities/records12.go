package vulnerabilities

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"slices"

	"tls_exporter/prober/handshake"
	"tls_exporter/prober/hello"
)

// session12 continues a session of TLS 1.0 to 1.2 with AES after crypto/tls has completed
// the handshake.
type session12 struct {
	version hello.Version
	after   []byte    // what was received after the handshake
	in      io.Reader // after, and what follows
	client  *direction12
	server  *direction12
}

// direction12 protects what one side sends (RFC 5246 section 6.2.3), with aead and salt
// or with block and mac. Each side has sent one record so far, its Finished.
type direction12 struct {
	version  hello.Version
	sequence uint64
	aead     cipher.AEAD
	salt     []byte
	block    cipher.Block
	mac      hash.Hash
	iv       []byte // of the next record in TLS 1.0: the last block of the record before
}

// suite12 describes how a suite derives its keys.
type suite12 struct {
	ids   []uint16
	since uint16           // the oldest version with these suites
	key   int              // bytes
	mac   func() hash.Hash // nil: GCM
	prf   func() hash.Hash // of TLS 1.2
}

var suites12 = []suite12{
	{[]uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_AES_128_GCM_SHA256},
		tls.VersionTLS12, 16, nil, sha256.New},
	{[]uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_RSA_WITH_AES_256_GCM_SHA384},
		tls.VersionTLS12, 32, nil, sha512.New384},
	{[]uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_RSA_WITH_AES_128_CBC_SHA},
		tls.VersionTLS10, 16, sha1.New, sha256.New},
	{[]uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, tls.TLS_RSA_WITH_AES_256_CBC_SHA},
		tls.VersionTLS10, 32, sha1.New, sha256.New},
	{[]uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, tls.TLS_RSA_WITH_AES_128_CBC_SHA256},
		tls.VersionTLS12, 16, sha256.New, sha256.New},
}

// sessionSuites returns the suites that a session12 may have.
func sessionSuites() []uint16 {
	var all []uint16
	for _, s := range suites12 {
		all = append(all, s.ids...)
	}
	return all
}

// suite12For describes a suite; nil: it is not one of sessionSuites.
func suite12For(id uint16) *suite12 {
	for i := range suites12 {
		if slices.Contains(suites12[i].ids, id) {
			return &suites12[i]
		}
	}
	return nil
}

// The lengths of AES-GCM in TLS 1.2 (RFC 5288 section 3), in bytes.
const (
	gcmSalt     = 4
	gcmExplicit = 8
	gcmTag      = 16
)

var (
	errNoKeys       = errors.New("the keys of the session are not known")
	errNotDecrypted = errors.New("the record cannot be decrypted")
	errNoFinished   = errors.New("the handshake has no Finished")
)

// maxSessionBytes bounds what is read inside a session.
const maxSessionBytes = 64 << 10

// newSession12 derives the keys of a session (RFC 5246 section 6.3).
func newSession12(t *handshake.Recorded) (*session12, error) {
	random, master, ok := t.Secret("CLIENT_RANDOM")
	suite := suite12For(t.ConnectionState().CipherSuite)
	if !ok || suite == nil {
		return nil, errNoKeys
	}
	answer, err := t.ServerHello()
	if err != nil {
		return nil, err
	}
	finished, after, err := splitAtFinished(t.Received())
	if err != nil {
		return nil, err
	}
	mac, salt := 0, gcmSalt
	if suite.mac != nil {
		mac, salt = suite.mac().Size(), 0
	}
	seed := slices.Concat([]byte("key expansion"), answer.Random[:], random)
	block := prf12(answer.Version, suite.prf, master, seed, 2*(mac+suite.key+salt))
	next := func(n int) []byte {
		part := block[:n:n]
		block = block[n:]
		return part
	}
	macs := [2][]byte{next(mac), next(mac)}
	keys := [2][]byte{next(suite.key), next(suite.key)}
	salts := [2][]byte{next(salt), next(salt)}
	client, err1 := newDirection12(answer.Version, suite, macs[0], keys[0], salts[0], t.LastWritten())
	server, err2 := newDirection12(answer.Version, suite, macs[1], keys[1], salts[1], finished)
	return &session12{version: answer.Version, after: after, client: client, server: server}, errors.Join(err1, err2)
}

// newDirection12 continues after last, the payload of the record that was sent last.
func newDirection12(v hello.Version, suite *suite12, mac, key, salt, last []byte) (*direction12, error) {
	d := &direction12{version: v, sequence: 1, salt: salt}
	var err error
	if suite.mac == nil {
		d.aead, err = newAESGCM(key)
		return d, err
	}
	if len(last) < aes.BlockSize {
		return d, errNoFinished
	}
	d.iv = bytes.Clone(last[len(last)-aes.BlockSize:])
	d.mac = hmac.New(suite.mac, mac)
	d.block, err = aes.NewCipher(key)
	return d, err
}

// splitAtFinished returns the server's Finished, which is the first record after
// ChangeCipherSpec, and what was received after it.
func splitAtFinished(received []byte) (finished, after []byte, err error) {
	rest := bytes.NewReader(received)
	for kind := uint8(0); kind != hello.TypeChangeCipherSpec; {
		record, err := hello.ReadRecord(rest)
		if err != nil {
			return nil, nil, err
		}
		kind = record.Type
	}
	record, err := hello.ReadRecord(rest)
	return record.Payload, received[len(received)-rest.Len():], err
}

func newAESGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// prf12 is the pseudorandom function (RFC 2246 and RFC 5246, section 5). The seed begins
// with the label.
func prf12(v hello.Version, h func() hash.Hash, secret, seed []byte, size int) []byte {
	if v >= hello.TLS12 {
		return expand12(h, secret, seed, size)
	}
	half := (len(secret) + 1) / 2 // the halves share a byte if the length is odd
	out := expand12(md5.New, secret[:half], seed, size)
	for i, b := range expand12(sha1.New, secret[len(secret)-half:], seed, size) {
		out[i] ^= b
	}
	return out
}

// expand12 is P_hash (RFC 5246 section 5).
func expand12(h func() hash.Hash, secret, seed []byte, size int) []byte {
	sum := func(parts ...[]byte) []byte {
		mac := hmac.New(h, secret)
		for _, part := range parts {
			mac.Write(part)
		}
		return mac.Sum(nil)
	}
	var out []byte
	for a := sum(seed); len(out) < size; a = sum(a) {
		out = append(out, sum(a, seed)...)
	}
	return out[:size]
}

// seal encrypts content into the client's next record.
func (s *session12) seal(kind uint8, content []byte) []byte {
	return hello.AppendRecord(nil, kind, s.version, s.client.seal(kind, content))
}

// open decrypts the server's next record.
func (s *session12) open(record hello.Record) ([]byte, error) {
	return s.server.open(record.Type, record.Payload)
}

// header is what is authenticated in addition to the content (RFC 5246 section 6.2.3.3).
func (d *direction12) header(kind uint8, length int) []byte {
	b := append(binary.BigEndian.AppendUint64(nil, d.sequence), kind)
	b = binary.BigEndian.AppendUint16(b, uint16(d.version))
	return binary.BigEndian.AppendUint16(b, uint16(length))
}

// sum is the MAC of a record (RFC 5246 section 6.2.3.1).
func (d *direction12) sum(kind uint8, content []byte) []byte {
	d.mac.Reset()
	d.mac.Write(d.header(kind, len(content)))
	d.mac.Write(content)
	return d.mac.Sum(nil)
}

func (d *direction12) seal(kind uint8, content []byte) []byte {
	defer func() { d.sequence++ }()
	if d.aead != nil {
		explicit := binary.BigEndian.AppendUint64(nil, d.sequence)
		return d.aead.Seal(explicit, slices.Concat(d.salt, explicit), content, d.header(kind, len(content)))
	}
	padded := slices.Concat(content, d.sum(kind, content))
	padding := aes.BlockSize - len(padded)%aes.BlockSize
	padded = append(padded, bytes.Repeat([]byte{byte(padding - 1)}, padding)...)
	if d.version == hello.TLS10 {
		cipher.NewCBCEncrypter(d.block, d.iv).CryptBlocks(padded, padded)
		d.iv = padded[len(padded)-aes.BlockSize:]
		return padded
	}
	iv := make([]byte, aes.BlockSize)
	rand.Read(iv)
	cipher.NewCBCEncrypter(d.block, iv).CryptBlocks(padded, padded)
	return append(iv, padded...)
}

func (d *direction12) open(kind uint8, sealed []byte) ([]byte, error) {
	defer func() { d.sequence++ }()
	if d.aead == nil {
		return d.openCBC(kind, sealed)
	}
	if len(sealed) < gcmExplicit+gcmTag {
		return nil, errNotDecrypted
	}
	explicit, sealed := sealed[:gcmExplicit], sealed[gcmExplicit:]
	return d.aead.Open(nil, slices.Concat(d.salt, explicit), sealed, d.header(kind, len(sealed)-gcmTag))
}

// openCBC does not run in constant time: the content is not secret.
func (d *direction12) openCBC(kind uint8, sealed []byte) ([]byte, error) {
	iv := d.iv
	if d.version > hello.TLS10 && len(sealed) >= aes.BlockSize {
		iv, sealed = sealed[:aes.BlockSize], sealed[aes.BlockSize:]
	}
	if len(sealed) == 0 || len(sealed)%aes.BlockSize != 0 {
		return nil, errNotDecrypted
	}
	content := make([]byte, len(sealed))
	cipher.NewCBCDecrypter(d.block, iv).CryptBlocks(content, sealed)
	d.iv = bytes.Clone(sealed[len(sealed)-aes.BlockSize:])
	end := len(content) - int(content[len(content)-1]) - 1 - d.mac.Size()
	if end < 0 || !hmac.Equal(d.sum(kind, content[:end]), content[end:end+d.mac.Size()]) {
		return nil, errNotDecrypted
	}
	return content[:end], nil
}
