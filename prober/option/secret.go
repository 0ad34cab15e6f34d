package option

import (
	"errors"
	"io/fs"
	"os"
)

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

// ReadSecretFile reads a file with a password or a private key. Its errors do not have
// the name of the file, because logs should not say where a secret is stored.
func ReadSecretFile(name string) ([]byte, error) {
	content, err := os.ReadFile(name)
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		err = failed.Err
	}
	return content, err
}
