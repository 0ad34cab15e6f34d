package prober

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"hash"

	"golang.org/x/crypto/chacha20poly1305"

	"tls_exporter/prober/hello"
)

// after13 is what a server of TLS 1.3 sent after its Finished, which crypto/tls
// reads and does not show.
type after13 struct {
	tickets   int
	earlyData uint32 // the most bytes that one of them allows for
	goodbye   bool   // close_notify came
}

// after13 is what was heard after the handshake.
func (t *overheard) after13() (after13, error) {
	_, secret, ok := t.secrets.find("SERVER_TRAFFIC_SECRET_0")
	if !ok {
		return after13{}, errNoKeys
	}
	return readAfter13(t.ConnectionState().CipherSuite, secret, t.heard.all)
}

// readAfter13 reads the records that were heard, with the keys of application
// data (RFC 8446 section 7.3). Those before these keys do not open with them.
func readAfter13(suite uint16, secret, heard []byte) (after13, error) {
	var found after13
	keys, err := newKeys13(suite, secret)
	if err != nil {
		return found, err
	}
	records := bytes.NewReader(heard)
	var pending []byte
	for {
		record, err := hello.ReadRecord(records)
		if err != nil {
			return found, nil // the end
		}
		kind, content, ok := keys.open(record)
		switch {
		case ok && kind == hello.TypeHandshake:
			pending = found.messages(append(pending, content...))
		case ok && kind == hello.TypeAlert && len(content) == 2 && hello.AlertDescription(content[1]) == hello.CloseNotify:
			found.goodbye = true
		}
	}
}

// messages counts the tickets among handshake messages, and returns the rest.
func (a *after13) messages(pending []byte) []byte {
	const header = 4
	for len(pending) >= header {
		length := header + int(pending[1])<<16 + int(pending[2])<<8 + int(pending[3])
		if len(pending) < length {
			break
		}
		if ticket, err := hello.ParseNewSessionTicket(pending[:length]); err == nil {
			a.tickets++
			a.earlyData = max(a.earlyData, ticket.MaxEarlyData)
		}
		pending = pending[length:]
	}
	return pending
}

// keys13 opens what one side sends.
type keys13 struct {
	aead     cipher.AEAD
	iv       []byte
	sequence uint64
}

// newKeys13 derives the keys of a traffic secret.
func newKeys13(suite uint16, secret []byte) (*keys13, error) {
	h, size, newAEAD := sha256.New, 16, newGCM
	switch suite {
	case tls.TLS_AES_256_GCM_SHA384:
		h, size = sha512.New384, 32
	case tls.TLS_CHACHA20_POLY1305_SHA256:
		size, newAEAD = chacha20poly1305.KeySize, chacha20poly1305.New
	}
	key, err := expandLabel(h, secret, "key", size)
	if err != nil {
		return nil, err
	}
	iv, err := expandLabel(h, secret, "iv", 12)
	if err != nil {
		return nil, err
	}
	aead, err := newAEAD(key)
	return &keys13{aead: aead, iv: iv}, err
}

// expandLabel is HKDF-Expand-Label without a context (RFC 8446 section 7.1).
func expandLabel(h func() hash.Hash, secret []byte, label string, size int) ([]byte, error) {
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(append(info, byte(len(label))), label...)
	return hkdf.Expand(h, secret, string(append(info, 0)), size)
}

// nonce is that of the next record (RFC 8446 section 5.3).
func (k *keys13) nonce() []byte {
	nonce := bytes.Clone(k.iv)
	for i, b := range binary.BigEndian.AppendUint64(nil, k.sequence) {
		nonce[len(nonce)-8+i] ^= b
	}
	return nonce
}

// open is the true type and content of a record (RFC 8446 section 5.2); false:
// it is not of these keys.
func (k *keys13) open(record hello.Record) (kind uint8, content []byte, ok bool) {
	if record.Type != hello.TypeApplicationData {
		return 0, nil, false
	}
	header := hello.AppendRecord(nil, record.Type, record.Version, record.Payload)[:5]
	content, err := k.aead.Open(nil, k.nonce(), record.Payload, header)
	if err != nil {
		return 0, nil, false
	}
	k.sequence++
	content = bytes.TrimRight(content, "\x00")
	if len(content) == 0 {
		return 0, nil, false
	}
	return content[len(content)-1], content[:len(content)-1], true
}
