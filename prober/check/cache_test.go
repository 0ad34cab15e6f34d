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
	"tls_exporter/prober/identity"
)

// numbered is a finding that holds how many findings its maker has made.
type numbered struct{ times int32 }

func (*numbered) Size() int { return 8 }

var errBroken = errors.New("broken")

// maker makes numbered findings.
type maker struct {
	times   atomic.Int32
	release chan struct{} // a finding is made when it is closed; nil: at once
	failure error         // nil: findings are made
}

func (m *maker) request(server string, maxAge time.Duration) *request {
	return &request{key: key{target: identity.Of(server)}, server: server, maxAge: maxAge, find: func(ctx context.Context) (Sized, error) {
		n := m.times.Add(1)
		if m.release != nil {
			select {
			case <-m.release:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		if m.failure != nil {
			return nil, m.failure
		}
		return &numbered{n}, nil
	}}
}

func newTestCache(t *testing.T) *Cache {
	cache := NewCache()
	t.Cleanup(cache.Close)
	return cache
}

func times(t *testing.T, cache *Cache, q *request) int32 {
	t.Helper()
	answer, err := cache.get(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return answer.found.(*numbered).times
}

// A finding that many probes ask for at the same time is made once, and all get it.
func TestFindingIsMadeOnce(t *testing.T) {
	cache := newTestCache(t)
	m := &maker{release: make(chan struct{})}
	q := m.request("a.test", time.Hour)
	var group sync.WaitGroup
	var got atomic.Int32
	for range 200 {
		group.Go(func() {
			if answer, err := cache.get(t.Context(), q); err == nil {
				got.Add(answer.found.(*numbered).times)
			}
		})
	}
	close(m.release)
	group.Wait()
	if m.times.Load() != 1 || got.Load() != 200 {
		t.Errorf("made %d times, and the answers sum to %d", m.times.Load(), got.Load())
	}
}

// A probe that cannot wait gets the reason pending. The finding is made nevertheless,
// and a later probe gets it.
func TestFindingIsPending(t *testing.T) {
	cache := newTestCache(t)
	m := &maker{release: make(chan struct{})}
	q := m.request("a.test", time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for m.times.Load() == 0 { // a slot is free and ctx has ended: either may be selected
		if _, err := cache.get(ctx, q); !errors.Is(err, errPending) || failure.Of(err) != failure.ReasonPending {
			t.Fatalf("error is %v", err)
		}
		runtime.Gosched()
	}
	close(m.release)
	if got := times(t, cache, q); got != 1 {
		t.Errorf("made %d times", got)
	}
}

// A finding is made again before it is too old, and no probe waits for that. One that
// is too old is not shown.
func TestFindingIsRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newTestCache(t)
		m := new(maker)
		q := m.request("a.test", time.Hour)
		for _, step := range []struct {
			after time.Duration
			got   int32 // number of the finding that is shown
			made  int32 // how many are made by the end of the step
		}{
			{0, 1, 1},
			{44 * time.Minute, 1, 1},
			{time.Minute, 1, 2},   // three quarters of the hour: shown, and made again in the background
			{time.Minute, 2, 2},   // the new one
			{2 * time.Hour, 3, 3}, // too old: the probe waits for a new one
			{40 * time.Minute, 3, 3},
		} {
			time.Sleep(step.after) // on the clock of the test
			got := times(t, cache, q)
			synctest.Wait()
			if got != step.got || m.times.Load() != step.made {
				t.Errorf("after another %s: finding %d of %d, want %d of %d", step.after, got, m.times.Load(), step.got, step.made)
			}
		}
	})
}

// Several findings about one server that are due at the same time are all made again,
// one after the other, however rarely they are asked for.
func TestFindingsAreRefreshedInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newTestCache(t)
		const checks = 4
		makers := make([]*maker, checks)
		var requests []*request
		for i := range makers {
			makers[i] = new(maker)
			q := makers[i].request("a.test", time.Hour)
			q.key = key{target: identity.Of(fmt.Sprint(i))}
			requests = append(requests, q)
		}
		for range 3 {
			for _, q := range requests {
				times(t, cache, q)
			}
			synctest.Wait()
			time.Sleep(50 * time.Minute) // on the clock of the test
		}
		for i, m := range makers {
			if m.times.Load() != 3 {
				t.Errorf("finding %d was made %d times", i, m.times.Load())
			}
		}
		if len(cache.refreshing) != 0 || len(cache.busy) != 0 || len(cache.slots) != 0 {
			t.Errorf("%d findings are being refreshed, %d servers are busy, %d slots are taken", len(cache.refreshing), len(cache.busy), len(cache.slots))
		}
	})
}

// A finding that could not be made is not tried again at every probe, and a failure
// does not replace an older finding.
func TestFailedFinding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cache := newTestCache(t)
		m := &maker{failure: errBroken}
		q := m.request("a.test", time.Hour)
		for range 3 {
			if _, err := cache.get(t.Context(), q); !errors.Is(err, errBroken) || m.times.Load() != 1 {
				t.Fatalf("tried %d times, %v", m.times.Load(), err)
			}
		}
		time.Sleep(5 * time.Minute)
		m.failure = nil
		if got := times(t, cache, q); got != 2 {
			t.Errorf("finding %d after the failure", got)
		}
		m.failure = errBroken
		time.Sleep(50 * time.Minute)
		for range 3 {
			if got := times(t, cache, q); got != 2 {
				t.Errorf("finding %d while it cannot be made", got)
			}
			synctest.Wait()
		}
		if m.times.Load() != 3 {
			t.Errorf("tried %d times", m.times.Load())
		}
	})
}

// A panic fails the finding that was being made.
func TestPanicFailsFinding(t *testing.T) {
	cache := newTestCache(t)
	q := &request{server: "a.test", maxAge: time.Hour, find: func(context.Context) (Sized, error) { panic("boom") }}
	if _, err := cache.get(t.Context(), q); failure.Of(err) != failure.ReasonInternal {
		t.Errorf("error is %v", err)
	}
}

// Findings about one server are made one after the other.
func TestOneFindingAtATime(t *testing.T) {
	cache := newTestCache(t)
	var current, most atomic.Int32
	var group sync.WaitGroup
	for i := range 20 {
		group.Go(func() {
			cache.get(t.Context(), &request{key: key{target: identity.Of(fmt.Sprint(i))}, server: "a.test", maxAge: time.Hour, find: func(context.Context) (Sized, error) {
				now := current.Add(1)
				for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
				}
				runtime.Gosched()
				current.Add(-1)
				return new(numbered), nil
			}})
		})
	}
	group.Wait()
	if most.Load() != 1 || cache.store.entries.Len() != 20 {
		t.Errorf("%d at once, %d findings", most.Load(), cache.store.entries.Len())
	}
}

// Close cancels the findings that are being made, and no probe waits any longer.
func TestCacheCloses(t *testing.T) {
	cache := NewCache()
	m := &maker{release: make(chan struct{})}
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			if _, err := cache.get(t.Context(), m.request(fmt.Sprint(i), time.Hour)); !errors.Is(err, context.Canceled) {
				t.Errorf("error is %v", err)
			}
		})
	}
	for m.times.Load() < maxScans {
		runtime.Gosched()
	}
	cache.Close()
	group.Wait()
	if m.times.Load() != maxScans {
		t.Errorf("%d were begun", m.times.Load())
	}
}
