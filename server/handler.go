package server

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"

	"tls_exporter/collector"
	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/target"
	"tls_exporter/prober/text"
)

// probe probes one target and answers with its metrics.
func (e *Exporter) probe(w http.ResponseWriter, r *http.Request) {
	request, refused := e.admit(r, "debug")
	if refused != nil {
		e.reject(w, refused)
		return
	}
	limit, err := scrapeLimit(r)
	if err != nil {
		e.reject(w, &refusal{http.StatusBadRequest, rejectedTimeout, err})
		return
	}
	if listed, ok := repeatable(request, e.config.Load()); ok {
		e.probeAtInterval(w, r, request, listed, limit)
		return
	}
	result, refused := e.probeWithin(r, request, limit)
	if refused != nil {
		e.reject(w, refused)
		return
	}
	if request.flags["debug"] {
		e.writeDebug(w, result)
		return
	}
	if f := result.Failure; f != nil && f.Reason == failure.ReasonLocalResources {
		w.Header().Set("Connection", "close") // it holds a descriptor
	}
	collector.WritePage(w, r, result)
}

func (e *Exporter) reject(w http.ResponseWriter, refused *refusal) {
	e.refuse(w, refused)
	http.Error(w, refused.err.Error(), refused.status)
}

// refusal is why there is no probe for a request.
type refusal struct {
	status int
	reason string // for the metric
	err    error  // a sentence for the client
}

// retryAfter is the Retry-After of 503, in seconds: probes end all the time.
const retryAfter = "1"

// refuse counts a refusal and sets its headers.
func (e *Exporter) refuse(w http.ResponseWriter, refused *refusal) {
	e.self.rejected.WithLabelValues(refused.reason).Inc()
	if refused.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
}

// admit parses a request and applies the access policy.
func (e *Exporter) admit(r *http.Request, flags ...string) (*probeRequest, *refusal) {
	if len(r.URL.RawQuery) > maxQuery {
		return nil, &refusal{http.StatusRequestURITooLong, rejectedParameter, fmt.Errorf("the query is longer than %d bytes", maxQuery)}
	}
	loaded := e.config.Load()
	request, err := readRequest(r.URL.RawQuery, loaded, flags...)
	if err != nil {
		return nil, &refusal{http.StatusBadRequest, rejectedParameter, err}
	}
	if err := loaded.Permit(request.module, request.target); err != nil {
		return nil, &refusal{http.StatusForbidden, rejectedPolicy, err}
	}
	return request, nil
}

// maxQuery is the maximum length of a query. The longest target and server name fit,
// even if every byte is escaped.
const maxQuery = 8 << 10

// probeWithin probes, unless too many probes are running, and records the result.
func (e *Exporter) probeWithin(r *http.Request, request *probeRequest, limit time.Duration) (*prober.Result, *refusal) {
	leave := e.limit.enter(clientOf(r.RemoteAddr), request.target.Server())
	if leave == nil {
		return nil, &refusal{http.StatusServiceUnavailable, rejectedTooMany, errTooMany}
	}
	defer leave()
	result := e.perform(r.Context(), request, limit)
	e.record(r.Context(), request, result)
	return result, nil
}

func (e *Exporter) perform(ctx context.Context, request *probeRequest, limit time.Duration) *prober.Result {
	e.self.inFlight.Inc()
	defer e.self.inFlight.Dec()
	return request.prober.ProbeWithin(ctx, limit, request.target)
}

// record counts and logs a probe, and passes its result to Observe.
func (e *Exporter) record(ctx context.Context, request *probeRequest, result *prober.Result) {
	e.self.probed(request.module, result)
	e.log(ctx, request, result)
	e.logPanics(request.module, result)
	if e.options.Observe != nil {
		e.options.Observe(request.module, request.target, result)
	}
}

