package crl

import (
	"bytes"
	"time"

	"tls_exporter/prober/certstatus"
)

// entry is a revoked certificate.
type entry struct {
	serial  []byte // the content of the INTEGER
	revoked time.Time
	reason  certstatus.RevocationReason
}

// maxSerial is the size of the longest serial number that is read, in bytes. RFC 5280
// section 4.1.2.2 allows 20; certificates of private CAs have longer ones.
const maxSerial = 64

// parseEntry reads an element of revokedCertificates (RFC 5280 section 5.1). The error says
// what is wrong with it.
func parseEntry(der reader) (e entry, fault string) {
	var serial reader
	if !der.ReadASN1(&der, sequence) || !der.ReadASN1(&serial, integer) || !minimal(serial) {
		return entry{}, "an entry without a serial number"
	}
	e.serial = serial
	if len(serial) > maxSerial {
		return entry{}, "a serial number that is too long"
	}
	var ok bool
	if e.revoked, ok = readTime(&der); !ok {
		return entry{}, "an entry without a date"
	}
	if der.Empty() {
		return e, ""
	}
	var extensions reader
	if !der.ReadASN1(&extensions, sequence) || !der.Empty() {
		return entry{}, "an entry whose extensions cannot be read"
	}
	for !extensions.Empty() {
		x, ok := readExtension(&extensions)
		if !ok {
			return entry{}, "an entry whose extensions cannot be read"
		}
		if fault := e.apply(x); fault != "" {
			return entry{}, fault
		}
	}
	return e, ""
}

// Extensions of entries, id-ce of RFC 5280 section 5.3.
var (
	reasonCode        = []byte{0x55, 29, 21}
	invalidityDate    = []byte{0x55, 29, 24}
	certificateIssuer = []byte{0x55, 29, 29}
)

// apply reads an extension of an entry. A list with a critical one that is not known tells
// nothing about any certificate (RFC 5280 section 5.3).
func (e *entry) apply(x extension) (fault string) {
	switch {
	case bytes.Equal(x.id, reasonCode):
		var code reader
		if !x.value.ReadASN1(&code, enumerated) || len(code) != 1 || !x.value.Empty() {
			return "a reason that cannot be read"
		}
		if e.reason = certstatus.RevocationReason(code[0]); e.reason == certstatus.RemoveFromCRL {
			return "the reason removeFromCRL, which only a delta CRL has"
		}
	case bytes.Equal(x.id, invalidityDate):
	case bytes.Equal(x.id, certificateIssuer):
		return "an entry of another CA: indirect CRLs are not supported"
	case x.critical:
		return "a critical extension of an entry that is not known"
	}
	return ""
}
