package scan

import (
	"cmp"
	"crypto/tls"
	"slices"

	"tls_exporter/prober/check/versions"
	"tls_exporter/report/part"
)

// Version is a protocol version, and how the server answered when it was offered.
type Version struct {
	Name    string
	Answer  string      // accepted; accepted, deprecated; refused; or no answer
	Refused bool        // which is neither good nor bad
	Status  part.Status // Warning: it is accepted and deprecated; Unknown: no answer
	number  uint16
}

func versionAnswers(v *versions.Finding) []Version {
	if v == nil {
		return nil
	}
	var all []Version
	for _, a := range v.Answers {
		version := Version{Name: a.Version.String(), Answer: "refused", Refused: true, number: uint16(a.Version)}
		switch {
		case a.Accepted && a.Version < tls.VersionTLS12: // RFC 8996, RFC 7568, RFC 6176
			version.Answer, version.Refused, version.Status = "accepted, deprecated", false, part.Warning
		case a.Accepted:
			version.Answer, version.Refused, version.Status = "accepted", false, part.Good
		}
		all = append(all, version)
	}
	for _, number := range v.Unanswered() {
		all = append(all, Version{Name: number.String(), Answer: "no answer", number: uint16(number)})
	}
	slices.SortFunc(all, func(a, b Version) int { return cmp.Compare(b.number, a.number) })
	return all
}
