package chain

import (
	"crypto/dsa" //lint:ignore SA1019 old servers still present DSA keys, and a monitor names them
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"tls_exporter/prober/text"
)

// Certificate is a certificate as it was sent, with its properties as strings for
// labels: printable, bounded, hexadecimal numbers in lower case.
type Certificate struct {
	X509               *x509.Certificate
	SubjectCN          string
	IssuerCN           string
	SerialNumber       string
	FingerprintSHA256  string // of the whole certificate
	SPKISHA256         string // of the SubjectPublicKeyInfo, as in a pin (RFC 7469 section 2.4)
	KeyAlgorithm       string // RSA, ECDSA, Ed25519, DSA or unknown
	KeyBits            int    // 0: unknown
	SignatureAlgorithm string // as crypto/x509 names it, or unknown
	DNSNames           string // sorted, joined by commas
}

const (
	maxName     = 256  // bytes of a name; RFC 5280 appendix A allows 64 characters
	maxDNSNames = 1024 // bytes of the joined DNS names
)

func newCertificate(cert *x509.Certificate) *Certificate {
	fingerprint, spki := sha256.Sum256(cert.Raw), sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	algorithm, bits := key(cert)
	return &Certificate{
		X509:               cert,
		SubjectCN:          text.Printable(cert.Subject.CommonName, maxName),
		IssuerCN:           text.Printable(cert.Issuer.CommonName, maxName),
		SerialNumber:       text.Printable(cert.SerialNumber.Text(16), maxName), // RFC 5280 allows 20 octets; private CAs may use more
		FingerprintSHA256:  hex.EncodeToString(fingerprint[:]),
		SPKISHA256:         hex.EncodeToString(spki[:]),
		KeyAlgorithm:       algorithm,
		KeyBits:            bits,
		SignatureAlgorithm: signatureAlgorithm(cert),
		DNSNames:           dnsNames(cert),
	}
}

// Remaining returns the time from now until the certificate expires; negative after
// that. A Duration ends at 292 years.
func (c *Certificate) Remaining(now time.Time) time.Duration { return c.X509.NotAfter.Sub(now) }

// DaysRemaining returns Remaining in days, without the limit of a Duration: a NotAfter
// in the year 9999 means that there is no expiry date (RFC 5280 section 4.1.2.5).
func (c *Certificate) DaysRemaining(now time.Time) float64 { return days(now, c.X509.NotAfter) }

// RemainingRatio returns the remaining part of the lifetime: at most 1, 0 on expiry,
// negative after it. It is not defined (false) if NotAfter is not after NotBefore.
func (c *Certificate) RemainingRatio(now time.Time) (float64, bool) {
	lifetime := days(c.X509.NotBefore, c.X509.NotAfter)
	if lifetime <= 0 {
		return 0, false
	}
	return min(1, c.DaysRemaining(now)/lifetime), true
}

func days(from, to time.Time) float64 {
	return (float64(to.Unix()-from.Unix()) + float64(to.Nanosecond()-from.Nanosecond())/1e9) / (24 * 60 * 60)
}

func key(cert *x509.Certificate) (algorithm string, bits int) {
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

func signatureAlgorithm(cert *x509.Certificate) string {
	if cert.SignatureAlgorithm == x509.UnknownSignatureAlgorithm {
		return "unknown"
	}
	return cert.SignatureAlgorithm.String()
}

// dnsNames joins as many names as fit into maxDNSNames. An ellipsis stands for the
// others.
func dnsNames(cert *x509.Certificate) string {
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
