package web

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/target"
	"tls_exporter/report"
	"tls_exporter/report/json"
	"tls_exporter/report/part"
)

// inspectPage is one endpoint as the template has it.
type inspectPage struct {
	*report.Report
	Endpoint     string
	Module       string
	ServerName   string // asked for; empty: none
	Address      string // asked for; empty: none
	At           time.Time
	Took         time.Duration
	Fresh        string // the address that starts a new probe
	Last         string // the address that never does
	Scrape       string // the address of the same probe for Prometheus
	Waterfall    []phaseBar
	Certificates []certificate // of the chain, and the root
	Omitted      int           // certificates of a bundle that expire later
	PEM          string        // of the certificates that were sent; empty: none, or not stored
	Download     string        // the address of PEM
	History      *chart        // nil: no probe is stored
	Metrics      string
	JSON         string
	Badge        string // the address of its badge
}

// Show writes the page of one result.
func (p *Pages) Show(w http.ResponseWriter, module string, asked target.Target, r *prober.Result) {
	var object bytes.Buffer
	if err := json.Write(&object, r, json.Options{Module: module}); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	key, facts := keyOf(module, asked), report.New(r, report.Limits{})
	page := inspectPage{
		Report: facts, Endpoint: shown(key.Target), Module: module, ServerName: asked.ServerName, At: r.Start, Took: r.Duration,
		Waterfall: waterfall(facts.Phases), PEM: chainPEM(r), Download: "certificates.pem?" + probeQuery(key),
		History: chartOf(p.options.History.samples(key)), Metrics: p.options.Metrics(r), JSON: object.String(),
		Fresh: inspectURL(key) + "&fresh=true", Last: inspectURL(key) + "&fresh=false", Scrape: "probe?" + probeQuery(key),
		Badge: "badge.svg?" + probeQuery(key),
	}
	page.Certificates, page.Omitted = certificates(facts)
	if asked.Address.IsValid() {
		page.Address = report.Address(asked.Address)
	}
	form := p.newForm()
	form.Target, form.Module = page.Endpoint, module
	p.write(w, http.StatusOK, p.inspect, layout{Title: page.Endpoint, Form: form, Page: page})
}

// certificate is one of the chain, with the rest of what is known about it.
type certificate struct {
	report.Certificate
	Details []detail
}

// detail is facts about a certificate that a page hides until somebody opens them.
type detail struct {
	ID    string
	Title string
	Facts []part.Fact
	Open  bool // a problem of the certificate is about them
}

func certificates(r *report.Report) (all []certificate, omitted int) {
	if r.Chain == nil {
		return nil, 0
	}
	shown, omitted := r.Chain.Shown()
	for _, cert := range shown {
		all = append(all, certificate{cert, details(cert, r.Expectations)})
	}
	if r.Chain.Root != nil {
		all = append(all, certificate{Certificate: *r.Chain.Root})
	}
	return all, omitted
}

// Problems, and expectations, that are about the names, and those that are about the key,
// the signature or the fingerprints.
var (
	aboutNames = []failure.Reason{"name_mismatch", "name_constraint", "names"}
	aboutKeys  = []failure.Reason{"weak_key", "weak_signature", "bad_signature", "unsupported_algorithm", "pin", "backup_pin", "issuer_spki", "key_type", "same_as_file"}
)

// The bounds on the names of a leaf, in bytes, and on those that are open.
const (
	maxNames     = 300
	maxOpenNames = 2000
)

// details is the rest of what is known about a certificate that was sent.
func details(cert report.Certificate, expectations []report.Expectation) []detail {
	concerns := func(reasons []failure.Reason) bool {
		return slices.ContainsFunc(cert.Issues, func(i part.Issue) bool { return slices.Contains(reasons, i.Reason) }) ||
			slices.ContainsFunc(expectations, func(e report.Expectation) bool { return !e.Met && slices.Contains(reasons, failure.Reason(e.Name)) })
	}
	id := fmt.Sprintf("certificate-%d-", cert.Position)
	keys := detail{id + "keys", "Keys and fingerprints", []part.Fact{
		{Name: "key", Value: cert.Key}, {Name: "signature", Value: cert.SignatureAlgorithm}, {Name: "serial number", Value: cert.SerialNumber},
		{Name: "SHA-256", Value: cert.FingerprintSHA256}, {Name: "public key SHA-256", Value: cert.SPKISHA256},
	}, concerns(aboutKeys)}
	if cert.Position > 0 {
		return []detail{keys}
	}
	names, limit := detail{ID: id + "names", Title: "Names", Open: concerns(aboutNames)}, maxNames
	if names.Open {
		limit = maxOpenNames
	}
	names.Facts = []part.Fact{{Name: "names", Value: part.ListNames(cert.Names, limit)}}
	return []detail{names, keys}
}
