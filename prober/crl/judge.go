package crl

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"slices"
	"time"

	"tls_exporter/prober/certstatus"
)

// maxSkew is how far thisUpdate may be in the future, for clocks that differ.
const maxSkew = 5 * time.Minute

// Judge judges a certificate of issuer by the list, which was downloaded from url, at the
// time now. The answer is Good only if the list has to contain the certificate if it were
// revoked: it is of that issuer, the certificate refers to it at url, and it is about
// certificates of this kind (RFC 5280 section 6.3.3). Otherwise it is Invalid, with a Detail.
//
// A list without nextUpdate, which RFC 5280 section 5.1.2.5 requires, is Invalid: it may be
// as old as it likes. What was revoked stays revoked, so a list that expired still proves it,
// unless the certificate is on hold, or the list is too large to know.
func (l *List) Judge(cert, issuer *x509.Certificate, url string, now time.Time) certstatus.Answer {
	answer := certstatus.Answer{Source: certstatus.CRL, ThisUpdate: l.ThisUpdate, NextUpdate: l.NextUpdate}
	allReasons, fault := l.covers(cert, issuer, url)
	if fault != "" {
		answer.Status, answer.Detail = certstatus.Invalid, fault
		return answer
	}
	serial, err := serialContent(cert.SerialNumber)
	if err != nil {
		answer.Status, answer.Detail = certstatus.Invalid, err.Error()
		return answer
	}
	e, listed := l.index.find(serial)
	if listed && l.index.detailed() && e.reason.Permanent() {
		return e.answer(answer)
	}
	answer.Status, answer.Detail = l.current(now)
	switch {
	case answer.Status != certstatus.Good:
	case listed:
		return e.answer(answer)
	case !allReasons:
		answer.Status, answer.Detail = certstatus.Unknown, "the CRL has only revocations for some reasons, and none of the certificate"
	}
	return answer
}

// current tells whether the list counts at the time now.
func (l *List) current(now time.Time) (status certstatus.Status, detail string) {
	switch {
	case l.NextUpdate.IsZero():
		return certstatus.Invalid, "the CRL has no nextUpdate, so it may be as old as it likes"
	case l.NextUpdate.Before(l.ThisUpdate):
		return certstatus.Invalid, "the CRL ends before it begins"
	case l.ThisUpdate.After(now.Add(maxSkew)):
		return certstatus.Invalid, "the CRL counts from " + date(l.ThisUpdate) + ", which is in the future"
	case now.After(l.NextUpdate):
		return certstatus.Expired, "the CRL expired on " + date(l.NextUpdate)
	}
	return certstatus.Good, ""
}

// answer completes an answer about a certificate that is listed.
func (e *entry) answer(a certstatus.Answer) certstatus.Answer {
	a.Status, a.RevokedAt, a.RevocationReason = certstatus.Revoked, e.revoked, e.reason
	a.Detail = "the CA revoked the certificate"
	if !e.revoked.IsZero() {
		a.Detail += " on " + date(e.revoked) + " (" + e.reason.String() + ")"
	}
	return a
}

func date(t time.Time) string { return t.UTC().Format(time.DateTime + " MST") }

// covers tells whether the list has to contain the certificate once it is revoked, for
// whatever reason or only for some. Fault says why it does not; empty: it does.
func (l *List) covers(cert, issuer *x509.Certificate, url string) (allReasons bool, fault string) {
	switch {
	case issuer == nil:
		return false, "the issuer of the certificate is not known"
	case !bytes.Equal(cert.RawIssuer, issuer.RawSubject) || !bytes.Equal(l.issuerName, issuer.RawSubject) ||
		l.issuerKey != sha256.Sum256(issuer.RawSubjectPublicKeyInfo):
		return false, "the CRL is of another CA"
	case l.scope.onlyUsers && cert.IsCA:
		return false, "the CRL is not about certificates of CAs"
	case l.scope.onlyCAs && !cert.IsCA:
		return false, "the CRL is only about certificates of CAs"
	}
	points, ok := distributionPoints(cert)
	if !ok {
		return false, "the CRL distribution points of the certificate cannot be read"
	}
	fault = "the certificate does not refer to this CRL"
	for _, point := range points {
		if !point.at(url) {
			continue
		}
		if fault = l.scope.mismatch(point); fault == "" {
			return !l.scope.someReasons && !point.someReasons, ""
		}
	}
	return false, fault
}

// mismatch says why the list is not that of a distribution point; empty: it is (RFC 5280
// section 6.3.3 (b)). Without this, somebody in the middle could send the list of another
// part of the certificates, which has the same signature.
func (s *scope) mismatch(p point) string {
	switch {
	case p.otherIssuer:
		return "the certificate refers to a CRL of another issuer: indirect CRLs are not supported"
	case s.named && !slices.ContainsFunc(s.names, func(name string) bool { return slices.Contains(p.names, name) }):
		return "the CRL is of another distribution point than the certificate refers to"
	}
	return ""
}

// point is a DistributionPoint of a certificate (RFC 5280 section 4.2.1.13).
type point struct {
	names       []string // the whole DER of each GeneralName
	someReasons bool
	otherIssuer bool // of the list: it is indirect
}

// at reports whether a URL is one of the names.
func (p point) at(url string) bool {
	uri := primitive(6) // uniformResourceIdentifier
	return slices.ContainsFunc(p.names, func(name string) bool {
		whole := reader(name)
		var content reader
		return whole.ReadASN1(&content, uri) && string(content) == url
	})
}

// distributionPoints reads the CRLDistributionPoints of a certificate.
func distributionPoints(cert *x509.Certificate) (points []point, ok bool) {
	for _, x := range cert.Extensions {
		if x.Id.String() != "2.5.29.31" {
			continue
		}
		der := reader(x.Value)
		var list reader
		if !der.ReadASN1(&list, sequence) || !der.Empty() {
			return nil, false
		}
		for !list.Empty() {
			var whole, name, reasons, issuer reader
			var p point
			var named bool
			if !list.ReadASN1(&whole, sequence) || !whole.ReadOptionalASN1(&name, &named, explicit(0)) ||
				!whole.ReadOptionalASN1(&reasons, &p.someReasons, primitive(1)) ||
				!whole.ReadOptionalASN1(&issuer, &p.otherIssuer, explicit(2)) || !whole.Empty() {
				return nil, false
			}
			if named {
				if p.names, ok = pointNames(name); !ok {
					return nil, false
				}
			}
			points = append(points, p)
		}
	}
	return points, true
}
