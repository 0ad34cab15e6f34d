package bounded

import (
	"testing"
)

func TestMemoryIsBounded(t *testing.T) {
	m := New[int, string](1000)
	for i := range 10_000 {
		m.Put(i, "value", 1+i%100)
		if known, ok := m.Get(i); !ok || known != "value" {
			t.Fatalf("%d is not kept", i)
		}
		sum := 0
		for _, e := range m.entries {
			sum += int(e.size)
		}
		if sum != m.used || sum > 1000 {
			t.Fatalf("%d entries take %d, of 1000; %d are reckoned", len(m.entries), sum, m.used)
		}
	}
	m.Put(1, "large", 1001)
	if _, ok := m.Get(1); ok {
		t.Error("what is larger than all the room is kept")
	}
	m.Put(2, "one", 10)
	m.Put(2, "other", 20)
	if known, _ := m.Get(2); known != "other" {
		t.Errorf("what is kept anew is %q", known)
	}
}

// Going round twice as many as fit finds some of them.
func TestMemoryFindsAShare(t *testing.T) {
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
