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

// NewRoot makes a self-signed authority with a P-256 key. It is a year old and
// lasts ten. Each change is made to the template before it is signed.
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

// Intermediate makes an authority under ca, with a P-256 key of its own and no
// limit to the length of the paths below it. It is a year old and lasts five.
func (ca *CA) Intermediate(commonName string, change ...func(*x509.Certificate)) (*CA, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	return ca.certify(labName(commonName), key, change)
}

// CrossSign certifies an authority that already exists: the new one has the
// subject and the key of other, and is signed by ca. It is a year old and lasts five.
func (ca *CA) CrossSign(other *CA, change ...func(*x509.Certificate)) (*CA, error) {
	return ca.certify(other.Certificate.Subject, other.Key, change)
}

// Issue signs template, which is for the holder of key. Only a serial number
// and a subject key identifier are added, where template has none.
func (ca *CA) Issue(template *x509.Certificate, key crypto.Signer) (*x509.Certificate, error) {
	return sign(template, ca.Certificate, key, ca.Key)
}

func (ca *CA) certify(subject pkix.Name, key crypto.Signer, change []func(*x509.Certificate)) (*CA, error) {
	template := authority(subject, 5*year, append([]func(*x509.Certificate){pointTo(ca)}, change...))
	certificate, err := ca.Issue(template, key)
	if err != nil {
		return nil, err
	}
	return &CA{Certificate: certificate, Key: key}, nil
}

// authority is the template of a CA's certificate that is a year old.
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

// healthyLeaf is the template of a server's certificate with nothing wrong with it.
func healthyLeaf() *x509.Certificate {
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

// valid sets how old a certificate is and how long it still lasts. Either may
// be negative: not yet valid, and expired.
func valid(age, left time.Duration) func(*x509.Certificate) {
	return func(template *x509.Certificate) {
		now := time.Now().UTC().Truncate(time.Second) // certificates know no fractions
		template.NotBefore = now.Add(-age)
		template.NotAfter = now.Add(left)
	}
}

// pointTo names the place where the certificate of ca could be fetched. Names
// under .test never resolve (RFC 6761 section 6.2).
func pointTo(ca *CA) func(*x509.Certificate) {
	place := url.URL{Scheme: "http", Host: "ca.lab.test", Path: "/" + ca.Certificate.Subject.CommonName + ".crt"}
	return func(template *x509.Certificate) {
		template.IssuingCertificateURL = []string{place.String()}
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

// sign leaves template as it is: the same one may be signed again.
func sign(template, issuer *x509.Certificate, key, issuerKey crypto.Signer) (*x509.Certificate, error) {
	if key == nil {
		return nil, errors.New("a certificate needs the key that it is for")
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

// identify gives template a random serial number and the key's identifier,
// unless it has its own.
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
		// RFC 5280 section 4.2.1.2 leaves the method open; what counts is that
		// one key has one identifier, also when it is certified twice.
		sum := sha256.Sum256(spki)
		template.SubjectKeyId = sum[:20]
	}
	return nil
}

// signedCertificate and toBeSigned are RFC 5280 section 4.1, taken apart only
// as far as the serial number.
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

// reissue signs a certificate of ca again with another serial number, also with
// one that crypto/x509 would refuse to sign.
func (ca *CA) reissue(certificate *x509.Certificate, serial *big.Int) ([]byte, error) {
	var whole signedCertificate
	if _, err := asn1.Unmarshal(certificate.Raw, &whole); err != nil {
		return nil, fmt.Errorf("take the certificate apart: %w", err)
	}
	var body toBeSigned
	if _, err := asn1.Unmarshal(whole.Body.FullBytes, &body); err != nil {
		return nil, fmt.Errorf("take the certificate's body apart: %w", err)
	}
	body.SerialNumber = serial
	der, err := asn1.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("put the certificate's body together: %w", err)
	}
	signature, err := crypto.SignMessage(ca.Key, rand.Reader, der, crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate's body: %w", err)
	}
	whole.Body = asn1.RawValue{FullBytes: der}
	whole.Signature = asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}
	return asn1.Marshal(whole)
}
