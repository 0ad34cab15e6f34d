package prober

import (
	"crypto/x509"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

func TestMemoryIsBounded(t *testing.T) {
	m := newMemory[int, string](1000)
	for i := range 10_000 {
		m.keep(i, "value", 1+i%100)
		if known, ok := m.recall(i); !ok || known != "value" {
			t.Fatalf("%d is not kept", i)
		}
		sum := 0
		for _, e := range m.entries {
			sum += int(e.size)
		}
		if sum != m.taken || sum > 1000 {
			t.Fatalf("%d entries take %d, of 1000; %d are reckoned", len(m.entries), sum, m.taken)
		}
	}
	m.keep(1, "large", 1001)
	if _, ok := m.recall(1); ok {
		t.Error("what is larger than all the room is kept")
	}
	m.keep(2, "one", 10)
	m.keep(2, "other", 20)
	if known, _ := m.recall(2); known != "other" {
		t.Errorf("what is kept anew is %q", known)
	}
}

// Going round twice as many as fit finds some of them.
func TestMemoryFindsAShare(t *testing.T) {
	m := newMemory[int, int](1000)
	found := 0
	for i := range 20_000 {
		if _, ok := m.recall(i % 2000); ok {
			found++
		} else {
			m.keep(i%2000, i, 1)
		}
	}
	if found < 2_000 {
		t.Errorf("%d of 20000 were found", found)
	}
}

// A server chooses what its certificates say, and so what is kept of them: that
// it takes no more than is reckoned holds for the worst of them too.
func TestVerdictsAreBounded(t *testing.T) {
	p := newPKI(t)
	root := p.root("Root")
	ca := p.under(root, "CA")
	v := newVerdicts(trust(root))
	long := strings.Repeat("a long name that is told in the story of a mismatch, ", 8)
	live := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := live()
	for i := range 1000 {
		leaf := p.leaf(ca, func(c *x509.Certificate) {
			c.DNSNames = nil
			for j := range 10 {
				c.DNSNames = append(c.DNSNames, fmt.Sprintf("%d.%d.test", i, j))
			}
			c.Subject.CommonName = long
		})
		v.judge(certs(leaf, ca), "localhost", now)
	}
	grown := int(live() - before)
	t.Logf("%d verdicts reckoned at %d bytes, %d certificates at %d, take %d", len(v.kept.entries), v.kept.taken, len(v.certificates.entries), v.certificates.taken, grown)
	if v.kept.taken > maxVerdicts || v.certificates.taken > maxDescribed || len(v.kept.entries) == 0 || len(v.certificates.entries) == 0 {
		t.Error("more is kept than is allowed, or nothing")
	}
	if reckoned := v.kept.taken + v.certificates.taken; grown > 2*reckoned {
		t.Errorf("%d bytes are taken and %d reckoned", grown, reckoned)
	}
}
