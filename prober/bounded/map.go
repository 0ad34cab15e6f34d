// Package bounded has a map that holds at most a number of bytes.
package bounded

import (
	"sync"
)

// Map is a map that takes no more than so many bytes. What is forgotten where
// it is full is anything: going round more targets than fit then still finds a
// share of them, of which the least recently used would be none.
type Map[Key comparable, Value any] struct {
	mutex   sync.Mutex
	limit   int // bytes
	used    int // bytes, as those who kept something reckon them
	entries map[Key]entry[Value]
}

type entry[Value any] struct {
	value Value
	size  int32
}

func New[Key comparable, Value any](most int) *Map[Key, Value] {
	return &Map[Key, Value]{limit: most, entries: make(map[Key]entry[Value])}
}

func (m *Map[Key, Value]) Get(key Key) (Value, bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	known, ok := m.entries[key]
	return known.value, ok
}

// Put takes the place of what was kept for key. What is larger than all that
// there is room for is not kept.
func (m *Map[Key, Value]) Put(key Key, value Value, size int) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.remove(key)
	if size > m.limit {
		return
	}
	for other := range m.entries { // in no order: Go begins anywhere
		if m.used+size <= m.limit {
			break
		}
		m.remove(other)
	}
	m.entries[key] = entry[Value]{value, int32(size)}
	m.used += size
}

// Delete has it no more.
func (m *Map[Key, Value]) Delete(key Key) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.remove(key)
}

func (m *Map[Key, Value]) remove(key Key) {
	m.used -= int(m.entries[key].size)
	delete(m.entries, key)
}
