package chain

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"tls_exporter/prober/certificate"
)

// issuance is what a certificate is to another one.
type issuance int

const (
	unrelated    issuance = iota // another name, another key, or a signature of another key
	badlySigned                  // the issuer by name and key identifiers, but the signature does not verify
	unverifiable                 // the issuer by name and key identifiers; the exporter cannot verify the signature
	signed
)

// issuanceOf tells what parent is to child, by names, key identifiers and signature
// alone. It accepts SHA-1 and MD5, which are a problem of their own.
func issuanceOf(parent, child *x509.Certificate) issuance {
	if !bytes.Equal(child.RawIssuer, parent.RawSubject) {
		return unrelated
	}
	switch err := checkSignature(parent, child); {
	case err == nil:
		return signed
	case !sameKey(parent, child):
		return unrelated
	case errors.Is(err, x509.ErrUnsupportedAlgorithm):
		return unverifiable
	}
	return badlySigned
}

// signs reports whether parent signed child.
func signs(parent, child *x509.Certificate) bool { return issuanceOf(parent, child) == signed }

// sameKey reports whether the key of parent may be the one that child says has signed
// it. Several CAs may have one name, and one CA several keys; the key identifiers tell
// them apart (RFC 5280 section 4.2.1.1). Without them the kind of the key decides.
func sameKey(parent, child *x509.Certificate) bool {
	authority := authorityOf(child)
	if len(authority.KeyIdentifier) > 0 && len(parent.SubjectKeyId) > 0 {
		return bytes.Equal(authority.KeyIdentifier, parent.SubjectKeyId)
	}
	if authority.SerialNumber != nil && parent.SerialNumber != nil && authority.SerialNumber.Cmp(parent.SerialNumber) != 0 {
		return false
	}
	made, key := signatureKinds[signatureOf(child).Algorithm.String()].kind, keyOf(parent).kind()
	return made == "" || key == "" || made == key
}

// authority is the AuthorityKeyIdentifier of RFC 5280 section 4.2.1.1.
type authority struct {
	KeyIdentifier []byte        `asn1:"optional,tag:0"`
	Issuer        asn1.RawValue `asn1:"optional,tag:1"`
	SerialNumber  *big.Int      `asn1:"optional,tag:2"`
}

// issuer returns the name of the issuer's issuer, an RDNSequence; nil: none is named.
func (a authority) issuer() []byte {
	var name asn1.RawValue // GeneralName, directoryName [4]
	if _, err := asn1.Unmarshal(a.Issuer.Bytes, &name); err != nil || name.Class != asn1.ClassContextSpecific || name.Tag != int(formDirectory) {
		return nil
	}
	return name.Bytes
}

// authorityOf returns the authority key identifier of a certificate; it is empty if
// the certificate has none that can be read.
func authorityOf(cert *x509.Certificate) authority {
	for _, extension := range cert.Extensions {
		if !extension.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 35}) {
			continue
		}
		var identifier authority
		if _, err := asn1.Unmarshal(extension.Value, &identifier); err != nil {
			break
		}
		return identifier
	}
	return authority{}
}

// ErrWeakSignature is the error about a signature whose hash has collisions in practice
// (RFC 9155, RFC 6151).
var ErrWeakSignature = errors.New("its hash is broken")

// VerifySignature verifies a signature under the key of signer, with all algorithms that those
// of certificates may have. algorithm is the AlgorithmIdentifier in DER. The error is
// ErrWeakSignature with MD5 and SHA-1, and x509.ErrUnsupportedAlgorithm if the signature
// cannot be verified.
func VerifySignature(signer *x509.Certificate, algorithm, signed, signature []byte) error {
	var id pkix.AlgorithmIdentifier
	if rest, err := asn1.Unmarshal(algorithm, &id); err != nil || len(rest) > 0 {
		return x509.ErrUnsupportedAlgorithm
	}
	known := certificate.SignatureAlgorithmOf(algorithm)
	if weakHash(known, id) {
		return fmt.Errorf("%w (%s)", ErrWeakSignature, nameOf(id))
	}
	if id.Algorithm.String() == oidRSAPSS {
		known = x509.UnknownSignatureAlgorithm // crypto/x509 knows its usual parameters only
	}
	return verifySignature(signer, known, func() pkix.AlgorithmIdentifier { return id }, signed, signature)
}

// Issued reports whether issuer signed cert, by name, key and signature alone. It accepts
// SHA-1 and MD5, which are a problem of their own.
func Issued(issuer, cert *x509.Certificate) bool { return signs(issuer, cert) }

// VerifyIssued is VerifySignature for the signature of a certificate that crypto/x509 has
// read.
func VerifyIssued(issuer, cert *x509.Certificate) error {
	if weak(cert) {
		return fmt.Errorf("%w (%s)", ErrWeakSignature, signatureName(cert))
	}
	return checkSignature(issuer, cert)
}

// selfSigned reports whether a certificate names itself as its issuer, so that no other
// certificate can be missing. Its signature may be bad.
func selfSigned(cert *x509.Certificate) bool { return issuanceOf(cert, cert) != unrelated }

// sealed returns a copy of cert whose key and signature crypto/x509 can verify: for a
// path whose signatures have been judged already. The copies of a path are signed with
// one key, which is no secret.
func sealed(cert *x509.Certificate) *x509.Certificate {
	c := *cert
	c.PublicKey, c.PublicKeyAlgorithm = seal.Public(), x509.Ed25519
	c.Signature, c.SignatureAlgorithm = ed25519.Sign(seal, c.RawTBSCertificate), x509.PureEd25519
	return &c
}

var seal = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
