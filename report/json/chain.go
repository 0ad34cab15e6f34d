package json

import (
	"time"

	"tls_exporter/prober/chain"
	"tls_exporter/report"
	"tls_exporter/report/part"
)

type chainView struct {
	At            time.Time     `json:"at,omitzero"`
	Name          string        `json:"name,omitempty"`
	Valid         *bool         `json:"valid,omitempty"` // nil: not known
	NotAfter      time.Time     `json:"not_after,omitzero"`
	DaysRemaining *float64      `json:"days_remaining,omitempty"`
	Problems      []problem     `json:"problems"`
	Certificates  []certificate `json:"certificates"`
	Path          []string      `json:"path,omitempty"`
}

type problem struct {
	Problem  string `json:"problem"`
	Position *int   `json:"position,omitempty"`
	Detail   string `json:"detail"`
	Remedy   string `json:"remedy"`
}

type certificate struct {
	Position           int       `json:"position"`
	SubjectCN          string    `json:"subject_cn,omitempty"`
	IssuerCN           string    `json:"issuer_cn,omitempty"`
	SerialNumber       string    `json:"serial_number"`
	NotBefore          time.Time `json:"not_before,omitzero"` // absent if it cannot be read
	NotAfter           time.Time `json:"not_after,omitzero"`
	DaysRemaining      *float64  `json:"days_remaining,omitempty"`
	RemainingRatio     *float64  `json:"lifetime_remaining_ratio,omitempty"`
	FingerprintSHA256  string    `json:"fingerprint_sha256"`
	SPKISHA256         string    `json:"spki_sha256"`
	KeyAlgorithm       string    `json:"key_algorithm"`
	KeyBits            int       `json:"key_bits,omitzero"`
	SignatureAlgorithm string    `json:"signature_algorithm"`
	DNSNames           []string  `json:"dns_names"`
	IPAddresses        []string  `json:"ip_addresses"`
	NamesOmitted       int       `json:"names_omitted"`
}

type pool struct {
	Addresses            int      `json:"addresses"`
	Omitted              int      `json:"addresses_omitted"`
	Failing              int      `json:"failing"`
	DistinctCertificates *int     `json:"distinct_certificates,omitempty"`
	Shown                string   `json:"shown"` // session and chain are of this address
	Members              []member `json:"members"`
}

type member struct {
	Address           string       `json:"address"`
	Success           bool         `json:"success"`
	Failure           *failureView `json:"failure,omitempty"`
	HandshakeDuration *float64     `json:"handshake_duration_seconds,omitempty"`
	NotAfter          time.Time    `json:"not_after,omitzero"`
	DaysRemaining     *float64     `json:"days_remaining,omitempty"`
	FingerprintSHA256 string       `json:"fingerprint_sha256,omitempty"`
}

func chainOf(c *chain.Chain, facts *report.Chain) *chainView {
	if c == nil {
		return nil
	}
	left, lasts := c.DaysRemaining()
	shown := &chainView{
		At: c.At.UTC(), Name: part.Clean(c.Name), Valid: known(c.Valid, !c.Unverified), NotAfter: c.NotAfter.UTC(),
		DaysRemaining: known(rounded(left), lasts),
		Problems:      []problem{},
		Path:          facts.Path,
	}
	for _, i := range facts.Issues {
		shown.Problems = append(shown.Problems, problem{string(i.Reason), known(i.Position, i.Position >= 0), i.Detail, i.Remedy})
	}
	for _, cert := range facts.Certificates {
		shown.Certificates = append(shown.Certificates, certificateOf(cert))
	}
	return shown
}

func certificateOf(c report.Certificate) certificate {
	return certificate{
		Position:           c.Position,
		SubjectCN:          c.SubjectCN,
		IssuerCN:           c.IssuerCN,
		SerialNumber:       c.SerialNumber,
		NotBefore:          c.NotBefore.UTC(),
		NotAfter:           c.NotAfter.UTC(),
		DaysRemaining:      known(rounded(c.Days), c.Expires()),
		RemainingRatio:     known(rounded(c.Ratio), c.HasRatio),
		FingerprintSHA256:  c.FingerprintSHA256,
		SPKISHA256:         c.SPKISHA256,
		KeyAlgorithm:       c.KeyAlgorithm,
		KeyBits:            c.KeyBits,
		SignatureAlgorithm: c.SignatureAlgorithm,
		DNSNames:           part.DNSNames(c.Names),
		IPAddresses:        append([]string{}, c.Names.IPAddresses...),
		NamesOmitted:       c.Names.More,
	}
}

func poolOf(p *report.Pool) *pool {
	if p == nil {
		return nil
	}
	shown := &pool{
		Addresses: p.Total, Omitted: p.Omitted, Failing: p.Failing, DistinctCertificates: known(p.Distinct, p.Distinct > 0), Shown: p.Shown.String(),
	}
	for _, m := range p.Members {
		one := member{Address: m.Address.String(), Success: m.Status == part.Good, Failure: failureOf(m.Failure)}
		if m.Handshake != nil {
			one.HandshakeDuration = known(m.Handshake.Seconds(), true)
		}
		if leaf := m.Leaf; leaf != nil {
			one.NotAfter, one.DaysRemaining, one.FingerprintSHA256 = leaf.NotAfter.UTC(), known(rounded(leaf.Days), leaf.Expires()), leaf.FingerprintSHA256
		}
		shown.Members = append(shown.Members, one)
	}
	return shown
}
