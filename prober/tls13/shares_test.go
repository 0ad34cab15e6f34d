package tls13

import (
	"bytes"
	"testing"

	"tls_exporter/prober/tls13/tls13test"
)

// No key share is sent twice, though its half of ML-KEM is for a second.
func TestKeySharesAreFresh(t *testing.T) {
	source := &shareSource{groups: sharedGroups}
	take := func() *shares {
		s, err := source.fresh()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first, second := take(), take()
	for _, group := range sharedGroups {
		if a, b := tls13test.KeyShare(append([]byte{0, 0}, first.append(nil)...), group), tls13test.KeyShare(append([]byte{0, 0}, second.append(nil)...), group); bytes.Equal(a, b) || len(a) != len(b) {
			t.Errorf("%s: %x, and again %x", group, a, b)
		}
	}
	if first.kem != second.kem {
		t.Error("the ML-KEM key is another one at once")
	}
	source.kem.made = source.kem.made.Add(-kemLifetime)
	if third := take(); third.kem == first.kem || bytes.Equal(third.kem.public, first.kem.public) {
		t.Errorf("the ML-KEM key is the same after %s", kemLifetime)
	}
}
