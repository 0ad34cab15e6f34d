package server

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/prober/failure"
)

// changes knows which endpoints of the configuration fail, so that the log has a line
// when that changes, and not for each probe. Of endpoints that are not configured, whose
// number strangers choose, it knows only whether the exporter lacks what they need.
type changes struct {
	mutex   sync.Mutex
	failing map[config.Endpoint]fault // the zero Endpoint is all that are not configured
}

// fault is the failure of an endpoint as it was last logged.
type fault struct {
	phase  failure.Phase
	reason failure.Reason
	since  time.Time // the first failure in a row
	logged time.Time
}

// quiet is the shortest time between the line about a failure and the next one about the
// same endpoint. What has changed back by then is not logged: an endpoint that comes and
// goes, or a caller who gives it too little time, makes two lines a minute at most.
const quiet = time.Minute

// The lines about changes. They are about probes: it may be the exporter's own fault.
const (
	messageFail    = "Probes fail"
	messageOther   = "Probes fail for another reason"
	messageSucceed = "Probes succeed again"
)

// note notes the result of a probe. It returns what the log should say, and since when
// the endpoint has been failing; empty: nothing has changed.
func (c *changes) note(e config.Endpoint, r *prober.Result) (message string, since time.Time) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	last, failed := c.failing[e]
	switch {
	case failed && r.Start.Sub(last.logged) < quiet:
		return "", last.since
	case r.Failure == nil && failed:
		delete(c.failing, e)
		return messageSucceed, last.since
	case r.Failure == nil || failed && last.phase == r.Failure.Phase && last.reason == r.Failure.Reason:
		return "", last.since
	case failed:
		message = messageOther
	default:
		message, last.since = messageFail, r.Start
	}
	c.failing[e] = fault{r.Failure.Phase, r.Failure.Reason, last.since, r.Start}
	return message, last.since
}

// retain drops the endpoints that are not configured any more.
func (c *changes) retain(configured func(config.Endpoint) bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for e := range c.failing {
		if !configured(e) {
			delete(c.failing, e)
		}
	}
}

// log logs a probe at debug, and a change at info. The probe of a client that does not wait
// for its end is no change.
func (e *Exporter) log(ctx context.Context, request *probeRequest, r *prober.Result) {
	message := "Probe succeeded"
	if r.Failure != nil {
		message = "Probe failed"
	}
	if e.options.Logger.Enabled(ctx, slog.LevelDebug) {
		e.options.Logger.DebugContext(ctx, message, about(request, r)...)
	}
	if ctx.Err() != nil {
		return
	}
	endpoint, listed := e.config.Load().Listed(request.module, request.target)
	if !listed {
		if r.Failure != nil && r.Failure.Reason != failure.ReasonLocalResources {
			return
		}
		endpoint = config.Endpoint{}
	}
	switch message, since := e.changes.note(endpoint, r); message {
	case "":
	case messageSucceed:
		e.options.Logger.InfoContext(ctx, message, append(about(request, r), "after", r.Start.Sub(since).Round(time.Second))...)
	default:
		e.options.Logger.InfoContext(ctx, message, about(request, r)...)
	}
}

// about is what the log says of a probe.
func about(request *probeRequest, r *prober.Result) []any {
	attributes := []any{"target", request.target.String(), "module", request.module}
	if request.target.ServerName != "" {
		attributes = append(attributes, "server_name", request.target.ServerName)
	}
	if address := addressOf(request.target); address != "" {
		attributes = append(attributes, "address", address)
	}
	attributes = append(attributes, "duration", r.Duration)
	if r.Failure != nil {
		attributes = append(attributes, "phase", r.Failure.Phase, "reason", r.Failure.Reason, "err", r.Failure.Err)
		if r.Failure.Address.IsValid() {
			attributes = append(attributes, "ip", r.Failure.Address)
		}
	}
	return attributes
}
