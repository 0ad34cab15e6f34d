package renewal

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"

	"tls_exporter/prober/failure"
)

// maxIdentifier bounds the key identifier and the serial number, in bytes. Those of CAs
// have at most 32 and 20 (RFC 7093 section 2, RFC 5280 section 4.1.2.2).
const maxIdentifier = 64

// CertID identifies a certificate to its CA (RFC 9773 section 4.1): the key identifier of
// the issuer, and the content of the serial number in DER, both in base64url.
func CertID(cert *x509.Certificate) (string, error) {
	issuer := cert.AuthorityKeyId
	if len(issuer) == 0 {
		return "", failure.New(failure.ReasonRenewalNotOffered, "the certificate does not identify the key of its issuer (authorityKeyIdentifier), so its CA cannot be asked")
	}
	serial, err := content(cert)
	if err != nil || len(issuer) > maxIdentifier || len(serial) > maxIdentifier {
		return "", failure.New(failure.ReasonBadCertificate, "the serial number or the authorityKeyIdentifier has more than %d bytes", maxIdentifier)
	}
	return base64.RawURLEncoding.EncodeToString(issuer) + "." + base64.RawURLEncoding.EncodeToString(serial), nil
}

// content returns the content of the serial number in DER, without its tag and length. A
// number whose first bit is set has a zero byte before it.
func content(cert *x509.Certificate) ([]byte, error) {
	der, err := asn1.Marshal(cert.SerialNumber)
	if err != nil {
		return nil, err
	}
	var value asn1.RawValue
	_, err = asn1.Unmarshal(der, &value)
	return value.Bytes, err
}
