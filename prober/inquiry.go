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
	*scanClient
	pace  time.Duration // between the beginnings of two connections, at least
	alone sync.RWMutex  // hellos side by side share it; one that is alone has it to itself

	mutex   sync.Mutex // guards what follows
	left    int        // of the budget, in connections
	used    int
	next    time.Time // of the next connection, at the earliest
	shy     bool      // the server wants one connection at a time
	fickle  bool      // it hangs up on what it takes at other times
	over    bool      // nothing more is to be learned: the budget is spent, or the server tired
	silent  int       // hellos on end that came to nothing although they were alone, before any was taken
	control []byte    // the last hello that was taken
	err     error     // of the first hello that came to nothing
}

const (
	// breath is how long a server has to notice that a connection has ended,
	// before it gets one that is to be the only one; longBreath, a busy one.
	breath, longBreath = 50 * time.Millisecond, 400 * time.Millisecond
	// maxControls is how often a hello that was taken before is put again, until
	// the server is tired of us.
	maxControls = 3
	// maxSilent is how many hellos on end may come to nothing before one is taken.
	// Then the server is left in peace. It is as many as there are versions: one that
	// takes a single version is to be asked for it, whichever is asked for first.
	maxSilent = 6
)

func newInquiry(c *scanClient, connections int, pace time.Duration) *inquiry {
	return &inquiry{scanClient: c, left: connections, pace: pace}
}

// glance puts one hello to the server, and leaves it at that.
func (q *inquiry) glance(ctx context.Context, message []byte, until hello.Until) (flight *hello.Flight, said answer, hungUp bool) {
	flight, said, _ = q.amongOthers(ctx, message, until)
	return flight, said, false
}

// ask puts one hello to the server. If the server hangs up on it, also twice while
// no other is on its way and right after it took another one, it is hung up on: most
// likely turned down. Until a first hello was taken, nothing can be told from that.
func (q *inquiry) ask(ctx context.Context, message []byte, until hello.Until) (flight *hello.Flight, said answer, hungUp bool) {
	flight, said, alone := q.amongOthers(ctx, message, until)
	if q.settled(said) {
		return flight, said, false
	}
	q.alone.Lock()
	defer q.alone.Unlock()
	control := q.lastTaken()
	if control != nil && !q.takes(ctx, control) {
		q.end()
		return flight, saidNothing, false
	}
	hungUp = control != nil && said == saidNeither
	pauses := []time.Duration{breath, longBreath}
	if flight.Alert != nil {
		pauses = pauses[:1] // it was not too busy for that
	}
	for _, pause := range pauses {
		if !wait(ctx, pause) {
			return flight, saidNothing, false
		}
		left := alone && said == saidNeither
		flight, said = q.put(ctx, message, until)
		if said == saidYes || said == saidNo {
			q.learn(left)
			return flight, said, false
		}
		alone = true
		if hungUp = hungUp && said == saidNeither; !hungUp {
			break
		}
	}
	if control == nil {
		q.unanswered()
	}
	return flight, said, hungUp && !q.done() && !q.isFickle()
}

// settled tells whether there is nothing to be gained from asking once more.
func (q *inquiry) settled(said answer) bool { return said == saidYes || said == saidNo || q.done() }

// amongOthers puts a hello to the server: alone if it is shy, and else side by
// side with others.
func (q *inquiry) amongOthers(ctx context.Context, message []byte, until hello.Until) (flight *hello.Flight, said answer, alone bool) {
	if !q.isShy() {
		q.alone.RLock()
		defer q.alone.RUnlock()
		flight, said = q.put(ctx, message, until)
		return flight, said, false
	}
	q.alone.Lock()
	defer q.alone.Unlock()
	if !wait(ctx, breath) {
		return new(hello.Flight), saidNothing, true
	}
	flight, said = q.put(ctx, message, until)
	return flight, said, true
}

// takes tells whether the server still takes a hello that it took before.
func (q *inquiry) takes(ctx context.Context, message []byte) bool {
	pause, left := breath, false
	for range maxControls { // with pauses that grow
		if !wait(ctx, pause) {
			return false
		}
		_, said := q.put(ctx, message, hello.UntilHello)
		if said == saidYes {
			if left {
				q.learn(left)
			}
			return true
		}
		left = left || said == saidNeither
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
	flight, err := q.Offer(ctx, message, until)
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

// unanswered counts the hellos that came to nothing although they were alone.
func (q *inquiry) unanswered() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.silent++
	q.over = q.over || q.silent >= maxSilent
}

// beShy has all hellos go one at a time from now on.
func (q *inquiry) beShy() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.shy = true
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

// learn draws the conclusion from a hello that came to something in the end. If the
// server left it while it was alone, hanging up means nothing with this server: there
// may be several behind its address, and one of them ill.
func (q *inquiry) learn(left bool) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.shy = true
	q.fickle = q.fickle || left
}

func (q *inquiry) isFickle() bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.fickle
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
		group.Go(func() { errs[i] = Contain(task) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// errSilent is of a server that said nothing that is to be understood.
var errSilent = NewError(ReasonClosed, "the server answered no hello")
