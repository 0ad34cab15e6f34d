// Package certfile reads the certificates in a file. It recognizes the format by the
// content. Private keys are skipped, or compared with a certificate; none is kept.
package certfile

import (
	"bytes"
	"crypto"

	"tls_exporter/prober/failure"
)

// Format is a format of files with certificates.
type Format string

// The formats.
const (
	PEM        Format = "pem"        // RFC 7468
	DER        Format = "der"        // X.690: a certificate, or several one after the other
	PKCS7      Format = "pkcs7"      // RFC 2315 and RFC 5652: SignedData, in DER or in PEM
	PKCS12     Format = "pkcs12"     // RFC 7292
	JKS        Format = "jks"        // a key store of Java, also JCEKS
	Kubeconfig Format = "kubeconfig" // certificates within the configuration of kubectl
)

// Formats is the closed vocabulary.
var Formats = []Format{PEM, DER, PKCS7, PKCS12, JKS, Kubeconfig}

// Content is the certificates of a file.
type Content struct {
	Format       Format
	Certificates [][]byte // in DER, in the order of the file, each once, at most MaxCertificates
	Total        int      // how many certificates the file has; above MaxCertificates, those that it has twice count twice
	// Ordered: somebody has put the certificates into the order in which a server sends
	// them. In most formats the order means nothing.
	Ordered bool
	// Separate: the certificates are those of several clients and servers, also if there
	// is only one of each.
	Separate bool
	Key      crypto.PublicKey // of the private key in the same file; nil: it has none, or none that can be read

	seen map[string]bool // the certificates
}

// The bounds of a file. The largest lists of trusted roots have some 400 certificates in
// 700 kB.
const (
	MaxBytes        = 4 << 20
	MaxCertificates = 500
)

// Parse reads the content of a file. The password is that of a key store; without one,
// those are tried that programs use if nobody chooses one. The result may refer to content.
// The error has a reason.
func Parse(content []byte, password string) (*Content, error) {
	var c *Content
	var err error
	switch {
	case bytes.Contains(content, []byte("-----BEGIN ")):
		c, err = parsePEM(content)
	case isKeyStore(content):
		c, err = parseKeyStore(content, password)
	case len(content) > 0 && content[0] == derSequence:
		c, err = parseDER(content, password)
	case isKubeconfig(content):
		c, err = parseKubeconfig(content)
	default:
		return nil, noCertificate("is neither PEM, DER, PKCS #7, PKCS #12, a key store of Java nor a kubeconfig")
	}
	if err != nil {
		return nil, err
	}
	switch {
	case c.Total == 0:
		return nil, noCertificate("has none")
	case c.Total > MaxCertificates:
		return c, failure.New(failure.ReasonTooLarge, "the file has %d certificates, of which the first %d are read", c.Total, MaxCertificates)
	}
	return c, nil
}

// add adds a certificate, if there is room, and unless the file has it already: a key store
// has the intermediate in each of its chains.
func (c *Content) add(der []byte) {
	if c.seen[string(der)] {
		return
	}
	if c.Total++; len(c.Certificates) == MaxCertificates {
		return
	}
	if c.seen == nil {
		c.seen = make(map[string]bool)
	}
	c.seen[string(der)] = true
	c.Certificates = append(c.Certificates, der)
}

// noCertificate returns the error about a file from which no certificate can be read.
func noCertificate(format string, args ...any) error {
	return failure.New(failure.ReasonNoCertificate, "the file "+format, args...)
}
