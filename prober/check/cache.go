package check

import (
	"cmp"
	"container/list"
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/text"
)

// Bounds on the findings that are kept between probes. What is not asked for any
// more is the first to go.
const (
	maxKept      = 1 << 19   // findings
	maxKeptBytes = 256 << 20 // what they take, with what it takes to find them again
	keptOverhead = 400       // bytes of one finding beside its own: a map's share, the entry, its place in the list
)

// Bounds on how findings are made.
const (
	maxScans    = 50              // at once, each of another server
	ScanTimeout = 2 * time.Minute // for one that asks for no more
	refreshAt   = 0.75            // of its age, a finding is made anew beside the scrapes
	retryAfter  = 1.0 / 12        // of that age, one that could not be made is tried again
)

// errPending is for those whose scrape ended before the finding was made.
var errPending = failure.New(failure.ReasonPending, "the finding is still being made; a later probe has it")

// Cache keeps costly findings between probes, each under what it is about. It
// makes a finding once, however many ask for it at the same time, goes on with
// that when they cannot wait any longer, and makes it anew before it is too old.
// It never makes two findings about the same server at once: many a server, and
// what stands before it, takes several connections at a time for an attack.
type Cache struct {
	mutex      sync.Mutex
	entries    map[key]*list.Element // of *kept
	recent     list.List             // most recently asked for first
	bytes      int
	refreshing map[key]bool             // to be made anew
	busy       map[string]chan struct{} // servers that a finding is being made about; closed when it is done
	slots      chan struct{}
	running    sync.WaitGroup
	ctx        context.Context // of the scans
	cancel     context.CancelFunc
	now        func() time.Time
}

// key tells findings apart: what is asked and on which way, and of which
// server. The first is that of a module, so that a reload can drop what it made
// void.
type key struct{ asked, of [16]byte }

// entry is one finding, or why there is none.
type entry struct {
	key      key
	found    Sized // nil: none was made yet
	made     time.Time
	took     time.Duration
	failure  error // of the last attempt; nil: it had none
	failedAt time.Time
}

// request is a finding that somebody asks for, and how to come by it.
type request struct {
	key     key
	server  string        // which is left in peace meanwhile
	maxAge  time.Duration // how old the finding may become
	timeout time.Duration // at most; 0: scanPatience
	find    func(context.Context) (Sized, error)
}

func NewCache() *Cache {
	k := &Cache{
		entries: make(map[key]*list.Element), refreshing: make(map[key]bool), busy: make(map[string]chan struct{}), slots: make(chan struct{}, maxScans), now: time.Now,
	}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	return k
}

// Close ends what is being made, and waits for that.
func (k *Cache) Close() {
	k.mutex.Lock() // nothing begins after this
	k.cancel()
	k.mutex.Unlock()
	k.running.Wait()
}

// ask returns the finding that is kept. Without one it waits for it to be made,
// for as long as ctx allows.
func (k *Cache) ask(ctx context.Context, q *request) (entry, error) {
	for {
		answer, wait, start := k.find(q)
		switch {
		case answer.found != nil:
			if start {
				k.refresh(q)
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
			case k.slots <- struct{}{}:
				if !k.begin(q) {
					<-k.slots
				}
			case <-ctx.Done():
				return answer, errPending
			case <-k.ctx.Done():
				return answer, k.ctx.Err()
			}
		}
	}
}

// recall returns the finding that is kept, if it is not too old, and makes none.
func (k *Cache) recall(q *request) entry {
	answer, _, _ := k.find(q)
	return answer
}

// find tells what is kept of q: an answer if it is young enough, what to wait
// for if there is none and its server is busy, and whether it is time to make it.
func (k *Cache) find(q *request) (answer entry, wait <-chan struct{}, start bool) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if element := k.entries[q.key]; element != nil {
		k.recent.MoveToFront(element)
		answer = *element.Value.(*entry)
	}
	age := k.now().Sub(answer.made)
	if answer.found != nil && age >= q.maxAge {
		answer.found = nil
	}
	tired := answer.failure != nil && k.now().Sub(answer.failedAt) < time.Duration(float64(q.maxAge)*retryAfter)
	switch busy := k.busy[q.server]; {
	case tired:
		return answer, nil, false
	case answer.found != nil:
		return answer, nil, float64(age) >= float64(q.maxAge)*refreshAt
	case busy != nil:
		return answer, busy, false
	}
	return answer, nil, true
}

