package check

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tls_exporter/prober/failure"
)

// numbered is a finding that says how often it was made.
type numbered struct{ times int32 }

func (*numbered) Size() int { return 8 }

var errBroken = errors.New("broken")

// maker makes numbered findings, each when it is let to.
type maker struct {
	times  atomic.Int32
	let    chan struct{} // nil: at once
	broken error
}

func (m *maker) about(server string, every time.Duration) *request {
	return &request{key: key{of: digest(server)}, server: server, maxAge: every, find: func(ctx context.Context) (Sized, error) {
		n := m.times.Add(1)
		if m.let != nil {
			select {
			case <-m.let:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		if m.broken != nil {
			return nil, m.broken
		}
		return &numbered{n}, nil
	}}
}

func newTestKeeper(t *testing.T) *Cache {
	k := NewCache()
	t.Cleanup(k.Close)
	return k
}

func times(t *testing.T, k *Cache, q *request) int32 {
	t.Helper()
	answer, err := k.ask(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return answer.found.(*numbered).times
}

// However many ask at the same time, the finding is made once, and all have it.
func TestKeptIsMadeOnce(t *testing.T) {
	k := newTestKeeper(t)
	m := &maker{let: make(chan struct{})}
	q := m.about("a.test", time.Hour)
	var group sync.WaitGroup
	var got atomic.Int32
	for range 200 {
		group.Go(func() {
			if answer, err := k.ask(t.Context(), q); err == nil {
				got.Add(answer.found.(*numbered).times)
			}
		})
	}
	close(m.let)
	group.Wait()
	if m.times.Load() != 1 || got.Load() != 200 {
		t.Errorf("made %d times, and the answers sum to %d", m.times.Load(), got.Load())
	}
}

// Who cannot wait any longer is told that the finding is pending. It is made all
// the same, and is there for the next.
func TestKeptArrivesLater(t *testing.T) {
	k := newTestKeeper(t)
	m := &maker{let: make(chan struct{})}
	q := m.about("a.test", time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for m.times.Load() == 0 { // a place is free, and so is the way out: either may be taken
		if _, err := k.ask(ctx, q); !errors.Is(err, errPending) || failure.Of(err) != failure.ReasonPending {
			t.Fatalf("error is %v", err)
		}
		runtime.Gosched()
	}
	close(m.let)
	if got := times(t, k, q); got != 1 {
		t.Errorf("made %d times", got)
	}
}

// A finding is made anew before it is too old, and nobody waits for that. One
// that is too old is not shown.
func TestKeptIsRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newTestKeeper(t)
		m := new(maker)
		q := m.about("a.test", time.Hour)
		for _, step := range []struct {
			after time.Duration
			got   int32 // which making's finding is shown
			made  int32 // by the end of it
		}{
			{0, 1, 1},
			{44 * time.Minute, 1, 1},
			{time.Minute, 1, 2},   // three quarters of the hour: shown, and made anew beside it
			{time.Minute, 2, 2},   // that one
			{2 * time.Hour, 3, 3}, // too old: waited for
			{40 * time.Minute, 3, 3},
		} {
			time.Sleep(step.after) // on the test's own clock
			got := times(t, k, q)
			synctest.Wait()
			if got != step.got || m.times.Load() != step.made {
				t.Errorf("after another %s: finding %d of %d made, want %d of %d", step.after, got, m.times.Load(), step.got, step.made)
			}
		}
	})
}

// Several findings about one server that are due at the same time are all made
// anew, one after the other, however seldom they are asked for.
func TestKeptIsRefreshedInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newTestKeeper(t)
		const checks = 4
		makers := make([]*maker, checks)
		var questions []*request
		for i := range makers {
			makers[i] = new(maker)
			q := makers[i].about("a.test", time.Hour)
			q.key = key{of: digest(fmt.Sprint(i))}
			questions = append(questions, q)
		}
		for range 3 {
			for _, q := range questions {
				times(t, k, q)
			}
			synctest.Wait()
			time.Sleep(50 * time.Minute) // on the test's own clock
		}
		for i, m := range makers {
			if m.times.Load() != 3 {
				t.Errorf("finding %d was made %d times", i, m.times.Load())
			}
		}
		if len(k.refreshing) != 0 || len(k.busy) != 0 || len(k.slots) != 0 {
			t.Errorf("%d wait, %d are busy, %d places are taken", len(k.refreshing), len(k.busy), len(k.slots))
		}
	})
}

