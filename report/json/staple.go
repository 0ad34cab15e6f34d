package json

import (
	"time"

	"tls_exporter/prober/certstatus"
	"tls_exporter/report/part"
)

// What a source says about the revocation of a certificate.
type answer struct {
	// Its revocation status. `unknown`: the responder does not know the certificate. `expired`: past `next_update`. `invalid`: not readable, an error status, about another certificate, or not signed by who may. `not_offered`: there is none. Only `good`, `revoked` and `unknown` are proven.
	Status string `json:"status"`
	// When the status was known to be right.
	ThisUpdate time.Time `json:"this_update,omitzero"`
	// Until when the answer counts. Absent: it does not say.
	NextUpdate time.Time `json:"next_update,omitzero"`
	// When the answer was signed.
	ProducedAt time.Time `json:"produced_at,omitzero"`
	// When the CA revoked the certificate.
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	// Why the CA revoked it: a CRLReason of RFC 5280 section 5.3.1.
	RevocationReason string `json:"revocation_reason,omitempty"`
	// The same in words. Absent: the status says all.
	Detail string `json:"detail,omitempty"`
}

func answerOf(a *certstatus.Answer) *answer {
	if a == nil {
		return nil
	}
	shown := &answer{
		Status: string(a.Status), ThisUpdate: a.ThisUpdate.UTC(), NextUpdate: a.NextUpdate.UTC(), ProducedAt: a.ProducedAt.UTC(),
		RevokedAt: a.RevokedAt.UTC(), Detail: part.Clean(a.Detail),
	}
	if a.Status == certstatus.Revoked {
		shown.RevocationReason = a.RevocationReason.String()
	}
	return shown
}
