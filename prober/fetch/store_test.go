package fetch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/identity"
)

// value is a value that says which download brought it.
type value struct {
	n     int32
	size  int
	until time.Time
}

func (v *value) Size() int        { return v.size }
func (v *value) Until() time.Time { return v.until }

// server answers downloads.
type server struct {
	times   atomic.Int32
	failure error                      // nil: it answers
	down    bool                       // a failure is that of the whole server
	valid   time.Duration              // of its values; 0: without an end
	size    int                        // of its values
	takes   time.Duration              // to answer
	known   atomic.Pointer[validators] // that the last request had
	same    bool                       // the content has not changed
	retry   time.Duration              // of Retry-After
}

func (s *server) job(path string, maxAge time.Duration) *job {
	return &job{key: identity.Of(fmt.Sprintf("%p", s), path), host: identity.Of(fmt.Sprintf("%p", s)), maxAge: maxAge, download: func(ctx context.Context, known validators, _ reserve) result {
		n := s.times.Add(1)
		s.known.Store(&known)
		select {
		case <-time.After(s.takes):
		case <-ctx.Done():
			return result{failure: ctx.Err()}
		}
		switch {
		case s.failure != nil:
			return result{failure: s.failure, answered: !s.down, retryAfter: s.retry}
		case s.same && known != validators{}:
			return result{unchanged: make(noHeader), answered: true}
		}
		v := &value{n: n, size: s.size}
		if s.valid != 0 {
			v.until = time.Now().Add(s.valid)
		}
		return result{value: v, known: validators{etag: fmt.Sprint(n)}, answered: true}
	}}
}

type noHeader map[string]string

func (h noHeader) Get(name string) string { return h[name] }

// within is a context with the timeout of a scrape.
func within(t *testing.T, timeout time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	t.Cleanup(cancel)
	return ctx
}

func newTestStore(t *testing.T) *Store {
	s := NewStore()
	t.Cleanup(s.Close)
	return s
}

// What many probes ask for at the same time is downloaded once, and all get it.
func TestOneDownloadForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTestStore(t)
		s := &server{takes: time.Second}
		var group sync.WaitGroup
		var got atomic.Int32
		for range 200 {
			group.Go(func() {
				if a := store.get(within(t, 10*time.Second), s.job("/", time.Hour)); a.Failure == nil {
					got.Add(a.Value.(*value).n)
				}
			})
		}
		group.Wait()
		if s.times.Load() != 1 || got.Load() != 200 || store.Counts().Success.Load() != 1 {
			t.Errorf("%d downloads, the answers sum to %d", s.times.Load(), got.Load())
		}
	})
}

// A value is asked for again, in the background, after three quarters of its time, which
// ends with MaxAge or with the value.
func TestRefresh(t *testing.T) {
	for _, test := range []struct {
		name          string
		valid, maxAge time.Duration
		same          bool
		after         time.Duration // until it is asked for again
	}{
		{"without an end", 0, 4 * time.Hour, false, 3 * time.Hour},
		{"by default", 0, 0, false, 45 * time.Minute},
		{"MaxAge is first", 100 * time.Hour, 4 * time.Hour, false, 3 * time.Hour},
		{"its end is first", 4 * time.Hour, 100 * time.Hour, false, 3 * time.Hour},
		{"not modified", 0, 4 * time.Hour, true, 3 * time.Hour},
		{"a very short time", time.Second * 61, time.Hour, false, time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newTestStore(t)
				s := &server{valid: test.valid, same: test.same}
				get := func() (n int32, at time.Duration) {
					a := store.get(within(t, 10*time.Second), s.job("/", test.maxAge))
					if a.Failure != nil {
						t.Fatal(a.Failure)
					}
					synctest.Wait()
					return a.Value.(*value).n, time.Since(a.At)
				}
				get()
				time.Sleep(test.after - time.Second)
				if n, _ := get(); n != 1 || s.times.Load() != 1 {
					t.Errorf("early: value %d of %d", n, s.times.Load())
				}
				time.Sleep(time.Second)
				if n, _ := get(); n != 1 || s.times.Load() != 2 || s.known.Load().etag != "1" {
					t.Errorf("when it is due: value %d of %d, sent with %q", n, s.times.Load(), s.known.Load().etag)
				}
				want := int32(2)
				if test.same {
					want = 1
				}
				if n, age := get(); n != want || age != 0 || s.times.Load() != 2 {
					t.Errorf("afterwards: value %d of %d, %s old", n, s.times.Load(), age)
				}
			})
		})
	}
}

