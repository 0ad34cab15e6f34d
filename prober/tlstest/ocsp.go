package tlstest

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	_ "crypto/sha1" // of the usual CertID
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"
)

// OCSPStatus is what an OCSP response says about a certificate.
type OCSPStatus int

// The statuses of RFC 6960 section 4.2.1. Their values are the tags.
const (
	OCSPGood OCSPStatus = iota
	OCSPRevoked
	OCSPUnknown
)

// OCSP is an OCSP response about one certificate. The zero value has no faults: it says
// good, was made an hour ago, is valid for four days, and is signed by the CA that issued
// the certificate.
type OCSP struct {
	Status    OCSPStatus
	RevokedAt time.Time // Default: ten days ago.
	Reason    int       // of the revocation. Default: unspecified (0), which is left out.

	ThisUpdate   time.Time // Default: an hour ago.
	NextUpdate   time.Time // Default: in four days.
	NoNextUpdate bool

	// Serial is the serial number that the response is about. Default: the certificate's.
	Serial *big.Int

	// Hash is the hash of the issuer's name and key. Default: SHA-1.
	Hash crypto.Hash

	// About is the CA whose name and key are hashed. Default: the one that issued the
	// certificate.
	About *CA

	// Signer signs the response. Default: the CA that issued the certificate. The certificate
	// of another signer is sent with the response.
	Signer *CA

	// Certificates are sent with the response, after that of Signer.
	Certificates []*x509.Certificate

	// WithoutSigner leaves out the certificate of Signer.
	WithoutSigner bool

	// ByName makes the response name its signer by the subject, not by the key.
	ByName bool

	// SHA1 makes the signature one of ECDSA with SHA-1.
	SHA1 bool

	// Extensions are those of the single response.
	Extensions []pkix.Extension

	// Before are responses about other certificates or of other statuses, which precede this
	// one. Only what they say about the certificate counts.
	Before []OCSP
}

// Stapled is for the field Staple of a Server.
func Stapled(o OCSP) func(leaf *x509.Certificate, issuer *CA) ([]byte, error) {
	return func(leaf *x509.Certificate, issuer *CA) ([]byte, error) { return issuer.RespondOCSP(leaf, o) }
}

// MustStaple makes a certificate demand a stapled response (RFC 7633).
func MustStaple(c *x509.Certificate) {
	features := pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 24}, Value: []byte{0x30, 3, 2, 1, 5}} // status_request
	c.ExtraExtensions = append(c.ExtraExtensions, features)
}

// OCSPDelegate is a responder that ca has certified: its certificate is valid for 30 days, of
// which one has passed, and has the usage OCSPSigning.
func (ca *CA) OCSPDelegate(change ...func(*x509.Certificate)) (*CA, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:         labName("Lab OCSP Responder"),
		KeyUsage:        x509.KeyUsageDigitalSignature,
		ExtKeyUsage:     []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning},
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 5}, Value: asn1.NullBytes}}, // ocsp-nocheck: RFC 6960 section 4.2.2.2.1
	}
	valid(day, 29*day)(template)
	for _, c := range change {
		c(template)
	}
	certificate, err := ca.Issue(template, key)
	if err != nil {
		return nil, err
	}
	return &CA{Certificate: certificate, Key: key}, nil
}

// OCSPError returns the response of a responder that gives no answer: 1 malformedRequest,
// 2 internalError, 3 tryLater, 5 sigRequired, 6 unauthorized.
func OCSPError(status int) []byte { return []byte{0x30, 3, 0x0a, 1, byte(status)} }

// RespondOCSP makes the OCSP response o about a certificate that ca has issued, in DER.
func (ca *CA) RespondOCSP(certificate *x509.Certificate, o OCSP) ([]byte, error) {
	signer := cmp.Or(o.Signer, ca)
	data := ocspData{ProducedAt: ocspTime(o.ThisUpdate, -time.Hour)}
	for _, one := range append(o.Before, o) {
		single, err := ca.singleOCSP(certificate, one)
		if err != nil {
			return nil, err
		}
		data.Responses = append(data.Responses, single)
	}
	var err error
	if data.Responder, err = o.responder(signer); err != nil {
		return nil, err
	}
	basic := ocspBasic{}
	if basic.Data.FullBytes, err = asn1.Marshal(data); err != nil {
		return nil, fmt.Errorf("encode the OCSP response: %w", err)
	}
	if basic.Algorithm, basic.Signature, err = o.sign(signer, basic.Data.FullBytes); err != nil {
		return nil, fmt.Errorf("sign the OCSP response: %w", err)
	}
	if signer != ca && !o.WithoutSigner {
		basic.Certificates = append(basic.Certificates, asn1.RawValue{FullBytes: signer.Certificate.Raw})
	}
	for _, other := range o.Certificates {
		basic.Certificates = append(basic.Certificates, asn1.RawValue{FullBytes: other.Raw})
	}
	inner, err := asn1.Marshal(basic)
	if err != nil {
		return nil, fmt.Errorf("encode the OCSP response: %w", err)
	}
	return asn1.Marshal(ocspResponse{Bytes: ocspBytes{asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 1}, inner}})
}

