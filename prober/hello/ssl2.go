package hello

import (
	"crypto/rand"
	"fmt"
	"io"
)

// SSL 2.0 is a protocol of its own: Hickman, The SSL Protocol, 1995. RFC 6176 forbids
// it.

// SSL2Cipher is a cipher kind of SSL 2.0, three bytes.
type SSL2Cipher uint32

// ssl2Ciphers are the ciphers of the specification, section CIPHER-KINDS, and of SSLeay,
// which had four more.
var ssl2Ciphers = []struct {
	id   SSL2Cipher
	name string
}{
	{0x010080, "SSL_CK_RC4_128_WITH_MD5"},
	{0x020080, "SSL_CK_RC4_128_EXPORT40_WITH_MD5"},
	{0x030080, "SSL_CK_RC2_128_CBC_WITH_MD5"},
	{0x040080, "SSL_CK_RC2_128_CBC_EXPORT40_WITH_MD5"},
	{0x050080, "SSL_CK_IDEA_128_CBC_WITH_MD5"},
	{0x060040, "SSL_CK_DES_64_CBC_WITH_MD5"},
	{0x060140, "SSL_CK_DES_64_CBC_WITH_SHA"},
	{0x0700C0, "SSL_CK_DES_192_EDE3_CBC_WITH_MD5"},
	{0x0701C0, "SSL_CK_DES_192_EDE3_CBC_WITH_SHA"},
	{0x080080, "SSL_CK_RC4_64_WITH_MD5"},
	{0xFF8000, "SSL_CK_DES_64_CFB64_WITH_MD5_1"},
	{0x000000, "SSL_CK_NULL_WITH_MD5"},
	{0xFF8010, "SSL_CK_NULL"},
}

// SSL2Ciphers is all known cipher kinds of SSL 2.0.
var SSL2Ciphers = func() []SSL2Cipher {
	var all []SSL2Cipher
	for _, c := range ssl2Ciphers {
		all = append(all, c.id)
	}
	return all
}()

// String returns the name in the specification, or the number as in 0x123456.
func (c SSL2Cipher) String() string {
	for _, known := range ssl2Ciphers {
		if known.id == c {
			return known.name
		}
	}
	return fmt.Sprintf("0x%06X", uint32(c))
}

// SSL2Error is the code of an ERROR message; 0: none.
type SSL2Error uint16

func (e SSL2Error) String() string {
	switch e {
	case 1:
		return "no_cipher"
	case 2:
		return "no_certificate"
	case 4:
		return "bad_certificate"
	case 6:
		return "unsupported_certificate_type"
	}
	return fmt.Sprintf("0x%04X", uint16(e))
}

const (
	ssl2ErrorMessage = 0
	ssl2ClientHello  = 1
	ssl2ServerHello  = 4

	ssl2Header        = 2  // bytes of a record's header; its first bit is set
	ssl2ErrorLength   = 3  // bytes
	ssl2ShortestHello = 11 // bytes of a SERVER-HELLO without any data
)

// ClientHello2 is the CLIENT-HELLO of SSL 2.0.
type ClientHello2 struct {
	Version   Version
	Ciphers   []SSL2Cipher
	SessionID []byte
	Challenge []byte
}

// MarshalSSL2 returns a CLIENT-HELLO in its record. A challenge has 16 to 32 bytes.
func MarshalSSL2(ciphers []SSL2Cipher, challenge []byte) []byte {
	b := []byte{0, 0, ssl2ClientHello, 0, byte(SSL20), byte(3 * len(ciphers) >> 8), byte(3 * len(ciphers)), 0, 0, byte(len(challenge) >> 8), byte(len(challenge))}
	for _, c := range ciphers {
		b = append(b, byte(c>>16), byte(c>>8), byte(c))
	}
	b = append(b, challenge...)
	length := len(b) - ssl2Header
	b[0], b[1] = 0x80|byte(length>>8), byte(length)
	return b
}

