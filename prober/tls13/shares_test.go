package tls13

import (
	"bytes"
	"testing"

	"tls_exporter/prober/tls13/tls13test"
)

// TestKeySharesAreNew checks that no key share is sent twice, although its ML-KEM key is
// used for mlkemLifetime.
func TestKeySharesAreNew(t *testing.T) {
	source := &keyShareSource{groups: sharedGroups}
	generate := func() *keyShares {
		s, err := source.generate()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first, second := generate(), generate()
	extension := func(s *keyShares) []byte { return append([]byte{0, 0}, s.append(nil)...) }
	for _, group := range sharedGroups {
		a, b := tls13test.KeyShare(extension(first), group), tls13test.KeyShare(extension(second), group)
		if bytes.Equal(a, b) || len(a) != len(b) {
			t.Errorf("%s: the key shares are %x and %x", group, a, b)
		}
	}
	if first.mlkem != second.mlkem {
		t.Error("the ML-KEM key was replaced at once")
	}
	source.mlkem.created = source.mlkem.created.Add(-mlkemLifetime)
	if third := generate(); third.mlkem == first.mlkem || bytes.Equal(third.mlkem.public, first.mlkem.public) {
		t.Errorf("the ML-KEM key is the same after %s", mlkemLifetime)
	}
}
