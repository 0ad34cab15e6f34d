package server

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"

	"tls_exporter/config"
	"tls_exporter/prober/target"
)

// discovered is one element of the list for http_sd of Prometheus.
type discovered struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// targets lists every configured target, so that a scrape job needs no relabelling. The
// address to scrape is that of this exporter, as Prometheus requested it.
func (e *Exporter) targets(w http.ResponseWriter, r *http.Request) {
	config := e.refreshed()
	path, secure := e.options.External.probeAt(r)
	list := make([]discovered, len(config.Targets))
	for i, target := range config.Targets {
		list[i] = discovered{[]string{r.Host}, discoveryLabels(target, config.Probers[target.Module].Timeout(), path, secure)}
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(list)
}

func discoveryLabels(t config.ConfiguredTarget, timeout time.Duration, path string, secure bool) map[string]string {
	labels := map[string]string{
		"__metrics_path__": path,
		"__param_target":   t.Target.String(),
		"__param_module":   t.Module,
		"instance":         t.Written,
	}
	if t.Target.ServerName != "" {
		labels["__param_server_name"] = t.Target.ServerName
	}
	if address := addressOf(t.Target); address != "" {
		labels["__param_address"] = address
	}
	if secure {
		labels["__scheme__"] = "https"
	}
	if interval := time.Duration(t.Interval); interval > 0 {
		labels["__scrape_interval__"] = promDuration(scrapeInterval(interval))
		// The timeout of the job may be longer than this interval, which is an
		// error in Prometheus.
		labels["__scrape_timeout__"] = promDuration(min(scrapeInterval(interval), timeout+timeoutOffset))
		if interval > maxScrapeInterval {
			labels["__param_interval"] = interval.String()
		}
	}
	maps.Copy(labels, t.Labels)
	return labels
}

// addressOf is the address of a target that is dialled instead of those of its host, as
// the parameter address; empty: there is none.
func addressOf(t target.Target) string {
	if !t.Address.IsValid() {
		return ""
	}
	return target.FormatAddress(t.Address)
}

// promDuration is a duration as Prometheus parses it: in whole milliseconds.
func promDuration(d time.Duration) string {
	return strconv.FormatInt(max(1, d.Milliseconds()), 10) + "ms"
}

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
