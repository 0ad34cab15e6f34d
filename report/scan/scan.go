// Package scan explains what the checks of a probe found. Each check has a file of its
// own name here.
package scan

import (
	"reflect"

	"tls_exporter/prober"
	"tls_exporter/report/part"
)

// Report is what the server accepts, and all that the other checks found.
type Report struct {
	Ages            []part.Fact // of findings that an earlier probe made, by check
	Versions        []Version   // newest first
	Ciphers         *Ciphers
	Policies        []Policy
	Clients         []Client        // of the module
	Vulnerabilities []Vulnerability // those that the server has first
	Findings        Findings
	Other           []part.Fact // of Ciphers and of Findings
}

// Findings is the table of checks that need no layout of their own, a field each with
// the name that it has in prober.Checks. The text and the pages show their facts, JSON
// shows the fields, and the comments of fields are their descriptions in docs/json.md.
type Findings struct {
	// The grade of the endpoint by the rating guide of SSL Labs, and what limits it.
	Grade *Grade `json:"grade,omitempty"`
	// How the server resumes sessions.
	Resumption *Resumption `json:"resumption,omitempty"`
	// What the TLSA records of the endpoint say about its certificates.
	DANE *DANE `json:"dane,omitempty"`
	// Whether the CAA records of the DNS allow the issuer to issue the certificate again.
	CAA *CAA `json:"caa,omitempty"`
	// What the HTTPS records of the DNS tell clients, and whether the servers do it.
	HTTPSRecord *HTTPSRecord `json:"https_record,omitempty"`
	// The SCTs that came with the certificate, and what Chrome's policy for Certificate Transparency says of them.
	Transparency *Transparency `json:"transparency,omitempty"`
	// What the CAs say about the certificates: whether they were revoked.
	Revocation *Revocation `json:"revocation,omitempty"`
	// When the CA wants the certificate to be renewed.
	Renewal *Renewal `json:"renewal,omitempty"`
}

// finding is a field of Findings.
type finding interface {
	// read takes over what the check found; false: there is no finding.
	read(*prober.Result) bool
	// facts is the finding in words.
	facts(*prober.Result) []part.Fact
}

func findingsOf(r *prober.Result) (found Findings, all []part.Fact) {
	fields := reflect.ValueOf(&found).Elem()
	for i := range fields.NumField() {
		field := reflect.New(fields.Field(i).Type().Elem())
		if one := field.Interface().(finding); one.read(r) {
			fields.Field(i).Set(field)
			all = append(all, one.facts(r)...)
		}
	}
	return found, all
}

// New is nil if no check has a finding.
func New(r *prober.Result) *Report {
	found, others := findingsOf(r)
	if r.Versions.Finding == nil && r.Ciphers.Finding == nil && r.Policy.Finding == nil && r.Clients.Finding == nil && r.Vulnerabilities.Finding == nil && found == (Findings{}) {
		return nil
	}
	return &Report{
		Ages: ages(r), Versions: versionAnswers(r.Versions.Finding), Ciphers: ciphersOf(r.Ciphers.Finding), Policies: policies(r.Policy.Finding),
		Clients: clientAnswers(r), Vulnerabilities: vulnerabilityAnswers(r.Vulnerabilities.Finding), Findings: found, Other: append(keyExchange(r.Ciphers.Finding), others...),
	}
}

func ages(r *prober.Result) []part.Fact {
	var all part.Facts
	for _, c := range r.Outcomes {
		if c.Failure == nil && !c.Time.IsZero() && c.Time.Before(r.Start) {
			all.Add(c.Name, "checked "+part.Span(r.Start.Sub(c.Time))+" ago")
		}
	}
	return all
}

// Age is how old the finding of a check is; empty: this probe made it.
func (s *Report) Age(check string) string {
	for _, age := range s.Ages {
		if age.Name == check {
			return age.Value
		}
	}
	return ""
}
