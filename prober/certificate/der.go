package certificate

import (
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Readers and tags of DER.
type (
	reader = cryptobyte.String
	derTag = asn1.Tag
)

// The bits of a tag, and tags.
const (
	constructed     = derTag(0x20)
	contextSpecific = derTag(0x80)

	boolean          = asn1.BOOLEAN
	integer          = asn1.INTEGER
	octetString      = asn1.OCTET_STRING
	objectIdentifier = asn1.OBJECT_IDENTIFIER
	sequence         = asn1.SEQUENCE
	set              = asn1.SET
	utf8String       = asn1.UTF8String
	printableString  = asn1.PrintableString
	ia5String        = asn1.IA5String
	utcTime          = asn1.UTCTime
)
