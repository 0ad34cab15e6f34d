package check

import (
	"cmp"
	"context"
	"sync"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/text"
)

// Bounds on how findings are made.
const (
	// maxScans is how many are made at the same time, each about another server.
	maxScans = 50
	// ScanTimeout is how long making one may take, unless its check asks for more time.
	ScanTimeout = 2 * time.Minute
	// refreshAt is the share of its maximum age at which a finding is made again, in
	// the background.
	refreshAt = 0.75
	// retryAfter is the share of the maximum age after which a finding that could not
	// be made is tried again.
	retryAfter = 1.0 / 12
)

// errPending is for probes that ended before the finding was made.
var errPending = failure.New(failure.ReasonPending, "the finding is still being made; a later probe has it")

// Cache holds costly findings between probes. It makes a finding once, however many
// probes ask for it at the same time, also when none of them can wait for it, and
// makes it again before it is too old. It never makes two findings about the same
// server at the same time: some servers and firewalls treat several connections at a
// time as an attack.
type Cache struct {
	mutex      sync.Mutex // guards the fields up to busy
	store      *store
	refreshing map[key]bool             // findings that are being made again in the background
	busy       map[string]chan struct{} // servers that a finding is being made about; closed when it is done
	slots      chan struct{}            // holds one value for each finding that is being made
	running    sync.WaitGroup           // the goroutines that make them
	ctx        context.Context          // of the scans
	cancel     context.CancelFunc
	now        func() time.Time
}

// request asks for a finding, and says how to make it.
type request struct {
	key     key
	server  string        // no two findings about it are made at the same time
	maxAge  time.Duration // how old the finding may become
	timeout time.Duration // how long making it may take; 0: ScanTimeout
	find    func(context.Context) (Sized, error)
}

// NewCache returns an empty cache. Close stops it.
func NewCache() *Cache {
	c := &Cache{
		store: newStore(), refreshing: make(map[key]bool), busy: make(map[string]chan struct{}), slots: make(chan struct{}, maxScans), now: time.Now,
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Close cancels the findings that are being made, and waits for that. No finding is
// made afterwards.
func (c *Cache) Close() {
	c.mutex.Lock() // nothing begins after this
	c.cancel()
	c.mutex.Unlock()
	c.running.Wait()
}

// get returns the cached finding. Without one it waits until one is made, or until
// ctx ends: then the error is errPending.
func (c *Cache) get(ctx context.Context, q *request) (entry, error) {
	for {
		answer, wait, start := c.lookUp(q)
		switch {
		case answer.found != nil:
			if start {
				c.refresh(q)
			}
			return answer, nil
		case wait == nil && !start:
			return answer, answer.failure
		case wait != nil:
			select {
			case <-wait:
			case <-ctx.Done():
				return answer, errPending
			}
		default:
			select {
			case c.slots <- struct{}{}:
				if !c.begin(q) {
					<-c.slots
				}
			case <-ctx.Done():
				return answer, errPending
			case <-c.ctx.Done():
				return answer, c.ctx.Err()
			}
		}
	}
}

// cached returns the cached finding if it is not too old. It makes none.
func (c *Cache) cached(q *request) entry {
	answer, _, _ := c.lookUp(q)
	return answer
}

// lookUp returns the cached finding if it is not too old, what to wait for if there is
// none and the server is busy, and whether it is time to make one.
func (c *Cache) lookUp(q *request) (answer entry, wait <-chan struct{}, start bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	answer, _ = c.store.entries.Get(q.key)
	age := c.now().Sub(answer.made)
	if answer.found != nil && age >= q.maxAge {
		answer.found = nil
	}
	backoff := answer.failure != nil && c.now().Sub(answer.failedAt) < time.Duration(float64(q.maxAge)*retryAfter)
	switch busy := c.busy[q.server]; {
	case backoff:
		return answer, nil, false
	case answer.found != nil:
		return answer, nil, float64(age) >= float64(q.maxAge)*refreshAt
	case busy != nil:
		return answer, busy, false
	}
	return answer, nil, true
}

// refresh makes a finding again in the background, as soon as its server is not busy.
// If all slots are taken, nothing happens: the next probe tries again, before the
// finding is too old.
func (c *Cache) refresh(q *request) {
	select {
	case c.slots <- struct{}{}:
	default:
		return
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.ctx.Err() != nil || c.refreshing[q.key] {
		<-c.slots
		return
	}
	c.refreshing[q.key] = true
	c.running.Go(func() {
		if c.reserve(q.server) {
			c.makeFor(q)
		}
		c.mutex.Lock()
		delete(c.refreshing, q.key)
		c.mutex.Unlock()
		<-c.slots
	})
}

// reserve waits until no finding is being made about a server, and marks it as busy.
// It is false if the cache was closed before.
func (c *Cache) reserve(server string) bool {
	for {
		c.mutex.Lock()
		busy := c.busy[server]
		if busy == nil {
			c.busy[server] = make(chan struct{})
		}
		c.mutex.Unlock()
		if busy == nil {
			return true
		}
		select {
		case <-busy:
		case <-c.ctx.Done():
			return false
		}
	}
}

// begin makes the finding in a goroutine of the cache, which frees the slot that the
// caller has taken. It is false, and the slot still taken, if the server is busy by
// now or the cache is closed.
func (c *Cache) begin(q *request) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.busy[q.server] != nil || c.ctx.Err() != nil {
		return false
	}
	c.busy[q.server] = make(chan struct{})
	c.running.Go(func() {
		c.makeFor(q)
		<-c.slots
	})
	return true
}

// makeFor makes a finding, caches it, and marks its server as busy no more.
func (c *Cache) makeFor(q *request) {
	made := c.make(q)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.store.put(q.key, made)
	close(c.busy[q.server])
	delete(c.busy, q.server)
}

// make makes a finding. Failure is set if that failed or panicked.
func (c *Cache) make(q *request) entry {
	ctx, cancel := context.WithTimeout(c.ctx, cmp.Or(q.timeout, ScanTimeout))
	defer cancel()
	start := c.now()
	made := entry{made: start}
	if panicked := failure.Contain(func() { made.found, made.failure = q.find(ctx) }); panicked != nil {
		made.found, made.failure = nil, panicked
	}
	made.took = c.now().Sub(start)
	if made.failure != nil {
		made.found, made.failure, made.failedAt = nil, text.Bounded(made.failure), c.now()
	}
	return made
}

// Retain drops the findings of all questions but these, which are CacheKeys.
func (c *Cache) Retain(questions map[[16]byte]bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.store.retain(questions)
}
