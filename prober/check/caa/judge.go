package caa

import (
	"slices"
	"strings"
)

// Record is a CAA record (RFC 8659 section 4.1).
type Record struct {
	Critical bool
	Tag      string // in lower case
	Value    string
}

// Verdict is what the records of a name say about the issuer of its certificate.
type Verdict string

// The verdicts. A property is what one record says (RFC 8659 section 4.1).
const (
	NoRecord        Verdict = "no_record"         // neither the name nor one above it has records: any CA may issue
	Unrestricted    Verdict = "unrestricted"      // there are records, and none restricts certificates of this kind
	IssuerListed    Verdict = "issuer_listed"     // a property names the issuer
	IssuerNotListed Verdict = "issuer_not_listed" // properties name other CAs only
	NobodyListed    Verdict = "nobody_listed"     // the properties that restrict issuance name no CA at all
	UnknownCritical Verdict = "unknown_critical"  // a critical property that no CA knows: none may issue
	IssuerUnknown   Verdict = "issuer_unknown"    // there is a restriction, and the CAA domains of the issuer are not known
	NotCovered      Verdict = "not_covered"       // the certificate is not for the name
	NoName          Verdict = "no_name"           // the target has no DNS name, and CAA is about DNS names
)

// Permits reports whether the issuer may issue the certificate again, and whether that is
// known.
func (v Verdict) Permits() (permits, known bool) {
	switch v {
	case NoRecord, Unrestricted, IssuerListed:
		return true, true
	case IssuerNotListed, NobodyListed, UnknownCritical:
		return false, true
	}
	return false, false
}

// The properties that restrict certificates of servers (RFC 8659 sections 4.2 and 4.3).
const (
	issue     = "issue"
	issueWild = "issuewild"
)

// known are the tags in IANA's registry of CAA properties. Those without a rule here are
// about other things: mail (RFC 9495), logos, and whom to contact.
var known = []string{issue, issueWild, "iodef", "issuemail", "issuevmc", "contactemail", "contactphone"}

// judge returns what records say about a certificate, for a wildcard or not, of an issuer
// that has these CAA domains; nil: they are not known. Where a CA has to be named and the
// issuer is not known, nothing follows: a private CA need not care about CAA.
func judge(records []Record, wildcard bool, issuers []string) Verdict {
	if len(records) == 0 {
		return NoRecord
	}
	restricting := restrictions(records, wildcard)
	critical := slices.ContainsFunc(records, func(r Record) bool { return r.Critical && !slices.Contains(known, r.Tag) })
	switch {
	case !critical && len(restricting) == 0:
		return Unrestricted
	case issuers == nil:
		return IssuerUnknown
	case critical:
		return UnknownCritical
	}
	verdict := NobodyListed
	for _, r := range restricting {
		switch domain := issuerDomain(r.Value); {
		case slices.Contains(issuers, domain):
			return IssuerListed
		case domain != "":
			verdict = IssuerNotListed
		}
	}
	return verdict
}

// restrictions are the records that name who may issue. For a wildcard, issuewild
// replaces issue, where there is one (RFC 8659 section 4.3).
func restrictions(records []Record, wildcard bool) []Record {
	of := func(tag string) (all []Record) {
		for _, r := range records {
			if r.Tag == tag {
				all = append(all, r)
			}
		}
		return all
	}
	if wild := of(issueWild); wildcard && len(wild) > 0 {
		return wild
	}
	return of(issue)
}

// issuerDomain is the domain of the CA in the value of a property, in lower case; empty:
// it names none. A value that violates the grammar names none either (RFC 8659 section
// 4.2). The parameters after it limit how the CA may validate (RFC 8657); whether it would
// keep to them is not known here.
func issuerDomain(value string) string {
	domain, parameters, more := strings.Cut(value, ";")
	domain = strings.ToLower(strings.Trim(domain, blanks))
	if more && !validParameters(parameters) {
		return ""
	}
	for label := range strings.SplitSeq(domain, ".") {
		if !validLabel(label) {
			return ""
		}
	}
	return domain
}

// blanks is WSP of RFC 5234.
const blanks = " \t"

// validParameters reports whether the text after the first semicolon is a list of
// tag=value, which may be empty.
func validParameters(text string) bool {
	if strings.Trim(text, blanks) == "" {
		return true
	}
	for parameter := range strings.SplitSeq(text, ";") {
		tag, value, ok := strings.Cut(parameter, "=")
		valid := func(r rune) bool { return r >= '!' && r <= '~' }
		if !ok || !validLabel(strings.Trim(tag, blanks)) || strings.ContainsFunc(strings.Trim(value, blanks), func(r rune) bool { return !valid(r) }) {
			return false
		}
	}
	return true
}

// validLabel reports whether text has letters, digits, and hyphens between them.
func validLabel(text string) bool {
	if text == "" || text[0] == '-' || text[len(text)-1] == '-' {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}
