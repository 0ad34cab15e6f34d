package fetch

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"tls_exporter/prober/bounded"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/text"
)

// Bounds on what is kept and on what runs.
const (
	maxEntries    = 1 << 17
	maxBytes      = 256 << 20        // of all values, with the overhead of each entry
	entryOverhead = 600              // bytes of an entry beside its value and its failure
	maxUnused     = 24 * time.Hour   // an entry that nobody asks for is dropped after it
	maxDownloads  = 32               // at a time
	maxLarge      = 2                // of them, with contents larger than smallContent
	maxWait       = 5 * time.Second  // for a download
	share         = 3                // the part of what is left of a probe that it waits at most
	minPause      = time.Minute      // after a failure; it doubles
	maxPause      = time.Hour        // after failures
	localPause    = 10 * time.Second // after a failure of the exporter or its DNS
	evictedPause  = 10 * time.Minute // before a value that had to make room is downloaded again
	minRefresh    = time.Minute      // after a download that succeeded
)

// RefreshAt is the share of its time after which a value is asked for again.
const RefreshAt = 0.75

// errPending is for probes that end before the first download does.
var errPending = failure.New(failure.ReasonPending, "the download is still running; a later probe has its result")

// Store keeps what was downloaded, for all clients of a process. It downloads each thing
// once, however many ask for it at the same time.
type Store struct {
	mutex   sync.Mutex // guards the fields up to hosts, and all entries
	entries *simplelru.LRU[[16]byte, *entry]
	bytes   int
	hosts   map[[16]byte]*host // those that do not answer

	slots   chan struct{} // holds one value for each running download
	large   bounded.Slots // of the downloads with large contents
	running sync.WaitGroup
	ctx     context.Context // of the downloads
	cancel  context.CancelFunc
	counts  Counts
}

// Counts counts the downloads of a Store by their results.
type Counts struct{ Success, NotModified, Failure atomic.Uint64 }

// entry is what is kept about one request.
type entry struct {
	value   Value     // nil: there is none
	at      time.Time // when the value was downloaded, or confirmed
	known   validators
	failure error     // of the last download; nil: it succeeded
	pauses  int       // since the last download that brought a value that has not ended
	next    time.Time // no download begins before it
	asked   time.Time // when somebody asked last
	running *download // nil: none
	size    int       // of value and failure, in bytes
}

// download is one that is running.
type download struct {
	started time.Time
	done    chan struct{} // closed at its end
}

// job is one request to a Store.
type job struct {
	key      [16]byte
	host     [16]byte
	maxAge   time.Duration // 0: DefaultMaxAge
	timeout  time.Duration // 0: DefaultTimeout
	download func(context.Context, validators, reserve) result
}

// NewStore returns an empty store. Close stops it.
func NewStore() *Store {
	s := &Store{hosts: make(map[[16]byte]*host), slots: make(chan struct{}, maxDownloads)}
	var err error
	if s.entries, err = simplelru.NewLRU(maxEntries, func(_ [16]byte, dropped *entry) { s.bytes -= entryOverhead + dropped.size }); err != nil {
		panic(err) // a size of zero
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Close cancels the downloads that are running, and waits for that. None begins
// afterwards.
func (s *Store) Close() {
	s.mutex.Lock() // nothing begins after this
	s.cancel()
	s.mutex.Unlock()
	s.running.Wait()
}

// Counts counts the downloads.
func (s *Store) Counts() *Counts { return &s.counts }

// Bytes is how many bytes are kept.
func (s *Store) Bytes() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.bytes
}

// decision is what get does next.
type decision struct {
	answer Answer
	begin  bool      // it is time for a download
	wait   *download // to wait for; nil: none is running, or nobody waits for it
	first  bool      // nothing is known yet: the probe waits for the download
}

// get returns what is kept, and downloads what is not.
func (s *Store) get(ctx context.Context, j *job) Answer {
	var first *download // that this probe waits for
	limit := shareOf(ctx)
	for {
		d := s.decide(j)
		switch {
		case d.wait != nil && (first == nil || first == d.wait):
			if first = d.wait; !s.await(ctx, d.wait, limit) {
				return d.answer
			}
		case d.begin && d.first:
			if !s.takeSlot(ctx, limit) {
				return d.answer
			}
			s.begin(j)
		case d.begin:
			select {
			case s.slots <- struct{}{}:
				s.begin(j)
			default: // the next probe tries again
			}
			return d.answer
		default:
			return d.answer
		}
	}
}

// shareOf is how long a probe waits for a download.
func shareOf(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return maxWait
	}
	return min(time.Until(deadline)/share, maxWait)
}