// What could not be made is not tried again at every scrape, and a failure does
// not take an older finding away.
func TestKeptFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newTestKeeper(t)
		m := &maker{broken: errBroken}
		q := m.about("a.test", time.Hour)
		for range 3 {
			if _, err := k.ask(t.Context(), q); !errors.Is(err, errBroken) || m.times.Load() != 1 {
				t.Fatalf("tried %d times, %v", m.times.Load(), err)
			}
		}
		time.Sleep(5 * time.Minute)
		m.broken = nil
		if got := times(t, k, q); got != 2 {
			t.Errorf("finding %d after the failure", got)
		}
		m.broken = errBroken
		time.Sleep(50 * time.Minute)
		for range 3 {
			if got := times(t, k, q); got != 2 {
				t.Errorf("finding %d while it cannot be made", got)
			}
			synctest.Wait()
		}
		if m.times.Load() != 3 {
			t.Errorf("tried %d times", m.times.Load())
		}
	})
}

// A panic fails the finding that it is in.
func TestKeptPanic(t *testing.T) {
	k := newTestKeeper(t)
	q := &request{server: "a.test", maxAge: time.Hour, find: func(context.Context) (Sized, error) { panic("boom") }}
	if _, err := k.ask(t.Context(), q); failure.Of(err) != failure.ReasonInternal {
		t.Errorf("error is %v", err)
	}
}

// Two findings about one server are made one after the other.
func TestOneFindingAtATime(t *testing.T) {
	k := newTestKeeper(t)
	var at, most atomic.Int32
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			k.ask(t.Context(), &request{key: key{of: digest(fmt.Sprint(i))}, server: "a.test", maxAge: time.Hour, find: func(context.Context) (Sized, error) {
				now := at.Add(1)
				for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
				}
				runtime.Gosched()
				at.Add(-1)
				return new(numbered), nil
			}})
		})
	}
	group.Wait()
	if most.Load() != 1 || len(k.entries) != 20 {
		t.Errorf("%d at once, %d findings", most.Load(), len(k.entries))
	}
}

// The findings that nobody has asked for the longest are the first to go, and
// their bytes with them.
func TestKeptIsBounded(t *testing.T) {
	t.Parallel()
	k := newTestKeeper(t)
	put := func(i, bytes int) {
		k.put(entry{key: key{of: digest(fmt.Sprint(i))}, found: fat(bytes), made: time.Now()})
	}
	for i := range maxKept + 10 {
		put(i, 0)
	}
	if len(k.entries) > maxKept || k.bytes > maxKeptBytes || k.entries[key{of: digest("0")}] != nil {
		t.Errorf("%d findings of %d bytes", len(k.entries), k.bytes)
	}
	put(-1, maxKeptBytes/2)
	put(-2, maxKeptBytes/2-10*keptOverhead)
	if len(k.entries) != 2 && k.bytes > maxKeptBytes {
		t.Errorf("%d findings of %d bytes", len(k.entries), k.bytes)
	}
	k.Retain(nil)
	if len(k.entries) != 0 || k.recent.Len() != 0 || k.bytes != 0 {
		t.Errorf("%d findings of %d bytes are left", len(k.entries), k.bytes)
	}
}

type fat int

func (f fat) Size() int { return int(f) }

// When the process ends, so does what it is making, and nobody waits for ever.
func TestKeeperCloses(t *testing.T) {
	k := NewCache()
	m := &maker{let: make(chan struct{})}
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			if _, err := k.ask(t.Context(), m.about(fmt.Sprint(i), time.Hour)); !errors.Is(err, context.Canceled) {
				t.Errorf("error is %v", err)
			}
		})
	}
	for m.times.Load() < maxScans {
		runtime.Gosched()
	}
	k.Close()
	group.Wait()
	if m.times.Load() != maxScans {
		t.Errorf("%d were made at once", m.times.Load())
	}
}
