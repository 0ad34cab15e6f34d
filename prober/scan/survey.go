package scan

import (
	"context"
	"errors"
	"sync"
	"time"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/hello"
)

// Survey sends many hellos to one server, within a budget of connections and at a
// pace. It tells a server that refuses a hello from one that is busy, or that limits
// connections.
//
// Several goroutines may send hellos at the same time. A hello without a clear answer
// is sent again while no other one is on its way. If that helps, the server is
// serial: from then on all hellos are sent one at a time.
type Survey struct {
	*Client
	pace  time.Duration // least time between the starts of two connections
	alone sync.RWMutex  // parallel hellos hold it for reading, a hello that is sent alone for writing

	mutex      sync.Mutex // guards what follows
	left       int        // connections that the budget still allows
	used       int        // connections so far
	next       time.Time  // earliest start of the next connection
	serial     bool       // the server wants one connection at a time
	unreliable bool       // it closes the connection on hellos that it accepts at other times
	over       bool       // no more hellos are sent: the budget is spent, or the server accepts none any more
	unanswered int        // hellos in a row without a clear answer, although sent alone, before any was accepted
	knownGood  []byte     // the last hello that was accepted
	err        error      // of the first hello without a clear answer
}

const (
	// SettleDelay gives a server time to notice that its last connection has ended,
	// before it gets one that has to be the only one. LongSettleDelay is for a busy
	// server.
	SettleDelay, LongSettleDelay = 50 * time.Millisecond, 400 * time.Millisecond
	// maxKnownGood is how often a hello that was accepted before is tried. If none of
	// these tries is accepted, the survey ends: the server accepts no more connections.
	maxKnownGood = 3
	// maxUnanswered is how many hellos in a row may go without a clear answer before
	// any is accepted. Then the survey ends. It is the number of versions: a server
	// that accepts a single version is asked for that one, in whatever order.
	maxUnanswered = 6
)

// NewSurvey begins a survey of c's server, of at most that many connections.
// Between the starts of two connections there is at least the time pace.
func NewSurvey(c *Client, connections int, pace time.Duration) *Survey {
	return &Survey{Client: c, left: connections, pace: pace}
}

// AskOnce sends one hello, over one connection. Closed is never true.
func (q *Survey) AskOnce(ctx context.Context, message []byte, until hello.Until) (flight *hello.Flight, answer Answer, closed bool) {
	flight, answer, _ = q.sendConcurrently(ctx, message, until)
	return flight, answer, false
}

// Ask sends one hello, and repeats it if there is no clear answer. Closed tells that
// the server most likely refuses the hello: it closed the connection on it again,
// twice while no other hello was on its way, and right after it had accepted another
// one. Until a first hello was accepted, closed is never true.
func (q *Survey) Ask(ctx context.Context, message []byte, until hello.Until) (flight *hello.Flight, answer Answer, closed bool) {
	flight, answer, alone := q.sendConcurrently(ctx, message, until)
	if q.conclusive(answer) {
		return flight, answer, false
	}
	q.alone.Lock()
	defer q.alone.Unlock()
	knownGood := q.KnownGood()
	if knownGood != nil && !q.accepts(ctx, knownGood) {
		q.end()
		return flight, Unanswered, false
	}
	closed = knownGood != nil && answer == Inconclusive
	pauses := []time.Duration{SettleDelay, LongSettleDelay}
	if flight.Alert != nil {
		pauses = pauses[:1] // it was not too busy to send an alert
	}
	for _, pause := range pauses {
		if !Wait(ctx, pause) {
			return flight, Unanswered, false
		}
		closedAlone := alone && answer == Inconclusive
		flight, answer = q.send(ctx, message, until)
		if answer == Accepted || answer == Refused {
			q.noteSerial(closedAlone)
			return flight, answer, false
		}
		alone = true
		if closed = closed && answer == Inconclusive; !closed {
			break
		}
	}
	if knownGood == nil {
		q.countUnanswered()
	}
	return flight, answer, closed && !q.done() && !q.Unreliable()
}

