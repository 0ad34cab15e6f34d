package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"tls_exporter/server"
)

// minReloadInterval is the shortest time between two looks at the files. Each reads all
// of them.
const minReloadInterval = time.Second

// reloader reloads the configuration at SIGHUP and, if it is told to, after a change of
// its files.
type reloader struct {
	exporter *server.Exporter
	changed  func() bool      // whether the files have changed since they were last loaded
	hangup   <-chan os.Signal // SIGHUP
	interval time.Duration    // between two looks at the files; 0: none
	logger   *slog.Logger
}

// run reloads until ctx ends.
func (r *reloader) run(ctx context.Context) {
	var look <-chan time.Time
	if r.interval > 0 {
		ticker := time.NewTicker(r.interval)
		defer ticker.Stop()
		look = ticker.C
	}
	r.runUntil(ctx, look)
}

// runUntil is run with the channel that says when to look at the files.
func (r *reloader) runUntil(ctx context.Context, look <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.hangup:
			r.reload("SIGHUP")
		case <-look:
			// A load that failed counts too, so a bad file is logged once.
			if r.changed() {
				r.reload("a file has changed")
			}
		}
	}
}

func (r *reloader) reload(cause string) {
	if err := r.exporter.Reload(); err != nil {
		r.logger.Error("Reload failed; the old configuration stays in use", "cause", cause, "err", err)
		return
	}
	config := r.exporter.Config()
	r.logger.Info("Configuration reloaded", "cause", cause, "modules", len(config.Probers), "targets", len(config.Targets))
}

// checkReloadInterval checks the flag --config.auto-reload-interval.
func checkReloadInterval(interval time.Duration, configFile string) error {
	switch {
	case interval == 0:
		return nil
	case interval < minReloadInterval:
		return usageError{fmt.Errorf("--config.auto-reload-interval=%s: must be 1s or more, or 0s", interval)}
	case configFile == "":
		return usageError{fmt.Errorf("--config.auto-reload-interval=%s: without --config.file there is nothing to reload", interval)}
	}
	return nil
}
