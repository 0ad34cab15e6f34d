package server

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/prober/failure"
)

// Until the first scrape the pages have nothing to show. So the exporter can probe every
// configured target once: at start, or when somebody asks for it on the page.

// A run over all targets has probes of its own beside --probe.max-concurrent: they take no
// slot from scrapes, so no scrape gets 503 because of a run.
const (
	runShare    = 4           // the probes of a run are at most this part of --probe.max-concurrent
	maxInRun    = 64          // and at most these
	runInterval = time.Minute // from the end of a run to the start of the next
	triesInRun  = 3           // probes of a target whose scan takes longer than a probe
)

// InRun is the most probes of a run over all targets that are in flight, for this
// --probe.max-concurrent.
func InRun(maxConcurrent int) int { return min(maxInRun, max(1, maxConcurrent/runShare)) }

// run is the run over all targets: there is one at most.
type run struct {
	now       func() time.Time
	requested chan struct{} // has room for one request

	mutex    sync.Mutex
	progress Progress
	ended    time.Time // the last run; zero: there was none
}

// Progress is how far a run over all targets is.
type Progress struct {
	Running     bool // requested or running
	Done, Total int  // targets; Total is 0 until the run has begun
}

func newRun() *run { return &run{now: time.Now, requested: make(chan struct{}, 1)} }

// ProbeAll requests one probe of every configured target, which ServeProbeAll performs. It
// does not wait. It does nothing while such a run is requested or running; if the last
// one ended a short time ago, it returns how long to wait.
func (e *Exporter) ProbeAll() (wait time.Duration) {
	r := e.run
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.progress.Running {
		return 0
	}
	if !r.ended.IsZero() {
		if wait = runInterval - r.now().Sub(r.ended); wait > 0 {
			return wait
		}
	}
	r.progress = Progress{Running: true}
	r.requested <- struct{}{}
	return 0
}

// ServeProbeAll performs the runs that ProbeAll requests, until ctx ends. Then it waits for
// its probes, which end with ctx too.
func (e *Exporter) ServeProbeAll(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.run.requested:
			e.probeAll(ctx)
		}
	}
}

// Progress is that of the run over all targets.
func (e *Exporter) Progress() Progress {
	e.run.mutex.Lock()
	defer e.run.mutex.Unlock()
	return e.run.progress
}

// probeAll probes every configured target once with its module. A target that is listed
// several times, with other labels, is one target.
func (e *Exporter) probeAll(ctx context.Context) {
	requests := e.configured()
	e.run.begin(len(requests))
	defer e.run.end()
	logger, start := e.options.Logger, time.Now()
	logger.Info("Probing all configured targets once", "targets", len(requests))
	group := new(errgroup.Group)
	group.SetLimit(InRun(e.limit.most))
	for _, request := range requests {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			for range triesInRun {
				result := e.perform(ctx, request, request.prober.Timeout())
				if ctx.Err() != nil { // the probe ended because the exporter ends
					return nil
				}
				e.record(ctx, request, result)
				if !pending(result) {
					break
				}
			}
			e.run.probed()
			return nil
		})
	}
	group.Wait() // there are no errors
	if ctx.Err() == nil {
		logger.Info("Probed all configured targets once", "targets", len(requests), "duration", time.Since(start))
	}
}

// pending tells whether a check is still looking for its finding, which the next probe may
// have.
func pending(r *prober.Result) bool {
	for _, check := range r.Outcomes {
		if check.Failure != nil && check.Failure.Reason == failure.ReasonPending {
			return true
		}
	}
	return false
}

// configured is a request for each configured target.
func (e *Exporter) configured() []*probeRequest {
	loaded := e.refreshed()
	seen := make(map[config.Endpoint]bool, len(loaded.Targets))
	requests := make([]*probeRequest, 0, len(loaded.Targets))
	for i := range loaded.Targets {
		t := &loaded.Targets[i]
		if endpoint, _ := loaded.Listed(t.Module, t.Target); !seen[endpoint] {
			seen[endpoint] = true
			requests = append(requests, &probeRequest{target: t.Target, module: t.Module, prober: loaded.Probers[t.Module]})
		}
	}
	return requests
}

func (r *run) begin(total int) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.progress.Total = total
}

func (r *run) probed() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.progress.Done++
}

func (r *run) end() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.progress, r.ended = Progress{}, r.now()
}

// ProbeAllOnRequest handles a POST that requests a run over all targets, and leads back to
// the list, which shows its progress.
func (e *Exporter) ProbeAllOnRequest(v Viewer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if e.crossOrigin.Check(r) != nil {
			v.Fail(w, r, http.StatusForbidden, errors.New("a page of another site must not start probes"))
			return
		}
		if wait := e.ProbeAll(); wait > 0 {
			seconds := int(math.Ceil(wait.Seconds()))
			w.Header().Set("Retry-After", strconv.Itoa(seconds))
			v.Fail(w, r, http.StatusTooManyRequests, fmt.Errorf("all targets were probed a short time ago; this is possible again in %d s", seconds))
			return
		}
		// Relative, unlike http.Redirect: a reverse proxy may have removed a prefix.
		w.Header().Set("Location", "./")
		w.WriteHeader(http.StatusSeeOther)
	}
}
