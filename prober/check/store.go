package check

import (
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Bounds on the findings that are cached between probes. Those that nobody has asked
// for the longest are dropped first.
const (
	maxEntries    = 1 << 19   // findings
	maxBytes      = 256 << 20 // their size, with the overhead of each
	entryOverhead = 400       // bytes of one entry beside its finding: its share of the map, the entry, its place in the list
)

// key identifies a finding. Question is the digest of a check, its options and its
// module, so that a reload can drop the findings of questions that no module asks any
// more. Target is the digest of the target.
type key struct{ question, target [16]byte }

// entry is a cached finding, or why there is none.
type entry struct {
	found    Sized // nil: none was made yet
	made     time.Time
	took     time.Duration
	failure  error // of the last attempt; nil: it succeeded
	failedAt time.Time
}

// size is how many bytes the entry takes.
func (e *entry) size() int {
	size := entryOverhead
	if e.found != nil {
		size += e.found.Size()
	}
	if e.failure != nil {
		size += len(e.failure.Error())
	}
	return size
}

// store holds entries, within the bounds. Its user has a lock.
type store struct {
	entries *simplelru.LRU[key, entry]
	bytes   int
}

func newStore() *store {
	s := new(store)
	var err error
	if s.entries, err = simplelru.NewLRU(maxEntries, func(_ key, dropped entry) { s.bytes -= dropped.size() }); err != nil {
		panic(err) // a size of zero
	}
	return s
}

// put adds what was made. A failure does not replace an older finding.
func (s *store) put(k key, made entry) {
	if old, ok := s.entries.Peek(k); ok {
		s.bytes -= old.size()
		if made.found == nil {
			made.found, made.made, made.took = old.found, old.made, old.took
		}
	}
	s.bytes += made.size()
	s.entries.Add(k, made)
	for s.bytes > maxBytes {
		s.entries.RemoveOldest()
	}
}

// retain drops the findings of all questions but these.
func (s *store) retain(questions map[[16]byte]bool) {
	for _, k := range s.entries.Keys() {
		if !questions[k.question] {
			s.entries.Remove(k)
		}
	}
}
