// Package server answers requests: probes, the list of targets, metrics of the exporter
// itself, health and reload.
package server

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/prober/fetch"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/target"
)

// Exporter serves /probe, /targets, /metrics and the paths under /-/. It is safe for
// concurrent use.
type Exporter struct {
	options Options
	config  atomic.Pointer[config.Config]
	reload  sync.Mutex // one reload at a time: the last one that was requested wins
	refresh refresh
	self    *self
	limit   *limit
	kept    *kept
	changes changes
	run     *run
	ready   atomic.Bool

	crossOrigin *http.CrossOriginProtection
}

// Options are the parts of an Exporter.
type Options struct {
	// Load loads the configuration.
	Load func() (*config.Config, error)
	// Logger gets a line for each probe at debug, and for each change at info.
	Logger *slog.Logger
	// Explain is the report about a result, for /probe?debug=true.
	Explain func(*prober.Result) string
	// Observe is called with every result; nil: it is not.
	Observe func(module string, requested target.Target, r *prober.Result)
	// MaxConcurrent is the most probes in flight; 0: DefaultMaxConcurrent.
	MaxConcurrent int
	// Lifecycle permits reloading by request.
	Lifecycle bool
	// External is how clients reach the exporter.
	External External
	// MetricsPath is the path of the exporter's own metrics; empty: DefaultMetricsPath.
	MetricsPath string
	// Handshakes counts the handshakes of all probes; nil: the metric stays 0.
	Handshakes *handshake.Counts
	// Downloads are those of the checks of all probes; nil: the metrics stay 0.
	Downloads *fetch.Store
	// Registry has the metrics of the exporter itself, for /metrics.
	Registry *prometheus.Registry
}

// New loads the configuration and returns an Exporter for it.
func New(o Options) (*Exporter, error) {
	e := &Exporter{
		options: o, self: newSelf(o.Registry, cmp.Or(o.Handshakes, new(handshake.Counts)), cmp.Or(o.Downloads, fetch.NewStore())), crossOrigin: o.External.crossOrigin(),
		limit: newLimit(cmp.Or(o.MaxConcurrent, DefaultMaxConcurrent)), kept: newKept(), changes: changes{failing: make(map[config.Endpoint]fault)}, run: newRun(),
	}
	if err := e.Reload(); err != nil {
		return nil, err
	}
	e.ready.Store(true)
	return e, nil
}

// Reload loads the configuration and replaces the current one. After an error the
// current one stays in use, and a metric shows that.
func (e *Exporter) Reload() error {
	e.reload.Lock()
	defer e.reload.Unlock()
	config, err := e.options.Load()
	e.self.reloaded(err)
	if err != nil {
		return err
	}
	for _, warning := range config.Warnings {
		e.options.Logger.Warn(warning)
	}
	e.config.Store(config)
	e.kept.clear()
	e.changes.retain(config.Contains)
	config.Adopt()
	return nil
}

// Config is the current configuration.
func (e *Exporter) Config() *config.Config { return e.config.Load() }

// Drain makes /-/ready answer 503, so that load balancers send no more requests.
func (e *Exporter) Drain() { e.ready.Store(false) }

// Register adds the exporter's paths to a mux, which has all others already. The error is
// about the path of the metrics.
func (e *Exporter) Register(mux *http.ServeMux) error {
	mux.HandleFunc("GET /probe", e.probe)
	mux.HandleFunc("GET /targets", e.targets)
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "healthy") })
	mux.HandleFunc("GET /-/ready", e.readiness)
	mux.HandleFunc("POST /-/reload", e.reloading)
	mux.HandleFunc("PUT /-/reload", e.reloading)
	mux.HandleFunc("GET /-/reload", Allow(http.MethodPost, http.MethodPut))
	return e.registerMetrics(mux)
}

// DefaultMetricsPath is where exporters have their own metrics.
const DefaultMetricsPath = "/metrics"

// notFound is the pattern of the page for paths that do not exist.
const notFound = "GET /"

func (e *Exporter) registerMetrics(mux *http.ServeMux) error {
	path := cmp.Or(e.options.MetricsPath, DefaultMetricsPath)
	if err := checkPath(path); err != nil {
		return fmt.Errorf("--web.telemetry-path=%s: %w", path, err)
	}
	if _, taken := mux.Handler(&http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}}); taken != "" && taken != notFound {
		return fmt.Errorf("--web.telemetry-path=%s: something else is there; write another path, such as %s", path, DefaultMetricsPath)
	}
	mux.Handle("GET "+path, promhttp.HandlerFor(e.options.Registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	return nil
}

// Allow answers a request for a path that has these methods, and not that of the request
// (RFC 9110 section 15.5.6).
func Allow(methods ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", strings.Join(methods, ", "))
		http.Error(w, "send a "+methods[0]+" request", http.StatusMethodNotAllowed)
	}
}

func (e *Exporter) readiness(w http.ResponseWriter, _ *http.Request) {
	if !e.ready.Load() {
		http.Error(w, "shutting down", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

func (e *Exporter) reloading(w http.ResponseWriter, r *http.Request) {
	if e.crossOrigin.Check(r) != nil {
		http.Error(w, "a page of another site must not reload; send the request from a program, or SIGHUP", http.StatusForbidden)
		return
	}
	if !e.options.Lifecycle {
		http.Error(w, "reloading by request is off; set --web.enable-lifecycle, or send SIGHUP", http.StatusForbidden)
		return
	}
	if err := e.Reload(); err != nil {
		e.options.Logger.Error("Reload failed; the old configuration stays in use", "err", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	e.options.Logger.Info("Configuration reloaded")
	fmt.Fprintln(w, "reloaded")
}
