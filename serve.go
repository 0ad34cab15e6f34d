package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"
	"golang.org/x/sync/errgroup"

	"tls_exporter/collector"
	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/report/text"
	pages "tls_exporter/report/web"
	"tls_exporter/server"
)

// ballastSize is how much memory is asked for and never touched, so that it takes
// none of the machine's. Go collects garbage when the heap has doubled; with this
// in it a small one is collected half as often, and a large one no later
// (docs/scaling.md).
const ballastSize = 8 << 20

// serve answers Prometheus until ctx ends, then lets the probes in flight
// answer.
func serve(ctx context.Context, configFile string, f serveFlags, logger *slog.Logger) error {
	if err := f.validate(); err != nil {
		return err
	}
	ballast := make([]byte, ballastSize)
	defer runtime.KeepAlive(ballast)
	logger.Info("Starting tls_exporter", "version", version.Info(), "build", version.BuildContext())
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		versioncollector.NewCollector("tls_exporter"),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	history := pages.NewHistory()
	process := new(config.Loader)
	defer process.Close()
	process.Listeners.Add(*f.web.WebListenAddresses...)
	exporter, err := server.New(server.Options{
		Load:          func() (*config.Config, error) { return loadConfig(process, configFile) },
		Handshakes:    &process.Handshakes,
		Logger:        logger,
		Explain:       explain,
		Observe:       history.Add,
		MaxConcurrent: f.maxConcurrent,
		Lifecycle:     f.lifecycle,
		Registry:      registry,
	})
	if err != nil {
		return err
	}
	handler := newHandler(exporter, history)
	if f.pprof {
		registerProfiles(handler)
	}
	httpServer := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      10 * time.Minute, // longer than any sensible probe
		IdleTimeout:       5 * time.Minute,  // Prometheus keeps its connections between scrapes
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		// What the flags leave to the system, a port or sockets of systemd's, is known only now.
		BaseContext: func(l net.Listener) context.Context {
			process.Listeners.Add(l.Addr().String())
			return context.Background()
		},
	}
	return serveUntil(ctx, httpServer, exporter, f.web, logger)
}

// shutdownPatience is how long probes in flight may take to answer after the
// signal to stop; what runs longer is cut off.
const shutdownPatience = 30 * time.Second

// serveUntil owns the server's goroutines: it returns when all have ended.
func serveUntil(ctx context.Context, httpServer *http.Server, exporter *server.Exporter, listen *web.FlagConfig, logger *slog.Logger) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := web.ListenAndServe(httpServer, listen, logger); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		reloadOnHangup(ctx, exporter, logger)
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		logger.Info("Stopping; probes in flight are let finish")
		exporter.Drain()
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
		defer cancel()
		return httpServer.Shutdown(patience)
	})
	return group.Wait()
}

func reloadOnHangup(ctx context.Context, exporter *server.Exporter, logger *slog.Logger) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			if err := exporter.Reload(); err != nil {
				logger.Error("Reload failed; the old configuration goes on", "err", err)
			} else {
				logger.Info("Configuration reloaded")
			}
		}
	}
}

func newHandler(exporter *server.Exporter, history *pages.History) *http.ServeMux {
	site := pages.New(pages.Options{
		Version: version.Version, History: history, Config: exporter.Config, Metrics: metrics,
	})
	mux := http.NewServeMux()
	exporter.Register(mux)
	site.Register(mux)
	mux.Handle("GET /inspect", exporter.Inspect(site))
	return mux
}

// registerProfiles adds what tells a lot about the program, and takes its time
// for it, to whoever asks.
func registerProfiles(mux *http.ServeMux) {
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
}

// explain is a result for a person who asked /probe for it.
func explain(r *prober.Result) string {
	var b strings.Builder
	text.Write(&b, r, text.Options{}) // a Builder has no write errors
	return b.String()
}

// metrics is a result as Prometheus gets it.
func metrics(r *prober.Result) string {
	var b strings.Builder
	collector.Text(&b, r) // likewise
	return b.String()
}
