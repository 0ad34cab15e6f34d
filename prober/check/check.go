// Package check runs the checks of a probe in parallel, and caches findings that are
// costly to make.
package check

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/identity"
)

// Outcome tells how one check of a probe went.
type Outcome struct {
	Name     string
	Duration time.Duration    // of making the finding
	Time     time.Time        // when the finding was made
	Failure  *failure.Failure // nil: it has a finding
}

// Slot is a check in the table of checks. A module sets the options, a probe sets
// the finding.
type Slot[Options, Finding any] struct {
	Options *Options // nil: the check is off
	Finding *Finding // nil: there is none
}

// Enable turns the check on with its defaults, unless it is on already, and returns
// its options.
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

// Start runs a check in parallel to others, within the probe, if it is on. It is for checks
// whose finding depends on what this probe saw, and that cache what they fetch themselves.
// Run.Wait waits for it. A panic of find fails this check alone.
func (s *Slot[Options, Finding]) Start(run *Run, name string, find func(*Options) (*Finding, error)) {
	if s.Options != nil {
		run.group.Go(func() { s.Judge(run, name, find) })
	}
}

// Judge runs a check at once, if it is on. It is for checks that send nothing. A panic of
// judge fails this check alone.
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
// probes. Findings of different options are cached apart, but for fields with the tag
// `key:"-"`, on which the finding does not depend.
type Question[Finding any] interface {
	// Find makes the finding, over connections to the server.
	Find(ctx context.Context, e *endpoint.Endpoint) (*Finding, error)
	// MaxAge is how old a cached finding may become.
	MaxAge() time.Duration
}

// Sized is a finding that knows its own size in bytes.
type Sized interface{ Size() int }

// patient is a question that may take longer than ScanTimeout.
type patient interface{ Patience() time.Duration }

// Cached is the slot of a check whose finding is cached between probes. A cached
// finding is shown also while the server cannot be reached. The outcome says when it
// was made.
type Cached[Options Question[Finding], Finding Sized] struct{ Slot[Options, Finding] }

// Ask starts the check in parallel to others, if it is on. Run.Wait waits for it.
func (s *Cached[Options, Finding]) Ask(ctx context.Context, run *Run, name string) {
	if s.Options == nil {
		return
	}
	e, question := run.Endpoint, *s.Options
	q := &request{
		key: key{s.cacheKey(name, run.ModuleKey), run.targetKey()}, server: e.Target.Server(), maxAge: question.MaxAge(),
		find: func(ctx context.Context) (Sized, error) { return find(ctx, question, e) },
	}
	if question, ok := any(question).(patient); ok {
		q.timeout = question.Patience()
	}
	run.group.Go(func() {
		answer, err := run.get(ctx, q)
		done := Outcome{Name: name, Time: answer.made, Duration: answer.took}
		if err != nil {
			done.Failure = &failure.Failure{Reason: failure.Of(err), Err: err}
		} else {
			s.Finding = any(answer.found).(*Finding)
		}
		run.add(done)
	})
}

// find makes a finding. It ends, without one, when the exporter could not make a
// connection for a fault of its own: what the server would have answered is not known.
func find[Finding Sized](ctx context.Context, question Question[Finding], e *endpoint.Endpoint) (Sized, error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	found, err := question.Find(ctx, e.Watched(end))
	if blind, ok := errors.AsType[*failure.Failure](context.Cause(ctx)); ok {
		return nil, blind
	}
	if err != nil {
		return nil, err
	}
	return any(found).(Sized), nil
}

// Found returns the finding; nil: there is none.
func (s *Cached[Options, Finding]) Found() Sized {
	if s.Finding == nil {
		return nil
	}
	return any(s.Finding).(Sized)
}

// CacheKey identifies what the check asks: its name, its options and its module. It is
// false if the check is off.
func (s *Cached[Options, Finding]) CacheKey(name string, moduleKey [16]byte) ([16]byte, bool) {
	if s.Options == nil {
		return [16]byte{}, false
	}
	return s.cacheKey(name, moduleKey), true
}

func (s *Cached[Options, Finding]) cacheKey(name string, moduleKey [16]byte) [16]byte {
	return identity.Of(name, *s.Options, moduleKey)
}

// Run runs the checks of one probe in parallel. Each writes to its own slot, so only
// the list of their outcomes needs a lock.
type Run struct {
	Endpoint  *endpoint.Endpoint
	Cache     *Cache
	ModuleKey [16]byte  // identifies the options of the module that are not a check's
	Start     time.Time // of the probe

	target *[16]byte // identifies the target; nil: not made yet
	group  sync.WaitGroup
	mutex  sync.Mutex
	done   []Outcome
}

// targetKey is the same for all checks of the run.
func (r *Run) targetKey() [16]byte {
	if r.target == nil {
		key := identity.Of(*r.Endpoint.Target)
		r.target = &key
	}
	return *r.target
}

func (r *Run) add(done Outcome) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.done = append(r.done, done)
}

// Wait waits for all checks and returns their outcomes, sorted by name.
func (r *Run) Wait() []Outcome {
	r.group.Wait()
	slices.SortFunc(r.done, func(a, b Outcome) int { return cmp.Compare(a.Name, b.Name) })
	return r.done
}

// get returns the finding, from the cache if it can. If the server cannot be reached
// now, it is sent nothing and the cached finding is shown, unless the server may not
// be probed any more.
func (r *Run) get(ctx context.Context, q *request) (entry, error) {
	down := r.Endpoint.Down
	if down == nil {
		return r.Cache.get(ctx, q)
	}
	if answer := r.Cache.cached(q); answer.found != nil && down.Reason != failure.ReasonDenied {
		return answer, nil
	}
	return entry{made: r.Start}, down
}

// DefaultMaxAge is how old a finding may become by default. What a server accepts
// changes only with its configuration.
const DefaultMaxAge = time.Hour
