package scan

import (
	"time"

	"tls_exporter/prober"
	"tls_exporter/report/part"
)

// Renewal is when the CA wants the certificate to be renewed (RFC 9773).
type Renewal struct {
	// Start of the window.
	Start time.Time `json:"window_start"`
	// End of the window.
	End time.Time `json:"window_end"`
	// Whether the window has ended while the server still uses the certificate.
	Overdue bool `json:"overdue"`
	// A page of the CA that says why. It was not opened. Absent: the CA names none.
	Explanation string `json:"explanation_url,omitempty"`
	// When the CA said so. It is asked again when it wants to be, within a minute to a day.
	Asked time.Time `json:"asked_at"`
}

func (x *Renewal) read(r *prober.Result) bool {
	found := r.Renewal.Finding
	if found == nil {
		return false
	}
	*x = Renewal{found.Start, found.End, found.Overdue, found.Explanation, found.Asked.UTC()}
	return true
}

// facts are the window as it is at the time of the probe, and the page that explains it.
func (x *Renewal) facts(r *prober.Result) []part.Fact {
	var all part.Facts
	all.Add("renewal", x.window(r.Start))
	if x.Explanation != "" {
		all = append(all, part.Fact{Name: "renewal notice", Value: x.Explanation, Link: x.Explanation})
	}
	return all
}

// window is when the CA wants the renewal, in words.
func (x *Renewal) window(now time.Time) string {
	switch {
	case x.Overdue:
		return "overdue: " + x.missed() + ", " + part.Span(now.Sub(x.End)) + " ago"
	case now.Before(x.Start):
		return "the CA wants it in " + part.Span(x.Start.Sub(now)) + ": from " + part.Date(x.Start) + " to " + part.Date(x.End)
	}
	return "the CA wants it now: from " + part.Date(x.Start) + " to " + part.Date(x.End)
}

// missed is when an overdue renewal should have been.
func (x *Renewal) missed() string { return "the CA wanted it by " + part.Date(x.End) }

// issues is that the renewal is overdue.
func (x *Renewal) issues() []part.Issue {
	if x == nil || !x.Overdue {
		return nil
	}
	detail := x.missed()
	if x.Explanation != "" {
		detail += "; it explains: " + x.Explanation
	}
	return []part.Issue{part.NewIssue(RenewalOverdue, detail, part.Warning)}
}
