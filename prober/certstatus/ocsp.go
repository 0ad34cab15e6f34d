package certstatus

import (
	"bytes"
	"crypto"
	"crypto/sha1"
	_ "crypto/sha256" // for hashes
	_ "crypto/sha512" // for hashes
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"time"

	"tls_exporter/prober/certificate"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/text"
)

// Limits of the times of an answer.
const (
	// maxSkew is how far thisUpdate may be in the future, for clocks that differ: as
	// openssl ocsp has it (-validity_period).
	maxSkew = 5 * time.Minute

	// maxAge is how long an answer without nextUpdate counts. RFC 6960 section 4.2.2.1
	// only says that newer information is always available, and RFC 5019 section 4 has
	// clients reject it. Firefox takes it for a day (mozilla::pkix).
	maxAge = 24 * time.Hour
)

// JudgeOCSP judges an OCSP response about cert, which issuer has issued, at the time now. The
// source of the answer is OCSP. It is Good, Revoked or Unknown only if a response about
// this certificate (RFC 6960 section 4.1.1: name and key of the issuer, and the serial
// number) is signed by the issuer, or by a delegate (section 4.2.2.2). Everything else is
// Invalid or Expired, with a Detail. Without issuer, which may be nil, nothing is proven.
//
// A certificate that was revoked stays revoked, so a response that says so counts for ever,
// unless the certificate is on hold.
//
// Whether a delegate was revoked itself is not asked, as no browser does.
func JudgeOCSP(response []byte, cert, issuer *x509.Certificate, now time.Time) Answer {
	answer, _ := judge(response, cert, issuer, now)
	answer.Source = OCSP
	return answer
}

// judge is JudgeOCSP without the source. It also returns the instants at which the answer may
// become another one.
func judge(der []byte, cert, issuer *x509.Certificate, now time.Time) (Answer, []time.Time) {
	response, err := parseResponse(der)
	if err != nil {
		return invalid(err), nil
	}
	if issuer == nil {
		return invalid(errors.New("the issuer of the certificate is not known, so that the signature cannot be verified")), nil
	}
	matching := response.about(cert, issuer)
	if len(matching) == 0 {
		return invalid(response.mismatch(cert)), nil
	}
	instants, err := response.verify(issuer, now)
	if err != nil {
		return invalid(err), instants
	}
	worst := Answer{}
	for i, single := range matching {
		instants = append(instants, single.thisUpdate.Add(-maxSkew), single.until().Add(1))
		if answer := single.answer(now); i == 0 || severity(answer.Status) > severity(worst.Status) {
			worst = answer
		}
	}
	worst.ProducedAt = response.producedAt
	return worst, instants
}

func invalid(err error) Answer {
	return Answer{Status: Invalid, Detail: text.Message("the OCSP response proves nothing: " + err.Error())}
}

// severity orders the statuses of several responses about one certificate.
func severity(s Status) int {
	return map[Status]int{Good: 0, Expired: 1, Invalid: 2, Unknown: 3, Revoked: 4}[s]
}

// hashes are those of a CertID by their object identifiers. SHA-1 is the usual one, and no
// weakness there: who could choose both certificates is the issuer.
var hashes = map[string]crypto.Hash{
	"1.3.14.3.2.26": crypto.SHA1, "2.16.840.1.101.3.4.2.1": crypto.SHA256, "2.16.840.1.101.3.4.2.2": crypto.SHA384, "2.16.840.1.101.3.4.2.3": crypto.SHA512,
}

// about returns the responses about a certificate.
func (r *basicResponse) about(cert, issuer *x509.Certificate) []singleResponse {
	var found []singleResponse
	key := keyBits(issuer)
	for _, single := range r.responses {
		if single.id.is(cert, issuer, key) {
			found = append(found, single)
		}
	}
	return found
}

// is reports whether the whole identifier matches. A serial number alone is not enough: each
// CA has its own.
func (id *certID) is(cert, issuer *x509.Certificate, key []byte) bool {
	hash, known := hashes[id.hash]
	return known && cert.SerialNumber != nil && id.serial.Cmp(cert.SerialNumber) == 0 &&
		bytes.Equal(id.nameHash, digest(hash, issuer.RawSubject)) && bytes.Equal(id.keyHash, digest(hash, key))
}

func digest(hash crypto.Hash, data []byte) []byte {
	h := hash.New()
	h.Write(data)
	return h.Sum(nil)
}

// keyBits returns the public key of a certificate without its algorithm, as it is hashed
// (RFC 6960 section 4.1.1); nil: it cannot be read.
func keyBits(cert *x509.Certificate) []byte {
	var body reader
	var bits asn1.BitString
	spki := reader(cert.RawSubjectPublicKeyInfo)
	if !spki.ReadASN1(&body, sequence) || !body.ReadASN1(new(reader), sequence) || !body.ReadASN1BitString(&bits) {
		return nil
	}
	return bits.Bytes
}

// mismatch says why no response is about cert.
func (r *basicResponse) mismatch(cert *x509.Certificate) error {
	for _, single := range r.responses {
		if cert.SerialNumber != nil && single.id.serial.Cmp(cert.SerialNumber) == 0 {
			if hashes[single.id.hash] == 0 {
				return fmt.Errorf("it names the issuer by a hash that is not known (%s)", single.id.hash)
			}
			return errors.New("it is about a certificate of another CA with the same serial number")
		}
	}
	if len(r.responses) == 0 {
		return errors.New("it is about no certificate")
	}
	return errors.New("it is about another certificate")
}

// until is the last instant at which a response counts.
func (s *singleResponse) until() time.Time {
	if s.nextUpdate.IsZero() {
		return s.thisUpdate.Add(maxAge)
	}
	return s.nextUpdate
}

