package sct

import (
	"bytes"
	"math/big"
)

// oidInOCSP is 1.3.6.1.4.1.11129.2.4.5 in DER, without tag and length: the extension of a
// SingleResponse that has SCTs, RFC 6962 section 3.3.
var oidInOCSP = []byte{0x2b, 0x06, 0x01, 0x04, 0x01, 0xd6, 0x79, 0x02, 0x04, 0x05}

// InOCSP returns the SCTs in an OCSP response (RFC 6960 section 4.2.1) for the certificate
// with this serial number, serialized; nil: it has none. It does not verify the response:
// SCTs prove themselves.
func InOCSP(response []byte, serial *big.Int) ([][]byte, error) {
	singles, ok := singleResponses(response)
	if !ok {
		return nil, malformed("the OCSP response")
	}
	for !singles.Empty() {
		var single, id reader
		if !singles.ReadASN1(&single, sequence) || !single.ReadASN1(&id, sequence) {
			return nil, malformed("the OCSP response")
		}
		if !isOf(id, serial) {
			continue
		}
		if value := extensionOf(single); value != nil {
			return ParseWrappedList(value)
		}
	}
	return nil, nil
}

// singleResponses returns the field responses; false: it is another structure, or an error
// of the responder.
func singleResponses(der reader) (responses reader, ok bool) {
	var body, wrapped, inner, basic, data, signed reader
	var status int
	if !der.ReadASN1(&body, sequence) || !body.ReadASN1Enum(&status) {
		return nil, false
	}
	if status != 0 {
		return nil, true // an error status has no responses
	}
	ok = body.ReadASN1(&wrapped, explicit(0)) && wrapped.ReadASN1(&inner, sequence) &&
		inner.SkipASN1(objectIdentifier) && inner.ReadASN1(&basic, octetString) &&
		basic.ReadASN1(&data, sequence) && data.ReadASN1(&signed, sequence) &&
		signed.SkipOptionalASN1(explicit(0)) && // version
		signed.ReadAnyASN1(new(reader), new(derTag)) && // responderID
		signed.ReadAnyASN1(new(reader), new(derTag)) && // producedAt
		signed.ReadASN1(&responses, sequence)
	return responses, ok
}

// isOf reports whether a CertID has this serial number, its last field.
func isOf(id reader, serial *big.Int) bool {
	has := new(big.Int)
	return id.SkipASN1(sequence) && id.SkipASN1(octetString) && id.SkipASN1(octetString) && id.ReadASN1Integer(has) && has.Cmp(serial) == 0
}

// extensionOf returns the value of the extension with SCTs in what follows the CertID of a
// SingleResponse; nil: there is none.
func extensionOf(single reader) []byte {
	for !single.Empty() {
		var field, list reader
		var tag derTag
		if !single.ReadAnyASN1(&field, &tag) {
			return nil
		}
		if tag != explicit(1) || !field.ReadASN1(&list, sequence) { // also certStatus revoked and unknown, which are no sequence of this kind
			continue
		}
		for !list.Empty() {
			var extension, id, value reader
			if !list.ReadASN1(&extension, sequence) || !extension.ReadASN1(&id, objectIdentifier) {
				break
			}
			if bytes.Equal(id, oidInOCSP) && extension.ReadASN1(&value, octetString) {
				return value
			}
		}
	}
	return nil
}
