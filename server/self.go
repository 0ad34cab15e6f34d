package server

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"tls_exporter/collector"
	"tls_exporter/prober"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/fetch"
	"tls_exporter/prober/handshake"
)

// self is the metrics of the exporter itself.
type self struct {
	reloadGood prometheus.Gauge
	reloadTime prometheus.Gauge
	probes     *prometheus.CounterVec
	duration   prometheus.Histogram
	inFlight   prometheus.Gauge
	rejected   *prometheus.CounterVec
}

// selfMetrics is their names, help texts and labels.
var selfMetrics = []collector.Metric{
	buildInfo:  {Name: "tls_exporter_build_info", Help: "Version of the exporter and of Go. The value is 1.", Type: "gauge", Labels: []string{"version", "revision", "branch", "goversion", "goos", "goarch", "tags"}},
	reloadGood: {Name: "tls_exporter_config_last_reload_successful", Help: "Whether the last attempt to load the configuration succeeded.", Type: "gauge"},
	reloadTime: {Name: "tls_exporter_config_last_reload_success_timestamp_seconds", Help: "When the configuration was last loaded successfully.", Type: "gauge"},
	probes:     {Name: "tls_exporter_probes_total", Help: "Probes by module and by the phase that failed; phase none: no failure.", Type: "counter", Labels: []string{"module", "phase"}},
	duration:   {Name: "tls_exporter_probe_duration_seconds", Help: "How long probes took.", Type: "histogram"},
	inFlight:   {Name: "tls_exporter_probes_in_flight", Help: "Probes that are running now.", Type: "gauge"},
	handshakes: {Name: "tls_exporter_handshakes_total", Help: "TLS handshakes of probes, whatever their outcome, by client: tls13 (the purpose-built TLS 1.3 client) or crypto_tls.", Type: "counter", Labels: []string{"client"}},
	fetches:    {Name: "tls_exporter_fetches_total", Help: "Downloads of checks from the servers of CAs, by result: success, not_modified (what is kept is still right) or failure.", Type: "counter", Labels: []string{"result"}},
	fetched:    {Name: "tls_exporter_fetch_cache_bytes", Help: "Memory of what the checks have downloaded and keep. It is bounded.", Type: "gauge"},
	rejected:   {Name: "tls_exporter_probes_rejected_total", Help: "Requests for a probe that were rejected, by reason.", Type: "counter", Labels: []string{"reason"}},
}

// Indexes of selfMetrics.
const (
	buildInfo = iota // registered by prometheus/common/version
	reloadGood
	reloadTime
	probes
	duration
	inFlight
	handshakes
	fetches
	fetched
	rejected
)

// noFailure is the phase of a probe that succeeded.
const noFailure = "none"

// Why a request for a probe is rejected: the values of the label reason.
const (
	rejectedParameter = "bad_parameter"
	rejectedTimeout   = "bad_timeout"
	rejectedPolicy    = "policy"   // the policy denies the request
	rejectedDenied    = "denied"   // the policy denies an address that the name resolved to; such a request is a probe, which fails
	rejectedTooMany   = "too_many" // too many probes are running: of all, of this client, or of this target
)

// rejections is all of them.
var rejections = []string{rejectedParameter, rejectedTimeout, rejectedPolicy, rejectedDenied, rejectedTooMany}

func newSelf(registry prometheus.Registerer, performed *handshake.Counts, downloads *fetch.Store) *self {
	auto := promauto.With(registry)
	gauge := func(m int) prometheus.Gauge {
		return auto.NewGauge(prometheus.GaugeOpts{Name: selfMetrics[m].Name, Help: selfMetrics[m].Help})
	}
	counter := func(m int) *prometheus.CounterVec {
		return auto.NewCounterVec(prometheus.CounterOpts{Name: selfMetrics[m].Name, Help: selfMetrics[m].Help}, selfMetrics[m].Labels)
	}
	s := &self{
		reloadGood: gauge(reloadGood),
		reloadTime: gauge(reloadTime),
		probes:     counter(probes),
		inFlight:   gauge(inFlight),
		rejected:   counter(rejected),
		duration: auto.NewHistogram(prometheus.HistogramOpts{
			Name: selfMetrics[duration].Name, Help: selfMetrics[duration].Help,
			Buckets:                     []float64{.0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100, NativeHistogramMinResetDuration: time.Hour,
		}),
	}
	for _, reason := range rejections {
		s.rejected.WithLabelValues(reason)
	}
	counters := func(m collector.Metric, counts map[string]*atomic.Uint64) {
		for value, count := range counts {
			auto.NewCounterFunc(prometheus.CounterOpts{Name: m.Name, Help: m.Help, ConstLabels: prometheus.Labels{m.Labels[0]: value}},
				func() float64 { return float64(count.Load()) })
		}
	}
	counters(selfMetrics[handshakes], map[string]*atomic.Uint64{"tls13": &performed.TLS13, "crypto_tls": &performed.CryptoTLS})
	results := downloads.Counts()
	counters(selfMetrics[fetches], map[string]*atomic.Uint64{"success": &results.Success, "not_modified": &results.NotModified, "failure": &results.Failure})
	auto.NewGaugeFunc(prometheus.GaugeOpts{Name: selfMetrics[fetched].Name, Help: selfMetrics[fetched].Help}, func() float64 { return float64(downloads.Bytes()) })
	return s
}

func (s *self) reloaded(err error) {
	if err != nil {
		s.reloadGood.Set(0)
		return
	}
	s.reloadGood.Set(1)
	s.reloadTime.SetToCurrentTime()
}

func (s *self) probed(module string, r *prober.Result) {
	phase := noFailure
	if r.Failure != nil {
		phase = string(r.Failure.Phase)
		if r.Failure.Reason == failure.ReasonDenied {
			s.rejected.WithLabelValues(rejectedDenied).Inc()
		}
	}
	s.probes.WithLabelValues(module, phase).Inc()
	s.duration.Observe(r.Duration.Seconds())
}

// Contract is every metric of /probe, and those of /metrics that are about the
// exporter itself. Users rely on the names and labels: none may be removed.
func Contract() []collector.Metric {
	all := collector.Contract()
	end := slices.IndexFunc(all, func(m collector.Metric) bool { return m.Part != probeTimestamp.Part })
	all = slices.Insert(all, end, probeTimestamp)
	for _, m := range selfMetrics {
		m.Part = "The exporter itself"
		all = append(all, m)
	}
	return all
}
