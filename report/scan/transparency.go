package scan

import (
	"encoding/hex"
	"strings"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/check/transparency"
	"tls_exporter/report/part"
)

// Transparency is the SCTs that came with the certificate, and the verdict on them.
type Transparency struct {
	// Whether the SCTs meet Chrome's policy for Certificate Transparency. Absent: not judged.
	Compliant *bool `json:"compliant,omitempty"`
	// Why they do not, or why they were not judged. Absent: they do.
	Why string `json:"why,omitempty"`
	// When the list of logs was made.
	ListTime time.Time `json:"log_list_timestamp"`
	// The signed certificate timestamps, at most 16 of each source.
	SCTs []Timestamp `json:"scts"`
}

// Timestamp is a signed certificate timestamp.
type Timestamp struct {
	// How it came: `certificate`, `extension` or `staple`.
	Source string `json:"source"`
	// `valid`, `bad_signature`, `future`, `unknown_log`, `unknown_issuer` or `malformed`.
	Status string `json:"status"`
	// The ID of the log, in hexadecimal digits.
	LogID string `json:"log_id,omitempty"`
	// The name of the log. Absent: the list does not have it.
	Log string `json:"log,omitempty"`
	// Who operated the log at that time.
	Operator string `json:"operator,omitempty"`
	// The state of the log: `pending`, `qualified`, `usable`, `readonly`, `retired` or `rejected`.
	State string `json:"state,omitempty"`
	// When the log signed it.
	Time time.Time `json:"time,omitzero"`
	// Its index in the log. Absent: it has none, as those of logs with the API of RFC 6962.
	Index *int64 `json:"leaf_index,omitempty"`
}

func (x *Transparency) read(r *prober.Result) bool {
	found := r.Transparency.Finding
	if found == nil {
		return false
	}
	x.ListTime, x.SCTs, x.Why = found.ListTime.UTC(), []Timestamp{}, found.Unjudged
	if found.Verdict != nil {
		x.Compliant, x.Why = &found.Verdict.Compliant, strings.Join(found.Verdict.Why, "; ")
	}
	for _, s := range found.SCTs {
		x.SCTs = append(x.SCTs, timestampOf(s))
	}
	return true
}

func timestampOf(s transparency.SCT) Timestamp {
	shown := Timestamp{Source: string(s.Source), Status: string(s.Status), Time: s.Time}
	if s.Status == transparency.Malformed {
		return shown
	}
	shown.LogID = hex.EncodeToString(s.LogID[:])
	if s.Log != nil {
		shown.Log, shown.Operator, shown.State = s.Log.Description, s.Log.Operator(s.Time), string(s.Log.State)
	}
	if s.Index >= 0 {
		shown.Index = &s.Index
	}
	return shown
}

// facts are the verdict, and a line for each SCT.
func (x *Transparency) facts(*prober.Result) []part.Fact {
	var all part.Facts
	switch {
	case x.Compliant == nil:
		all.Add("CT policy", "not judged: "+x.Why)
	case *x.Compliant:
		all.Add("CT policy", "compliant")
	default:
		all.Add("CT policy", "violated: "+x.Why)
	}
	all.Add("CT log list", "of "+x.ListTime.Format(time.DateOnly))
	if len(x.SCTs) == 0 {
		all.Add("SCT", "none")
	}
	for _, s := range x.SCTs {
		all.Add("SCT", s.words())
	}
	return all
}

// issues is that browsers reject the certificate.
func (x *Transparency) issues() []part.Issue {
	if x == nil || x.Compliant == nil || *x.Compliant {
		return nil
	}
	return []part.Issue{part.NewIssue(CTViolated, "browsers reject the certificate: "+x.Why, part.Bad)}
}

// words is one SCT in a line.
func (s *Timestamp) words() string {
	log := s.Log
	switch {
	case s.Status == string(transparency.Malformed):
		return "malformed, " + s.place()
	case log == "":
		log = "log " + s.LogID[:16] + "…"
	default:
		log += " (" + strings.Trim(s.Operator+", "+s.State, ", ") + ")"
	}
	words := log + ", " + s.Time.Format("2006-01-02 15:04:05 MST") + ", " + s.place()
	if why, invalid := invalidSCT[transparency.Status(s.Status)]; invalid {
		words += ": " + why
	}
	return words
}

// place is where it was.
func (s *Timestamp) place() string {
	if s.Source == string(transparency.Extension) {
		return "in the TLS extension"
	}
	return "in the " + s.Source
}

// invalidSCT is why an SCT is not valid.
var invalidSCT = map[transparency.Status]string{
	transparency.BadSignature:  "the signature is not by this log for this certificate",
	transparency.Future:        "it is from the future",
	transparency.UnknownLog:    "the list does not have the log",
	transparency.UnknownIssuer: "not verified, because the issuer is not known",
}
