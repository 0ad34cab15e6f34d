package server

import (
	"sync"
	"time"

	"tls_exporter/config"
)

// refreshInterval is the shortest time between two looks at the files that patterns match.
const refreshInterval = 10 * time.Second

// refresh is when the exporter looked at the files that patterns of targets.yml match.
type refresh struct {
	mutex sync.Mutex // one look at a time
	ended time.Time
}

// refreshed is the current configuration, with the files that its patterns match now. If it
// looked a short time ago, or another request is looking, it is as it was then.
func (e *Exporter) refreshed() *config.Config {
	loaded := e.config.Load()
	if !loaded.HasPatterns() || !e.refresh.mutex.TryLock() {
		return loaded
	}
	defer e.refresh.mutex.Unlock()
	if time.Since(e.refresh.ended) < refreshInterval {
		return loaded
	}
	next, err := loaded.Refreshed()
	e.refresh.ended = time.Now()
	switch {
	case err != nil:
		e.options.Logger.Error("Looking for files failed; the targets stay as they are", "err", err)
		return loaded
	case next == loaded:
		return loaded
	case !e.config.CompareAndSwap(loaded, next): // there was a reload
		return e.config.Load()
	}
	e.kept.clear()
	e.changes.retain(next.Contains)
	e.options.Logger.Info("The files that match have changed", "targets", len(next.Targets))
	return next
}
