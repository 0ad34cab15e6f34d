package scan

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"tls_exporter/prober"
	"tls_exporter/prober/check/dane"
	"tls_exporter/prober/failure"
	"tls_exporter/report/part"
)

// DANE is what the TLSA records of the endpoint say about its certificates.
type DANE struct {
	// The scheme of the target.
	Protocol string `json:"protocol"`
	// Whether the records came with a DNSSEC proof from a resolver over a trusted path.
	// Absent: there are no records.
	Secure *bool `json:"secure,omitempty"`
	// Whether clients that use DANE accept the endpoint. Absent: there are no usable,
	// secure records, or it is not known.
	Match *bool `json:"match,omitempty"`
	// The mail domain whose mail servers are checked (`mx: true`).
	MailDomain *MailDomain `json:"mail_domain,omitempty"`
	// The endpoint, or the mail servers of the domain, most preferred first. An IP address
	// has no records, and is none.
	Services []DANEService `json:"services"`
}

// MailDomain is the answer to the question for the mail servers of a domain.
type MailDomain struct {
	// The domain.
	Name string `json:"name"`
	// Whether its MX records, or that it has none, came with a DNSSEC proof.
	Secure bool `json:"secure"`
	// How many mail servers it has. Only the first five are checked.
	Servers int `json:"servers"`
}

// DANEService is a server and its TLSA records.
type DANEService struct {
	// Its name.
	Host string `json:"host"`
	// The name that has its records, as in `_443._tcp.example.com`.
	Name string `json:"name,omitzero"`
	// Whether the records came with a DNSSEC proof.
	Secure bool `json:"secure"`
	// Whether the path to the resolver is trusted. Without that, nothing is secure.
	ResolverTrusted bool `json:"resolver_trusted"`
	// Whether clients that use DANE accept the server. Absent: not known, or they do not
	// use DANE with it.
	Match *bool `json:"match,omitempty"`
	// The records.
	Records []TLSARecord `json:"records"`
	// Why the records or the certificates are not known: a reason of docs/metrics.md.
	Reason string `json:"reason,omitzero"`
	// The same for people.
	Message string `json:"message,omitzero"`
}

// TLSARecord is a TLSA record, and how it compares with the certificates.
type TLSARecord struct {
	// The certificate usage: `PKIX-TA`, `PKIX-EE`, `DANE-TA`, `DANE-EE`, `PrivCert` or
	// `unassigned`.
	Usage string `json:"usage"`
	// The selector: `Cert`, `SPKI`, `PrivSel` or `unassigned`.
	Selector string `json:"selector"`
	// The matching type: `Full`, `SHA2-256`, `SHA2-512`, `PrivMatch` or `unassigned`.
	Matching string `json:"matching"`
	// The three numbers, and the content in hexadecimal, of which at most 64 bytes are
	// shown.
	Record string `json:"record"`
	// `match`, `mismatch`, `invalid` (a certificate has this content, and clients reject
	// the chain), `unusable` (clients ignore the record) or `unknown`.
	Result string `json:"result"`
	// Why, in words.
	Detail string `json:"detail,omitzero"`
}

func (x *DANE) read(r *prober.Result) bool {
	found := r.DANE.Finding
	if found == nil {
		return false
	}
	x.Protocol, x.Services = string(found.Protocol), []DANEService{}
	x.Secure, x.Match = optional(found.Secure()), optional(found.Match())
	if d := found.Domain; d != nil {
		x.MailDomain = &MailDomain{part.Clean(d.Name), d.Secure, d.Hosts}
	}
	for _, s := range found.Services {
		service := DANEService{
			Host: part.Clean(s.Host), Name: part.Clean(s.Name), Secure: s.Secure, ResolverTrusted: s.Trusted, Match: optional(s.Match()), Records: []TLSARecord{},
		}
		if s.Failure != nil {
			service.Reason, service.Message = string(s.Failure.Reason), part.Message(s.Failure)
		}
		for _, record := range s.Records {
			service.Records = append(service.Records, TLSARecord{
				record.UsageName(), record.SelectorName(), record.MatchingName(), recordText(&record), string(record.Result), part.Clean(record.Detail),
			})
		}
		x.Services = append(x.Services, service)
	}
	return true
}

// optional is nil for what is not known.
func optional(yes, known bool) *bool {
	if !known {
		return nil
	}
	return &yes
}

// recordText is a record as zone files have it, shortened.
func recordText(r *dane.Record) string {
	const most = 64 // bytes: the longest digest
	content := hex.EncodeToString(r.Data[:min(len(r.Data), most)])
	if len(r.Data) > most {
		content += "..."
	}
	return fmt.Sprintf("%d %d %d %s", r.Usage, r.Selector, r.Matching, content)
}

// facts are, for each server, whether it matches, and its records.
func (x *DANE) facts(*prober.Result) []part.Fact {
	var all part.Facts
	if d := x.MailDomain; d != nil {
		all.Add("mail servers", x.domainText())
	} else if len(x.Services) == 0 {
		all.Add("dane", "an IP address has no TLSA records")
	}
	for _, s := range x.Services {
		name := "dane"
		if x.MailDomain != nil {
			name = "dane " + s.Host
		}
		all.Add(name, s.text())
		for _, r := range s.Records {
			all.Add("  "+strings.Join([]string{r.Usage, r.Selector, r.Matching}, " "), part.Sentence(r.Result, r.Detail))
		}
	}
	return all
}

func (x *DANE) domainText() string {
	words := fmt.Sprintf("%d of %s", x.MailDomain.Servers, x.MailDomain.Name)
	switch {
	case x.MailDomain.Servers == 0:
		return "the domain " + x.MailDomain.Name + " accepts no mail"
	case !x.MailDomain.Secure:
		return words + ", without a DNSSEC proof: mail servers do not use DANE"
	case x.MailDomain.Servers > len(x.Services):
		return words + fmt.Sprintf("; the first %d are checked", len(x.Services))
	}
	return words
}

// text is whether the server matches.
func (s *DANEService) text() string {
	count := fmt.Sprintf("%d TLSA records at %s", len(s.Records), s.Name)
	if len(s.Records) == 1 {
		count = "1 TLSA record at " + s.Name
	}
	switch {
	case s.Name == "":
		return part.Sentence(s.Reason, s.Message)
	case len(s.Records) == 0:
		return "no TLSA records at " + s.Name
	case !s.ResolverTrusted:
		return count + ", without a proof: the path to the resolver is not trusted"
	case !s.Secure:
		return count + ", without a DNSSEC proof: clients ignore them"
	case s.Reason != "":
		return count + "; the certificates are not known: " + part.Sentence(s.Reason, s.Message)
	case s.Match == nil:
		return count + ", none of them usable"
	case *s.Match:
		return "match, " + count
	}
	return "mismatch, " + count
}

// DANEMismatch is the issue that no usable record of a server matches.
const DANEMismatch = "dane_mismatch"

// issues is the servers whose certificates do not match. Other mail servers do not deliver
// mail to such a one (RFC 7672 section 2.2); browsers do not use DANE.
func (x *DANE) issues() []part.Issue {
	if x == nil || x.Match == nil || *x.Match {
		return nil
	}
	var names []string
	for _, s := range x.Services {
		if s.Match != nil && !*s.Match {
			names = append(names, s.Name)
		}
	}
	status := part.Warning
	if x.Protocol == "smtp" {
		status = part.Bad
	}
	slices.Sort(names)
	return []part.Issue{part.NewIssue(failure.Reason(DANEMismatch), "no usable TLSA record matches at "+part.Join(names, maxViolations), status)}
}
