package legacy

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"net"
	"syscall"
	"testing"
	"time"

	"tls_exporter/prober/tlstest/internal/testclient"
	"tls_exporter/prober/tlstest/internal/wire"
)

// offer is a ClientHello. It is encoded here by hand, independently of the server.
type offer struct {
	version      uint16
	suites       []uint16
	compressions []byte // null is added
	session      []byte
	extensions   []byte
}

const offeredRandom = "the random of the client, always"

// message encodes the handshake message.
func (o offer) message() []byte {
	b := binary.BigEndian.AppendUint16(nil, o.version)
	b = append(b, offeredRandom...)
	b = append(append(b, byte(len(o.session))), o.session...)
	b = binary.BigEndian.AppendUint16(b, uint16(2*len(o.suites)))
	for _, suite := range o.suites {
		b = binary.BigEndian.AppendUint16(b, suite)
	}
	b = append(append(b, byte(len(o.compressions)+1)), append(o.compressions[:len(o.compressions):len(o.compressions)], 0)...)
	if len(o.extensions) > 0 {
		b = binary.BigEndian.AppendUint16(b, uint16(len(o.extensions)))
		b = append(b, o.extensions...)
	}
	return append([]byte{1, 0, byte(len(b) >> 8), byte(len(b))}, b...)
}

func framed(kind byte, payload []byte) []byte {
	return append([]byte{kind, 3, 1, byte(len(payload) >> 8), byte(len(payload))}, payload...)
}

func ext(kind uint16, content ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, kind)
	b = binary.BigEndian.AppendUint16(b, uint16(len(content)))
	return append(b, content...)
}

func groupsExt(groups ...uint16) []byte {
	b := []byte{0, byte(2 * len(groups))}
	for _, g := range groups {
		b = binary.BigEndian.AppendUint16(b, g)
	}
	return ext(10, b...)
}

// client reads and writes records, without cryptography.
type client struct {
	t *testing.T
	net.Conn
	pending []byte
}

func connect(t *testing.T, addr string) *client {
	t.Helper()
	c := testclient.Dial(t, addr)
	c.SetDeadline(time.Now().Add(wire.Timeout))
	return &client{t: t, Conn: c}
}

func (c *client) send(b []byte) {
	c.t.Helper()
	if _, err := c.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) readRecord() (kind byte, payload []byte, err error) {
	header := make([]byte, 5)
	if _, err := io.ReadFull(c, header); err != nil {
		return 0, nil, err
	}
	payload = make([]byte, binary.BigEndian.Uint16(header[3:]))
	_, err = io.ReadFull(c, payload)
	return header[0], payload, err
}

// ending is how the server ended the connection: with an alert, a close or a reset.
func (c *client) ending() string {
	c.t.Helper()
	kind, payload, err := c.readRecord()
	switch {
	case errors.Is(err, io.EOF):
		return "closed"
	case errors.Is(err, syscall.ECONNRESET):
		return "reset"
	case err != nil:
		return err.Error()
	case kind == 21:
		return alertName(payload)
	}
	return "a record of another type"
}

func alertName(payload []byte) string {
	if len(payload) != 2 {
		return "a malformed alert"
	}
	name := map[byte]string{
		0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 40: "handshake_failure", 47: "illegal_parameter",
		50: "decode_error", 51: "decrypt_error", 70: "protocol_version", 86: "inappropriate_fallback", 100: "no_renegotiation",
	}[payload[1]]
	if payload[0] == 1 {
		return "warning " + name
	}
	return name
}

// flight is the server's first flight.
type flight struct {
	version     uint16
	random      []byte
	session     []byte
	suite       uint16
	compression byte
	extensions  map[uint16][]byte
	leaf        *x509.Certificate
	exchange    []byte // ServerKeyExchange
	request     bool   // CertificateRequest came
	done        bool   // ServerHelloDone came
	ending      string // what came instead
}

