package config

import (
	"encoding"
	"errors"
	"fmt"
	"os"
	"strings"
)

// secret is a value that may hold a password. In such a value, and in no other, ${NAME}
// stands for an environment variable: a dollar in a label or a pattern is a dollar.
type secret interface {
	encoding.TextUnmarshaler
	Secret()
}

// expand replaces ${NAME} by the environment variable NAME, and $$ by a dollar. Its
// errors quote nothing of the value but a name.
func expand(value string) (string, error) {
	var expanded strings.Builder
	for {
		before, after, found := strings.Cut(value, "$")
		expanded.WriteString(before)
		if !found {
			return expanded.String(), nil
		}
		if rest, escaped := strings.CutPrefix(after, "$"); escaped {
			expanded.WriteByte('$')
			value = rest
			continue
		}
		name, rest, closed := strings.Cut(strings.TrimPrefix(after, "{"), "}")
		if !strings.HasPrefix(after, "{") || !closed || !isIdentifier(name) {
			return "", errors.New("a dollar begins an environment variable, as in ${PROXY_PASSWORD}; write $$ for the dollar itself")
		}
		variable, set := os.LookupEnv(name)
		if !set {
			return "", fmt.Errorf("the environment variable %s is not set; set it, or write $$ for a dollar that does not begin one", name)
		}
		expanded.WriteString(variable)
		value = rest
	}
}

// isIdentifier tells whether s is letters, digits and underscores, and does not begin
// with a digit.
func isIdentifier(s string) bool {
	return s != "" && (s[0] < '0' || s[0] > '9') && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}
