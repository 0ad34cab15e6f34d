package scan

import (
	"fmt"
	"strings"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/certstatus"
	"tls_exporter/prober/check/revocation"
	"tls_exporter/report/part"
)

// Revocation is what the CAs say about the certificates.
type Revocation struct {
	// The certificates of the trusted path but its root, the leaf first.
	Certificates []CertificateStatus `json:"certificates"`
}

// CertificateStatus is what the sources say about one certificate.
type CertificateStatus struct {
	// The position in the chain, as sent; 0 is the leaf.
	Position int `json:"position"`
	// Whether the CA need not publish anything about the certificate: it is short-lived, or says so itself (RFC 9608).
	Exempt bool `json:"exempt"`
	// An answer for each source.
	Answers []SourceStatus `json:"answers"`
}

// SourceStatus is what one source says about one certificate.
type SourceStatus struct {
	// The source: `ocsp` or `crl`.
	Source string `json:"source"`
	// The status, as in `tls_revocation_info`. Only `good`, `revoked` and `unknown` are proven.
	Status string `json:"status"`
	// Why there is no answer: a reason of docs/metrics.md. Absent: there is one.
	Reason string `json:"reason,omitempty"`
	// When the status was known to be right.
	ThisUpdate time.Time `json:"this_update,omitzero"`
	// Until when the answer counts. Absent: it does not say.
	NextUpdate time.Time `json:"next_update,omitzero"`
	// When the CA revoked the certificate. Absent: it did not, or the list is too large to know.
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	// Why the CA revoked it: a CRLReason of RFC 5280 section 5.3.1. Absent like `revoked_at`.
	RevocationReason string `json:"revocation_reason,omitempty"`
	// The URL that was asked. Absent: the certificate names none.
	URL string `json:"url,omitempty"`
	// When the answer was downloaded, or the server said that it has not changed.
	Checked time.Time `json:"checked,omitzero"`
	// The same in words. Absent: the status says all.
	Detail string `json:"detail,omitempty"`
	// Why the last download failed. Absent: it did not, or there is no answer, whose `detail` says it.
	DownloadFailure string `json:"download_failure,omitempty"`
}

func (x *Revocation) read(r *prober.Result) bool {
	found := r.Revocation.Finding
	if found == nil {
		return false
	}
	x.Certificates = []CertificateStatus{}
	for _, cert := range found.Certificates {
		shown := CertificateStatus{Position: cert.Position, Exempt: cert.Exempt, Answers: []SourceStatus{}}
		for i := range cert.Answers {
			shown.Answers = append(shown.Answers, sourceStatus(&cert.Answers[i]))
		}
		x.Certificates = append(x.Certificates, shown)
	}
	return true
}

func sourceStatus(a *revocation.Answer) SourceStatus {
	shown := SourceStatus{
		Source: string(a.Source), Status: string(a.Status), Reason: string(a.Reason), ThisUpdate: a.ThisUpdate.UTC(), NextUpdate: a.NextUpdate.UTC(),
		RevokedAt: a.RevokedAt.UTC(), URL: part.Clean(a.URL), Checked: a.Checked.UTC(), Detail: part.Clean(a.Detail), DownloadFailure: part.Clean(a.Refresh),
	}
	if !a.RevokedAt.IsZero() {
		shown.RevocationReason = a.RevocationReason.String()
	}
	return shown
}

// facts are a line for each certificate.
func (x *Revocation) facts(*prober.Result) []part.Fact {
	var all part.Facts
	for _, cert := range x.Certificates {
		var words []string
		for _, a := range cert.Answers {
			words = append(words, a.words())
		}
		if cert.Exempt {
			words = append(words, "the CA need not publish anything about it")
		}
		name := "revocation"
		if cert.Position > 0 {
			name = fmt.Sprintf("revocation of %d", cert.Position)
		}
		all.Add(name, strings.Join(words, "; "))
	}
	return all
}

// words are the status, and what there is to say about it.
func (a *SourceStatus) words() string {
	words := a.Source + " " + strings.ReplaceAll(a.Status, "_", " ")
	if a.Status == string(certstatus.Good) && !a.NextUpdate.IsZero() {
		words += " until " + a.NextUpdate.Format("2006-01-02 15:04 MST")
	}
	if a.Detail != "" {
		words += ": " + a.Detail
	}
	if a.DownloadFailure != "" {
		words += "; the last download failed: " + a.DownloadFailure
	}
	return words
}
