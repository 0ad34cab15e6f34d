package crl

import (
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// reader reads DER that is in memory, and derTag is a tag of it.
type (
	reader = cryptobyte.String
	derTag = asn1.Tag
)

// Tags (X.680 section 8.6).
const (
	constructed     = derTag(0x20)
	contextSpecific = derTag(0x80)

	boolean          = asn1.BOOLEAN
	integer          = asn1.INTEGER
	bitString        = asn1.BIT_STRING
	octetString      = asn1.OCTET_STRING
	objectIdentifier = asn1.OBJECT_IDENTIFIER
	enumerated       = asn1.ENUM
	sequence         = asn1.SEQUENCE
	utcTime          = asn1.UTCTime
	generalizedTime  = asn1.GeneralizedTime
)

// explicit is the tag of a context-specific element that has others in it.
func explicit(number uint8) derTag { return constructed | contextSpecific | derTag(number) }

// primitive is the tag of a context-specific element that has none.
func primitive(number uint8) derTag { return contextSpecific | derTag(number) }

// minimal reports whether the content of an INTEGER has a byte, and none that it does not
// need (X.690 section 8.3.2). Negative numbers are against RFC 5280 section 4.1.2.2, but in
// use.
func minimal(content []byte) bool {
	if len(content) < 2 {
		return len(content) == 1
	}
	return content[0] != 0 && content[0] != 0xff || content[0]>>7 != content[1]>>7
}

// extension is an Extension of RFC 5280 section 4.2.
type extension struct {
	id       []byte // the content of the OBJECT IDENTIFIER
	critical bool
	value    reader
}

func readExtension(der *reader) (x extension, ok bool) {
	var whole, id reader
	var present bool
	if !der.ReadASN1(&whole, sequence) || !whole.ReadASN1(&id, objectIdentifier) {
		return x, false
	}
	x.id = id
	var critical reader
	if !whole.ReadOptionalASN1(&critical, &present, boolean) {
		return x, false
	}
	if present {
		if len(critical) != 1 || critical[0] != 0 && critical[0] != 0xff {
			return x, false
		}
		x.critical = critical[0] != 0
	}
	return x, whole.ReadASN1(&x.value, octetString) && whole.Empty()
}

// readTime reads a Time of RFC 5280 section 5.1.2.4, in its two forms and no other.
func readTime(der *reader) (time.Time, bool) {
	var text reader
	var tag derTag
	if !der.ReadAnyASN1(&text, &tag) {
		return time.Time{}, false
	}
	year := 0
	switch {
	case tag == utcTime && len(text) == len("YYMMDDHHMMSSZ"):
		if year = digits(text[:2]); year < 50 {
			year += 100
		}
		year, text = 1900+year, text[2:]
	case tag == generalizedTime && len(text) == len("YYYYMMDDHHMMSSZ"):
		year, text = 100*digits(text[:2])+digits(text[2:4]), text[4:]
	default:
		return time.Time{}, false
	}
	month, day := digits(text[:2]), digits(text[2:4])
	hour, minute, second := digits(text[4:6]), digits(text[6:8]), digits(text[8:10])
	at := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	// time.Date carries what is too large for its field.
	exact := min(year, hour, minute, second) >= 0 && at.Year() == year && at.Month() == time.Month(month) && at.Day() == day && hour < 24 && minute < 60 && second < 60
	return at, exact && text[10] == 'Z'
}

// digits returns the number of two digits; far below 0: they are none.
func digits(text []byte) int {
	tens, ones := int(text[0])-'0', int(text[1])-'0'
	if tens < 0 || tens > 9 || ones < 0 || ones > 9 {
		return -1 << 20
	}
	return 10*tens + ones
}
