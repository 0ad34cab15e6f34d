package scan

import (
	"fmt"
	"strings"

	"tls_exporter/prober"
	httpsrecord "tls_exporter/prober/check/https_record"
	"tls_exporter/report/part"
)

// HTTPSRecord is what the HTTPS records of the DNS tell clients (RFC 9460), and whether the
// servers do it.
type HTTPSRecord struct {
	// The name that was asked for. Absent: the target has no HTTPS records.
	Name string `json:"name,omitempty"`
	// What the lookup ended with: `found`, `none`, `alias_only` (an alias to a name without
	// records), `no_service` (an alias to nothing), `alias_loop`, `no_name` (the target has
	// no DNS name), or `not_https` (another scheme).
	State string `json:"state"`
	// The records in the order in which clients try them, at most 8.
	Records []ServiceRecord `json:"records"`
	// How many records are left out.
	More int `json:"more_records,omitzero"`
	// What the servers answered to the protocols that the records advertise.
	Protocols []OfferedProtocol `json:"protocols"`
	// Whether they selected all of them. Absent: not known.
	ALPNMatch *bool `json:"alpn_match,omitempty"`
	// The outcome of a handshake with Encrypted Client Hello. Absent: none is published.
	ECH *ECH `json:"ech,omitempty"`
}

// ServiceRecord is one HTTPS record.
type ServiceRecord struct {
	// Its priority; the lowest is tried first. 0: an alias.
	Priority int `json:"priority"`
	// The name of the server, or of the alias.
	Target string `json:"target"`
	// The protocols that it advertises, beside http/1.1, joined by commas.
	ALPN string `json:"alpn,omitempty"`
	// The port of the server.
	Port int `json:"port,omitzero"`
	// Whether it has a configuration for Encrypted Client Hello.
	ECH bool `json:"ech,omitzero"`
	// Why clients ignore it. Absent: they do not.
	Unusable string `json:"unusable,omitempty"`
}

// OfferedProtocol is a protocol that was offered alone to a server that a record leads to.
type OfferedProtocol struct {
	// The name of the server.
	Host string `json:"host"`
	// Its port.
	Port int `json:"port"`
	// The protocol: `h2` or `http/1.1`.
	Protocol string `json:"protocol"`
	// `selected`, `not_selected` or `no_answer`.
	Answer string `json:"answer"`
	// What the server selected instead, or why it did not answer.
	Detail string `json:"detail,omitempty"`
}

// ECH is the outcome of a handshake with the published configuration for Encrypted Client
// Hello (RFC 9849).
type ECH struct {
	// `accepted`; `rejected_retry` (the server has another configuration), `rejected_disabled`
	// (it has none) or `rejected_untrusted` (its certificate is not valid for the public
	// name); `unsupported` (the exporter cannot use the configuration), `malformed` or
	// `no_answer`.
	Outcome string `json:"outcome"`
	// The name that is sent in the clear.
	PublicName string `json:"public_name,omitempty"`
	// More about the outcome.
	Detail string `json:"detail,omitempty"`
}

func (x *HTTPSRecord) read(r *prober.Result) bool {
	found := r.HTTPSRecord.Finding
	if found == nil {
		return false
	}
	*x = HTTPSRecord{Name: found.Name, State: string(found.State), Records: []ServiceRecord{}, More: found.More, Protocols: []OfferedProtocol{}}
	for _, record := range found.Records {
		x.Records = append(x.Records, ServiceRecord{int(record.Priority), record.Target, record.ALPN, int(record.Port), record.ECH, record.Unusable})
	}
	for _, service := range found.Services {
		for _, p := range service.Protocols {
			x.Protocols = append(x.Protocols, OfferedProtocol{service.Host, int(service.Port), p.Name, string(p.Answer), p.Detail})
		}
	}
	if match, known := found.ALPNMatch(); known {
		x.ALPNMatch = &match
	}
	if found.ECH != nil {
		x.ECH = &ECH{string(found.ECH.Outcome), found.ECH.PublicName, found.ECH.Detail}
	}
	return true
}

