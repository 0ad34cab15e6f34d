package report

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"net/http"
	"time"

	"tls_exporter/prober"
)

// inspectPage is one endpoint as the template has it.
type inspectPage struct {
	Target       string
	Module       string
	ServerName   string // asked for; empty: none
	Address      string // asked for; empty: none
	Status       string
	Verdict      string
	At           time.Time
	Took         time.Duration
	Fresh        string // the address that probes anew
	Scrape       string // the address of the same probe for Prometheus
	Troubles     []trouble
	Waves        []wave
	WavesHeight  int
	Facts        []fact
	Pool         *poolTable
	Chain        []link
	ChainTitle   string
	Expectations []prober.Expectation
	Scan         *scanSection
	FailedChecks []trouble
	Ticks        []tick
	Metrics      string
	JSON         string
}

// poolTable is every address behind the name, where all were probed.
type poolTable struct {
	Shown   string // the address that the rest of the page is about
	Members []poolRow
}

// poolRow is one of them.
type poolRow struct {
	Address   string
	Status    string
	Failure   string
	Latency   time.Duration
	Lasts     string
	Urgency   string
	Ratio     float64
	Shortened string // the leaf's fingerprint: which addresses have the same one
}

func poolTableOf(p *prober.Pool) *poolTable {
	if p == nil {
		return nil
	}
	table := &poolTable{Shown: p.Members[p.Shown].Address.String()}
	for _, m := range p.Members {
		row := poolRow{Address: m.Address.String(), Status: Good.String()}
		if f := m.Failure; f != nil {
			row.Status, row.Failure = Bad.String(), sentence(f.Reason, message(f))
		}
		if m.Session != nil && m.Session.Completed {
			row.Latency = m.Session.Duration
		}
		if m.Chain != nil {
			leaf := linkOf(m.Chain.Certificates[0].X509, m.Chain.At)
			row.Lasts, row.Urgency, row.Ratio = leaf.Lasts, leaf.Urgency, leaf.Ratio
			row.Shortened = m.Chain.Certificates[0].FingerprintSHA256[:min(8, len(m.Chain.Certificates[0].FingerprintSHA256))]
		}
		table.Members = append(table.Members, row)
	}
	return table
}

// fact is a name and what is known under it.
type fact struct{ Name, Value string }

// link is a certificate of the chain, drawn leaf to root.
type link struct {
	Role     string
	Position int // as sent; -1: it comes from the trust store
	Subject  string
	Issuer   string
	Lasts    string
	Until    string
	Ratio    float64
	Urgency  string // the colour of the time that is left
	Facts    []fact
	Troubles []trouble
	Aside    bool // sent, and not needed
}

// Show writes the page of one result.
func (p *Pages) Show(w http.ResponseWriter, module string, asked prober.Target, r *prober.Result) {
	var text bytes.Buffer
	if err := JSON(&text, []*prober.Result{r}); err != nil {
		p.Fail(w, http.StatusInternalServerError, err)
		return
	}
	key := KeyOf(module, asked)
	page := inspectPage{
		Target: shown(key.Target), Module: module, ServerName: asked.ServerName,
		Status: Judge(r, 0).String(), Verdict: verdict(r), At: r.Start, Took: r.Duration,
		Troubles: troubles(r), Waves: waterfall(r), WavesHeight: len(r.Phases) * waveHeight,
		Facts: connectionFacts(r), Pool: poolTableOf(r.Pool), Chain: links(r), FailedChecks: failed(r),
		Ticks: strip(p.options.History.strip(key)), Metrics: p.options.Metrics(r), JSON: text.String(),
		Fresh: inspectURL(key) + "&fresh=true", Scrape: "probe?" + inspectURL(key)[len("inspect?"):],
	}
	if asked.Address.IsValid() {
		page.Address = address(key)
	}
	if r.Chain != nil {
		page.ChainTitle = chainTitle(r.Chain).text
	}
	if r.Expect != nil {
		page.Expectations = r.Expect.Expectations
	}
	page.Scan = scanSectionOf(r)
	p.render(w, http.StatusOK, p.inspect, page.Target, page)
}

// connectionFacts is the text's block of the same name, cell by cell.
func connectionFacts(r *prober.Result) []fact {
	var facts []fact
	for _, row := range connection(r) {
		facts = append(facts, fact{row[0].text, row[1].text})
	}
	return facts
}

// failed is the checks without a finding, each with what to do about it.
func failed(r *prober.Result) []trouble {
	var all []trouble
	for _, check := range r.Checks {
		if f := check.Failure; f != nil {
			all = append(all, trouble{prober.Reason(check.Name), sentence(f.Reason, message(f)), Remedy(f.Reason), false, -1})
		}
	}
	return all
}

// links are the certificates as they were sent, and the root of the trusted
// path if that was not.
func links(r *prober.Result) []link {
	c := r.Chain
	if c == nil {
		return nil
	}
	var all []link
	for i, cert := range c.Certificates {
		l := linkOf(cert.X509, c.At)
		l.Position, l.Role = i, role(c, i)
		l.Aside = offPath(c, cert.X509)
		l.Facts = append(l.Facts,
			fact{"key", keyOf(cert)}, fact{"signature", cert.SignatureAlgorithm}, fact{"serial number", cert.SerialNumber},
			fact{"SHA-256", cert.FingerprintSHA256}, fact{"public key SHA-256", cert.SPKISHA256})
		for _, t := range troubles(r) {
			if t.Position == i {
				l.Troubles = append(l.Troubles, t)
			}
		}
		if i == 0 {
			l.Facts = append(l.Facts, fact{"names", some(names(cert.X509), maxMessage)})
		}
		all = append(all, l)
	}
	if n := len(c.Path); n > 0 && !sent(c, c.Path[n-1]) {
		root := linkOf(c.Path[n-1], c.At)
		root.Position, root.Role = -1, "root, from the trust store"
		all = append(all, root)
	}
	return all
}

func linkOf(cert *x509.Certificate, at time.Time) link {
	known := &prober.Certificate{X509: cert}
	ratio, _ := known.RemainingRatio(at)
	lasts, until := validity(known, at)
	return link{
		Subject: short(named(cert)), Issuer: short(called(cert.Issuer)), Lasts: lasts.text, Until: until,
		Ratio: ratio, Urgency: urgencyOf(at.After(cert.NotAfter) || at.Before(cert.NotBefore), ratio),
	}
}

func role(c *prober.Chain, position int) string {
	cert := c.Certificates[position].X509
	switch {
	case position == 0:
		return "leaf"
	case bytes.Equal(cert.RawIssuer, cert.RawSubject):
		return fmt.Sprintf("certificate %d, a root", position)
	}
	return fmt.Sprintf("certificate %d", position)
}

func sent(c *prober.Chain, cert *x509.Certificate) bool {
	for _, known := range c.Certificates {
		if known.X509.Equal(cert) {
			return true
		}
	}
	return false
}