// A server that does not answer costs a probe a third of what is left of it, once. It is
// asked again after pauses that grow to an hour, in the background.
func TestSilentServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTestStore(t)
		s := &server{takes: time.Hour}
		scrape := func() (took time.Duration, reason failure.Reason) {
			start := time.Now()
			a := store.get(within(t, 9*time.Second), s.job("/", time.Hour))
			return time.Since(start), failure.Of(a.Failure)
		}
		if took, reason := scrape(); took != 3*time.Second || reason != failure.ReasonPending {
			t.Errorf("the first probe waits %s: %s", took, reason)
		}
		for range 500 { // 2 hours
			time.Sleep(15 * time.Second)
			if took, _ := scrape(); took != 0 {
				t.Fatalf("a later probe waits %s", took)
			}
		}
		if _, reason := scrape(); reason != failure.ReasonTimeout || s.times.Load() != 7 { // at 0, 1, 2, 4, 8, 16, 32 minutes and some
			t.Errorf("%s after %d downloads", reason, s.times.Load())
		}
	})
}

// A failure is kept with its reason, and does not replace a value.
func TestFailure(t *testing.T) {
	for _, test := range []struct {
		name    string
		failure error
		retry   time.Duration
		pauses  []time.Duration // before each further attempt
	}{
		{"of the server", failure.New(failure.ReasonHTTPStatus, "404"), 0, []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute}},
		{"that says when to retry", failure.New(failure.ReasonHTTPStatus, "503"), 3 * time.Hour, []time.Duration{3 * time.Hour, 3 * time.Hour}},
		{"of the DNS", failure.New(failure.ReasonDNSFailure, "no answer"), 0, []time.Duration{10 * time.Second, 10 * time.Second, 10 * time.Second}},
		{"of the DNS, in time", &failure.Failure{Phase: failure.PhaseResolve, Reason: failure.ReasonTimeout, Err: errors.New("x")}, 0, []time.Duration{10 * time.Second, 10 * time.Second}},
		{"of this machine", failure.New(failure.ReasonLocalResources, "no port"), 0, []time.Duration{10 * time.Second, 10 * time.Second}},
		{"a panic", failure.Contain(func() { panic("boom") }), 0, []time.Duration{time.Minute, 2 * time.Minute}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newTestStore(t)
				good := &server{}
				s := &server{failure: test.failure, retry: test.retry}
				get := func(s *server) Answer {
					a := store.get(within(t, 10*time.Second), s.job("/", 100*time.Hour))
					synctest.Wait()
					return a
				}
				if a := get(good); a.Failure != nil {
					t.Fatal(a.Failure)
				}
				for i, pause := range test.pauses {
					if a := get(s); failure.Of(a.Failure) != failure.Of(test.failure) || a.Value != nil || s.times.Load() != int32(i+1) {
						t.Errorf("attempt %d: %v", s.times.Load(), a.Failure)
					}
					time.Sleep(pause - time.Nanosecond)
					if get(s); s.times.Load() != int32(i+1) {
						t.Errorf("attempt %d is early", s.times.Load())
					}
					time.Sleep(time.Nanosecond)
					get(s)
				}
				good.failure = test.failure
				time.Sleep(80 * time.Hour)
				get(good)
				if a := get(good); a.Value == nil || failure.Of(a.Failure) != failure.Of(test.failure) {
					t.Errorf("after a failure: %v, %v", a.Value, a.Failure)
				}
				good.failure = nil
				time.Sleep(3 * time.Hour)
				get(good)
				if a := get(good); a.Failure != nil || a.Value.(*value).n != 3 {
					t.Errorf("after the next success: %+v", a)
				}
			})
		})
	}
}

