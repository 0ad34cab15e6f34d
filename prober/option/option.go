// Package option has the checked values of targets.yml.
package option

import (
	"fmt"
	"strconv"
	"time"

	"tls_exporter/prober/text"
)

// Duration is a time.Duration that is written as 5s, 1m30s or 500ms.
type Duration time.Duration

// UnmarshalText takes a duration greater than nothing.
func (d *Duration) UnmarshalText(value []byte) error {
	parsed, err := time.ParseDuration(string(value))
	if err != nil {
		return fmt.Errorf("%s is not a duration; write 500ms, 5s or 1m30s", text.Quote(string(value)))
	}
	if parsed <= 0 {
		return fmt.Errorf("%s: a duration has to be more than 0s", text.Quote(string(value)))
	}
	*d = Duration(parsed)
	return nil
}

// Count is a number of things: 1 or more.
type Count int

// UnmarshalText takes a number greater than nothing.
func (c *Count) UnmarshalText(value []byte) error {
	n, err := strconv.Atoi(string(value))
	if err != nil || n < 1 {
		return fmt.Errorf("%s is not a number of 1 or more", text.Quote(string(value)))
	}
	*c = Count(n)
	return nil
}

// Secret is a word that is used and never shown: whatever prints or marshals it
// gets <secret>. The word is behind a pointer because fmt does not ask for a
// String in fields that are not exported.
type Secret struct{ word *string }

// NewSecret keeps a word; the empty one is none.
func NewSecret(word string) Secret {
	if word == "" {
		return Secret{}
	}
	return Secret{&word}
}

func (s Secret) String() string { return "<secret>" }

// MarshalText is String, for JSON, YAML and logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reveal is the word itself.
func (s Secret) Reveal() string {
	if s.word == nil {
		return ""
	}
	return *s.word
}
