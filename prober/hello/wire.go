package hello

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
)

// A reader consumes the bytes of a vector. A builder writes vectors, and fails if one
// does not fit its length field.
type (
	reader  = cryptobyte.String
	builder = cryptobyte.Builder
)

// newBuilder returns a builder with a capacity in bytes.
func newBuilder(size int) *builder { return cryptobyte.NewBuilder(make([]byte, 0, size)) }

// ErrMalformed is wrapped by every error about bytes that violate their RFC.
var ErrMalformed = errors.New("malformed")

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w "+format, append([]any{ErrMalformed}, args...)...)
}

// vector8 writes a vector with a length field of one byte.
func vector8(b *builder, content []byte) {
	b.AddUint8LengthPrefixed(func(b *builder) { b.AddBytes(content) })
}

// vector16 writes a vector with a length field of two bytes.
func vector16(b *builder, content []byte) {
	b.AddUint16LengthPrefixed(func(b *builder) { b.AddBytes(content) })
}

// numbers16 writes a vector of two-byte numbers with a length field of two bytes.
func numbers16[N ~uint16](b *builder, numbers []N) {
	b.AddUint16LengthPrefixed(func(b *builder) {
		for _, n := range numbers {
			b.AddUint16(uint16(n))
		}
	})
}

// readNumbers16 reads what numbers16 writes; false: it is malformed.
func readNumbers16[N ~uint16](r *reader) ([]N, bool) {
	var list reader
	if !r.ReadUint16LengthPrefixed(&list) || len(list)%2 != 0 {
		return nil, false
	}
	numbers := make([]N, len(list)/2)
	for i := range numbers {
		numbers[i] = N(list[2*i])<<8 | N(list[2*i+1])
	}
	return numbers, true
}
