package tlstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"
)

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// CA is a certificate authority that signs with Key.
type CA struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
}

// NewRoot makes a self-signed CA with a P-256 key. It is valid for ten years, of
// which one has passed. Each change is made to the template before it is signed.
func NewRoot(commonName string, change ...func(*x509.Certificate)) (*CA, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	certificate, err := selfSign(authority(labName(commonName), 10*year, change), key)
	if err != nil {
		return nil, err
	}
	return &CA{Certificate: certificate, Key: key}, nil
}

// Intermediate makes a CA under ca, with its own P-256 key and without a path
// length constraint. It is valid for five years, of which one has passed.
func (ca *CA) Intermediate(commonName string, change ...func(*x509.Certificate)) (*CA, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	return ca.certify(labName(commonName), key, change)
}

// CrossSign signs the subject and key of an existing CA with ca. The certificate
// is valid for five years, of which one has passed.
func (ca *CA) CrossSign(other *CA, change ...func(*x509.Certificate)) (*CA, error) {
	return ca.certify(other.Certificate.Subject, other.Key, change)
}

// Issue signs template for the public key of key. It adds a serial number and a
// subject key identifier if template has none, and nothing else.
func (ca *CA) Issue(template *x509.Certificate, key crypto.Signer) (*x509.Certificate, error) {
	return sign(template, ca.Certificate, key, ca.Key)
}

func (ca *CA) certify(subject pkix.Name, key crypto.Signer, change []func(*x509.Certificate)) (*CA, error) {
	template := authority(subject, 5*year, append([]func(*x509.Certificate){setIssuerURL(ca)}, change...))
	certificate, err := ca.Issue(template, key)
	if err != nil {
		return nil, err
	}
	return &CA{Certificate: certificate, Key: key}, nil
}

// authority is the template of a CA certificate that is one year old.
func authority(subject pkix.Name, life time.Duration, change []func(*x509.Certificate)) *x509.Certificate {
	template := &x509.Certificate{
		Subject:               subject,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	valid(year, life-year)(template)
	for _, c := range change {
		c(template)
	}
	return template
}

// leafTemplate is the template of a server certificate without faults.
func leafTemplate() *x509.Certificate {
	template := &x509.Certificate{
		DNSNames:              []string{"localhost"},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	valid(30*day, 60*day)(template)
	return template
}

// valid sets the age of a certificate and the time it has left. A negative age
// makes it not yet valid; a negative rest makes it expired.
func valid(age, left time.Duration) func(*x509.Certificate) {
	return func(template *x509.Certificate) {
		now := time.Now().UTC().Truncate(time.Second) // certificates have no fractions of a second
		template.NotBefore = now.Add(-age)
		template.NotAfter = now.Add(left)
	}
}

// setIssuerURL sets the URL of ca's certificate (authority information access).
// Names under .test never resolve (RFC 6761 section 6.2).
func setIssuerURL(ca *CA) func(*x509.Certificate) {
	location := url.URL{Scheme: "http", Host: "ca.lab.test", Path: "/" + ca.Certificate.Subject.CommonName + ".crt"}
	return func(template *x509.Certificate) {
		template.IssuingCertificateURL = []string{location.String()}
	}
}

func labName(commonName string) pkix.Name {
	return pkix.Name{Organization: []string{"tls_exporter lab"}, CommonName: commonName}
}

func newKey() (crypto.Signer, error) {
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

func selfSign(template *x509.Certificate, key crypto.Signer) (*x509.Certificate, error) {
	return sign(template, template, key, key)
}

// sign does not change template, which may be signed again.
func sign(template, issuer *x509.Certificate, key, issuerKey crypto.Signer) (*x509.Certificate, error) {
	if key == nil {
		return nil, errors.New("a certificate needs a key")
	}
	complete := *template
	if err := identify(&complete, key); err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &complete, issuer, key.Public(), issuerKey)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate of %q: %w", template.Subject, err)
	}
	return x509.ParseCertificate(der)
}

// identify sets a random serial number and the subject key identifier, unless
// template has them.
func identify(template *x509.Certificate, key crypto.Signer) error {
	if template.SerialNumber == nil {
		serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
		if err != nil {
			return err
		}
		template.SerialNumber = serial
	}
	if template.SubjectKeyId == nil {
		spki, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			return fmt.Errorf("encode the public key: %w", err)
		}
		// RFC 5280 section 4.2.1.2 does not fix the method. A key must have the
		// same identifier in all its certificates.
		sum := sha256.Sum256(spki)
		template.SubjectKeyId = sum[:20]
	}
	return nil
}

// signedCertificate and toBeSigned are Certificate and TBSCertificate of RFC 5280
// section 4.1. Only the fields up to the serial number are decoded.
type signedCertificate struct {
	Body      asn1.RawValue
	Algorithm asn1.RawValue
	Signature asn1.BitString
}

type toBeSigned struct {
	Version      int `asn1:"explicit,tag:0"`
	SerialNumber *big.Int
	Algorithm    asn1.RawValue
	Issuer       asn1.RawValue
	Validity     asn1.RawValue
	Subject      asn1.RawValue
	PublicKey    asn1.RawValue
	Extensions   asn1.RawValue
}

// reissue signs a certificate of ca again with another serial number. Unlike
// crypto/x509, it accepts negative ones.
func (ca *CA) reissue(certificate *x509.Certificate, serial *big.Int) ([]byte, error) {
	var whole signedCertificate
	if _, err := asn1.Unmarshal(certificate.Raw, &whole); err != nil {
		return nil, fmt.Errorf("parse the certificate: %w", err)
	}
	var body toBeSigned
	if _, err := asn1.Unmarshal(whole.Body.FullBytes, &body); err != nil {
		return nil, fmt.Errorf("parse the TBSCertificate: %w", err)
	}
	body.SerialNumber = serial
	der, err := asn1.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode the TBSCertificate: %w", err)
	}
	signature, err := crypto.SignMessage(ca.Key, rand.Reader, der, crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign the TBSCertificate: %w", err)
	}
	whole.Body = asn1.RawValue{FullBytes: der}
	whole.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	return asn1.Marshal(whole)
}