// The structures of RFC 6960 section 4.2.1.
type (
	ocspResponse struct {
		Status asn1.Enumerated
		Bytes  ocspBytes `asn1:"explicit,tag:0"`
	}
	ocspBytes struct {
		Type     asn1.ObjectIdentifier
		Response []byte
	}
	ocspBasic struct {
		Data         asn1.RawValue
		Algorithm    pkix.AlgorithmIdentifier
		Signature    asn1.BitString
		Certificates []asn1.RawValue `asn1:"explicit,optional,tag:0"`
	}
	ocspData struct {
		Responder  asn1.RawValue
		ProducedAt time.Time `asn1:"generalized"`
		Responses  []ocspSingle
	}
	ocspSingle struct {
		ID         ocspID
		Status     asn1.RawValue
		ThisUpdate time.Time        `asn1:"generalized"`
		NextUpdate time.Time        `asn1:"generalized,explicit,optional,tag:0"`
		Extensions []pkix.Extension `asn1:"explicit,optional,tag:1"`
	}
	ocspID struct {
		Hash     pkix.AlgorithmIdentifier
		NameHash []byte
		KeyHash  []byte
		Serial   *big.Int
	}
	ocspRevoked struct {
		At     time.Time       `asn1:"generalized"`
		Reason asn1.Enumerated `asn1:"explicit,optional,tag:0"`
	}
)

func (ca *CA) singleOCSP(certificate *x509.Certificate, o OCSP) (ocspSingle, error) {
	id, err := identifyOCSP(cmp.Or(o.About, ca), cmp.Or(o.Hash, crypto.SHA1), cmp.Or(o.Serial, certificate.SerialNumber))
	if err != nil {
		return ocspSingle{}, err
	}
	single := ocspSingle{
		ID: id, Status: asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: int(o.Status)},
		ThisUpdate: ocspTime(o.ThisUpdate, -time.Hour), NextUpdate: ocspTime(o.NextUpdate, 4*day), Extensions: o.Extensions,
	}
	if o.NoNextUpdate {
		single.NextUpdate = time.Time{}
	}
	if o.Status == OCSPRevoked {
		der, err := asn1.MarshalWithParams(ocspRevoked{ocspTime(o.RevokedAt, -10*day), asn1.Enumerated(o.Reason)}, "tag:1")
		if err != nil {
			return ocspSingle{}, err
		}
		single.Status = asn1.RawValue{FullBytes: der}
	}
	return single, nil
}

var ocspHashes = map[crypto.Hash]asn1.ObjectIdentifier{
	crypto.SHA1: {1, 3, 14, 3, 2, 26}, crypto.SHA256: {2, 16, 840, 1, 101, 3, 4, 2, 1},
	crypto.SHA384: {2, 16, 840, 1, 101, 3, 4, 2, 2}, crypto.SHA512: {2, 16, 840, 1, 101, 3, 4, 2, 3}, crypto.MD5: {1, 2, 840, 113549, 2, 5},
}

func identifyOCSP(issuer *CA, hash crypto.Hash, serial *big.Int) (ocspID, error) {
	key, err := publicKeyBits(issuer.Certificate)
	if err != nil {
		return ocspID{}, err
	}
	algorithm := pkix.AlgorithmIdentifier{Algorithm: ocspHashes[hash], Parameters: asn1.NullRawValue}
	return ocspID{algorithm, ocspDigest(hash, issuer.Certificate.RawSubject), ocspDigest(hash, key), serial}, nil
}

// responder is the ResponderID.
func (o OCSP) responder(signer *CA) (asn1.RawValue, error) {
	if o.ByName {
		return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 1, IsCompound: true, Bytes: signer.Certificate.RawSubject}, nil
	}
	key, err := publicKeyBits(signer.Certificate)
	if err != nil {
		return asn1.RawValue{}, err
	}
	inner, err := asn1.Marshal(ocspDigest(crypto.SHA1, key))
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 2, IsCompound: true, Bytes: inner}, err
}

func (o OCSP) sign(signer *CA, data []byte) (pkix.AlgorithmIdentifier, asn1.BitString, error) {
	var algorithm pkix.AlgorithmIdentifier
	hash := crypto.SHA256
	switch signer.Key.Public().(type) {
	case *ecdsa.PublicKey:
		algorithm.Algorithm = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
		if o.SHA1 {
			algorithm.Algorithm, hash = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 1}, crypto.SHA1
		}
	case ed25519.PublicKey:
		algorithm.Algorithm, hash = asn1.ObjectIdentifier{1, 3, 101, 112}, 0
	default:
		algorithm = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}, Parameters: asn1.NullRawValue}
	}
	signature, err := crypto.SignMessage(signer.Key, rand.Reader, data, hash)
	return algorithm, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}, err
}

// publicKeyBits is the public key without its algorithm.
func publicKeyBits(certificate *x509.Certificate) ([]byte, error) {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	_, err := asn1.Unmarshal(certificate.RawSubjectPublicKeyInfo, &info)
	return info.Key.Bytes, err
}

func ocspDigest(hash crypto.Hash, data []byte) []byte {
	h := hash.New()
	h.Write(data)
	return h.Sum(nil)
}

// ocspTime is t, or, if that is zero, so long after now. Times have no fractions of a second.
func ocspTime(t time.Time, fromNow time.Duration) time.Time {
	if t.IsZero() {
		t = time.Now().Add(fromNow)
	}
	return t.UTC().Truncate(time.Second)
}
