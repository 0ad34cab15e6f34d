package certstatus

import (
	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// The reader and the builder of DER, and its tags.
type (
	reader  = cryptobyte.String
	builder = cryptobyte.Builder
	derTag  = asn1.Tag
)

const (
	constructed     = derTag(0x20)
	contextSpecific = derTag(0x80)

	boolean    = asn1.BOOLEAN
	enumerated = asn1.ENUM
	octets     = asn1.OCTET_STRING
	sequence   = asn1.SEQUENCE
)

// explicit is the tag of an element that is wrapped in another one.
func explicit(number uint8) derTag { return constructed | contextSpecific | derTag(number) }

// primitive is the tag of an element whose own tag is replaced.
func primitive(number uint8) derTag { return contextSpecific | derTag(number) }
