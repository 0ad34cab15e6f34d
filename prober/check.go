package prober

import (
	"cmp"
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// check runs what the module asks for beside the line.
func (p *Prober) check(ctx context.Context, e *endpoint) {
	r, m := e.result, &p.module
	var checks checks
	run(ctx, &checks, e, "expect", m.Expect, &r.Expect, expect)
	runKept(ctx, &checks, e, "versions", m.Versions, &r.Versions, versions)
	runKept(ctx, &checks, e, "ciphers", m.Ciphers, &r.Ciphers, ciphers)
	runKept(ctx, &checks, e, "resumption", m.Resumption, &r.Resumption, resumption)
	runKept(ctx, &checks, e, "vulnerabilities", m.Vulnerabilities, &r.Vulnerabilities, vulnerabilities)
	r.Checks = checks.wait()
	run(ctx, &checks, e, "policy", m.Policy, &r.Compliance, comply) // judges what the others found
	r.Checks = checks.wait()
	if r.Expect != nil {
		r.Expect.meet(r)
	}
}

// checks are the checks of one probe, side by side. Each writes its own part of
// the Result, so they need no lock but the one around their list.
type checks struct {
	group sync.WaitGroup
	mutex sync.Mutex
	done  []Check
}

// run starts one check, if the module has options for it: it times it, keeps
// its finding, names its failure and contains a panic, so that one bad answer
// cannot blind the rest.
func run[Options, Finding any](ctx context.Context, c *checks, e *endpoint, name string, options *Options, finding **Finding,
	find func(context.Context, *endpoint, *Options) (*Finding, error)) {
	if options == nil {
		return
	}
	c.group.Go(func() {
		start := time.Now()
		done := Check{Name: name, Time: start}
		var found *Finding
		var err error
		if panicked := contain(func() { found, err = find(ctx, e, options) }); panicked != nil {
			err = panicked
		}
		if err != nil {
			done.Failure = &Failure{Reason: reasonFor(err), Err: err}
		} else {
			*finding = found
		}
		done.Duration = time.Since(start)
		c.add(done)
	})
}

func (c *checks) add(done Check) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.done = append(c.done, done)
}

// keepable is options of a check whose finding is costly, and kept between probes.
type keepable interface {
	age() time.Duration // that a finding may reach
	parameters() string // all else that it depends on
}

// lengthy is options of a check that may take longer than others.
type lengthy interface{ patience() time.Duration }

// runKept starts one check, if the module has options for it, whose finding is
// kept between probes. An older one is shown also where the server cannot be
// reached now: it says when it was made.
func runKept[Options keepable, Finding any, Sized interface {
	*Finding
	sized
}](ctx context.Context, c *checks, e *endpoint, name string, options *Options, finding **Finding,
	find func(context.Context, *endpoint, *Options) (*Finding, error)) {
	if options == nil {
		return
	}
	lasting := &endpoint{prober: e.prober, target: e.target, addrs: e.addrs, session: e.session, chain: e.chain}
	q := &wanted{
		key:    keptKey{e.prober.asks(name, *options), digest(fmt.Sprintf("%+v", e.target))},
		server: e.target.FarEnd(), every: (*options).age(),
		find: func(ctx context.Context) (sized, error) {
			found, err := find(ctx, lasting, options)
			if err != nil {
				return nil, err
			}
			return Sized(found), nil
		},
	}
	if lengthy, ok := any(*options).(lengthy); ok {
		q.takes = lengthy.patience()
	}
	c.group.Go(func() {
		answer, err := e.ask(ctx, q)
		done := Check{Name: name, Time: answer.made, Duration: answer.took}
		if err != nil {
			done.Failure = &Failure{Reason: reasonFor(err), Err: err}
		} else {
			*finding = (*Finding)(answer.found.(Sized))
		}
		c.add(done)
	})
}

// contain does what a stranger's bytes may make panic. That is then an error.
func contain(do func()) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanic, cause, debug.Stack())
		}
	}()
	do()
	return nil
}

// wait returns the checks that ran, by name, when all of them are done.
func (c *checks) wait() []Check {
	c.group.Wait()
	slices.SortFunc(c.done, func(a, b Check) int { return cmp.Compare(a.Name, b.Name) })
	return c.done
}
