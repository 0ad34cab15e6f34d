package server

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/expfmt"

	"tls_exporter/collector"
	"tls_exporter/config"
	"tls_exporter/prober"
)

// Prometheus drops a sample after 5 minutes (--query.lookback-delta), so nothing sees a
// target that is scraped every hour: no alert, no dashboard, and not the end of its
// series. A target with such an interval is scraped more often, and probed at its
// interval: in between, the exporter repeats the answer of its last good probe.

// maxScrapeInterval is the longest interval that alerts and dashboards can see. It
// leaves a minute for a slow scrape.
const maxScrapeInterval = 4 * time.Minute

// scrapeInterval is the time between two scrapes of a target that is probed at this
// interval: a whole part of it.
func scrapeInterval(interval time.Duration) time.Duration {
	return interval / max(1, (interval+maxScrapeInterval-1)/maxScrapeInterval)
}

// plainTextType is the Content-Type of pages that may be repeated.
var plainTextType = string(expfmt.NewFormat(expfmt.TypeTextPlain))

// probeTimestamp is on the pages that may be repeated.
var probeTimestamp = collector.Metric{
	Name: "tls_probe_timestamp_seconds", Type: "gauge", Part: "Always",
	Help: "When the probe began. Only for targets with an interval of more than 4 minutes, which are scraped more often than they are probed.",
}

// kept is the last good answer for each target that is probed less often than it is
// scraped. There is one at most for each target of the configuration, and all of them
// are smaller than maxKept.
type kept struct {
	now func() time.Time

	mutex   sync.Mutex
	answers map[question]answer
	bytes   int // of all answers
	writer  *gzip.Writer
}

// question is a request without its interval. A reload makes new probers, so no answer
// outlives the configuration of its module.
type question struct {
	prober   *prober.Prober
	endpoint config.Endpoint
}

type answer struct {
	probed time.Time
	until  time.Time // it is wrong after that; zero: never
	page   []byte    // gzip: about 2 kB instead of 6
}

// maxKept is the limit of all answers, in bytes: those of 100,000 ordinary targets. If
// it is reached, the others are probed at every scrape.
const maxKept = 256 << 20

// answerOverhead is what an answer needs in memory besides its page, in bytes.
const answerOverhead = 400

func newKept() *kept {
	writer, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
	return &kept{now: time.Now, answers: make(map[question]answer), writer: writer}
}

// repeat returns the compressed page of the last good answer; nil: it is time for a
// probe. Half of the time between two scrapes is for scrapes that come a little early.
func (k *kept) repeat(q question, interval time.Duration) []byte {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	a, known := k.answers[q]
	if !known {
		return nil
	}
	now := k.now()
	if age := now.Sub(a.probed); age < 0 || age >= interval-scrapeInterval(interval)/2 || !a.until.IsZero() && now.After(a.until) {
		k.drop(q)
		return nil
	}
	return a.page
}

// keep keeps a page.
func (k *kept) keep(q question, r *prober.Result, page []byte) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.drop(q)
	var compressed bytes.Buffer
	k.writer.Reset(&compressed)
	k.writer.Write(page) // to memory: no error
	k.writer.Close()
	a := answer{probed: r.Start, page: bytes.Clone(compressed.Bytes())}
	if r.Chain != nil {
		a.until = r.Chain.NotAfter
	}
	if size := len(a.page) + answerOverhead; k.bytes+size <= maxKept {
		k.answers[q] = a
		k.bytes += size
	}
}

func (k *kept) drop(q question) {
	if a, known := k.answers[q]; known {
		k.bytes -= len(a.page) + answerOverhead
		delete(k.answers, q)
	}
}

// clear drops all answers.
func (k *kept) clear() {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	clear(k.answers)
	k.bytes = 0
}

// good tells whether the answer may be repeated. A failure is probed again at the next
// scrape, so that alerts see its end as early as for other targets, and no single lost
// packet for an hour. What does not fail a probe, such as little time left, lasts longer
// than any interval.
func good(r *prober.Result) bool {
	for _, check := range r.Outcomes {
		if check.Failure != nil {
			return false
		}
	}
	return r.Failure == nil
}

// probeAtInterval answers a scrape of a target that is probed less often than it is
// scraped. It always uses the text format, which every Prometheus accepts.
func (e *Exporter) probeAtInterval(w http.ResponseWriter, r *http.Request, request *probeRequest, listed config.Endpoint, limit time.Duration) {
	q := question{request.prober, listed}
	if page := e.kept.repeat(q, request.interval); page != nil {
		writeRepeated(w, r, page)
		return
	}
	result, refused := e.probeWithin(r, request, limit)
	if refused != nil {
		e.reject(w, refused)
		return
	}
	var page bytes.Buffer
	if err := collector.Text(&page, result); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	fmt.Fprintf(&page, "# HELP %[1]s %[2]s\n# TYPE %[1]s %[3]s\n%[1]s %.3[4]f\n",
		probeTimestamp.Name, probeTimestamp.Help, probeTimestamp.Type, float64(result.Start.UnixMilli())/1000)
	if good(result) {
		e.kept.keep(q, result, page.Bytes())
	}
	w.Header().Set("Content-Type", plainTextType)
	w.Write(page.Bytes())
}

func writeRepeated(w http.ResponseWriter, r *http.Request, compressed []byte) {
	header := w.Header()
	header.Set("Content-Type", plainTextType)
	header.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		header.Set("Content-Encoding", "gzip")
		header.Set("Content-Length", strconv.Itoa(len(compressed)))
		w.Write(compressed)
		return
	}
	reader, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil { // cannot be: keep wrote it
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	io.Copy(w, reader)
}

// repeatable returns the endpoint of a request, and whether its answer may be repeated:
// the request has an interval that is too long for alerts, and is about a target of the
// configuration. So no stranger decides what is kept.
func repeatable(request *probeRequest, loaded *config.Config) (config.Endpoint, bool) {
	if request.interval <= maxScrapeInterval || request.flags["debug"] {
		return config.Endpoint{}, false
	}
	return loaded.Listed(request.module, request.target)
}