// answer is what a response says at the time now, once its signature was verified.
func (s *singleResponse) answer(now time.Time) Answer {
	a := Answer{Status: s.status, ThisUpdate: s.thisUpdate, NextUpdate: s.nextUpdate}
	switch {
	case s.status == Revoked && s.revocationReason.Permanent():
		return s.revoked(a)
	case !s.nextUpdate.IsZero() && s.nextUpdate.Before(s.thisUpdate):
		a.Status, a.Detail = Invalid, "the OCSP response ends before it begins"
	case s.thisUpdate.After(now.Add(maxSkew)):
		a.Status, a.Detail = Invalid, "the OCSP response counts from "+date(s.thisUpdate)+", which is in the future"
	case now.After(s.until()) && s.nextUpdate.IsZero():
		a.Status, a.Detail = Expired, "the OCSP response of "+date(s.thisUpdate)+" has no nextUpdate and is older than a day"
	case now.After(s.until()):
		a.Status, a.Detail = Expired, "the OCSP response expired on "+date(s.until())
	case s.status == Revoked:
		return s.revoked(a)
	case s.status == Unknown:
		a.Detail = "the OCSP responder does not know the certificate"
	}
	return a
}

// revoked completes an answer.
func (s *singleResponse) revoked(a Answer) Answer {
	a.RevokedAt, a.RevocationReason = s.revokedAt, s.revocationReason
	a.Detail = "the CA revoked the certificate on " + date(s.revokedAt) + " (" + s.revocationReason.String() + ")"
	if s.revocationReason == CertificateHold && s.revokedAt.Unix() == 0 { // RFC 6960 section 2.2
		a.Detail = "the CA says that it did not issue the certificate"
	}
	return a
}

func date(t time.Time) string { return t.UTC().Format(time.DateTime + " MST") }

// verify verifies the signature of a response (RFC 6960 section 4.2.2.2): that of the issuer,
// or of a delegate that the issuer has certified. It also returns the instants at which the
// result may become another one.
func (r *basicResponse) verify(issuer *x509.Certificate, now time.Time) (instants []time.Time, err error) {
	if r.namedBy(issuer) {
		err := r.signedBy(issuer)
		if err == nil || len(r.certificates) == 0 {
			return nil, err
		}
	}
	err = errors.New("it is signed by neither the issuer of the certificate nor a responder whose certificate comes with it")
	for _, der := range r.certificates[:min(len(r.certificates), maxDelegates)] {
		delegate := parseDelegate(der)
		if delegate == nil || !r.namedBy(delegate) {
			continue
		}
		instants = append(instants, delegate.NotBefore, delegate.NotAfter.Add(1)) // NotAfter is inclusive: RFC 5280 section 4.1.2.5
		if err = r.verifyDelegate(delegate, issuer, now); err == nil {
			return instants, nil
		}
	}
	return instants, err
}

// maxDelegates is how many certificates of a response are looked at. Responders send one, or
// a chain.
const maxDelegates = 4

// parseDelegate returns nil for what cannot be read, or would take too much memory.
func parseDelegate(der []byte) *x509.Certificate {
	if !certificate.Affordable([][]byte{der}) {
		return nil
	}
	delegate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	return delegate
}

// namedBy reports whether the responder ID is that of signer.
func (r *basicResponse) namedBy(signer *x509.Certificate) bool {
	if r.responderName != nil {
		return bytes.Equal(r.responderName, signer.RawSubject)
	}
	hash := sha1.Sum(keyBits(signer))
	return bytes.Equal(r.responderKey, hash[:])
}

func (r *basicResponse) signedBy(signer *x509.Certificate) error {
	if err := chain.VerifySignature(signer, r.algorithm, r.signed, r.signature); err != nil {
		return fmt.Errorf("its signature does not verify: %w", err)
	}
	return nil
}

// verifyDelegate verifies the certificate of a responder, and then the signature. The usage
// has to be written in the certificate: any usage (RFC 5280 section 4.2.1.12) is not enough,
// or each certificate of a server could vouch for its neighbours.
func (r *basicResponse) verifyDelegate(delegate, issuer *x509.Certificate, now time.Time) error {
	usages := x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	switch {
	case !bytes.Equal(delegate.RawIssuer, issuer.RawSubject):
		return errors.New("another CA has issued the certificate of the responder that signed it")
	case !hasUsage(delegate):
		return errors.New("the certificate of the responder that signed it is not for signing OCSP responses (extended key usage)")
	case delegate.KeyUsage != 0 && delegate.KeyUsage&usages == 0:
		return errors.New("the key of the responder that signed it is not for signatures (key usage)")
	case len(delegate.UnhandledCriticalExtensions) > 0:
		return fmt.Errorf("the certificate of the responder that signed it has the critical extension %s", delegate.UnhandledCriticalExtensions[0])
	case now.After(delegate.NotAfter):
		return fmt.Errorf("the certificate of the responder that signed it expired on %s", date(delegate.NotAfter))
	case now.Before(delegate.NotBefore):
		return fmt.Errorf("the certificate of the responder that signed it becomes valid on %s", date(delegate.NotBefore))
	}
	if err := chain.VerifyIssued(issuer, delegate); err != nil {
		return fmt.Errorf("the issuer did not sign the certificate of the responder: %w", err)
	}
	return r.signedBy(delegate)
}

func hasUsage(delegate *x509.Certificate) bool {
	for _, usage := range delegate.ExtKeyUsage {
		if usage == x509.ExtKeyUsageOCSPSigning {
			return true
		}
	}
	return false
}
