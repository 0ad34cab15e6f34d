package certificate

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"net"
	"unicode/utf16"
)

// maxAttributes is how many attributes of a distinguished name are read, and maxSubjectNames
// how many names of a certificate. maxOneName bounds each, in bytes.
const (
	maxAttributes   = 64
	maxSubjectNames = 400
	maxOneName      = 1 << 10
)

// readName reads a distinguished name (RFC 5280 section 4.1.2.4). It accepts strings of
// all types, with any characters.
func readName(name *pkix.Name, der reader) {
	if !der.ReadASN1(&der, sequence) {
		return
	}
	for left := maxAttributes; left > 0; left-- {
		var attributes, attribute, value reader
		var id asn1.ObjectIdentifier
		var tag derTag
		if !der.ReadASN1(&attributes, set) {
			return
		}
		for ; left > 0 && attributes.ReadASN1(&attribute, sequence); left-- {
			if attribute.ReadASN1ObjectIdentifier(&id) && attribute.ReadAnyASN1(&value, &tag) {
				addAttribute(name, id.String(), decode(tag, value))
			}
		}
	}
}

// addAttribute adds one of the attributes that are shown (RFC 4519 section 2).
func addAttribute(name *pkix.Name, id, value string) {
	switch id {
	case "2.5.4.3":
		name.CommonName = value // the last one counts, as in crypto/x509
	case "2.5.4.10":
		name.Organization = append(name.Organization, value)
	case "2.5.4.11":
		name.OrganizationalUnit = append(name.OrganizationalUnit, value)
	}
}

// The string types that package cryptobyte/asn1 has no name for (X.680 section 8.6).
const (
	universalString = derTag(28)
	bmpString       = derTag(30)
)

// decode returns the text of a string type. Types with one byte for each character are
// taken as ISO 8859-1, which contains ASCII.
func decode(tag derTag, value []byte) string {
	value = value[:min(len(value), maxOneName)]
	switch tag {
	case utf8String, printableString, ia5String:
		return string(value)
	case bmpString:
		var units []uint16
		for ; len(value) >= 2; value = value[2:] {
			units = append(units, binary.BigEndian.Uint16(value))
		}
		return string(utf16.Decode(units))
	case universalString:
		var runes []rune
		for ; len(value) >= 4; value = value[4:] {
			runes = append(runes, rune(binary.BigEndian.Uint32(value)))
		}
		return string(runes)
	}
	runes := make([]rune, len(value))
	for i, b := range value {
		runes[i] = rune(b)
	}
	return string(runes)
}

// NamesCut reports whether a certificate that crypto/x509 has not read may have more names
// than were read here.
func NamesCut(cert *x509.Certificate) bool {
	return len(cert.DNSNames)+len(cert.IPAddresses) >= maxSubjectNames || len(cert.Extensions) >= maxExtensions
}

// readNames reads the DNS names and IP addresses among the names of a certificate (RFC
// 5280 section 4.2.1.6). Of the others it reads nothing.
func readNames(cert *x509.Certificate, value reader) {
	const dnsName, ipAddress = 2, 7
	if !value.ReadASN1(&value, sequence) {
		return
	}
	for len(cert.DNSNames)+len(cert.IPAddresses) < maxSubjectNames {
		var name reader
		var tag derTag
		if !value.ReadAnyASN1(&name, &tag) {
			return
		}
		switch tag {
		case contextSpecific | dnsName:
			cert.DNSNames = append(cert.DNSNames, decode(ia5String, name))
		case contextSpecific | ipAddress:
			if len(name) == net.IPv4len || len(name) == net.IPv6len {
				cert.IPAddresses = append(cert.IPAddresses, net.IP(name))
			}
		}
	}
}
