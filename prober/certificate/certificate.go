// Package certificate reads X.509 certificates (RFC 5280) of servers. It reads also those
// that crypto/x509 rejects, as far as they can be read, and none of them takes more memory
// than its size allows.
package certificate

import (
	"bytes"
	"crypto/dsa" //lint:ignore SA1019 old servers still present DSA keys, and a monitor names them
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"net"
	"slices"
	"strings"
	"time"

	"tls_exporter/prober/text"
)

// Certificate is what is shown of a certificate. Its strings are printable and bounded,
// so that it takes at most a few kilobytes. A part that could not be read is empty.
type Certificate struct {
	Subject            Name
	Issuer             Name
	SubjectCN          string
	IssuerCN           string
	IssuerOrganization string // the first one
	SerialNumber       string // in hexadecimal
	NotBefore          time.Time
	NotAfter           time.Time
	FingerprintSHA256  string // of the whole certificate, in hexadecimal
	SPKISHA256         string // of the SubjectPublicKeyInfo, as in a pin (RFC 7469 section 2.4)
	KeyAlgorithm       string // RSA, ECDSA, Ed25519, DSA or unknown
	KeyBits            int    // 0: unknown
	Curve              string // of an ECDSA key, as crypto/elliptic names it
	SignatureAlgorithm string // as crypto/x509 names it, or unknown
	DNSNames           string // sorted, joined by commas
	Names              Names
	SelfIssued         bool // subject and issuer are the same
	MustStaple         bool // it demands a stapled OCSP response (RFC 7633)
	// Undated: the dates, or one of them, could not be read, and are zero. A certificate
	// may have the zero time, year 1, as its date: programs that set none write that.
	Undated bool
}

// Name is the part of a distinguished name that people look for: the common name, else
// the organizational unit, else the organization; empty: it has none of them.
type Name string

// Names are the names that a certificate is for, as they are in it.
type Names struct {
	DNS         []string // sorted, each once
	IPAddresses []string
	More        int // DNS names and addresses that are left out
}

// The bounds, in bytes.
const (
	maxName     = 256     // of one name; RFC 5280 appendix A allows 64 characters
	maxDNSNames = 1024    // of the joined DNS names
	maxNames    = 8 << 10 // of all names together
)

// Expires reports whether the dates could be read.
func (c *Certificate) Expires() bool { return !c.Undated }

// Remaining returns the time from now until the certificate expires; negative after
// that. A Duration ends at 292 years.
func (c *Certificate) Remaining(now time.Time) time.Duration { return c.NotAfter.Sub(now) }

// DaysRemaining returns Remaining in days, without the limit of a Duration: a NotAfter
// in the year 9999 means that there is no expiry date (RFC 5280 section 4.1.2.5).
func (c *Certificate) DaysRemaining(now time.Time) float64 { return Days(now, c.NotAfter) }

// RemainingRatio returns the remaining part of the lifetime: at most 1, 0 on expiry,
// negative after it. It is not defined (false) if NotAfter is not after NotBefore.
func (c *Certificate) RemainingRatio(now time.Time) (float64, bool) {
	lifetime := Days(c.NotBefore, c.NotAfter)
	if !c.Expires() || lifetime <= 0 {
		return 0, false
	}
	return min(1, c.DaysRemaining(now)/lifetime), true
}

// Days returns the time between two instants, in days.
func Days(from, to time.Time) float64 {
	return (float64(to.Unix()-from.Unix()) + float64(to.Nanosecond()-from.Nanosecond())/1e9) / (24 * 60 * 60)
}

// IssuedBy reports whether this is the common name of the issuer, as it is in the
// certificate or as it is shown.
func (c *Certificate) IssuedBy(commonName string) bool {
	return commonName == c.IssuerCN || printable(commonName) == c.IssuerCN
}

// IssuedByOrganization is IssuedBy for the organization of the issuer.
func (c *Certificate) IssuedByOrganization(name string) bool {
	return name == c.IssuerOrganization || printable(name) == c.IssuerOrganization
}

// fewNames is how many names WithFewNames leaves.
const fewNames = 4

// WithFewNames returns the certificate without most of its names, if it has many.
func (c *Certificate) WithFewNames() *Certificate {
	if len(c.Names.DNS)+len(c.Names.IPAddresses) <= fewNames {
		return c
	}
	few := *c
	few.Names.DNS = slices.Clone(c.Names.DNS[:min(len(c.Names.DNS), fewNames)])
	few.Names.IPAddresses = slices.Clone(c.Names.IPAddresses[:min(len(c.Names.IPAddresses), fewNames-len(few.Names.DNS))])
	few.Names.More += len(c.Names.DNS) + len(c.Names.IPAddresses) - len(few.Names.DNS) - len(few.Names.IPAddresses)
	return &few
}

