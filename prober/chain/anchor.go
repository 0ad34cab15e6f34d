package chain

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"tls_exporter/prober/certificate"
)

// VerifyTo verifies a chain, leaf first, to a certificate that is trusted instead of the
// roots, at the time now. The leaf has to have one of the names.
func VerifyTo(anchor *x509.Certificate, certs []*certificate.Parsed, names []string, now time.Time) error {
	leaf := certs[0]
	if leaf.Err != nil {
		return leaf.Err
	}
	named := func(name string) bool { return leaf.X509.VerifyHostname(name) == nil }
	if !slices.ContainsFunc(names, named) {
		return leaf.X509.VerifyHostname(names[0])
	}
	var read []*x509.Certificate
	for _, cert := range certs {
		if cert.Err == nil {
			read = append(read, cert.X509)
		}
	}
	if key, ok := anchor.PublicKey.(*rsa.PublicKey); ok && !affordable(key) {
		return errors.New("its key is too large to verify signatures with")
	}
	pool := x509.NewCertPool()
	pool.AddCert(anchor)
	_, err := verifyX509(read, "", pool, now)
	return err
}

// Signed reports whether the signature of a certificate verifies under a public key.
func Signed(key any, cert *x509.Certificate) bool {
	if rsaKey, ok := key.(*rsa.PublicKey); ok && !affordable(rsaKey) {
		return false
	}
	issuer := &x509.Certificate{PublicKey: key}
	return issuer.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil
}
