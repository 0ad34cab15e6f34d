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

// Certificate is one certificate as it was sent, with its names in the form in
// which they are shown: printable, bounded, hexadecimal in lower case.
type Certificate struct {
	X509               *x509.Certificate
	SubjectCN          string
	IssuerCN           string
	SerialNumber       string
	FingerprintSHA256  string // of the whole certificate
	SPKISHA256         string // of the public key: what a pin names (RFC 7469 section 2.4)
	KeyAlgorithm       string
	KeyBits            int // 0: not known
	SignatureAlgorithm string
	DNSNames           string // sorted, joined by commas
}

const (
	maxName     = 256  // bytes of a common name that are shown; RFC 5280 appendix A allows 64 characters
	maxDNSNames = 1024 // bytes of the joined DNS names that are shown
)

func newCertificate(cert *x509.Certificate) *Certificate {
	fingerprint, spki := sha256.Sum256(cert.Raw), sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	algorithm, bits := key(cert)
	return &Certificate{
		X509:               cert,
		SubjectCN:          text.Printable(cert.Subject.CommonName, maxName),
		IssuerCN:           text.Printable(cert.Issuer.CommonName, maxName),
		SerialNumber:       text.Printable(cert.SerialNumber.Text(16), maxName), // RFC 5280 allows 20 octets, and who signs for himself takes any number
		FingerprintSHA256:  hex.EncodeToString(fingerprint[:]),
		SPKISHA256:         hex.EncodeToString(spki[:]),
		KeyAlgorithm:       algorithm,
		KeyBits:            bits,
		SignatureAlgorithm: signatureAlgorithm(cert),
		DNSNames:           dnsNames(cert),
	}
}

// Remaining is how long the certificate is still valid at now; negative once
// it has ended.
func (c *Certificate) Remaining(now time.Time) time.Duration { return c.X509.NotAfter.Sub(now) }

// DaysRemaining is Remaining in days, without the bound that a Duration has: a
// NotAfter of the year 9999 means "no end" (RFC 5280 section 4.1.2.5).
func (c *Certificate) DaysRemaining(now time.Time) float64 { return days(now, c.X509.NotAfter) }

// RemainingRatio is what remains over the whole lifetime: 1 fresh, 0 at its end,
// negative after it. It is not defined (false) for a lifetime of nothing.
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

// dnsNames joins as many whole names as fit; an ellipsis says that some did not.
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