// await waits for a download, until limit after its start: a probe that comes later waits
// for the rest only. It is false if the download goes on.
func (s *Store) await(ctx context.Context, d *download, limit time.Duration) bool {
	timer := time.NewTimer(time.Until(d.started.Add(limit)))
	defer timer.Stop()
	select {
	case <-d.done:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// takeSlot waits for one of the slots, for as long as limit.
func (s *Store) takeSlot(ctx context.Context, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case s.slots <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	case <-s.ctx.Done():
	}
	return false
}

// decide looks up what is kept.
func (s *Store) decide(j *job) decision {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now := time.Now()
	e := s.entry(j.key, now)
	d := decision{answer: Answer{e.value, e.at, e.failure}}
	d.first = e.failure == nil && (e.value == nil || ended(e.value, now) && e.pauses == 0)
	if e.value == nil && e.failure == nil {
		d.answer.Failure = errPending
	}
	switch h := s.hosts[j.host]; {
	case e.running != nil:
		if d.first {
			d.wait = e.running
		}
	case now.Before(e.next) || e.failure == nil && e.value != nil && now.Before(e.due(j.maxAge)):
	case h != nil && (h.trying || now.Before(h.next)):
		if e.value == nil && e.failure == nil {
			d.answer.Failure = h.failure
		}
	default:
		d.begin = s.ctx.Err() == nil
		if h != nil && e.value == nil && e.failure == nil {
			d.first, d.answer.Failure = false, h.failure
		}
	}
	return d
}

// entry returns the entry of a key, which it makes if there is none. It drops those that
// nobody asked for any more.
func (s *Store) entry(key [16]byte, now time.Time) *entry {
	e, ok := s.entries.Get(key)
	if !ok {
		e = new(entry)
		s.add(key, e)
	}
	e.asked = now
	for {
		_, oldest, _ := s.entries.GetOldest()
		if now.Sub(oldest.asked) < maxUnused {
			return e
		}
		s.entries.RemoveOldest()
	}
}

func (s *Store) add(key [16]byte, e *entry) {
	s.bytes += entryOverhead + e.size
	s.entries.Add(key, e)
}

// due is when the value is asked for again.
func (e *entry) due(maxAge time.Duration) time.Time {
	if maxAge == 0 {
		maxAge = DefaultMaxAge
	}
	if until := e.value.Until(); !until.IsZero() {
		maxAge = min(maxAge, until.Sub(e.at))
	}
	return e.at.Add(max(time.Duration(float64(maxAge)*RefreshAt), minRefresh))
}

// ended tells whether a value has to be replaced.
func ended(v Value, now time.Time) bool {
	until := v.Until()
	return !until.IsZero() && !now.Before(until)
}

// begin starts the download in a goroutine of the store, which frees the slot that the
// caller has taken. Nothing happens if another one has begun by now.
func (s *Store) begin(j *job) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now := time.Now()
	e := s.entry(j.key, now)
	h := s.hosts[j.host]
	if e.running != nil || now.Before(e.next) || h != nil && h.trying || s.ctx.Err() != nil {
		<-s.slots
		return
	}
	if h != nil {
		h.trying = true
	}
	e.running = &download{now, make(chan struct{})}
	known := e.known
	if e.value == nil {
		known = validators{}
	}
	s.running.Go(func() {
		r := s.run(j, known)
		s.finish(j, e, h, &r)
		<-s.slots
	})
}

