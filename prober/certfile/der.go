package certfile

import (
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// Readers and tags of DER.
type (
	reader = cryptobyte.String
	derTag = cryptobyte_asn1.Tag
	oid    = asn1.ObjectIdentifier
)

const (
	sequence    = cryptobyte_asn1.SEQUENCE
	set         = cryptobyte_asn1.SET
	octetString = cryptobyte_asn1.OCTET_STRING
	integer     = cryptobyte_asn1.INTEGER

	// derSequence is the first byte of a certificate, and of all that has one.
	derSequence = 0x30
)

// explicit is the tag [n] of a constructed element.
func explicit(n int) derTag { return derTag(n).ContextSpecific().Constructed() }

// implicit is the tag [n] of a primitive element.
func implicit(n int) derTag { return derTag(n).ContextSpecific() }

// parseDER reads what begins with a SEQUENCE: PKCS #7 begins with an object identifier, PKCS
// #12 with a version, and a certificate with a SEQUENCE again.
func parseDER(content []byte, password string) (*Content, error) {
	var body reader
	input := reader(content)
	if !input.ReadASN1(&body, sequence) {
		return nil, noCertificate("begins as DER, but is cut, or is BER with lengths that are not definite")
	}
	switch {
	case body.PeekASN1Tag(cryptobyte_asn1.OBJECT_IDENTIFIER):
		c := &Content{Format: PKCS7}
		return c, c.addSignedData(content)
	case body.PeekASN1Tag(integer):
		return parsePKCS12(body, password)
	}
	c := &Content{Format: DER}
	for rest := reader(content); !rest.Empty(); {
		var cert, parts, tbs reader
		whole := rest
		if !rest.ReadASN1Element(&cert, sequence) || !whole.ReadASN1(&parts, sequence) || !parts.ReadASN1(&tbs, sequence) {
			return nil, noCertificate("is DER, but not that of certificates alone")
		}
		c.add(cert)
	}
	return c, nil
}

// first returns the first element of der, with its header.
func first(der []byte) []byte {
	var element reader
	input := reader(der)
	if !input.ReadAnyASN1Element(&element, new(derTag)) {
		return der
	}
	return element
}

var (
	oidData          = oid{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData    = oid{1, 2, 840, 113549, 1, 7, 2}
	oidEncryptedData = oid{1, 2, 840, 113549, 1, 7, 6}
)

// addSignedData adds the certificates of a SignedData of PKCS #7 (RFC 5652 section 5.1). It
// verifies no signature: files with certificates have none.
func (c *Content) addSignedData(der []byte) error {
	input := reader(der)
	kind, content, ok := readContentInfo(&input)
	if !ok || !kind.Equal(oidSignedData) {
		return noCertificate("is PKCS #7, but not of the type SignedData, which has certificates")
	}
	var data, certs reader
	ok = content.ReadASN1(&data, sequence) &&
		data.SkipASN1(integer) && // the version
		data.SkipASN1(set) && // the digests of signatures
		data.SkipASN1(sequence) // what is signed
	if !ok {
		return noCertificate("is PKCS #7 that cannot be read")
	}
	if !data.PeekASN1Tag(explicit(0)) {
		return nil
	}
	if !data.ReadASN1(&certs, explicit(0)) {
		return noCertificate("is PKCS #7 that cannot be read")
	}
	for !certs.Empty() {
		var cert reader
		var tag derTag
		if !certs.ReadAnyASN1Element(&cert, &tag) {
			return noCertificate("is PKCS #7 whose certificates cannot be read")
		}
		if tag == sequence { // the others are attribute certificates
			c.add(cert)
		}
	}
	return nil
}

// readContentInfo reads a ContentInfo (RFC 5652 section 3), and returns what is in it.
func readContentInfo(input *reader) (kind oid, content reader, ok bool) {
	var info reader
	ok = input.ReadASN1(&info, sequence) && info.ReadASN1ObjectIdentifier(&kind) && info.ReadASN1(&content, explicit(0))
	return kind, content, ok
}
