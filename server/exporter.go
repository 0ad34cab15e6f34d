// Package server answers requests: probes, the list of targets, the exporter's own
// metrics, health and reload.
package server

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/prober/handshake"
	"tls_exporter/prober/target"
)

// Exporter answers Prometheus: /probe, /targets and /metrics, by one
// configuration at a time, which Reload replaces.
type Exporter struct {
	options Options
	config  atomic.Pointer[config.Config]
	reload  sync.Mutex // one reload at a time: the last one asked for is the one that stands
	self    *self
	limit   *limit
	ready   atomic.Bool
}

// Options is what an Exporter is made of.
type Options struct {
	// Load reads the configuration anew.
	Load func() (*config.Config, error)
	// Logger gets one line a probe.
	Logger *slog.Logger
	// Explain writes a result for people, for /probe?debug=true.
	Explain func(*prober.Result) string
	// Observe, if there is one, is told of every probe that was made: by which
	// module, of what, and what came of it.
	Observe func(module string, asked target.Target, r *prober.Result)
	// MaxConcurrent is how many probes may run at once; 0: DefaultMaxConcurrent.
	MaxConcurrent int
	// Lifecycle lets requests reload the configuration.
	Lifecycle bool
	// Handshakes counts the handshakes of all probes; nil: they are not counted.
	Handshakes *handshake.Counts
	// Registry gathers the exporter's own metrics for /metrics.
	Registry *prometheus.Registry
}

// New loads the configuration and returns an Exporter for it.
func New(o Options) (*Exporter, error) {
	e := &Exporter{options: o, self: newSelf(o.Registry, cmp.Or(o.Handshakes, new(handshake.Counts))), limit: newLimit(cmp.Or(o.MaxConcurrent, DefaultMaxConcurrent))}
	if err := e.Reload(); err != nil {
		return nil, err
	}
	e.ready.Store(true)
	return e, nil
}

// Reload reads the configuration anew and swaps it in. If it is bad the old one
// goes on, and a metric says so.
func (e *Exporter) Reload() error {
	e.reload.Lock()
	defer e.reload.Unlock()
	config, err := e.options.Load()
	e.self.reloaded(err)
	if err != nil {
		return err
	}
	e.config.Store(config)
	config.Adopt()
	return nil
}

// Config is the configuration of now.
func (e *Exporter) Config() *config.Config { return e.config.Load() }

// Drain makes /-/ready answer that no more requests should be sent.
func (e *Exporter) Drain() { e.ready.Store(false) }

// Register adds the exporter's paths to a mux.
func (e *Exporter) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /probe", e.probe)
	mux.HandleFunc("GET /targets", e.targets)
	mux.Handle("GET /metrics", promhttp.HandlerFor(e.options.Registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	mux.HandleFunc("GET /-/healthy", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "healthy") })
	mux.HandleFunc("GET /-/ready", e.readiness)
	mux.HandleFunc("POST /-/reload", e.reloading)
	mux.HandleFunc("PUT /-/reload", e.reloading)
}

func (e *Exporter) readiness(w http.ResponseWriter, _ *http.Request) {
	if !e.ready.Load() {
		http.Error(w, "shutting down", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

func (e *Exporter) reloading(w http.ResponseWriter, _ *http.Request) {
	if !e.options.Lifecycle {
		http.Error(w, "reloading by request is off; start with --web.enable-lifecycle, or send SIGHUP", http.StatusForbidden)
		return
	}
	if err := e.Reload(); err != nil {
		e.options.Logger.Error("Reload failed; the old configuration goes on", "err", err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	e.options.Logger.Info("Configuration reloaded")
	fmt.Fprintln(w, "reloaded")
}