// facts are the records, and what the servers answered.
func (x *HTTPSRecord) facts(*prober.Result) []part.Fact {
	var all part.Facts
	all.Add("HTTPS records", part.Clean(x.records()))
	var answers []string
	for _, p := range x.Protocols {
		answers = append(answers, p.sentence())
	}
	all.Add("advertised protocols", part.Clean(strings.Join(answers, "; ")))
	if x.ECH != nil {
		all.Add("Encrypted Client Hello", part.Clean(x.ECH.sentence()))
	}
	return all
}

// states are what the lookup ended with, in words.
var states = map[httpsrecord.State]string{
	httpsrecord.None:      "none",
	httpsrecord.AliasOnly: "the alias has none of its own",
	httpsrecord.NoService: "an alias to nothing: there is no service",
	httpsrecord.AliasLoop: "aliases without end",
}

// records is the records, or why there are none.
func (x *HTTPSRecord) records() string {
	var words []string
	for _, record := range x.Records {
		words = append(words, record.sentence())
	}
	if x.More > 0 {
		words = append(words, fmt.Sprintf("and %d more", x.More))
	}
	if state := states[httpsrecord.State(x.State)]; state != "" {
		words = append(words, state)
	}
	return strings.Join(words, "; ")
}

func (r ServiceRecord) sentence() string {
	if r.Priority == 0 {
		return "alias of " + r.Target
	}
	words := []string{fmt.Sprintf("%d %s:%d", r.Priority, r.Target, r.Port)}
	if r.ALPN != "" {
		words = append(words, r.ALPN)
	}
	if r.ECH {
		words = append(words, "ECH")
	}
	if r.Unusable != "" {
		words = append(words, "ignored: "+r.Unusable)
	}
	return strings.Join(words, ", ")
}

func (p OfferedProtocol) sentence() string {
	at := fmt.Sprintf("%s at %s:%d ", p.Protocol, p.Host, p.Port)
	switch httpsrecord.Answer(p.Answer) {
	case httpsrecord.Selected:
		return at + "is served"
	case httpsrecord.NotSelected:
		return at + "is not served (" + p.Detail + ")"
	}
	return part.Sentence(at+"is not known", p.Detail)
}

// outcomes are the outcomes of ECH in words.
var outcomes = map[httpsrecord.Outcome]string{
	httpsrecord.Accepted:          "accepted",
	httpsrecord.RejectedRetry:     "rejected: the server has another configuration than the DNS, so clients connect twice",
	httpsrecord.RejectedDisabled:  "rejected: the server has no configuration, so clients send the name in the clear",
	httpsrecord.RejectedUntrusted: "rejected: the certificate is not valid for the public name, so clients fail",
	httpsrecord.Unsupported:       "not known: the exporter cannot use the configuration",
	httpsrecord.Malformed:         "the configuration in the DNS is malformed",
	httpsrecord.NoECHAnswer:       "not known: the handshake failed",
}

func (e *ECH) sentence() string {
	text := outcomes[httpsrecord.Outcome(e.Outcome)]
	if e.PublicName != "" {
		text += " (public name " + e.PublicName + ")"
	}
	if httpsrecord.Outcome(e.Outcome) == httpsrecord.NoECHAnswer {
		text = part.Sentence(text, e.Detail)
	}
	return text
}

// issues is a warning if a server does not do what the records say.
func (x *HTTPSRecord) issues() []part.Issue {
	if x == nil {
		return nil
	}
	var all []part.Issue
	if x.ALPNMatch != nil && !*x.ALPNMatch {
		var missing []string
		for _, p := range x.Protocols {
			if p.Answer == string(httpsrecord.NotSelected) {
				missing = append(missing, p.sentence())
			}
		}
		all = append(all, part.NewIssue(HTTPSRecordMismatch, part.Clean(strings.Join(missing, "; ")), part.Warning))
	}
	if x.ECH != nil && x.ECH.fails() {
		all = append(all, part.NewIssue(ECHNotAccepted, part.Clean(x.ECH.sentence()), part.Warning))
	}
	return all
}

// fails tells whether clients cannot use what is published.
func (e *ECH) fails() bool {
	switch httpsrecord.Outcome(e.Outcome) {
	case httpsrecord.RejectedRetry, httpsrecord.RejectedDisabled, httpsrecord.RejectedUntrusted, httpsrecord.Malformed:
		return true
	}
	return false
}
