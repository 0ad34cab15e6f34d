package prober

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"maps"
	"slices"

	"tls_exporter/prober/hello"
)

// session12 goes on with a session of TLS 1.2 where crypto/tls has shaken hands:
// its suites of GCM alone (RFC 5288).
type session12 struct {
	in     io.Reader
	client direction12
	server direction12
}

// direction12 is the protection of what one side sends. Each has sent one record
// so far, its Finished.
type direction12 struct {
	aead     cipher.AEAD
	salt     []byte
	sequence uint64
}

// suite12 is what a suite needs for its keys.
type suite12 struct {
	key  int // bytes
	hash func() hash.Hash
}

var suites12 = map[uint16]suite12{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: {16, sha256.New},
	tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256:   {16, sha256.New},
	tls.TLS_RSA_WITH_AES_128_GCM_SHA256:         {16, sha256.New},
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: {32, sha512.New384},
	tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384:   {32, sha512.New384},
	tls.TLS_RSA_WITH_AES_256_GCM_SHA384:         {32, sha512.New384},
}

func gcmSuites() []uint16 { return slices.Collect(maps.Keys(suites12)) }

// The lengths of AES-GCM in TLS 1.2 (RFC 5288 section 3), in bytes.
const (
	gcmSalt     = 4
	gcmExplicit = 8
	gcmTag      = 16
)

var errNoKeys = errors.New("the keys of the session are not known")

// newSession12 derives the keys (RFC 5246 section 6.3).
func newSession12(t *overheard) (*session12, error) {
	random, master, ok := t.secrets.find("CLIENT_RANDOM")
	suite, known := suites12[t.ConnectionState().CipherSuite]
	if !ok || !known {
		return nil, errNoKeys
	}
	answer, err := t.serverHello()
	if err != nil {
		return nil, err
	}
	in, err := afterFinished(t)
	if err != nil {
		return nil, err
	}
	seed := slices.Concat([]byte("key expansion"), answer.Random[:], random)
	block := expand12(suite.hash, master, seed, 2*suite.key+2*gcmSalt)
	keys, salts := block[:2*suite.key], block[2*suite.key:]
	client, err1 := newGCM(keys[:suite.key])
	server, err2 := newGCM(keys[suite.key:])
	return &session12{
		in:     in,
		client: direction12{client, salts[:gcmSalt], 1},
		server: direction12{server, salts[gcmSalt:], 1},
	}, errors.Join(err1, err2)
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// expand12 is P_hash (RFC 5246 section 5); the seed has the label in front.
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

// header is what is authenticated beside the content (RFC 5246 section 6.2.3.3).
func (d *direction12) header(kind uint8, length int) []byte {
	b := append(binary.BigEndian.AppendUint64(nil, d.sequence), kind)
	b = binary.BigEndian.AppendUint16(b, uint16(hello.TLS12))
	return binary.BigEndian.AppendUint16(b, uint16(length))
}

// seal is a record of the client's.
func (s *session12) seal(kind uint8, content []byte) []byte {
	d := &s.client
	explicit := binary.BigEndian.AppendUint64(nil, d.sequence)
	sealed := d.aead.Seal(explicit, slices.Concat(d.salt, explicit), content, d.header(kind, len(content)))
	d.sequence++
	return hello.AppendRecord(nil, kind, hello.TLS12, sealed)
}

// open is what is in the server's next record.
func (s *session12) open(record hello.Record) ([]byte, error) {
	d := &s.server
	if len(record.Payload) < gcmExplicit+gcmTag {
		return nil, hello.ErrMalformed
	}
	explicit, sealed := record.Payload[:gcmExplicit], record.Payload[gcmExplicit:]
	content, err := d.aead.Open(nil, slices.Concat(d.salt, explicit), sealed, d.header(record.Type, len(sealed)-gcmTag))
	d.sequence++
	return content, err
}
