package sct

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// A reader consumes the bytes of a structure of TLS or DER; a builder writes one.
type (
	reader  = cryptobyte.String
	builder = cryptobyte.Builder
	derTag  = asn1.Tag
)

// Tags of DER.
const (
	octetString      = asn1.OCTET_STRING
	objectIdentifier = asn1.OBJECT_IDENTIFIER
	sequence         = asn1.SEQUENCE
	enumerated       = asn1.ENUM
)

// explicit is the tag of an element that is wrapped in another one.
func explicit(number uint8) derTag { return derTag(number).ContextSpecific().Constructed() }

// newBuilder returns a builder with a capacity in bytes.
func newBuilder(size int) *builder { return cryptobyte.NewBuilder(make([]byte, 0, size)) }

// ErrMalformed is wrapped by errors about bytes that are no SCT, no list of them, or no
// certificate.
var ErrMalformed = errors.New("malformed")

func malformed(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }
