package option

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tls_exporter/prober/text"
)

// WordOf returns the one of known that value is, or an error that lists them. The kind is
// what they are, such as "a policy".
func WordOf[T ~string](kind string, known []T, value []byte) (T, error) {
	if word := T(value); slices.Contains(known, word) {
		return word, nil
	}
	var all []string
	for _, word := range known {
		all = append(all, string(word))
	}
	return "", fmt.Errorf("%s is not %s; known are %s", text.Quote(string(value)), kind, strings.Join(all, ", "))
}

// CheckSelection rejects a list of words that is empty, or that has one twice. A list that
// is nil means all words. The kind is what they are, in the plural.
func CheckSelection[T ~string](kind string, words []T) error {
	if words == nil {
		return nil
	}
	if len(words) == 0 {
		return errors.New("the list is empty; name some " + kind + ", or leave the key out for all of them")
	}
	for i, word := range words {
		if slices.Contains(words[:i], word) {
			return fmt.Errorf("%s is listed twice", string(word))
		}
	}
	return nil
}
