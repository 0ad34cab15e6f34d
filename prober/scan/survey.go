package scan

import (
	"context"
	"sync"
	"time"

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
	// Candidate is a hello that may show that the server still accepts connections, while
	// it has accepted no other one; nil: there is none.
	Candidate []byte

	alone sync.RWMutex // parallel hellos hold it for reading, a hello that is sent alone for writing
	state
}

const (
	// settleDelay gives a server time to notice that its last connection has ended,
	// before it gets one that has to be the only one. longSettleDelay is for a busy
	// server.
	settleDelay, longSettleDelay = 50 * time.Millisecond, 400 * time.Millisecond
	// maxKnownGood is how often a hello that was accepted before is tried. If none of
	// these tries is accepted, the survey ends: the server accepts no more connections.
	maxKnownGood = 3
)

// NewSurvey begins a survey of c's server, of at most that many connections.
// Between the starts of two connections there is at least the time pace.
func NewSurvey(c *Client, connections int, pace time.Duration) *Survey {
	return &Survey{Client: c, state: state{left: connections, pace: pace}}
}

// offer is a hello to send.
type offer struct {
	message  []byte
	until    hello.Until
	keepOpen bool // sent by Open
}

// AskOnce sends one hello over one connection. The answer is never Closed.
func (s *Survey) AskOnce(ctx context.Context, message []byte, until hello.Until) (*hello.Flight, Answer) {
	x, answer, _ := s.sendConcurrently(ctx, offer{message, until, false})
	return x.Flight, answer
}

// Ask sends one hello, and repeats it if there is no clear answer. The answer is never
// Closed before a first hello was accepted.
func (s *Survey) Ask(ctx context.Context, message []byte, until hello.Until) (*hello.Flight, Answer) {
	o := offer{message, until, false}
	x, answer, alone := s.sendConcurrently(ctx, o)
	if answer == Unanswered || answer == Inconclusive {
		x, answer = s.resolve(ctx, o, x, answer, alone)
	}
	return x.Flight, answer
}

// Open is Ask with an exchange that stays open if the answer is Accepted. The caller
// closes it. Open uses fewer connections than Ask: it does not repeat a hello that was
// not answered in time, and once a server is known to refuse by closing connections, it
// repeats a hello only once.
func (s *Survey) Open(ctx context.Context, message []byte, until hello.Until) (*Exchange, Answer) {
	o := offer{message, until, true}
	x, answer, alone := s.sendConcurrently(ctx, o)
	if answer == Inconclusive {
		x, answer = s.resolve(ctx, o, x, answer, alone)
	}
	return x, answer
}

// resolve repeats an offer without a clear answer, while no other hello is on its way.
// Before that it makes sure that the server still accepts connections: it has to accept
// a hello that it has accepted before. Alone tells whether the offer was sent alone.
func (s *Survey) resolve(ctx context.Context, o offer, x *Exchange, answer Answer, alone bool) (*Exchange, Answer) {
	if s.Done() {
		return x, answer
	}
	s.alone.Lock()
	defer s.alone.Unlock()
	known, ok := s.acceptsKnownGood(ctx)
	if !ok {
		s.End()
		return x, Unanswered
	}
	closed := known && answer == Inconclusive
	for _, pause := range s.pauses(o, x) {
		if !wait(ctx, pause) {
			return x, Unanswered
		}
		closedAlone := alone && answer == Inconclusive
		x, answer = s.send(ctx, o)
		if answer == Accepted || answer == Refused {
			s.noteSerial(closedAlone)
			return x, answer
		}
		alone = true
		if closed = closed && answer == Inconclusive; !closed {
			break
		}
	}
	if !known {
		s.countUnanswered()
	}
	if closed && s.noteClosed() {
		answer = Closed
	}
	return x, answer
}

// pauses are those before each repetition of an offer.
func (s *Survey) pauses(o offer, x *Exchange) []time.Duration {
	switch {
	case x.Flight.Alert != nil: // it was not too busy to send an alert
		return []time.Duration{settleDelay}
	case o.keepOpen && s.refusesByClosing():
		return []time.Duration{longSettleDelay}
	}
	return []time.Duration{settleDelay, longSettleDelay}
}

// acceptsKnownGood tells whether the server still accepts a hello that it accepted
// before. Known is false if there is no such hello, and it does not accept the candidate.
func (s *Survey) acceptsKnownGood(ctx context.Context) (known, ok bool) {
	knownGood := s.KnownGood()
	if knownGood == nil {
		return s.Candidate != nil && s.accepts(ctx, s.Candidate, 1), true
	}
	return true, s.accepts(ctx, knownGood, maxKnownGood)
}

// accepts tells whether the server accepts a hello in one of several tries, with pauses
// that grow.
func (s *Survey) accepts(ctx context.Context, message []byte, tries int) bool {
	pause, closed := settleDelay, false
	for range tries {
		if !wait(ctx, pause) {
			return false
		}
		_, answer := s.send(ctx, offer{message, hello.UntilHello, false})
		if answer == Accepted {
			if closed {
				s.noteSerial(true)
			}
			return true
		}
		closed = closed || answer == Inconclusive
		pause *= 4
	}
	return false
}

// sendConcurrently sends an offer: alone if the server is serial, and else in parallel
// to others.
func (s *Survey) sendConcurrently(ctx context.Context, o offer) (x *Exchange, answer Answer, alone bool) {
	if !s.isSerial() {
		s.alone.RLock()
		defer s.alone.RUnlock()
		x, answer = s.send(ctx, o)
		return x, answer, false
	}
	s.alone.Lock()
	defer s.alone.Unlock()
	if !wait(ctx, settleDelay) {
		return noExchange(), Unanswered, true
	}
	x, answer = s.send(ctx, o)
	return x, answer, true
}

// send sends an offer over one connection, if the survey may make another one.
func (s *Survey) send(ctx context.Context, o offer) (*Exchange, Answer) {
	pause, ok := s.admit()
	if !ok || !wait(ctx, pause) {
		return noExchange(), Unanswered
	}
	x := s.Client.Open(ctx, o.message, o.until)
	answer := o.answer(x)
	if !o.keepOpen || answer != Accepted {
		x.Close()
	}
	s.note(o.message, answer, x.Err)
	return x, answer
}

// answer classifies the answer to an offer. One of TLS that it cannot decode SSL 2.0 refuses
// that: rustls does so.
func (o offer) answer(x *Exchange) Answer {
	ssl2 := len(o.message) > 0 && o.message[0]&0x80 != 0
	if alert := x.Flight.Alert; ssl2 && alert != nil && alert.Description == hello.DecodeError {
		return Refused
	}
	return AnswerOf(x.Flight, x.Err)
}

// noExchange is the exchange where no connection was made.
func noExchange() *Exchange { return &Exchange{Flight: new(hello.Flight), Err: ErrNoAnswer} }
