package scan

import (
	"sync"
	"time"

	"tls_exporter/prober/failure"
)

// state is what a survey knows about its server so far. Several goroutines may use it.
type state struct {
	mutex      sync.Mutex    // guards the other fields
	pace       time.Duration // least time between the starts of two connections
	left       int           // connections that the budget still allows
	used       int           // connections so far
	next       time.Time     // earliest start of the next connection
	serial     bool          // the server wants one connection at a time
	unreliable bool          // it closes the connection on hellos that it accepts at other times
	closes     bool          // it refuses by closing the connection
	over       bool          // no more hellos are sent: the budget is spent, or the server accepts none any more
	unanswered int           // hellos in a row without a clear answer, although sent alone, before any was accepted
	knownGood  []byte        // the last hello that was accepted
	err        error         // of the first hello without a clear answer
}

// maxUnanswered is how many hellos in a row may go without a clear answer before any is
// accepted. Then the survey ends. It is the number of versions: a server that accepts a
// single version is asked for that one, in whatever order.
const maxUnanswered = 6

// admit takes a connection out of the budget, and tells how long to wait with it.
func (s *state) admit() (pause time.Duration, ok bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.over || s.left == 0 {
		s.over = true
		return 0, false
	}
	s.left--
	s.used++
	now := time.Now()
	if s.next.Before(now) {
		s.next = now
	}
	pause = s.next.Sub(now)
	s.next = s.next.Add(s.pace)
	return pause, true
}

// note notes the answer to a hello.
func (s *state) note(message []byte, answer Answer, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	switch answer {
	case Accepted:
		s.knownGood, s.unanswered = message, 0
	case Refused:
		s.unanswered = 0
	default:
		if s.err == nil {
			s.err = err
		}
	}
}

// countUnanswered counts a hello without a clear answer although it was sent alone.
func (s *state) countUnanswered() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.unanswered++
	s.over = s.over || s.unanswered >= maxUnanswered
}

// BeSerial has all hellos sent one at a time from now on.
func (s *state) BeSerial() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.serial = true
}

// End ends the survey: no more hellos are sent.
func (s *state) End() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.over = true
}

// Done tells whether the survey has ended: the budget is spent, or the server accepts no
// more connections.
func (s *state) Done() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.over
}

// noteSerial notes that a hello got a clear answer only when it was sent again. If
// the server had closed the connection although the hello was sent alone, a closed
// connection says nothing about this server: there may be several behind its
// address, one of them faulty.
func (s *state) noteSerial(closedAlone bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.serial = true
	s.unreliable = s.unreliable || closedAlone
}

// noteClosed notes that the server closed the connection on a hello every time. It is
// false if nothing can be concluded from that.
func (s *state) noteClosed() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.over || s.unreliable {
		return false
	}
	s.closes = true
	return true
}

// refusesByClosing tells whether the server has refused a hello by closing the
// connection.
func (s *state) refusesByClosing() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.closes
}

// Unreliable tells whether the server closes the connection on hellos that it
// accepts at other times. No refusal can then be concluded from that.
func (s *state) Unreliable() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.unreliable
}

func (s *state) isSerial() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.serial
}

// KnownGood is the last hello that the server accepted; nil: it has accepted none.
func (s *state) KnownGood() []byte {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.knownGood
}

// Connections is how many connections there were.
func (s *state) Connections() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.used
}

// Failure is the reason where nothing was learned: the error of the first hello
// without a clear answer, or ErrNoAnswer.
func (s *state) Failure() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.err != nil {
		return s.err
	}
	return ErrNoAnswer
}

// ErrNoAnswer says that the server gave no clear answer to any hello.
var ErrNoAnswer = failure.New(failure.ReasonClosed, "the server answered no hello")