// Size is how many bytes the certificate takes: its strings, and the headers.
func (c *Certificate) Size() int {
	size := 512 + len(c.Subject) + len(c.Issuer) + len(c.SubjectCN) + len(c.IssuerCN) + len(c.IssuerOrganization) + len(c.SerialNumber) +
		len(c.FingerprintSHA256) + len(c.SPKISHA256) + len(c.DNSNames)
	for _, names := range [...][]string{c.Names.DNS, c.Names.IPAddresses} {
		for _, name := range names {
			size += 32 + len(name)
		}
	}
	return size
}

// Describe returns what is shown of a certificate. The result does not refer to cert.
func Describe(cert *x509.Certificate) *Certificate { return describe(sha256.Sum256(cert.Raw), cert) }

// describe returns what is shown of a certificate. The result does not refer to cert.
func describe(f Fingerprint, cert *x509.Certificate) *Certificate {
	algorithm, bits := Key(cert)
	subject, issuer := printable(cert.Subject.CommonName), printable(cert.Issuer.CommonName)
	c := &Certificate{
		Subject:            nameOf(subject, cert.Subject.OrganizationalUnit, cert.Subject.Organization),
		Issuer:             nameOf(issuer, cert.Issuer.OrganizationalUnit, cert.Issuer.Organization),
		SubjectCN:          subject,
		IssuerCN:           issuer,
		IssuerOrganization: first(cert.Issuer.Organization),
		NotBefore:          cert.NotBefore,
		NotAfter:           cert.NotAfter,
		FingerprintSHA256:  hex.EncodeToString(f[:]),
		KeyAlgorithm:       algorithm,
		KeyBits:            bits,
		SignatureAlgorithm: SignatureAlgorithm(cert),
		DNSNames:           DNSNames(cert),
		Names:              names(cert),
		MustStaple:         mustStaple(cert.Extensions),
		SelfIssued:         len(cert.RawSubject) > 0 && bytes.Equal(cert.RawSubject, cert.RawIssuer),
	}
	if cert.SerialNumber != nil {
		c.SerialNumber = printable(cert.SerialNumber.Text(16)) // RFC 5280 allows 20 octets; private CAs may use more
	}
	if len(cert.RawSubjectPublicKeyInfo) > 0 {
		spki := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
		c.SPKISHA256 = hex.EncodeToString(spki[:])
	}
	if key, ok := cert.PublicKey.(*ecdsa.PublicKey); ok {
		c.Curve = key.Curve.Params().Name
	}
	return c
}

// printable bounds a name. Without the copy, the name would keep the whole certificate in
// memory.
func printable(name string) string { return strings.Clone(text.Printable(name, maxName)) }

// nameOf returns the common name, which is printable, or else the first of the others.
func nameOf(commonName string, others ...[]string) Name {
	if commonName != "" {
		return Name(commonName)
	}
	return Name(first(slices.Concat(others...)))
}

// first returns the first name that is not empty.
func first(names []string) string {
	for _, name := range names {
		if name != "" {
			return printable(name)
		}
	}
	return ""
}

// Key returns the algorithm and the size of the public key; unknown and 0 for those that
// crypto/x509 does not know.
func Key(cert *x509.Certificate) (algorithm string, bits int) {
	switch k := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		return "RSA", k.N.BitLen()
	case *ecdsa.PublicKey:
		return "ECDSA", k.Curve.Params().BitSize
	case ed25519.PublicKey:
		return "Ed25519", 8 * len(k)
	case *dsa.PublicKey:
		return "DSA", k.P.BitLen()
	}
	return "unknown", 0
}

// SignatureAlgorithm returns the name of the algorithm with which cert is signed; unknown if
// crypto/x509 does not know it.
func SignatureAlgorithm(cert *x509.Certificate) string {
	if cert.SignatureAlgorithm == x509.UnknownSignatureAlgorithm {
		return "unknown"
	}
	return cert.SignatureAlgorithm.String()
}

// DNSNames joins as many names as fit into maxDNSNames. An ellipsis stands for the
// others.
func DNSNames(cert *x509.Certificate) string {
	names := slices.Clone(cert.DNSNames)
	slices.Sort(names)
	var b strings.Builder
	for i, name := range slices.Compact(names) {
		name = text.Printable(name, maxName)
		if b.Len()+len(name)+len(",…") > maxDNSNames {
			b.WriteString(",…")
			break
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(name)
	}
	return b.String()
}

// names returns as many names as fit into maxNames.
func names(cert *x509.Certificate) Names {
	var n Names
	room := maxNames
	fits := func(name string) bool {
		if room -= len(name) + 32; room < 0 { // the header of a string, and the rounding of allocations
			n.More++
			return false
		}
		return true
	}
	dns := slices.Clone(cert.DNSNames)
	slices.Sort(dns)
	for _, name := range slices.Compact(dns) {
		if name = printable(name); fits(name) {
			n.DNS = append(n.DNS, name)
		}
	}
	for _, ip := range cert.IPAddresses {
		if name := net.IP(ip).String(); fits(name) {
			n.IPAddresses = append(n.IPAddresses, name)
		}
	}
	return n
}