// conclusive tells whether nothing can be learned from sending the hello again.
func (q *Survey) conclusive(answer Answer) bool {
	return answer == Accepted || answer == Refused || q.done()
}

// sendConcurrently sends a hello: alone if the server is serial, and else in
// parallel to others.
func (q *Survey) sendConcurrently(ctx context.Context, message []byte, until hello.Until) (flight *hello.Flight, answer Answer, alone bool) {
	if !q.isSerial() {
		q.alone.RLock()
		defer q.alone.RUnlock()
		flight, answer = q.send(ctx, message, until)
		return flight, answer, false
	}
	q.alone.Lock()
	defer q.alone.Unlock()
	if !Wait(ctx, SettleDelay) {
		return new(hello.Flight), Unanswered, true
	}
	flight, answer = q.send(ctx, message, until)
	return flight, answer, true
}

// accepts tells whether the server still accepts a hello that it accepted before.
// The pauses between the tries grow.
func (q *Survey) accepts(ctx context.Context, message []byte) bool {
	pause, closed := SettleDelay, false
	for range maxKnownGood {
		if !Wait(ctx, pause) {
			return false
		}
		_, answer := q.send(ctx, message, hello.UntilHello)
		if answer == Accepted {
			if closed {
				q.noteSerial(true)
			}
			return true
		}
		closed = closed || answer == Inconclusive
		pause *= 4
	}
	return false
}

// send sends a hello over one connection, if the survey may make another one.
func (q *Survey) send(ctx context.Context, message []byte, until hello.Until) (*hello.Flight, Answer) {
	pause, ok := q.admit()
	if !ok || !Wait(ctx, pause) {
		return new(hello.Flight), Unanswered
	}
	flight, err := q.Offer(ctx, message, until)
	answer := AnswerOf(flight, err)
	q.note(message, answer, err)
	return flight, answer
}

// admit takes a connection out of the budget, and tells how long to wait with it.
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

func (q *Survey) note(message []byte, answer Answer, err error) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	switch answer {
	case Accepted:
		q.knownGood, q.unanswered = message, 0
	case Refused:
		q.unanswered = 0
	default:
		if q.err == nil {
			q.err = err
		}
	}
}

// countUnanswered counts a hello without a clear answer although it was sent alone.
func (q *Survey) countUnanswered() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.unanswered++
	q.over = q.over || q.unanswered >= maxUnanswered
}

// BeSerial has all hellos sent one at a time from now on.
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

// noteSerial notes that a hello got a clear answer only when it was sent again. If
// the server had closed the connection although the hello was sent alone, a closed
// connection says nothing about this server: there may be several behind its
// address, one of them faulty.
func (q *Survey) noteSerial(closedAlone bool) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.serial = true
	q.unreliable = q.unreliable || closedAlone
}

// Unreliable tells whether the server closes the connection on hellos that it
// accepts at other times. No refusal can then be concluded from that.
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

// KnownGood is the last hello that the server accepted; nil: it has accepted none.
func (q *Survey) KnownGood() []byte {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.knownGood
}

// Connections is how many connections there were.
func (q *Survey) Connections() int {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return q.used
}

// Failure is the reason where nothing was learned: the error of the first hello
// without a clear answer, or ErrNoAnswer.
func (q *Survey) Failure() error {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if q.err != nil {
		return q.err
	}
	return ErrNoAnswer
}

// Wait waits for the pause. It is false if ctx ends before.
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

// Parallel runs the tasks at the same time and waits for all of them. A panic of a
// task is an error.
func Parallel(tasks ...func()) error {
	errs := make([]error, len(tasks))
	var group sync.WaitGroup
	for i, task := range tasks {
		group.Go(func() { errs[i] = failure.Contain(task) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// ErrNoAnswer says that the server gave no clear answer to any hello.
var ErrNoAnswer = failure.New(failure.ReasonClosed, "the server answered no hello")