// refresh makes a finding anew beside the scrapes, when its server is not busy with
// another one any more. Where there is no room for that now, the next scrape tries:
// there will be one before the old finding has aged out.
func (k *Cache) refresh(q *request) {
	select {
	case k.slots <- struct{}{}:
	default:
		return
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.ctx.Err() != nil || k.refreshing[q.key] {
		<-k.slots
		return
	}
	k.refreshing[q.key] = true
	k.running.Go(func() {
		if k.await(q.server) {
			k.answer(q)
		}
		k.mutex.Lock()
		delete(k.refreshing, q.key)
		k.mutex.Unlock()
		<-k.slots
	})
}

// await takes a server as soon as nothing else is found about it; false: the
// keeper closed before.
func (k *Cache) await(server string) bool {
	for {
		k.mutex.Lock()
		busy := k.busy[server]
		if busy == nil {
			k.busy[server] = make(chan struct{})
		}
		k.mutex.Unlock()
		if busy == nil {
			return true
		}
		select {
		case <-busy:
		case <-k.ctx.Done():
			return false
		}
	}
}

// begin makes the finding in a goroutine that the keeper owns and that gives up
// the caller's place. It says no if somebody else has begun meanwhile.
func (k *Cache) begin(q *request) bool {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.busy[q.server] != nil || k.ctx.Err() != nil {
		return false
	}
	k.busy[q.server] = make(chan struct{})
	k.running.Go(func() {
		k.answer(q)
		<-k.slots
	})
	return true
}

// answer makes a finding about a server that was taken for it, and lets go of it.
func (k *Cache) answer(q *request) {
	made := k.make(q)
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.put(made)
	close(k.busy[q.server])
	delete(k.busy, q.server)
}

func (k *Cache) make(q *request) entry {
	ctx, cancel := context.WithTimeout(k.ctx, cmp.Or(q.timeout, ScanTimeout))
	defer cancel()
	start := k.now()
	made := entry{key: q.key, made: start}
	if panicked := failure.Contain(func() { made.found, made.failure = q.find(ctx) }); panicked != nil {
		made.found, made.failure = nil, panicked
	}
	made.took = k.now().Sub(start)
	if made.failure != nil {
		made.found, made.failure, made.failedAt = nil, text.Bounded(made.failure), k.now()
	}
	return made
}

// put keeps what was made. A failure does not take an older finding's place.
func (k *Cache) put(made entry) {
	if element := k.entries[made.key]; element != nil {
		entry := element.Value.(*entry)
		k.bytes -= entry.size()
		if made.found == nil {
			made.found, made.made, made.took = entry.found, entry.made, entry.took
		}
		*entry = made
		k.recent.MoveToFront(element)
	} else {
		k.entries[made.key] = k.recent.PushFront(&made)
	}
	k.bytes += made.size()
	for k.bytes > maxKeptBytes || len(k.entries) > maxKept {
		k.drop(k.recent.Back())
	}
}

func (k *Cache) drop(element *list.Element) {
	entry := k.recent.Remove(element).(*entry)
	delete(k.entries, entry.key)
	k.bytes -= entry.size()
}

func (k *entry) size() int {
	size := keptOverhead
	if k.found != nil {
		size += k.found.Size()
	}
	if k.failure != nil {
		size += len(k.failure.Error())
	}
	return size
}

// Retain drops the findings of what is asked no more.
func (k *Cache) Retain(asked map[[16]byte]bool) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	for element := k.recent.Front(); element != nil; {
		next := element.Next()
		if !asked[element.Value.(*entry).key.asked] {
			k.drop(element)
		}
		element = next
	}
}

func digest(text string) [16]byte {
	sum := sha256.Sum256([]byte(text))
	return [16]byte(sum[:16])
}
