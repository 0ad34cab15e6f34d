package report

import (
	"cmp"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tls_exporter/prober"
)

// maxMessage bounds what is shown of a text that may hold a stranger's words.
const maxMessage = 300

// clean makes such a text fit to be shown: one line, printable, bounded.
func clean(s string) string {
	if len(s) > 8*maxMessage {
		s = s[:8*maxMessage]
	}
	s = lineBreaks.Replace(strings.TrimSpace(s))
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, s)
	return shorten(s, maxMessage)
}

// lineBreaks keeps joined errors apart, which stand on lines of their own.
var lineBreaks = strings.NewReplacer("\r\n", "; ", "\n", "; ", "\t", " ")

// shorten keeps at most limit runes; an ellipsis says that there were more.
func shorten(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-3]) + "..."
}

// message is the story of a failure.
func message(f *prober.Failure) string {
	if f.Err == nil {
		return ""
	}
	return clean(f.Err.Error())
}

// lasted is a duration of a probe as people read it: 8.41 ms, 23.1 ms, 1.24 s.
func lasted(d time.Duration) string {
	switch ms := float64(d) / float64(time.Millisecond); {
	case ms > 0 && ms < 0.005:
		return "<0.01 ms"
	case ms < 999.5:
		return digits(ms) + " ms"
	default:
		return digits(ms/1000) + " s"
	}
}

// digits writes three of them, or two behind the point of a small number.
func digits(x float64) string {
	switch {
	case x < 9.995:
		return fmt.Sprintf("%.2f", x)
	case x < 99.95:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

// span is a time between dates as people read it: 58.3 days, 7.2 hours.
func span(d time.Duration) string {
	if d.Abs() == math.MaxInt64 {
		return "over 292 years" // where a time.Duration ends: "never" is the year 9999 (RFC 5280 section 4.1.2.5)
	}
	count, unit := d.Abs().Hours()/24, "days"
	if count < 1 {
		count, unit = d.Abs().Hours(), "hours"
	}
	if count < 1 {
		count, unit = d.Abs().Minutes(), "minutes"
	}
	if count >= 99.95 {
		return fmt.Sprintf("%.0f %s", count, unit)
	}
	return fmt.Sprintf("%.1f %s", count, unit)
}

func date(t time.Time) string { return t.UTC().Format(time.DateTime + " MST") }

// named is what people call a certificate: its common name or, since many
// leaves have none any more, the first name that it is for.
func named(cert *x509.Certificate) string {
	if cert.Subject.CommonName == "" && len(names(cert)) > 0 {
		return names(cert)[0]
	}
	return called(cert.Subject)
}

// called is what people call the subject or issuer of a certificate. Old roots
// have no common name.
func called(n pkix.Name) string {
	parts := slices.Concat([]string{n.CommonName}, n.OrganizationalUnit, n.Organization, []string{"(no name)"})
	return cmp.Or(clean(cmp.Or(parts...)), "(no name)")
}

// names is everything that a certificate is for: DNS names, then addresses.
func names(cert *x509.Certificate) []string {
	return append(dnsNames(cert), addresses(cert)...)
}

// dnsNames are sorted, each once.
func dnsNames(cert *x509.Certificate) []string {
	all := make([]string, len(cert.DNSNames))
	for i, name := range cert.DNSNames {
		all[i] = clean(name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func addresses(cert *x509.Certificate) []string {
	all := make([]string, len(cert.IPAddresses))
	for i, ip := range cert.IPAddresses {
		all[i] = ip.String()
	}
	return all
}

// some joins the first words, as many as fit into limit bytes but at least one,
// and counts the rest.
func some(words []string, limit int) string {
	var b strings.Builder
	for i, word := range words {
		if i > 0 && b.Len()+len(word) > limit {
			return fmt.Sprintf("%s and %d more", b.String(), len(words)-i)
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(word)
	}
	return b.String()
}
