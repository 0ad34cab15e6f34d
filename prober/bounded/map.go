// Package bounded limits memory: a map with a limit in bytes, and room for the large
// answers of servers.
package bounded

import "sync"

// Map is a map whose entries have at most a number of bytes together. A full map
// evicts random entries: if more targets than fit are probed in turn, some are still
// found, where evicting the least recently used would find none. It is safe for
// concurrent use.
type Map[Key comparable, Value any] struct {
	mutex   sync.Mutex
	limit   int // bytes
	used    int // bytes, as given to Put
	entries map[Key]entry[Value]
}

type entry[Value any] struct {
	value Value
	size  int32
}

// New returns an empty map with a limit in bytes.
func New[Key comparable, Value any](limit int) *Map[Key, Value] {
	return &Map[Key, Value]{limit: limit, entries: make(map[Key]entry[Value])}
}

// Get returns the value of a key; false: there is none.
func (m *Map[Key, Value]) Get(key Key) (Value, bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	known, ok := m.entries[key]
	return known.value, ok
}

// Put sets the value of a key, which has size bytes. A value larger than the limit is
// not stored; the previous value is removed all the same.
func (m *Map[Key, Value]) Put(key Key, value Value, size int) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.remove(key)
	if size > m.limit {
		return
	}
	for other := range m.entries { // in random order
		if m.used+size <= m.limit {
			break
		}
		m.remove(other)
	}
	m.entries[key] = entry[Value]{value, int32(size)}
	m.used += size
}

// Delete removes a key.
func (m *Map[Key, Value]) Delete(key Key) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.remove(key)
}

func (m *Map[Key, Value]) remove(key Key) {
	m.used -= int(m.entries[key].size)
	delete(m.entries, key)
}
