// Package certstatus is the revocation status of a certificate: the words for it, and what
// an OCSP response proves.
package certstatus

import (
	"time"

	"tls_exporter/prober/failure"
)

// Status is the revocation status of a certificate according to one source: a word of a
// closed vocabulary.
type Status string

// The statuses. Good, Revoked and Unknown are proven by a signature that may be trusted for
// this certificate; the others are reasons why nothing is proven.
const (
	Good        Status = "good"
	Revoked     Status = "revoked"
	Unknown     Status = "unknown"     // the responder does not know the certificate
	Expired     Status = "expired"     // the answer is older than it may be: its nextUpdate has passed
	Invalid     Status = "invalid"     // not readable, an error status, about another certificate, or not signed by who may
	Unavailable Status = "unavailable" // no answer
	NotOffered  Status = "not_offered" // the server staples nothing; the certificate names no responder or list
)

// Statuses is the closed vocabulary.
var Statuses = []Status{Good, Revoked, Unknown, Expired, Invalid, Unavailable, NotOffered}

// Source is where a status comes from: a word of a closed vocabulary.
type Source string

// The sources.
const (
	Staple Source = "staple" // an OCSP response that the server sent in the handshake (RFC 6066 section 8)
	OCSP   Source = "ocsp"   // the CA's responder (RFC 6960)
	CRL    Source = "crl"    // the CA's revocation list (RFC 5280 section 5)
)

// Sources is the closed vocabulary.
var Sources = []Source{Staple, OCSP, CRL}

// Answer is what one source says about one certificate. Times that are not known are zero.
// Answers may be shared: they do not change.
type Answer struct {
	Source     Source
	Status     Status
	ThisUpdate time.Time // when the status was known to be right
	NextUpdate time.Time // when newer information will be available, at the latest
	ProducedAt time.Time // when an OCSP response was signed

	RevokedAt        time.Time        // of Revoked
	RevocationReason RevocationReason // of Revoked

	Reason failure.Reason // of Unavailable: why; else empty
	Detail string         // a sentence for people, bounded; empty: the status says all
}

// RevocationReason is the CRLReason of RFC 5280 section 5.3.1. Zero is unspecified, which is
// also the meaning of an absent reason.
type RevocationReason uint8

// The reasons that end: a certificate on hold may be released.
const (
	CertificateHold RevocationReason = 6
	RemoveFromCRL   RevocationReason = 8
)

var revocationReasons = [...]string{
	"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation", "certificateHold",
	"unassigned", "removeFromCRL", "privilegeWithdrawn", "aACompromise",
}

// String returns the name in RFC 5280.
func (r RevocationReason) String() string {
	if int(r) >= len(revocationReasons) {
		return "unassigned"
	}
	return revocationReasons[r]
}

// Permanent reports whether a certificate that was revoked for this reason stays revoked.
func (r RevocationReason) Permanent() bool { return r != CertificateHold && r != RemoveFromCRL }