// writeDebug writes the page of a scrape, and the report as comments below it, so that
// the page is still valid for a scraper.
func (e *Exporter) writeDebug(w http.ResponseWriter, r *prober.Result) {
	var text bytes.Buffer
	if err := collector.Text(&text, r); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	text.WriteString("#\n")
	for line := range strings.Lines(e.options.Explain(r)) {
		text.WriteString(strings.TrimRight("# "+line, " \n") + "\n")
	}
	w.Header().Set("Content-Type", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
	w.Write(text.Bytes())
}

// probeRequest is the parameters of /probe.
type probeRequest struct {
	target   target.Target
	module   string
	prober   *prober.Prober
	interval time.Duration   // between probes; 0: each request is a probe
	flags    map[string]bool // debug, fresh
}

// parameters of a request for a probe. Others are an error: a misspelt "module" would
// otherwise probe with the default module.
var parameters = []string{"target", "module", "server_name", "address", "interval"}

// readRequest parses a query. An error is about the first invalid parameter. Flags are
// the names of boolean parameters.
func readRequest(query string, loaded *config.Config, flags ...string) (*probeRequest, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, fmt.Errorf("the query cannot be read: %w", err)
	}
	if err := checkParameters(values, flags); err != nil {
		return nil, err
	}
	if !values.Has("target") {
		return nil, errors.New("parameter target is missing; write ?target=example.com")
	}
	request := &probeRequest{module: cmp.Or(values.Get("module"), config.DefaultModuleName)}
	if request.prober = loaded.Probers[request.module]; request.prober == nil {
		return nil, fmt.Errorf("parameter module: there is no %s; there are %s",
			text.Quote(request.module), strings.Join(slices.Sorted(maps.Keys(loaded.Probers)), ", "))
	}
	if request.target, err = target.FromQuery(values); err != nil {
		return nil, err
	}
	if written := values.Get("interval"); written != "" {
		if request.interval, err = config.ParseInterval(written); err != nil {
			return nil, fmt.Errorf("parameter interval: %w", err)
		}
	}
	request.flags, err = readFlags(values, flags)
	return request, err
}

// checkParameters returns an error for the first name, in alphabetical order, that is
// unknown or given more than once.
func checkParameters(values url.Values, flags []string) error {
	known := func(name string) bool { return slices.Contains(parameters, name) || slices.Contains(flags, name) }
	wrong, found := "", false
	for name, given := range values {
		if (!known(name) || len(given) > 1) && (!found || name < wrong) {
			wrong, found = name, true
		}
	}
	switch {
	case !found:
		return nil
	case !known(wrong):
		return fmt.Errorf("parameter %s is unknown; known are %s", text.Quote(wrong), strings.Join(slices.Concat(parameters, flags), ", "))
	}
	return fmt.Errorf("parameter %s is given %d times; once is enough", wrong, len(values[wrong]))
}

func readFlags(values url.Values, names []string) (map[string]bool, error) {
	var flags map[string]bool
	for _, name := range names {
		value := values.Get(name)
		if value == "" {
			continue
		}
		flag, err := strconv.ParseBool(value)
		if err != nil {
			return nil, fmt.Errorf("parameter %s: %s is neither true nor false", name, text.Quote(value))
		}
		if flags == nil {
			flags = make(map[string]bool)
		}
		flags[name] = flag
	}
	return flags, nil
}

// Prometheus sends its scrape timeout in timeoutHeader. The answer has to be sent
// before that, else nothing of it arrives.
const (
	timeoutHeader = "X-Prometheus-Scrape-Timeout-Seconds"
	timeoutOffset = 500 * time.Millisecond
)

// scrapeLimit is the scrape timeout less timeoutOffset, or half of a timeout that is
// too short for that. Without the header it is maxScrapeTimeout.
func scrapeLimit(r *http.Request) (time.Duration, error) {
	header := r.Header.Get(timeoutHeader)
	if header == "" {
		return maxScrapeTimeout, nil
	}
	seconds, err := strconv.ParseFloat(header, 64)
	if err != nil || math.IsNaN(seconds) || seconds <= 0 {
		return 0, fmt.Errorf("header %s: %s is not a number of seconds above 0", timeoutHeader, text.Quote(header))
	}
	timeout := time.Duration(min(seconds, maxScrapeTimeout.Seconds()) * float64(time.Second))
	return timeout - min(timeoutOffset, timeout/2), nil
}

// maxScrapeTimeout limits the header to what a Duration can hold.
const maxScrapeTimeout = 24 * time.Hour
