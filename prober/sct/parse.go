package sct

import (
	"errors"
	"fmt"
	"time"
)

// ErrVersion is the error of Parse for a version that RFC 6962 does not define.
var ErrVersion = errors.New("unknown version")

// maxMillis is the end of the year 9999, in milliseconds since 1970: no later time can be
// shown.
const maxMillis = 253402300799999

// Parse parses one SerializedSCT.
func Parse(serialized []byte) (*SCT, error) {
	r := reader(serialized)
	var version uint8
	if !r.ReadUint8(&version) {
		return nil, malformed("an empty SCT")
	}
	if version != 0 { // v1(0)
		return nil, fmt.Errorf("%w %d", ErrVersion, version)
	}
	s := &SCT{Index: -1}
	var extensions, signature reader
	if !r.CopyBytes(s.LogID[:]) || !r.ReadUint64(&s.millis) || !r.ReadUint16LengthPrefixed(&extensions) ||
		!r.ReadUint16(&s.algorithm) || !r.ReadUint16LengthPrefixed(&signature) || !r.Empty() {
		return nil, malformed("an SCT")
	}
	if s.millis > maxMillis {
		return nil, malformed("the timestamp of an SCT is after the year 9999")
	}
	s.Timestamp, s.extensions, s.signature = time.UnixMilli(int64(s.millis)).UTC(), extensions, signature
	s.Index = leafIndex(extensions)
	return s, nil
}

// leafIndex returns the index of the entry in a log of the Static CT API
// (https://c2sp.org/static-ct-api, section SCT Extension); -1: there is none that can be
// read.
func leafIndex(extensions reader) int64 {
	const leafIndexType = 0
	for !extensions.Empty() {
		var kind uint8
		var data reader
		if !extensions.ReadUint8(&kind) || !extensions.ReadUint16LengthPrefixed(&data) {
			return -1
		}
		if kind != leafIndexType {
			continue
		}
		if len(data) != 5 {
			return -1
		}
		index := int64(0)
		for _, b := range data {
			index = index<<8 | int64(b)
		}
		return index
	}
	return -1
}

// ParseList splits a SignedCertificateTimestampList, RFC 6962 section 3.3, as the TLS
// extension has it.
func ParseList(list []byte) ([][]byte, error) {
	r := reader(list)
	var entries reader
	if !r.ReadUint16LengthPrefixed(&entries) || !r.Empty() || entries.Empty() {
		return nil, malformed("a list of SCTs")
	}
	var all [][]byte
	for !entries.Empty() {
		var one reader
		if !entries.ReadUint16LengthPrefixed(&one) || one.Empty() {
			return nil, malformed("a list of SCTs")
		}
		all = append(all, one)
	}
	return all, nil
}

// ParseWrappedList is ParseList for the value of an extension of a certificate or of an
// OCSP response, which has the list in an OCTET STRING.
func ParseWrappedList(value []byte) ([][]byte, error) {
	r := reader(value)
	var list reader
	if !r.ReadASN1(&list, octetString) || !r.Empty() {
		return nil, malformed("the extension with the list of SCTs")
	}
	return ParseList(list)
}
