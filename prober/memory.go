package prober

import "sync"

// memory is a map that takes no more than so many bytes. What is forgotten where
// it is full is anything: going round more targets than fit then still finds a
// share of them, of which the least recently used would be none.
type memory[Key comparable, Value any] struct {
	mutex   sync.Mutex
	most    int // bytes
	taken   int // bytes, as those who kept something reckon them
	entries map[Key]entry[Value]
}

type entry[Value any] struct {
	value Value
	size  int32
}

func newMemory[Key comparable, Value any](most int) *memory[Key, Value] {
	return &memory[Key, Value]{most: most, entries: make(map[Key]entry[Value])}
}

func (m *memory[Key, Value]) recall(key Key) (Value, bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	known, ok := m.entries[key]
	return known.value, ok
}

// keep takes the place of what was kept for key. What is larger than all that
// there is room for is not kept.
func (m *memory[Key, Value]) keep(key Key, value Value, size int) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.forget(key)
	if size > m.most {
		return
	}
	for other := range m.entries { // in no order: Go begins anywhere
		if m.taken+size <= m.most {
			break
		}
		m.forget(other)
	}
	m.entries[key] = entry[Value]{value, int32(size)}
	m.taken += size
}

// drop has it no more.
func (m *memory[Key, Value]) drop(key Key) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.forget(key)
}

func (m *memory[Key, Value]) forget(key Key) {
	m.taken -= int(m.entries[key].size)
	delete(m.entries, key)
}
