package prober

import (
	"context"
	"errors"
	"sync"
	"time"

	"tls_exporter/prober/hello"
)

// inquiry puts many hellos to one server: within a budget of connections, at a
// pace, and so that a server that is busy or tired of us is not taken for one
// that says no.
//
// Hellos may go side by side. One that comes to nothing is put again while no
// other is, and if that helps, all of them go one at a time from then on.
type inquiry struct {
	e     *endpoint
	pace  time.Duration // between the beginnings of two connections, at least
	alone sync.RWMutex  // hellos side by side share it; one that is alone has it to itself

	mutex   sync.Mutex // guards what follows
	left    int        // of the budget, in connections
	used    int
	next    time.Time // of the next connection, at the earliest
	shy     bool      // the server wants one connection at a time
	over    bool      // nothing more is to be learned: the budget is spent, or the server tired
	silent  int       // hellos on end that came to nothing although they were alone
	control []byte    // the last hello that was taken
	err     error     // of the first hello that came to nothing
}

const (
	// breath is how long a server has to notice that a connection has ended,
	// before it gets one that is to be the only one. It grows fourfold each time.
	breath = 100 * time.Millisecond
	// maxControls is how often a hello that was taken before is put again, until
	// the server is tired of us.
	maxControls = 3
	// maxSilent is how many hellos on end may come to nothing. Then the server is
	// left in peace.
	maxSilent = 4
)

func newInquiry(e *endpoint, connections int, pace time.Duration) *inquiry {
	return &inquiry{e: e, left: connections, pace: pace}
}

// ask puts one hello to the server. A hello that the server hangs up on is taken
// for turned down, with saidNeither and hungUp, if it hangs up on it twice, and
// took another one right before the second time.
func (q *inquiry) ask(ctx context.Context, message []byte, until hello.Until) (flight *hello.Flight, said answer, hungUp bool) {
	flight, said = q.amongOthers(ctx, message, until)
	if q.settled(said) {
		return flight, said, false
	}
	q.alone.Lock()
	defer q.alone.Unlock()
	for {
		hungUpBefore := said == saidNeither
		control := q.lastTaken()
		if control != nil && !q.takes(ctx, control) {
			q.end()
			return flight, saidNothing, false
		}
		if !wait(ctx, breath) {
			return flight, saidNothing, false
		}
		flight, said = q.put(ctx, message, until)
		if q.settled(said) {
			q.beShy()
			return flight, said, false
		}
		if said == saidNothing || hungUpBefore {
			q.unanswered(control != nil)
			return flight, said, control != nil && said == saidNeither
		}
	}
}

// settled tells whether there is nothing to be gained from asking once more.
func (q *inquiry) settled(said answer) bool { return said == saidYes || said == saidNo || q.done() }

// amongOthers puts a hello to the server, side by side with others if it is not shy.
func (q *inquiry) amongOthers(ctx context.Context, message []byte, until hello.Until) (*hello.Flight, answer) {
	if !q.isShy() {
		q.alone.RLock()
		defer q.alone.RUnlock()
		return q.put(ctx, message, until)
	}
	q.alone.Lock()
	defer q.alone.Unlock()
	if !wait(ctx, breath) {
		return new(hello.Flight), saidNothing
	}
	return q.put(ctx, message, until)
}

// takes tells whether the server still takes a hello that it took before.
func (q *inquiry) takes(ctx context.Context, message []byte) bool {
	pause := breath
	for range maxControls {
		if !wait(ctx, pause) {
			return false
		}
		if _, said := q.put(ctx, message, hello.UntilHello); said == saidYes {
			return true
		}
		pause *= 4
	}
	return false
}

// put is one connection, if there may be another one.
func (q *inquiry) put(ctx context.Context, message []byte, until hello.Until) (*hello.Flight, answer) {
	pause, ok := q.admit()
	if !ok || !wait(ctx, pause) {
		return new(hello.Flight), saidNothing
	}
	flight, err := q.e.offer(ctx, message, until)
	said := answerOf(flight, err)
	q.note(message, said, err)
	return flight, said
}

// admit takes a connection out of the budget, and tells how long to wait for it.
func (q *inquiry) admit() (pause time.Duration, ok bool) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if q.over || q.left == 0 {
		q.over = true
		return 0, false
	}
	q.left--
	q.used++
	now := time.Now()
	if q.next.Before(now) {
		q.next = now
	}
	pause = q.next.Sub(now)
	q.next = q.next.Add(q.pace)
	return pause, true
}

func (q *inquiry) note(message []byte, said answer, err error) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	switch said {
	case saidYes:
		q.control, q.silent = message, 0
	case saidNo:
		q.silent = 0
	default:
		if q.err == nil {
			q.err = err
		}
	}
}

// unanswered counts a hello that came to nothing. Where the server just took
// another one, it is not the server's silence but this hello's.
func (q *inquiry) unanswered(controlled bool) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if controlled {
		return
	}
	if q.silent++; q.silent >= maxSilent {
		q.over = true
	}
}

func (q *inquiry) end() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.over = true
}

func (q *inquiry) done() bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.over
}

func (q *inquiry) beShy() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.shy = true
}

func (q *inquiry) isShy() bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.shy
}

func (q *inquiry) lastTaken() []byte {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.control
}

// connections is how many there were.
func (q *inquiry) connections() int {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.used
}

// failure is why nothing was learned.
func (q *inquiry) failure() error {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if q.err != nil {
		return q.err
	}
	return errSilent
}

// wait tells whether the time has passed before ctx ended.
func wait(ctx context.Context, pause time.Duration) bool {
	if pause <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// sideBySide does several things at once and waits for all of them. What a
// stranger's bytes make panic is its error.
func sideBySide(tasks ...func()) error {
	errs := make([]error, len(tasks))
	var group sync.WaitGroup
	for i, task := range tasks {
		group.Go(func() { errs[i] = contain(task) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// errSilent is of a server that said nothing that is to be understood.
var errSilent = errors.New("the server answered no hello")
