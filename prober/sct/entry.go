package sct

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"slices"
)

// oidInCertificate is 1.3.6.1.4.1.11129.2.4.2 in DER, without tag and length: the extension
// of a certificate that has SCTs, RFC 6962 section 3.3.
var oidInCertificate = []byte{0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x04, 0x02}

// InCertificate returns the SCTs inside a certificate, serialized; nil: it has none.
func InCertificate(cert *x509.Certificate) ([][]byte, error) {
	for _, extension := range cert.Extensions {
		if extension.Id.String() == "1.3.6.1.4.1.11129.2.4.2" {
			return ParseWrappedList(extension.Value)
		}
	}
	return nil, nil
}

// Entry is what a log signs of a certificate: the last fields of its TimestampedEntry
// before the extensions, RFC 6962 section 3.2.
type Entry struct{ encoded []byte }

// Key identifies an SCT, serialized, with what it signs: whether its signature verifies depends
// on nothing else, because an SCT has the digest of its log's key.
func (e Entry) Key(serialized []byte) [sha256.Size]byte {
	return sha256.Sum256(slices.Concat(e.encoded, serialized)) // an entry has its own length
}

// The values of LogEntryType.
const (
	x509Entry    = 0
	precertEntry = 1
)

// CertificateEntry is the entry of a whole certificate, in DER. SCTs that are sent in the
// TLS extension or in an OCSP response sign it.
func CertificateEntry(leaf []byte) Entry {
	return Entry{entry(x509Entry, nil, leaf)}
}

// PrecertificateEntry is the entry that the SCTs inside a certificate sign: its
// TBSCertificate without the list of SCTs, and the issuer's public key as
// SubjectPublicKeyInfo, all in DER.
func PrecertificateEntry(tbs, issuerKey []byte) (Entry, error) {
	stripped, err := withoutSCTs(tbs)
	if err != nil {
		return Entry{}, err
	}
	hash := sha256.Sum256(issuerKey)
	return Entry{entry(precertEntry, hash[:], stripped)}, nil
}

// entry encodes the fields entry_type and signed_entry. A precertificate has the hash of
// its issuer's key before its TBSCertificate.
func entry(kind uint16, issuerKeyHash, content []byte) []byte {
	b := newBuilder(len(content) + 64)
	b.AddUint16(kind)
	b.AddBytes(issuerKeyHash)
	b.AddUint24LengthPrefixed(func(b *builder) { b.AddBytes(content) })
	return b.BytesOrPanic() // certificates have much less than 16 MB
}

// withoutSCTs returns a TBSCertificate without the extension that has the SCTs. All other
// bytes but the lengths around it stay as they are.
func withoutSCTs(tbs []byte) ([]byte, error) {
	whole := reader(tbs)
	var fields reader
	if !whole.ReadASN1(&fields, sequence) || !whole.Empty() {
		return nil, malformed("a TBSCertificate")
	}
	var before []byte
	for !fields.Empty() {
		var field reader
		var tag derTag
		if !fields.ReadAnyASN1Element(&field, &tag) {
			return nil, malformed("a TBSCertificate")
		}
		if tag != extensionsTag {
			before = append(before, field...)
			continue
		}
		kept, err := otherExtensions(field)
		if err != nil || !fields.Empty() { // extensions are the last field
			return nil, malformed("the extensions of a TBSCertificate")
		}
		return rebuilt(before, kept)
	}
	return nil, malformed("a TBSCertificate without extensions")
}

// extensionsTag is the tag of the field extensions, RFC 5280 section 4.1.
var extensionsTag = explicit(3)

// otherExtensions returns the extensions in a field but the one that has the SCTs.
func otherExtensions(field reader) ([]byte, error) {
	var inner, list reader
	if !field.ReadASN1(&inner, extensionsTag) || !inner.ReadASN1(&list, sequence) || !inner.Empty() {
		return nil, ErrMalformed
	}
	var kept []byte
	for !list.Empty() {
		var extension, content, id reader
		if !list.ReadASN1Element(&extension, sequence) {
			return nil, ErrMalformed
		}
		whole := extension
		if !extension.ReadASN1(&content, sequence) || !content.ReadASN1(&id, objectIdentifier) {
			return nil, ErrMalformed
		}
		if !bytes.Equal(id, oidInCertificate) {
			kept = append(kept, whole...)
		}
	}
	return kept, nil
}

// rebuilt is a TBSCertificate with these fields and extensions. Without any extension it
// has no such field (RFC 5280 section 4.1: SIZE (1..MAX)).
func rebuilt(before, extensions []byte) ([]byte, error) {
	b := newBuilder(len(before) + len(extensions) + 16)
	b.AddASN1(sequence, func(b *builder) {
		b.AddBytes(before)
		if len(extensions) > 0 {
			b.AddASN1(extensionsTag, func(b *builder) {
				b.AddASN1(sequence, func(b *builder) { b.AddBytes(extensions) })
			})
		}
	})
	return b.Bytes()
}