// run downloads. A panic is a failure.
func (s *Store) run(j *job, known validators) (r result) {
	timeout := j.timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	reserve := func(ctx context.Context) (func(), error) { return s.large.Take(ctx, 1, maxLarge) }
	if panicked := failure.Contain(func() { r = j.download(ctx, known, reserve) }); panicked != nil {
		r = result{failure: panicked}
	}
	return r
}

// finish keeps what a download brought.
func (s *Store) finish(j *job, e *entry, h *host, r *result) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now := time.Now()
	s.count(r)
	s.observe(j.host, h, r, now)
	s.entries.Remove(j.key) // it is added with its new size
	e.take(r, now)
	s.add(j.key, e)
	s.makeRoom(j.key, now)
	close(e.running.done)
	e.running = nil
}

func (s *Store) count(r *result) {
	switch {
	case r.failure != nil:
		s.counts.Failure.Add(1)
	case r.unchanged != nil:
		s.counts.NotModified.Add(1)
	default:
		s.counts.Success.Add(1)
	}
}

// take takes over what a download brought. A failure does not replace a value. A value
// that has ended already, as where a CA forgot to publish a new one, is asked for again as
// rarely as what fails.
func (e *entry) take(r *result, now time.Time) {
	switch {
	case r.failure != nil:
		e.fail(text.Bounded(r.failure), r.retryAfter, now)
	case r.unchanged != nil:
		e.at, e.failure = now, nil
		if renewable, ok := e.value.(Renewable); ok {
			e.value = renewable.Renewed(r.unchanged)
		}
	default:
		e.value, e.at, e.known, e.failure = r.value, now, r.known, nil
	}
	if r.failure == nil {
		e.next = time.Time{}
		if !ended(e.value, now) {
			e.pauses = 0
		} else {
			e.pause(0, now)
		}
	}
	e.size = e.weigh()
}

// fail records a failure, and when to try again.
func (e *entry) fail(err error, wait time.Duration, now time.Time) {
	e.failure = err
	if isLocal(err) {
		e.next = now.Add(localPause)
		return
	}
	e.pause(wait, now)
}

// pause sets when to try again: after wait, and a pause that grows.
func (e *entry) pause(wait time.Duration, now time.Time) {
	e.next = now.Add(max(wait, pauseAfter(e.pauses)))
	e.pauses++
}

// pauseAfter is the pause after so many others.
func pauseAfter(pauses int) time.Duration {
	return min(minPause<<min(pauses, 10), maxPause)
}

// isLocal tells whether the exporter's machine or its DNS is at fault, which may soon be
// over. A panic is caused by what was downloaded.
func isLocal(err error) bool {
	failed, ok := errors.AsType[*failure.Failure](err)
	if !ok {
		failed = failure.For("", err)
	}
	return failed.Blind() && failed.Reason != failure.ReasonInternal
}

func (e *entry) weigh() int {
	size := len(e.known.etag) + len(e.known.modified)
	if e.value != nil {
		size += e.value.Size()
	}
	if e.failure != nil {
		size += len(e.failure.Error())
	}
	return size
}

// makeRoom drops the values that nobody has asked for the longest. Their entries remain,
// so that they are not downloaded again at once.
func (s *Store) makeRoom(added [16]byte, now time.Time) {
	if s.bytes <= maxBytes {
		return
	}
	for _, key := range s.entries.Keys() { // the oldest first
		if s.bytes <= maxBytes {
			return
		}
		e, _ := s.entries.Peek(key)
		if e.value == nil || key == added {
			continue
		}
		s.evict(e, now)
	}
	if e, _ := s.entries.Peek(added); s.bytes > maxBytes && e.value != nil {
		s.evict(e, now)
	}
}

func (s *Store) evict(e *entry, now time.Time) {
	s.bytes -= e.size
	e.value, e.known = nil, validators{}
	e.failure = failure.New(failure.ReasonTooLarge, "all downloads together have more than %d MB, which is what is kept", maxBytes>>20)
	e.next = now.Add(evictedPause)
	e.size = e.weigh()
	s.bytes += e.size
}
