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

// A probe's page is written straight from its rows: the library's way, over
// messages, buffers and gzip, costs as much as half a handshake. TestPage holds
// the two against each other.

// exposition is one of the two text formats of Prometheus.
type exposition struct {
	heads []string // of byName: the lines before a family's samples
	whole string   // what comes behind a whole number: OpenMetrics has floats there
	end   string
}

var (
	plainText = &exposition{heads: heads(`\`, `\\`, "\n", `\n`)}
	// https://prometheus.io/docs/specs/om/open_metrics_spec/ escapes quotes in HELP too
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

// sorted is, of each of byName, the places of its labels in the order of their
// names, as the formats want them.
var sorted = func() [][]int {
	all := make([][]int, len(byName))
	for i, f := range byName {
		for place := range f.labels {
			all[i] = append(all[i], place)
		}
		slices.SortFunc(all[i], func(a, b int) int { return cmp.Compare(f.labels[a], f.labels[b]) })
	}
	return all
}()

// appendPage writes results behind page. Several of them share each family, told
// apart by a label target, which comes last.
func (e *exposition) appendPage(page []byte, results ...*prober.Result) []byte {
	var at int // of byName
	var begun bool
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
		for _, place := range sorted[at] {
			label(byName[at].labels[place], values[place])
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
		value = 0 // and not -0
	}
	start := len(page)
	page = strconv.AppendFloat(page, value, 'g', -1, 64)
	if !bytes.ContainsAny(page[start:], "e.NI") { // no exponent, fraction, NaN or Inf
		page = append(page, e.whole...)
	}
	return page
}

// Text writes results in the text exposition format. Several of them share each
// family, told apart by a label target.
func Text(w io.Writer, results ...*prober.Result) error {
	_, err := w.Write(plainText.appendPage(nil, results...))
	return err
}

// pages are buffers to write pages in. Those that a large one has made larger
// than maxKeptPage are not kept.
var pages = sync.Pool{New: func() any { return new([]byte) }}

const maxKeptPage = 32 << 10

// WritePage answers a scrape in the format that it asks for. It is not compressed:
// that would cost more CPU than the network saves on so few kilobytes.
func WritePage(w http.ResponseWriter, r *http.Request, result *prober.Result) {
	format := negotiate(r.Header)
	var e *exposition
	switch {
	case format.FormatType() == expfmt.TypeTextPlain:
		e = plainText
	case strings.HasPrefix(string(format), expfmt.OpenMetricsType+"; version="+expfmt.OpenMetricsVersion_1_0_0),
		strings.HasPrefix(string(format), expfmt.OpenMetricsType+"; version="+expfmt.OpenMetricsVersion_0_0_1):
		e = openMetrics
	default: // protocol buffers, or a format to come
		promhttp.HandlerFor(gatherer{result}, promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(w, r)
		return
	}
	buffer := pages.Get().(*[]byte)
	page := e.appendPage((*buffer)[:0], result)
	header := w.Header()
	header.Set("Content-Type", string(format))
	header.Set("Content-Length", strconv.Itoa(len(page)))
	header.Set("Vary", "Accept")
	w.Write(page) // whoever asked may be gone
	if cap(page) <= maxKeptPage {
		*buffer = page
		pages.Put(buffer)
	}
}

// negotiate reads an Accept header that is not the one before it: a Prometheus
// sends the same all the time.
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
