package scan

import (
	"fmt"
	"strings"

	"tls_exporter/prober"
	"tls_exporter/prober/check/caa"
	"tls_exporter/report/part"
)

// CAA is whether the CAA records of the DNS allow the issuer of the certificate to issue
// it again (RFC 8659).
type CAA struct {
	// The name that was judged: the target's, or the wildcard of the certificate that
	// covers it. Absent: the target has none.
	Name string `json:"name,omitempty"`
	// The name that has the records. Absent: neither the name nor one above it has any.
	From string `json:"from,omitempty"`
	// What the records say: `no_record`, `unrestricted` or `issuer_listed` (the issuer may
	// issue); `issuer_not_listed`, `nobody_listed` or `unknown_critical` (it may not);
	// `issuer_unknown` (the CAA domains of the issuer are not known); `not_covered` (the
	// certificate is for another name); `no_name` (the target has no DNS name).
	Verdict string `json:"verdict"`
	// Whether the issuer may issue the certificate again. Absent: not known.
	Permits *bool `json:"permits_issuer,omitempty"`
	// The domains that stand for the issuer in CAA records. Absent: not known.
	Issuers []string `json:"issuer_domains,omitempty"`
	// The records, at most 16.
	Records []CAARecord `json:"records"`
	// How many records are left out.
	More int `json:"more_records,omitzero"`
}

// CAARecord is one CAA record.
type CAARecord struct {
	// What it is about: `issue`, `issuewild`, `iodef` or another tag.
	Tag string `json:"tag"`
	// Its value, with parameters.
	Value string `json:"value"`
	// Whether a CA that does not know the tag must not issue.
	Critical bool `json:"critical,omitzero"`
}

func (x *CAA) read(r *prober.Result) bool {
	found := r.CAA.Finding
	if found == nil {
		return false
	}
	*x = CAA{Name: found.Name, From: found.From, Verdict: string(found.Verdict), Issuers: found.Issuers, Records: []CAARecord{}, More: found.More}
	if permits, known := found.Verdict.Permits(); known {
		x.Permits = &permits
	}
	for _, record := range found.Records {
		x.Records = append(x.Records, CAARecord{record.Tag, record.Value, record.Critical})
	}
	return true
}

// facts are the verdict, and the records.
func (x *CAA) facts(*prober.Result) []part.Fact {
	var all part.Facts
	all.Add("CAA", x.sentence())
	var words []string
	for _, record := range x.Records {
		word := fmt.Sprintf("%s %q", record.Tag, record.Value)
		if record.Critical {
			word += " (critical)"
		}
		words = append(words, word)
	}
	if x.More > 0 {
		words = append(words, fmt.Sprintf("%d more", x.More))
	}
	if len(words) > 0 {
		all.Add("CAA of "+part.Short(x.From), part.Clean(part.Join(words, maxCAA)))
	}
	return all
}

// maxCAA bounds a list of records, in bytes: about two lines.
const maxCAA = 160

// sentence is the verdict in words.
func (x *CAA) sentence() string {
	switch caa.Verdict(x.Verdict) {
	case caa.NoRecord:
		return "any CA may issue: no records"
	case caa.Unrestricted:
		return "any CA may issue: no record restricts that"
	case caa.IssuerListed:
		return "the issuer may issue for " + x.Name
	case caa.IssuerNotListed:
		return fmt.Sprintf("the issuer (%s) may not issue for %s: the records of %s name other CAs", x.issuer(), x.Name, x.From)
	case caa.NobodyListed:
		return fmt.Sprintf("no CA may issue for %s: the records of %s name none", x.Name, x.From)
	case caa.UnknownCritical:
		return fmt.Sprintf("no CA may issue for %s: %s has a critical record of an unknown kind", x.Name, x.From)
	case caa.IssuerUnknown:
		return "not known: the records restrict who may issue, and the CAA domain of the issuer is not known"
	case caa.NotCovered:
		return "not known: the certificate is for another name"
	}
	return ""
}

// issuer is the first domain of the issuer.
func (x *CAA) issuer() string {
	if len(x.Issuers) == 0 {
		return "unknown"
	}
	return x.Issuers[0]
}

// issues is a warning if the issuer may not issue the certificate again.
func (x *CAA) issues() []part.Issue {
	if x == nil || x.Permits == nil || *x.Permits {
		return nil
	}
	return []part.Issue{part.NewIssue(CAAForbidsIssuer, strings.TrimSuffix(part.Clean(x.sentence()), "."), part.Warning)}
}
