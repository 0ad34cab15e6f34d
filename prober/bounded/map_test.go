package bounded

import "testing"

func TestMapIsBounded(t *testing.T) {
	m := New[int, string](1000)
	for i := range 10_000 {
		m.Put(i, "value", 1+i%100)
		if known, ok := m.Get(i); !ok || known != "value" {
			t.Fatalf("%d is missing", i)
		}
		sum := 0
		for _, e := range m.entries {
			sum += int(e.size)
		}
		if sum != m.used || sum > 1000 {
			t.Fatalf("%d entries have %d bytes of 1000; used is %d", len(m.entries), sum, m.used)
		}
	}
	m.Put(1, "large", 1001)
	if _, ok := m.Get(1); ok {
		t.Error("a value larger than the limit is stored")
	}
	m.Put(2, "one", 10)
	m.Put(2, "other", 20)
	if known, _ := m.Get(2); known != "other" {
		t.Errorf("the replaced value is %q", known)
	}
}

// If twice as many keys as fit are used in turn, some of them are found.
func TestMapFindsSome(t *testing.T) {
	m := New[int, int](1000)
	found := 0
	for i := range 20_000 {
		if _, ok := m.Get(i % 2000); ok {
			found++
		} else {
			m.Put(i%2000, i, 1)
		}
	}
	if found < 2_000 {
		t.Errorf("%d of 20000 were found", found)
	}
}
