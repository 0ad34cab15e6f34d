package certificate

import (
	"crypto/x509"
	"time"
)

// readValidity reads the two dates (RFC 5280 section 4.1.2.5).
func readValidity(cert *x509.Certificate, der reader) {
	if !der.ReadASN1(&der, sequence) {
		return
	}
	cert.NotBefore, cert.NotAfter = readTime(&der), readTime(&der)
}

// Undated reports whether a date of a certificate that crypto/x509 has not read could not
// be read here either.
func Undated(cert *x509.Certificate) bool { return cert.NotBefore.IsZero() || cert.NotAfter.IsZero() }

// The forms of a time that RFC 5280 allows, and those that X.680 allows beside them: an
// offset from UTC, no seconds, a fraction of a second.
var (
	utcTimes         = []string{"060102150405Z0700", "0601021504Z0700", "060102150405"}
	generalizedTimes = []string{"20060102150405Z0700", "20060102150405.999999999Z0700", "200601021504Z0700", "20060102150405"}
)

// readTime reads a time; zero: it has no known form.
func readTime(der *reader) time.Time {
	var value reader
	var tag derTag
	if !der.ReadAnyASN1(&value, &tag) || len(value) > maxTime {
		return time.Time{}
	}
	forms := generalizedTimes
	if tag == utcTime {
		forms = utcTimes
	}
	for _, form := range forms {
		at, err := time.Parse(form, string(value))
		if err != nil {
			continue
		}
		if tag == utcTime && at.Year() >= 2050 { // RFC 5280 section 4.1.2.5.1
			at = at.AddDate(-100, 0, 0)
		}
		return at.UTC()
	}
	return time.Time{}
}

// maxTime bounds the text of a time, in bytes.
const maxTime = 40
