package scan

import (
	"context"
	"errors"
	"sync"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/hello"
)

// Survey puts many hellos to one server: within a budget of connections, at a
// pace, and so that a server that is busy or tired of us is not taken for one
// that says no.
//
// Hellos may go side by side. One that comes to nothing is put again while no
// other is, and if that helps, all of them go one at a time from then on.
type Survey struct {
	*Client
	pace  time.Duration // between the beginnings of two connections, at least
	alone sync.RWMutex  // hellos side by side share it; one that is alone has it to itself

	mutex      sync.Mutex // guards what follows
	left       int        // of the budget, in connections
	used       int
	next       time.Time // of the next connection, at the earliest
	serial     bool      // the server wants one connection at a time
	unreliable bool      // it hangs up on what it takes at other times
	over       bool      // nothing more is to be learned: the budget is spent, or the server tired
	silent     int       // hellos on end that came to nothing although they were alone, before any was taken
	knownGood  []byte    // the last hello that was taken
	err        error     // of the first hello that came to nothing
}

const (
	// breath is how long a server has to notice that a connection has ended,
	// before it gets one that is to be the only one; longBreath, a busy one.
	SettleDelay, LongSettleDelay = 50 * time.Millisecond, 400 * time.Millisecond
	// maxControls is how often a hello that was taken before is put again, until
	// the server is tired of us.
	maxKnownGood = 3
	// maxSilent is how many hellos on end may come to nothing before one is taken.
	// Then the server is left in peace. It is as many as there are versions: one that
	// takes a single version is to be asked for it, whichever is asked for first.
	maxSilent = 6
)

func NewSurvey(c *Client, connections int, pace time.Duration) *Survey {
	return &Survey{Client: c, left: connections, pace: pace}
}

// AskOnce puts one hello to the server, and leaves it at that.
func (q *Survey) AskOnce(ctx context.Context, message []byte, until hello.Until) (flight *hello.Flight, said Answer, hungUp bool) {
	flight, said, _ = q.askConcurrently(ctx, message, until)
	return flight, said, false
}

// Ask puts one hello to the server. If the server hangs up on it, also twice while
// no other is on its way and right after it took another one, it is hung up on: most
// likely turned down. Until a first hello was taken, nothing can be told from that.
func (q *Survey) Ask(ctx context.Context, message []byte, until hello.Until) (flight *hello.Flight, said Answer, hungUp bool) {
	flight, said, alone := q.askConcurrently(ctx, message, until)
	if q.conclusive(said) {
		return flight, said, false
	}
	q.alone.Lock()
	defer q.alone.Unlock()
	control := q.KnownGood()
	if control != nil && !q.accepts(ctx, control) {
		q.end()
		return flight, Unanswered, false
	}
	hungUp = control != nil && said == Inconclusive
	pauses := []time.Duration{SettleDelay, LongSettleDelay}
	if flight.Alert != nil {
		pauses = pauses[:1] // it was not too busy for that
	}
	for _, pause := range pauses {
		if !Wait(ctx, pause) {
			return flight, Unanswered, false
		}
		left := alone && said == Inconclusive
		flight, said = q.put(ctx, message, until)
		if said == Accepted || said == Refused {
			q.learn(left)
			return flight, said, false
		}
		alone = true
		if hungUp = hungUp && said == Inconclusive; !hungUp {
			break
		}
	}
	if control == nil {
		q.unanswered()
	}
	return flight, said, hungUp && !q.done() && !q.Unreliable()
}

// conclusive tells whether there is nothing to be gained from asking once more.
func (q *Survey) conclusive(said Answer) bool { return said == Accepted || said == Refused || q.done() }

// askConcurrently puts a hello to the server: alone if it is shy, and else side by
// side with others.
func (q *Survey) askConcurrently(ctx context.Context, message []byte, until hello.Until) (flight *hello.Flight, said Answer, alone bool) {
	if !q.isSerial() {
		q.alone.RLock()
		defer q.alone.RUnlock()
		flight, said = q.put(ctx, message, until)
		return flight, said, false
	}
	q.alone.Lock()
	defer q.alone.Unlock()
	if !Wait(ctx, SettleDelay) {
		return new(hello.Flight), Unanswered, true
	}
	flight, said = q.put(ctx, message, until)
	return flight, said, true
}

// accepts tells whether the server still takes a hello that it took before.
func (q *Survey) accepts(ctx context.Context, message []byte) bool {
	pause, left := SettleDelay, false
	for range maxKnownGood { // with pauses that grow
		if !Wait(ctx, pause) {
			return false
		}
		_, said := q.put(ctx, message, hello.UntilHello)
		if said == Accepted {
			if left {
				q.learn(left)
			}
			return true
		}
		left = left || said == Inconclusive
		pause *= 4
	}
	return false
}

// put is one connection, if there may be another one.
func (q *Survey) put(ctx context.Context, message []byte, until hello.Until) (*hello.Flight, Answer) {
	pause, ok := q.admit()
	if !ok || !Wait(ctx, pause) {
		return new(hello.Flight), Unanswered
	}
	flight, err := q.Offer(ctx, message, until)
	said := AnswerOf(flight, err)
	q.note(message, said, err)
	return flight, said
}

// admit takes a connection out of the budget, and tells how long to wait for it.
func (q *Survey) admit() (pause time.Duration, ok bool) {
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

func (q *Survey) note(message []byte, said Answer, err error) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	switch said {
	case Accepted:
		q.knownGood, q.silent = message, 0
	case Refused:
		q.silent = 0
	default:
		if q.err == nil {
			q.err = err
		}
	}
}

// unanswered counts the hellos that came to nothing although they were alone.
func (q *Survey) unanswered() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.silent++
	q.over = q.over || q.silent >= maxSilent
}

// BeSerial has all hellos go one at a time from now on.
func (q *Survey) BeSerial() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.serial = true
}

func (q *Survey) end() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.over = true
}

func (q *Survey) done() bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.over
}

// learn draws the conclusion from a hello that came to something in the end. If the
// server left it while it was alone, hanging up means nothing with this server: there
// may be several behind its address, and one of them ill.
func (q *Survey) learn(left bool) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.serial = true
	q.unreliable = q.unreliable || left
}

func (q *Survey) Unreliable() bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.unreliable
}

func (q *Survey) isSerial() bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.serial
}

func (q *Survey) KnownGood() []byte {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.knownGood
}

// Connections is how many there were.
func (q *Survey) Connections() int {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.used
}

// Failure is why nothing was learned.
func (q *Survey) Failure() error {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if q.err != nil {
		return q.err
	}
	return ErrNoAnswer
}

// Wait tells whether the time has passed before ctx ended.
func Wait(ctx context.Context, pause time.Duration) bool {
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

// Parallel does several things at once and waits for all of them. What a
// stranger's bytes make panic is its error.
func Parallel(tasks ...func()) error {
	errs := make([]error, len(tasks))
	var group sync.WaitGroup
	for i, task := range tasks {
		group.Go(func() { errs[i] = failure.Contain(task) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// ErrNoAnswer is of a server that said nothing that is to be understood.
var ErrNoAnswer = failure.New(failure.ReasonClosed, "the server answered no hello")
