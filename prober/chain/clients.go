package chain

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"strings"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/text"
)

// This file has the rules of clients that crypto/x509 does not have.

// tooWide reports whether a name of a certificate is a wildcard for a whole top-level
// domain, such as *.test. RFC 9525 section 6.3 leaves it to clients; OpenSSL, GnuTLS
// and browsers want two labels after the wildcard.
func tooWide(name string) bool {
	domain, wildcard := strings.CutPrefix(name, "*.")
	return wildcard && !strings.Contains(domain, ".")
}

// checkName reports a leaf whose names do not match. If not all of them were read, another
// may match.
func (v *verification) checkName() {
	leaf := v.sent[0]
	if v.Name == "" {
		return
	}
	if err := leaf.VerifyHostname(v.Name); err != nil {
		if v.unread[leaf] != nil && certificate.NamesCut(leaf) {
			return
		}
		v.report(ProblemNameMismatch, leaf, "%s is not among the names of the leaf (%s)", text.Quote(v.Name), validNames(leaf))
		return
	}
	if !slices.ContainsFunc(leaf.DNSNames, tooWide) {
		return
	}
	strict := *leaf
	strict.DNSNames = slices.DeleteFunc(slices.Clone(leaf.DNSNames), tooWide)
	if err := strict.VerifyHostname(v.Name); err != nil {
		v.report(ProblemNameMismatch, leaf, "%s is among the names of the leaf (%s) only by a wildcard for a whole top-level domain, which clients reject",
			text.Quote(v.Name), validNames(leaf))
	}
}

// oddTime returns a time in the validity of a certificate that is not in UTC, or has no
// seconds: RFC 5280 section 4.1.2.5 wants YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ, and most
// clients take nothing else. "": there is none.
func oddTime(cert *x509.Certificate) string {
	der := cert.RawTBSCertificate
	body, ok := element(&der)
	field, ok := next(body.Bytes, ok)
	if ok && field.value.Class == asn1.ClassContextSpecific { // the version
		field, ok = next(field.rest, ok)
	}
	for range 3 { // from the serial number to the validity
		field, ok = next(field.rest, ok)
	}
	for times := field.value.Bytes; ok && len(times) > 0; {
		var time asn1.RawValue
		if time, ok = element(&times); ok && !proper(time) {
			return string(time.Bytes)
		}
	}
	return ""
}

// field is an element of a sequence, and what follows it.
type field struct {
	value asn1.RawValue
	rest  []byte
}

func next(der []byte, ok bool) (field, bool) {
	if !ok {
		return field{}, false
	}
	value, ok := element(&der)
	return field{value, der}, ok
}

func proper(time asn1.RawValue) bool {
	digits, utc := strings.CutSuffix(string(time.Bytes), "Z")
	return utc && (time.Tag == asn1.TagUTCTime && len(digits) == 12 || time.Tag == asn1.TagGeneralizedTime && len(digits) == 14)
}

var oidKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 15}

// limitsUsage reports whether a certificate says for what its key may be used, be it for
// nothing.
func limitsUsage(cert *x509.Certificate) bool { return extension(cert, oidKeyUsage) != nil }

// usages are the bits of the key usage that the key of a server may need.
var usages = []struct {
	bit  x509.KeyUsage
	name string
	of   string
}{
	{x509.KeyUsageDigitalSignature, "digitalSignature", "TLS 1.3 and suites with (EC)DHE key exchange need"}, // RFC 8446 section 4.4.2.2
	{x509.KeyUsageKeyEncipherment, "keyEncipherment", "suites with RSA key exchange need"},                   // RFC 5246 section 7.4.2
	{x509.KeyUsageKeyAgreement, "keyAgreement", "suites with static (EC)DH key exchange need"},
}

// misusedKey returns what the key usage of a leaf lacks, in a sentence; "": nothing, as
// far as is known. Browsers look for the bit that the negotiated key exchange needs. If
// that is not known, no client can use a leaf that has none of these bits.
func misusedKey(leaf *x509.Certificate, needed x509.KeyUsage) string {
	if !limitsUsage(leaf) {
		return ""
	}
	for _, usage := range usages {
		if needed == usage.bit && leaf.KeyUsage&needed == 0 {
			return "has a key usage without " + usage.name + ", which " + usage.of
		}
	}
	const any = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageKeyAgreement
	if needed == 0 && leaf.KeyUsage&any == 0 {
		return "has a key usage that fits no key exchange"
	}
	return ""
}

var oidExtendedKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 37}

// misusedBy returns why the extended key usage of a certificate is not for the chain of
// a server; "": it is, or there is none. any is true for anyExtendedKeyUsage, which
// crypto/x509 takes and OpenSSL, rustls and Firefox do not; of a root it may be.
func misusedBy(cert *x509.Certificate) (why string, any bool) {
	switch {
	case slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageServerAuth), extension(cert, oidExtendedKeyUsage) == nil:
		return "", false
	case slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageAny):
		return "is for any use (extended key usage), and not for TLS servers by name, as OpenSSL, rustls and Firefox require", true
	}
	return "is not for TLS servers (extended key usage)", false
}

// otherIssuer returns what the authority key identifier of child has that parent, which
// signed it, has otherwise; "": nothing. Such a certificate was often issued under an
// older certificate of the same CA. OpenSSL does not take parent for the issuer then,
// and GnuTLS does not if the key identifiers differ.
func otherIssuer(parent, child *x509.Certificate) string {
	named := authorityOf(child)
	switch {
	case len(named.KeyIdentifier) > 0 && len(parent.SubjectKeyId) > 0 && !bytes.Equal(named.KeyIdentifier, parent.SubjectKeyId):
		return "another key identifier"
	case named.SerialNumber != nil && parent.SerialNumber != nil && named.SerialNumber.Cmp(parent.SerialNumber) != 0:
		return "another serial number"
	case len(named.issuer()) > 0 && !bytes.Equal(named.issuer(), parent.RawIssuer):
		return "another issuer"
	}
	return ""
}
