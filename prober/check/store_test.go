package check

import (
	"fmt"
	"testing"
	"time"

	"tls_exporter/prober/identity"
)

// The store is bounded by count and by bytes. The findings that nobody has asked for
// the longest are dropped first.
func TestStoreIsBounded(t *testing.T) {
	t.Parallel()
	s := newStore()
	keyOf := func(i int) key { return key{target: identity.Of(fmt.Sprint(i))} }
	put := func(i, bytes int) { s.put(keyOf(i), entry{found: sized(bytes), made: time.Now()}) }
	for i := range maxEntries + 10 {
		put(i, 0)
	}
	if s.entries.Len() != maxEntries || s.bytes != maxEntries*entryOverhead || s.entries.Contains(keyOf(9)) || !s.entries.Contains(keyOf(10)) {
		t.Errorf("%d findings of %d bytes", s.entries.Len(), s.bytes)
	}
	put(-1, maxBytes/2)
	put(-2, maxBytes/2-10*entryOverhead)
	if s.entries.Len() != 10 || s.bytes != maxBytes || !s.entries.Contains(keyOf(-1)) || !s.entries.Contains(keyOf(-2)) {
		t.Errorf("%d findings of %d bytes, two of them large", s.entries.Len(), s.bytes)
	}
	put(-1, 0)
	if want := maxBytes - maxBytes/2; s.entries.Len() != 10 || s.bytes != want {
		t.Errorf("%d findings of %d bytes after one was replaced, want 10 of %d", s.entries.Len(), s.bytes, want)
	}
	put(-3, maxBytes)
	if s.entries.Len() != 0 || s.bytes != 0 {
		t.Errorf("%d findings of %d bytes after one that is too large", s.entries.Len(), s.bytes)
	}
}

// Only the findings of questions that are still asked are retained.
func TestRetain(t *testing.T) {
	s := newStore()
	asked, dropped := key{question: identity.Of("asked")}, key{question: identity.Of("dropped")}
	s.put(asked, entry{found: sized(1)})
	s.put(dropped, entry{found: sized(2)})
	s.retain(map[[16]byte]bool{asked.question: true})
	if s.entries.Len() != 1 || !s.entries.Contains(asked) || s.bytes != entryOverhead+1 {
		t.Errorf("%d findings of %d bytes", s.entries.Len(), s.bytes)
	}
	s.retain(nil)
	if s.entries.Len() != 0 || s.bytes != 0 {
		t.Errorf("%d findings of %d bytes are left", s.entries.Len(), s.bytes)
	}
}

// sized is a finding of that many bytes.
type sized int

func (s sized) Size() int { return int(s) }
