// Package check runs the checks of a probe in parallel, and caches costly findings.
package check

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/failure"
)

// Outcome is how one check of the module went.
type Outcome struct {
	Name     string
	Duration time.Duration
	Time     time.Time        // when its finding was made
	Failure  *failure.Failure // nil: it has a finding
}

// Slot is a check in the table of checks: the module sets the options, and a probe
// the finding.
type Slot[Options, Finding any] struct {
	Options *Options // nil: the check is off
	Finding *Finding // nil: there is none
}

// Enable turns the check on, with its defaults, unless it is on already.
func (s *Slot[Options, Finding]) Enable() *Options {
	if s.Options == nil {
		s.Options = new(Options)
	}
	return s.Options
}

// Decode turns the check on and returns its options, for a decoder to fill.
func (s *Slot[Options, Finding]) Decode() any {
	s.Options = new(Options)
	return s.Options
}

// Judge runs a check that asks the server nothing, if it is on.
func (s *Slot[Options, Finding]) Judge(run *Run, name string, judge func(*Options) (*Finding, error)) {
	if s.Options == nil {
		return
	}
	start := time.Now()
	done := Outcome{Name: name, Time: start}
	var err error
	if panicked := failure.Contain(func() { s.Finding, err = judge(s.Options) }); panicked != nil {
		err = panicked
	}
	if err != nil {
		s.Finding, done.Failure = nil, &failure.Failure{Reason: failure.Of(err), Err: err}
	}
	done.Duration = time.Since(start)
	run.add(done)
}

// Question is the options of a check whose finding is costly, and cached between
// probes.
type Question[Finding any] interface {
	// Find asks the server.
	Find(ctx context.Context, e *endpoint.Endpoint) (*Finding, error)
	// MaxAge is how old a finding may become.
	MaxAge() time.Duration
	// Key is all else of the options that the finding depends on.
	Key() string
}

// Sized is a finding that knows how many bytes it takes.
type Sized interface{ Size() int }

// patient is a question that may take longer than scanTimeout.
type patient interface{ Patience() time.Duration }

// Cached is a slot of a check whose finding is cached between probes. An older
// finding is shown also where the server cannot be reached now: it says when it
// was made.
type Cached[Options Question[Finding], Finding Sized] struct{ Slot[Options, Finding] }

// Ask runs the check in parallel to others, if it is on.
func (s *Cached[Options, Finding]) Ask(ctx context.Context, run *Run, name string) {
	if s.Options == nil {
		return
	}
	e, question := run.Endpoint, *s.Options
	q := &request{
		key: key{s.asked(name, run.RouteKey), digest(fmt.Sprintf("%+v", *e.Target))}, server: e.Target.Server(), maxAge: question.MaxAge(),
		find: func(ctx context.Context) (Sized, error) {
			found, err := question.Find(ctx, e)
			if err != nil {
				return nil, err
			}
			return any(found).(Sized), nil
		},
	}
	if question, ok := any(question).(patient); ok {
		q.timeout = question.Patience()
	}
	run.group.Go(func() {
		answer, err := run.ask(ctx, q)
		done := Outcome{Name: name, Time: answer.made, Duration: answer.took}
		if err != nil {
			done.Failure = &failure.Failure{Reason: failure.Of(err), Err: err}
		} else {
			s.Finding = any(answer.found).(*Finding)
		}
		run.add(done)
	})
}

// CacheKey is what the check asks on a route, with all that the finding depends
// on; false: it is off.
func (s *Cached[Options, Finding]) CacheKey(name, routeKey string) ([16]byte, bool) {
	if s.Options == nil {
		return [16]byte{}, false
	}
	return s.asked(name, routeKey), true
}

func (s *Cached[Options, Finding]) asked(name, routeKey string) [16]byte {
	return digest(fmt.Sprintf("%s %s %s", name, (*s.Options).Key(), routeKey))
}

// Run is the checks of one probe, in parallel. Each writes its own slot, so they
// need no lock but the one around the list of their outcomes.
type Run struct {
	Endpoint *endpoint.Endpoint
	Cache    *Cache
	RouteKey string    // how the module reaches servers
	Start    time.Time // of the probe

	group sync.WaitGroup
	mutex sync.Mutex
	done  []Outcome
}

func (r *Run) add(done Outcome) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.done = append(r.done, done)
}

// Wait returns the outcomes of the checks that ran, by name, when all are done.
func (r *Run) Wait() []Outcome {
	r.group.Wait()
	slices.SortFunc(r.done, func(a, b Outcome) int { return cmp.Compare(a.Name, b.Name) })
	return r.done
}

// ask asks for a cached finding. A server that cannot be reached now is not asked;
// its cached finding is shown, unless it may not be probed any more.
func (r *Run) ask(ctx context.Context, q *request) (entry, error) {
	down := r.Endpoint.Down
	if down == nil {
		return r.Cache.ask(ctx, q)
	}
	if answer := r.Cache.recall(q); answer.found != nil && down.Reason != failure.ReasonDenied {
		return answer, nil
	}
	return entry{made: r.Start}, down
}

// DefaultMaxAge is how old the finding of a scan may become where nobody says
// otherwise: what a server takes changes when somebody changes its configuration.
const DefaultMaxAge = time.Hour
