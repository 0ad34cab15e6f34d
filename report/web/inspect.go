package web

import (
	"bytes"
	"net/http"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/target"
	"tls_exporter/report"
	"tls_exporter/report/json"
	"tls_exporter/report/part"
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
