package collector

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"

	"tls_exporter/prober"
)

// A page is written directly from its rows. The library needs messages, buffers and
// gzip, which cost as much as half a handshake. TestPageIsTheLibrarys compares the
// output of both.

// exposition is one of the two text formats of Prometheus.
type exposition struct {
	heads []string // the HELP and TYPE lines of each of byName
	whole string   // suffix of whole numbers, which OpenMetrics writes as floats
	end   string   // last line of the page
}

var (
	plainText = &exposition{heads: heads(`\`, `\\`, "\n", `\n`)}
	// https://prometheus.io/docs/specs/om/open_metrics_spec/ also escapes quotes in HELP
	openMetrics = &exposition{heads: heads(`\`, `\\`, "\n", `\n`, `"`, `\"`), whole: ".0", end: "# EOF\n"}
)

func heads(escapes ...string) []string {
	escaper := strings.NewReplacer(escapes...)
	all := make([]string, len(byName))
	for i, f := range byName {
		all[i] = "# HELP " + f.name + " " + escaper.Replace(f.help) + "\n# TYPE " + f.name + " gauge\n"
	}
	return all
}

// labelOrder is the indexes of the labels of each of byName, sorted by label name as
// the formats require.
var labelOrder = func() [][]int {
	all := make([][]int, len(byName))
	for i, f := range byName {
		for index := range f.labels {
			all[i] = append(all[i], index)
		}
		slices.SortFunc(all[i], func(a, b int) int { return cmp.Compare(f.labels[a], f.labels[b]) })
	}
	return all
}()

// appendPage appends results to page. If there are several, a last label target
// distinguishes their series.
func (e *exposition) appendPage(page []byte, results ...*prober.Result) []byte {
	var at int     // index of byName
	var begun bool // the family has its HELP and TYPE
	var target string
	set := func(value float64, values ...string) {
		if !begun {
			page, begun = append(page, e.heads[at]...), true
		}
		page = append(page, byName[at].name...)
		opening := byte('{')
		label := func(name, value string) {
			page = append(append(append(page, opening), name...), `="`...)
			page = append(appendEscaped(page, value), '"')
			opening = ','
		}
		for _, index := range labelOrder[at] {
			label(byName[at].labels[index], values[index])
		}
		if target != "" {
			label("target", target)
		}
		if opening == ',' {
			page = append(page, '}')
		}
		page = append(e.appendValue(append(page, ' '), value), '\n')
	}
	for at = range byName {
		begun = false
		for _, r := range results {
			if len(results) > 1 {
				target = r.Target.String()
			}
			byName[at].read(r, set)
		}
	}
	return append(page, e.end...)
}

var escaper = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func appendEscaped(page []byte, value string) []byte {
	if strings.ContainsAny(value, "\\\n\"") {
		value = escaper.Replace(value)
	}
	return append(page, value...)
}

func (e *exposition) appendValue(page []byte, value float64) []byte {
	if value == 0 {
		value = 0 // not -0
	}
	start := len(page)
	page = strconv.AppendFloat(page, value, 'g', -1, 64)
	if !bytes.ContainsAny(page[start:], "e.NI") { // no exponent, fraction, NaN or Inf
		page = append(page, e.whole...)
	}
	return page
}

// Text writes results in the text exposition format. If there are several, a label
// target distinguishes their series.
func Text(w io.Writer, results ...*prober.Result) error {
	_, err := w.Write(plainText.appendPage(nil, results...))
	return err
}

// buffers are reused for pages, unless one became larger than maxReused bytes.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const maxReused = 32 << 10

// WritePage answers a scrape in the format that its Accept header prefers. The page is
// not compressed: that costs an eighth of the CPU of a scrape and saves 4 kB.
func WritePage(w http.ResponseWriter, r *http.Request, result *prober.Result) {
	format := negotiate(r.Header)
	var e *exposition
	switch {
	case format.FormatType() == expfmt.TypeTextPlain:
		e = plainText
	case strings.HasPrefix(string(format), expfmt.OpenMetricsType+"; version="+expfmt.OpenMetricsVersion_1_0_0),
		strings.HasPrefix(string(format), expfmt.OpenMetricsType+"; version="+expfmt.OpenMetricsVersion_0_0_1):
		e = openMetrics
	default: // protocol buffers, or a format that is not known here
		promhttp.HandlerFor(gatherer{result}, promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(w, r)
		return
	}
	buffer := buffers.Get().(*[]byte)
	page := e.appendPage((*buffer)[:0], result)
	header := w.Header()
	header.Set("Content-Type", string(format))
	header.Set("Content-Length", strconv.Itoa(len(page)))
	header.Set("Vary", "Accept")
	w.Write(page) // an error means that the client is gone
	if cap(page) <= maxReused {
		*buffer = page
		buffers.Put(buffer)
	}
}

// negotiate parses the Accept header, unless it is the same as the last one: a
// Prometheus always sends the same.
func negotiate(header http.Header) expfmt.Format {
	accept := header.Get("Accept")
	if last := lastNegotiated.Load(); last != nil && last.accept == accept {
		return last.format
	}
	format := expfmt.NegotiateAccept(header, expfmt.DefaultOpenMetricsAcceptedFormats()...)
	lastNegotiated.Store(&negotiated{accept, format})
	return format
}

type negotiated struct {
	accept string
	format expfmt.Format
}

var lastNegotiated atomic.Pointer[negotiated]