// A value whose end has passed when it is downloaded, as where a CA forgot to make a new
// one, is returned. It is asked for again after pauses that grow.
func TestStaleValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTestStore(t)
		s := &server{valid: -time.Hour, takes: time.Second}
		for range 60 {
			if a := store.get(within(t, 9*time.Second), s.job("/", time.Hour)); a.Value == nil || a.Failure != nil {
				t.Fatalf("%+v", a)
			}
			time.Sleep(time.Minute)
		}
		if s.times.Load() != 6 { // at 0, 1, 3, 7, 15, 31 minutes
			t.Errorf("%d downloads in an hour", s.times.Load())
		}
		s.valid = time.Hour
		time.Sleep(time.Hour)
		store.get(within(t, 9*time.Second), s.job("/", time.Hour))
		time.Sleep(time.Minute)
		if a := store.get(within(t, 9*time.Second), s.job("/", time.Hour)); a.Value.(*value).n != 7 {
			t.Errorf("%+v", a)
		}
	})
}

// A server that does not answer is asked by one download at a time, whatever the URL.
func TestHostThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTestStore(t)
		refused := failure.New(failure.ReasonRefused, "nothing listens")
		s := &server{failure: refused, down: true}
		scrape := func() {
			for i := range 200 {
				a := store.get(within(t, 9*time.Second), s.job(fmt.Sprint("/", i), time.Hour))
				synctest.Wait()
				if failure.Of(a.Failure) != failure.ReasonRefused {
					t.Fatalf("certificate %d: %v", i, a.Failure)
				}
			}
		}
		start := time.Now()
		for range 60 {
			scrape()
			time.Sleep(time.Minute)
		}
		if n := s.times.Load(); n != 6 || time.Since(start) != time.Hour {
			t.Errorf("%d requests in %s", n, time.Since(start))
		}
		s.failure = nil
		time.Sleep(time.Hour)
		store.get(within(t, 9*time.Second), s.job("/new", time.Hour))
		synctest.Wait()
		for i := range 200 {
			store.get(within(t, 9*time.Second), s.job(fmt.Sprint("/", i), time.Hour))
		}
		synctest.Wait()
		for i := range 200 {
			if a := store.get(within(t, 9*time.Second), s.job(fmt.Sprint("/", i), time.Hour)); i < maxDownloads && a.Value == nil {
				t.Fatalf("certificate %d: %v", i, a.Failure)
			}
		}
	})
}

// Values have at most maxBytes together. One that had to make room is not downloaded again
// at once.
func TestStoreIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newTestStore(t)
		s := &server{size: maxBytes / 4}
		get := func(path string) Answer {
			return store.get(within(t, 9*time.Second), s.job(path, 100*time.Hour))
		}
		for i := range 5 {
			if a := get(fmt.Sprint(i)); a.Failure != nil {
				t.Fatal(a.Failure)
			}
		}
		if store.Bytes() > maxBytes || s.times.Load() != 5 {
			t.Errorf("%d bytes after %d downloads", store.Bytes(), s.times.Load())
		}
		for _, path := range []string{"0", "1"} { // three and the overhead fit
			if a := get(path); a.Value != nil || failure.Of(a.Failure) != failure.ReasonTooLarge || s.times.Load() != 5 {
				t.Errorf("%s: %v after %d downloads", path, a.Failure, s.times.Load())
			}
		}
		if a := get("3"); a.Value == nil {
			t.Error(a.Failure)
		}
		s.size = maxBytes
		if a := get("huge"); a.Value != nil || failure.Of(a.Failure) != failure.ReasonTooLarge || store.Bytes() > 6*(entryOverhead+200) {
			t.Errorf("%v, %d bytes", a.Failure, store.Bytes())
		}
		time.Sleep(maxUnused)
		if s.size = 0; get("last").Failure != nil || store.Bytes() != entryOverhead+1 {
			t.Errorf("%d bytes after a day", store.Bytes())
		}
	})
}

// Close cancels the downloads that are running, and waits for that.
func TestCloseCancels(t *testing.T) {
	store := NewStore()
	s := &server{takes: time.Hour}
	for i := range 2 * maxDownloads {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		store.get(ctx, s.job(fmt.Sprint(i), time.Hour))
	}
	store.Close()
	n := s.times.Load()
	if a := store.get(within(t, time.Second), s.job("new", time.Hour)); n > maxDownloads || s.times.Load() != n || a.Failure == nil {
		t.Errorf("%d of %d, then %v", s.times.Load(), n, a.Failure)
	}
}
