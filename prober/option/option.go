// Package option has the types of values in targets.yml that are checked when they
// are read.
package option

import (
	"fmt"
	"strconv"
	"time"

	"tls_exporter/prober/text"
)

// Duration is a time.Duration that is written as 5s, 1m30s or 500ms.
type Duration time.Duration

// UnmarshalText accepts a duration greater than zero.
func (d *Duration) UnmarshalText(value []byte) error {
	parsed, err := time.ParseDuration(string(value))
	if err != nil {
		return fmt.Errorf("%s is not a duration; write 500ms, 5s or 1m30s", text.Quote(string(value)))
	}
	if parsed <= 0 {
		return fmt.Errorf("%s: a duration must be more than 0s", text.Quote(string(value)))
	}
	*d = Duration(parsed)
	return nil
}

// Count is a number of 1 or more.
type Count int

// UnmarshalText accepts a decimal number of 1 or more.
func (c *Count) UnmarshalText(value []byte) error {
	n, err := strconv.Atoi(string(value))
	if err != nil || n < 1 {
		return fmt.Errorf("%s is not a number of 1 or more", text.Quote(string(value)))
	}
	*c = Count(n)
	return nil
}

// Secret is a value that is never shown: printed or marshalled, it is <secret>. The
// value is behind a pointer because fmt does not call String for unexported fields.
type Secret struct{ value *string }

// NewSecret returns a secret with this value; empty: none.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return Secret{&value}
}

func (s Secret) String() string { return "<secret>" }

// MarshalText returns String, for JSON, YAML and logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal returns the value.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}
