package web

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"

	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/prober/target"
	"tls_exporter/report"
	"tls_exporter/report/json"
	"tls_exporter/report/part"
	"tls_exporter/report/web/badge"
)

// inspectPage is one endpoint as the template has it.
type inspectPage struct {
	*report.Report
	Endpoint        string
	Module          string
	ServerName      string // asked for; empty: none
	Address         string // asked for; empty: none
	At              time.Time
	Took            time.Duration
	Fresh           string // the address that starts a new probe
	Scrape          string // the address of the same probe for Prometheus
	Waterfall       []phaseBar
	WaterfallHeight int
	Ticks           []tick
	Metrics         string
	JSON            string
	Badge           string // the address of its badge
}

// Show writes the page of one result.
func (p *Pages) Show(w http.ResponseWriter, module string, asked target.Target, r *prober.Result) {
	var object bytes.Buffer
	if err := json.Write(&object, r, json.Options{Module: module}); err != nil {
		p.Fail(w, http.StatusInternalServerError, err)
		return
	}
	key, facts := keyOf(module, asked), report.New(r, report.Limits{})
	page := inspectPage{
		Report: facts, Endpoint: shown(key.Target), Module: module, ServerName: asked.ServerName, At: r.Start, Took: r.Duration,
		Waterfall: waterfall(facts.Phases), WaterfallHeight: len(facts.Phases) * phaseHeight,
		Ticks: strip(p.options.History.samples(key)), Metrics: p.options.Metrics(r), JSON: object.String(),
		Fresh: inspectURL(key) + "&fresh=true", Scrape: "probe?" + probeQuery(key), Badge: "badge.svg?" + probeQuery(key),
	}
	if asked.Address.IsValid() {
		page.Address = report.Address(asked.Address)
	}
	p.render(w, http.StatusOK, p.inspect, page.Endpoint, page)
}

// maxNames bounds the names of a leaf, in bytes.
const maxNames = 300

// details is the rest of what is known about a certificate that was sent.
func details(cert report.Certificate) []part.Fact {
	if cert.Position < 0 {
		return nil
	}
	all := []part.Fact{
		{Name: "key", Value: cert.Key}, {Name: "signature", Value: cert.SignatureAlgorithm}, {Name: "serial number", Value: cert.SerialNumber},
		{Name: "SHA-256", Value: cert.FingerprintSHA256}, {Name: "public key SHA-256", Value: cert.SPKISHA256},
	}
	if cert.Position == 0 {
		all = append(all, part.Fact{Name: "names", Value: part.ListNames(cert.Names, maxNames)})
	}
	return all
}

// badge draws what the last probe of an endpoint found. It starts no probe. What the list
// would not show, and what the access policy forbids, is unknown.
func (p *Pages) badge(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	module, asked, err := readEndpoint(values)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	message, status := p.brief(time.Now(), module, asked)
	label := cmp.Or(part.Clean(values.Get("label")), shown(asked.String()))
	drawn := badge.Draw(part.Short(label), message, status)
	header := w.Header()
	header.Set("Content-Type", badge.Type)
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	header.Set("Cache-Control", "no-cache") // wikis and their proxies ask each time
	header.Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(drawn)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(drawn))
}

// brief is the state of an endpoint in a word or two, and its status. It does not say how
// old it is, so an old state is unknown.
func (p *Pages) brief(now time.Time, module string, asked target.Target) (string, part.Status) {
	loaded := p.options.Config()
	last, known := p.options.History.last(keyOf(module, asked))
	if !known || last.At.Before(now.Add(-longest(loaded, module, asked))) || loaded.Permit(module, asked) != nil {
		return part.Unknown.String(), part.Unknown
	}
	return last.brief(now)
}

// longest is how old the state of an endpoint may be: it is older after two probes that
// did not happen.
func longest(loaded *config.Config, module string, asked target.Target) time.Duration {
	age := recency
	for i := range loaded.Targets {
		if t := &loaded.Targets[i]; t.Module == module && t.Target == asked {
			age = max(age, 2*time.Duration(t.Interval))
		}
	}
	return age
}

func (o outcome) brief(now time.Time) (string, part.Status) {
	left := o.expires().Sub(now)
	switch {
	case o.Status == part.Unknown:
		return o.Status.String(), o.Status
	case o.Remaining.Dated && left < 0:
		return "expired", part.Bad
	case o.Remaining.Dated && (o.Status == part.Good || o.Reason == "expires_soon"):
		return wholeDays(left), o.Status
	case o.Status == part.Good:
		return o.Status.String(), o.Status
	}
	return strings.ReplaceAll(string(o.Reason), "_", " "), o.Status
}

// wholeDays is the time left in whole days, or hours on the last day.
func wholeDays(left time.Duration) string {
	count, unit := int(left.Hours()/24), "day"
	if count == 0 {
		count, unit = int(left.Hours()), "hour"
	}
	if count != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", count, unit)
}
