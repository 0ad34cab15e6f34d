package responder

import (
	"crypto/x509"
	"net/http"
	"time"

	"tls_exporter/prober/tlstest"
)

// State is what a URL answers.
type State string

// The states of OCSP responders and CRLs. In all of them, but for Unknown, the CA has revoked
// what Revoke says.
const (
	Good        State = "good"         // no fault
	Expired     State = "expired"      // nextUpdate was yesterday
	Future      State = "future"       // thisUpdate is tomorrow
	WrongSigner State = "wrong_signer" // signed by another key, with the CA's name
	Critical    State = "critical"     // with a critical extension that nobody knows
	NotFound    State = "404"
	HTML        State = "html"      // a page instead of DER, with status 200
	Silent      State = "silent"    // nothing, until the client closes
	Slow        State = "slow"      // good, after Responder.Slow
	Dripping    State = "dripping"  // a byte in each second
	Endless     State = "endless"   // bytes without end
	Truncated   State = "truncated" // the first half
	Empty       State = "empty"
	Closed      State = "closed"    // the connection is closed
	Elsewhere   State = "elsewhere" // a redirect to Responder.URL with the path /
)

// The states of OCSP responders alone.
const (
	Unknown              State = "unknown"                // the responder does not know the certificate
	Delegated            State = "delegated"              // signed by a delegate
	DelegateWithoutUsage State = "delegate_without_usage" // by one whose certificate is not for OCSP
	DelegateExpired      State = "delegate_expired"
	TryLater             State = "try_later"         // the error of RFC 6960 section 4.2.1
	OtherCertificate     State = "other_certificate" // good, about another certificate
	NoNextUpdate         State = "no_next_update"    // valid from an hour ago; also of CRLs
)

// The states of CRLs alone.
const (
	Shard       State = "shard"        // of the part of the certificates that refers to its URL
	OtherShard  State = "other_shard"  // of another part
	OnlyCAs     State = "only_cas"     // about certificates of CAs
	SomeReasons State = "some_reasons" // revocations for reason 1 alone
	Delta       State = "delta"        // changes to another CRL
	Indirect    State = "indirect"     // with certificates of other CAs
	PEM         State = "pem"
	OtherIssuer State = "other_issuer" // of a CA with another name
	Huge        State = "huge"         // with Responder.HugeEntries others, and without those of Revoke
)

// signers sign what the CA should have signed.
type signers struct {
	namesake             *tlstest.CA // another key
	stranger             *tlstest.CA // another name
	delegate             *tlstest.CA
	delegateWithoutUsage *tlstest.CA
	delegateExpired      *tlstest.CA
}

func newSigners(ca *tlstest.CA) (s signers, err error) {
	sameIdentifier := func(c *x509.Certificate) {
		c.Subject, c.SubjectKeyId = ca.Certificate.Subject, ca.Certificate.SubjectKeyId
	}
	if s.namesake, err = tlstest.NewRoot("", sameIdentifier); err != nil {
		return s, err
	}
	if s.stranger, err = tlstest.NewRoot("Lab Stranger"); err != nil {
		return s, err
	}
	if s.delegate, err = ca.OCSPDelegate(); err != nil {
		return s, err
	}
	if s.delegateWithoutUsage, err = ca.OCSPDelegate(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }); err != nil {
		return s, err
	}
	s.delegateExpired, err = ca.OCSPDelegate(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	return s, err
}

// fail answers in the states that have nothing to do with OCSP or CRLs.
func (r *Responder) fail(w http.ResponseWriter, request *http.Request, state State) bool {
	switch state {
	case NotFound:
		http.NotFound(w, request)
	case HTML:
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte("<!doctype html><title>Maintenance</title>Come back later.\n"))
	case Silent:
		<-request.Context().Done()
	case Slow:
		return !wait(request, r.Slow)
	case Dripping:
		drip(w, request)
	case Endless:
		for part := make([]byte, 32<<10); ; {
			if _, err := w.Write(part); err != nil {
				return true
			}
		}
	case Empty:
	case Closed:
		panic(http.ErrAbortHandler)
	case Elsewhere:
		http.Redirect(w, request, r.URL+"/", http.StatusFound)
	default:
		return false
	}
	return true
}

// wait reports whether the client still waits after a duration.
func wait(request *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-request.Context().Done():
		return false
	}
}

// drip writes a byte in each second.
func drip(w http.ResponseWriter, request *http.Request) {
	for {
		if _, err := w.Write([]byte{0x30}); err != nil {
			return
		}
		if http.NewResponseController(w).Flush() != nil || !wait(request, time.Second) {
			return
		}
	}
}
