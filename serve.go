package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
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
	"tls_exporter/report/api"
	"tls_exporter/report/text"
	pages "tls_exporter/report/web"
	"tls_exporter/server"
)

// ballastSize is the size of memory that is allocated and never touched, so it is not
// resident. Go collects garbage when the heap has doubled: with the ballast a small
// heap is collected half as often, and a large one as often as without it
// (docs/scaling.md).
const ballastSize = 6 << 20

// serve serves until ctx ends, and then waits for the probes in flight. It calls started
// with the address of the first listener, once that accepts connections; nil: it does not.
func serve(ctx context.Context, configFile string, f serveFlags, logger *slog.Logger, started func(net.Addr)) error {
	external, err := f.validate()
	if err != nil {
		return err
	}
	if err := checkReloadInterval(time.Duration(f.autoReload), configFile); err != nil {
		return err
	}
	hangup := make(chan os.Signal, 1) // from now on: before that, SIGHUP ends a process
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	ballast := make([]byte, ballastSize)
	defer runtime.KeepAlive(ballast)
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		versioncollector.NewCollector("tls_exporter"),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	history := pages.NewHistory()
	process := new(config.Loader)
	defer process.Close()
	process.Control = checkDescriptors(descriptorLimit(), f.maxConcurrent, logger)
	process.Listeners.Add(*f.web.WebListenAddresses...)
	exporter, err := server.New(server.Options{
		Load:          func() (*config.Config, error) { return loadConfig(process, configFile) },
		Handshakes:    &process.Handshakes.Counts,
		Downloads:     process.Downloads(),
		Logger:        logger,
		Explain:       explain,
		Observe:       history.Add,
		MaxConcurrent: f.maxConcurrent,
		Lifecycle:     f.lifecycle,
		External:      external,
		MetricsPath:   f.metricsPath,
		Registry:      registry,
	})
	if err != nil {
		return err
	}
	mux, err := newHandler(exporter, history, f)
	if err != nil {
		return usageError{err}
	}
	var once sync.Once
	begin := func(l net.Listener) {
		logger.Info("Started tls_exporter", "version", version.Info(), "build", version.BuildContext())
		if f.onStart {
			exporter.ProbeAll()
		}
		if started != nil {
			started(l.Addr())
		}
	}
	httpServer := &http.Server{
		Handler:           &server.Secure{Handler: external.Handler(mux), Logger: logger},
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      10 * time.Minute, // longer than any probe
		IdleTimeout:       5 * time.Minute,  // Prometheus keeps its connections between scrapes
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		// If the system chooses the port, or systemd passes the sockets, the address is
		// known only now.
		BaseContext: func(l net.Listener) context.Context {
			process.Listeners.Add(l.Addr().String())
			once.Do(func() { begin(l) })
			return context.Background()
		},
	}
	reload := &reloader{exporter, process.Changed, hangup, time.Duration(f.autoReload), logger}
	return serveUntil(ctx, httpServer, exporter, reload, f.web, logger)
}

// shutdownTimeout is how long probes in flight may take after the signal to stop.
const shutdownTimeout = 30 * time.Second

// serveUntil serves until ctx ends. All goroutines of the server have ended when it
// returns.
func serveUntil(ctx context.Context, httpServer *http.Server, exporter *server.Exporter, reload *reloader, listen *web.FlagConfig, logger *slog.Logger) error {
	stopped := ctx
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return listenError(web.ListenAndServe(httpServer, listen, logger)) })
	group.Go(func() error {
		reload.run(ctx)
		return nil
	})
	group.Go(func() error {
		exporter.ServeProbeAll(ctx)
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		if stopped.Err() != nil { // else nothing was served
			logger.Info("Stopping; waiting for probes in flight")
		}
		exporter.Drain()
		timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
		defer cancel()
		return httpServer.Shutdown(timeout)
	})
	return group.Wait()
}

// listenError is the error of a server that has ended; nil after Shutdown.
func listenError(err error) error {
	switch {
	case errors.Is(err, http.ErrServerClosed):
		return nil
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w; choose another port with --web.listen-address=HOST:PORT", err)
	}
	return err
}

// newHandler serves every path. An error is about the path of the metrics.
func newHandler(exporter *server.Exporter, history *pages.History, f serveFlags) (*http.ServeMux, error) {
	site := pages.New(pages.Options{
		Version: version.Version, History: history, Config: exporter.Config, Metrics: metrics, MetricsPath: f.metricsPath,
		Progress: func() pages.Progress { return pages.Progress(exporter.Progress()) },
	})
	answers := api.New(api.Options{Config: exporter.Config, Last: history.Last})
	mux := http.NewServeMux()
	site.Register(mux)
	answers.Register(mux)
	mux.Handle("GET /inspect", exporter.Inspect(site))
	mux.Handle("GET /certificates.pem", exporter.Certificates(site))
	mux.Handle("GET /api/v1/probe", exporter.Answer(answers))
	mux.Handle("POST /probe-all", exporter.ProbeAllOnRequest(site))
	mux.Handle("GET /probe-all", server.Allow(http.MethodPost))
	if f.pprof {
		registerProfiles(mux)
	}
	return mux, exporter.Register(mux)
}

// registerProfiles adds Go profiles. They are off by default: they reveal a lot about
// the process, and some of them are costly.
func registerProfiles(mux *http.ServeMux) {
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "pprof/") // relative: the mux does not know the prefix of the path
		w.WriteHeader(http.StatusMovedPermanently)
	})
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
}

// explain is the report about a result, for /probe?debug=true.
func explain(r *prober.Result) string {
	var b strings.Builder
	text.Write(&b, r, text.Options{Width: 100}) // a Builder never fails
	return b.String()
}

// metrics is the metrics of a result, for the page of one endpoint.
func metrics(r *prober.Result) string {
	var b strings.Builder
	collector.Text(&b, r) // never fails
	return b.String()
}
