package certfile

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"

	"tls_exporter/prober/text"
)

// The types of PEM blocks with certificates: that of RFC 7468 section 5, two older ones, one
// of OpenSSL, whose block has more than the certificate, and PKCS #7.
const (
	pemCertificate = "CERTIFICATE"
	pemOld         = "X509 CERTIFICATE"
	pemTrusted     = "TRUSTED CERTIFICATE"
	pemPKCS7       = "PKCS7"
	pemCMS         = "CMS"
)

// parsePEM reads a PEM file. What is not a certificate is skipped. A block that cannot be
// decoded is an error, as for servers: a file may be written at this moment.
func parsePEM(content []byte) (*Content, error) {
	c := &Content{Format: PEM, Ordered: true}
	var others []string
	decoded := 0
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case pemCertificate:
			decoded++
			c.add(block.Bytes)
		case pemOld:
			c.add(block.Bytes)
		case pemTrusted:
			c.add(first(block.Bytes))
		case pemPKCS7, pemCMS:
			c.Format, c.Ordered = PKCS7, false
			if err := c.addSignedData(block.Bytes); err != nil {
				return nil, err
			}
		default:
			if c.Key == nil {
				c.Key = publicKeyOf(block)
			}
			if len(others) < maxNamed && !slices.Contains(others, block.Type) {
				others = append(others, text.Printable(block.Type, maxTypeName))
			}
		}
		if c.Total > MaxCertificates { // there is no room for more: only count them
			c.Total += bytes.Count(rest, []byte("-----BEGIN "+pemCertificate+"-----"))
			return c, nil
		}
	}
	if written := bytes.Count(content, []byte("-----BEGIN "+pemCertificate+"-----")); written > decoded {
		return nil, noCertificate("has %d PEM blocks with certificates, of which only %d can be decoded", written, decoded)
	}
	if c.Total == 0 && len(others) > 0 {
		return nil, noCertificate("has no PEM block of type %s, only %s", pemCertificate, text.List(others))
	}
	return c, nil
}

// The bounds on the types of other blocks that an error names.
const (
	maxNamed    = 4
	maxTypeName = 40
)

// publicKeyOf returns the public key of a block with a private key that is not encrypted;
// nil: it is none.
func publicKeyOf(block *pem.Block) crypto.PublicKey {
	var key any
	err := fmt.Errorf("not a private key")
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		if block.Headers["DEK-Info"] == "" {
			key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		}
	case "EC PRIVATE KEY":
		if block.Headers["DEK-Info"] == "" {
			key, err = x509.ParseECPrivateKey(block.Bytes)
		}
	}
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil
	}
	return signer.Public()
}