// OfferSSL2 returns a CLIENT-HELLO with all of SSL2Ciphers and a random challenge.
func OfferSSL2() []byte {
	challenge := make([]byte, 16)
	rand.Read(challenge)
	return MarshalSSL2(SSL2Ciphers, challenge)
}

// ParseSSL2 parses a record with a CLIENT-HELLO. The result refers to record.
func ParseSSL2(record []byte) (*ClientHello2, error) {
	r := reader(record)
	var length, version, ciphers, session, challenge uint16
	var kind uint8
	if !r.ReadUint16(&length) || length&0x8000 == 0 || int(length&0x7fff) != len(r) ||
		!r.ReadUint8(&kind) || kind != ssl2ClientHello || !r.ReadUint16(&version) ||
		!r.ReadUint16(&ciphers) || !r.ReadUint16(&session) || !r.ReadUint16(&challenge) || ciphers%3 != 0 ||
		int(ciphers)+int(session)+int(challenge) != len(r) {
		return nil, malformed("CLIENT-HELLO of SSL 2.0")
	}
	h := &ClientHello2{Version: Version(version), Ciphers: readSSL2Ciphers(r[:ciphers])}
	r = r[ciphers:]
	h.SessionID, h.Challenge = r[:session], r[session:]
	return h, nil
}

func readSSL2Ciphers(list []byte) []SSL2Cipher {
	ciphers := make([]SSL2Cipher, len(list)/3)
	for i := range ciphers {
		ciphers[i] = SSL2Cipher(list[3*i])<<16 | SSL2Cipher(list[3*i+1])<<8 | SSL2Cipher(list[3*i+2])
	}
	return ciphers
}

// ServerHello2 is the SERVER-HELLO of SSL 2.0. It has no ciphers if the server supports
// none of the offered ones.
type ServerHello2 struct {
	Version      Version
	Certificate  []byte // DER; empty: none
	Ciphers      []SSL2Cipher
	ConnectionID []byte
}

// beginsSSL2 reports whether an answer of SSL 2.0 can begin with b: a header of two
// bytes, then a SERVER-HELLO or an ERROR of a possible length.
func beginsSSL2(b []byte) bool {
	if b[0]&0x80 == 0 {
		return false
	}
	if len(b) < 3 {
		return true
	}
	length := int(b[0]&0x7f)<<8 + int(b[1])
	return b[2] == ssl2ServerHello && length >= ssl2ShortestHello || b[2] == ssl2ErrorMessage && length == ssl2ErrorLength
}

// ssl2 reads the rest of an answer of SSL 2.0, at most 32 kB.
func (f *flightReader) ssl2(r io.Reader, start [recordHeader]byte) error {
	length := ssl2Header + int(start[0]&0x7f)<<8 + int(start[1])
	record, err := appendRead(r, start[:], length-len(start))
	if err != nil {
		return err
	}
	if record[ssl2Header] == ssl2ErrorMessage {
		f.flight.SSL2Error = SSL2Error(record[3])<<8 | SSL2Error(record[4])
		if f.flight.SSL2Error == 0 {
			return malformed("ERROR of SSL 2.0")
		}
		return nil
	}
	f.flight.SSL2, err = parseServerHello2(record[ssl2Header:])
	return err
}

func parseServerHello2(message reader) (*ServerHello2, error) {
	var kind, hit, certificateType uint8
	var version, certificate, ciphers, connection uint16
	if !message.ReadUint8(&kind) || !message.ReadUint8(&hit) || !message.ReadUint8(&certificateType) || !message.ReadUint16(&version) ||
		!message.ReadUint16(&certificate) || !message.ReadUint16(&ciphers) || !message.ReadUint16(&connection) || ciphers%3 != 0 ||
		int(certificate)+int(ciphers)+int(connection) != len(message) {
		return nil, malformed("SERVER-HELLO of SSL 2.0")
	}
	h := &ServerHello2{Version: Version(version), Certificate: message[:certificate]}
	message = message[certificate:]
	h.Ciphers, h.ConnectionID = readSSL2Ciphers(message[:ciphers]), message[ciphers:]
	return h, nil
}
