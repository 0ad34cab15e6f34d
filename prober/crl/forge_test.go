package crl_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/asn1"
	"testing"

	"tls_exporter/prober/tlstest"
)

// parts are the elements of a CRL in DER, so that a test can change one before they are
// signed.
type parts struct {
	version, algorithm, issuer, thisUpdate, nextUpdate, entries, extensions []byte // signed
	outer, signature, after                                                 []byte // nil: as they have to be
}

var (
	ecdsaSHA256 = tlv(0x30, tlv(6, []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2}))
	edDSA       = tlv(0x30, tlv(6, []byte{0x2b, 0x65, 0x70}))
)

// newParts is a list without faults, of two certificates.
func newParts(ca *tlstest.CA) *parts {
	return &parts{
		version: []byte{2, 1, 1}, algorithm: ecdsaSHA256, issuer: ca.Certificate.RawSubject,
		thisUpdate: utc("260101000000Z"), nextUpdate: utc("460101000000Z"),
		entries:    tlv(0x30, tlv(0x30, []byte{2, 1, 5}, utc("251231235959Z")), tlv(0x30, []byte{2, 1, 6}, utc("251231235959Z"), tlv(0x30, reasonIs(6)))),
		extensions: tlv(0xa0, tlv(0x30, extension([]byte{0x55, 29, 20}, false, []byte{2, 1, 9}))),
	}
}

func (p *parts) body() []byte {
	return tlv(0x30, p.version, p.algorithm, p.issuer, p.thisUpdate, p.nextUpdate, p.entries, p.extensions)
}

// sign returns the list.
func (p *parts) sign(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	body := p.body()
	outer, signature := p.outer, p.signature
	if outer == nil {
		outer = p.algorithm
	}
	if signature == nil {
		hash := crypto.SHA256
		if _, ok := key.(ed25519.PrivateKey); ok {
			hash = 0
		}
		signed, err := crypto.SignMessage(key, rand.Reader, body, hash)
		if err != nil {
			t.Fatal(err)
		}
		signature = tlv(3, []byte{0}, signed)
	}
	return append(tlv(0x30, body, outer, signature), p.after...)
}

// tlv is an element of DER.
func tlv(tag byte, content ...[]byte) []byte {
	der, err := asn1.Marshal(asn1.RawValue{Class: int(tag >> 6), IsCompound: tag&0x20 != 0, Tag: int(tag & 0x1f), Bytes: bytes.Join(content, nil)})
	if err != nil {
		panic(err)
	}
	return der
}

func utc(text string) []byte { return tlv(0x17, []byte(text)) }

func extension(id []byte, critical bool, value []byte) []byte {
	if critical {
		return tlv(0x30, tlv(6, id), []byte{1, 1, 0xff}, tlv(4, value))
	}
	return tlv(0x30, tlv(6, id), tlv(4, value))
}

func reasonIs(code byte) []byte { return extension([]byte{0x55, 29, 21}, false, []byte{0x0a, 1, code}) }

// entryOf is an entry of certificate 5 with an extension.
func entryOf(extensions ...[]byte) []byte {
	return tlv(0x30, tlv(0x30, []byte{2, 1, 5}, utc("251231235959Z"), tlv(0x30, extensions...)))
}

// serials are entries with the contents of their serial numbers.
func serials(contents ...[]byte) []byte {
	var all [][]byte
	for _, content := range contents {
		all = append(all, tlv(0x30, tlv(2, content), utc("251231235959Z")))
	}
	return tlv(0x30, all...)
}

// scopeOf are extensions with an IssuingDistributionPoint.
func scopeOf(fields ...[]byte) []byte {
	return tlv(0xa0, tlv(0x30, extension([]byte{0x55, 29, 28}, true, tlv(0x30, fields...))))
}