// readFlight reads messages up to ServerHelloDone, or what comes instead.
func (c *client) readFlight() flight {
	c.t.Helper()
	r := flight{extensions: map[uint16][]byte{}}
	for {
		for len(c.pending) >= 4 {
			length := 4 + int(c.pending[1])<<16 + int(c.pending[2])<<8 + int(c.pending[3])
			if len(c.pending) < length {
				break
			}
			r.parse(c.t, c.pending[0], c.pending[4:length])
			c.pending = c.pending[length:]
		}
		if r.done {
			return r
		}
		kind, payload, err := c.readRecord()
		switch {
		case errors.Is(err, io.EOF):
			r.ending = "closed"
		case errors.Is(err, syscall.ECONNRESET):
			r.ending = "reset"
		case err != nil:
			r.ending = err.Error()
		case kind == 21:
			r.ending = alertName(payload)
		case kind == 22:
			c.pending = append(c.pending, payload...)
			continue
		}
		return r
	}
}

func (r *flight) parse(t *testing.T, kind byte, body []byte) {
	t.Helper()
	switch kind {
	case 2:
		r.version = binary.BigEndian.Uint16(body)
		r.random, body = body[2:34], body[34:]
		r.session, body = body[1:1+body[0]], body[1+body[0]:]
		r.suite, r.compression = binary.BigEndian.Uint16(body), body[2]
		if body = body[3:]; len(body) == 0 {
			return
		}
		for body = body[2:]; len(body) > 0; {
			length := int(binary.BigEndian.Uint16(body[2:]))
			r.extensions[binary.BigEndian.Uint16(body)] = body[4 : 4+length]
			body = body[4+length:]
		}
	case 11:
		length := int(body[3])<<16 + int(body[4])<<8 + int(body[5])
		leaf, err := x509.ParseCertificate(body[6 : 6+length])
		if err != nil {
			t.Fatal(err)
		}
		r.leaf = leaf
	case 12:
		r.exchange = body
	case 13:
		r.request = true
	case 14:
		r.done = true
	}
}

// sendOffer sends an offer and reads the answer.
func sendOffer(t *testing.T, addr string, o offer) flight {
	t.Helper()
	c := connect(t, addr)
	c.send(framed(22, o.message()))
	return c.readFlight()
}

// field splits off a field with a length of two bytes.
func field(b []byte) (content, rest []byte) {
	length := int(binary.BigEndian.Uint16(b))
	return b[2 : 2+length], b[2+length:]
}

// verifyParams verifies the signature of a ServerKeyExchange with crypto/rsa and
// crypto/ecdsa. length is that of its parameters, in bytes.
func (r flight) verifyParams(t *testing.T, length int) {
	t.Helper()
	params, rest := r.exchange[:length], r.exchange[length:]
	signed := append(append([]byte(offeredRandom), r.random...), params...)
	if r.version >= tls.VersionTLS12 {
		rest = rest[2:]
	}
	signature, rest := field(rest)
	if len(rest) != 0 {
		t.Errorf("%d bytes after the signature", len(rest))
	}
	two, one := sha256.Sum256(signed), sha1.Sum(signed)
	switch key := r.leaf.PublicKey.(type) {
	case *ecdsa.PublicKey:
		sum := two[:]
		if r.version < tls.VersionTLS12 {
			sum = one[:]
		}
		if !ecdsa.VerifyASN1(key, sum, signature) {
			t.Error("the signature does not verify")
		}
	case *rsa.PublicKey:
		hash, sum := crypto.SHA256, two[:]
		if r.version < tls.VersionTLS12 {
			md5 := crypto.MD5.New()
			md5.Write(signed)
			hash, sum = crypto.MD5SHA1, append(md5.Sum(nil), one[:]...)
		}
		if err := rsa.VerifyPKCS1v15(key, hash, sum, signature); err != nil {
			t.Error(err)
		}
	}
}

func bits(b []byte) int { return new(big.Int).SetBytes(b).BitLen() }
