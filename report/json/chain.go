package json

import (
	"time"

	"tls_exporter/prober/chain"
	"tls_exporter/report"
	"tls_exporter/report/part"
)

// The certificates that a server sent, or that a file has.
type chainView struct {
	// When they were judged.
	At time.Time `json:"at,omitzero"`
	// The name that they were verified for. Absent: any.
	Name string `json:"name,omitempty"`
	// Whether clients accept them. Absent: not known, such as after a signature that the exporter cannot verify, or for a file that has no chain.
	Valid *bool `json:"valid,omitempty"`
	// When clients will stop accepting them: the latest expiry of all trusted paths. Absent: no path is trusted.
	NotAfter time.Time `json:"not_after,omitzero"`
	// The days from `at` to `not_after`, negative after it.
	DaysRemaining *float64 `json:"days_remaining,omitempty"`
	// What is wrong with them, the most severe first.
	Problems []problem `json:"problems"`
	// Whether the leaf, or a CA above it, demands a stapled OCSP response (RFC 7633).
	MustStaple bool `json:"must_staple"`
	// The certificates in the order in which they were sent, the leaf first.
	Certificates []certificate `json:"certificates"`
	// The names on the trusted path, from the leaf to the root. Absent: there is no such path.
	Path []string `json:"path,omitempty"`
}

// One problem of a chain.
type problem struct {
	// What is wrong, in a word: a problem of docs/metrics.md.
	Problem string `json:"problem"`
	// The certificate that has it, as sent: 0 is the leaf.
	Position *int `json:"position,omitempty"`
	// What was seen, in words.
	Detail string `json:"detail"`
	// What to do about it.
	Remedy string `json:"remedy"`
}

// One certificate that the server sent.
type certificate struct {
	// Its place in the chain as sent: 0 is the leaf.
	Position int `json:"position"`
	// The common name of its subject.
	SubjectCN string `json:"subject_cn,omitempty"`
	// The common name of its issuer.
	IssuerCN string `json:"issuer_cn,omitempty"`
	// In hexadecimal.
	SerialNumber string `json:"serial_number"`
	// When it becomes valid. Absent: the date cannot be read.
	NotBefore time.Time `json:"not_before,omitzero"`
	// When it expires. Absent: the date cannot be read.
	NotAfter time.Time `json:"not_after,omitzero"`
	// The days until it expires, negative after that.
	DaysRemaining *float64 `json:"days_remaining,omitempty"`
	// The share of its lifetime that remains: 1 when new, negative once it has expired.
	RemainingRatio *float64 `json:"lifetime_remaining_ratio,omitempty"`
	// SHA-256 of the certificate, in hexadecimal.
	FingerprintSHA256 string `json:"fingerprint_sha256"`
	// SHA-256 of its public key (SubjectPublicKeyInfo), in hexadecimal.
	SPKISHA256 string `json:"spki_sha256"`
	// The algorithm of its public key; `unknown` if nobody registered it.
	KeyAlgorithm string `json:"key_algorithm"`
	// The size of its public key.
	KeyBits int `json:"key_bits,omitzero"`
	// The algorithm that it was signed with; `unknown` if nobody registered it.
	SignatureAlgorithm string `json:"signature_algorithm"`
	// The DNS names that it is for, sorted, each once.
	DNSNames []string `json:"dns_names"`
	// The IP addresses that it is for.
	IPAddresses []string `json:"ip_addresses"`
	// How many more names and addresses it has: only about 8 kB of them are kept.
	NamesOmitted int `json:"names_omitted"`
}

// All addresses behind a name.
type pool struct {
	// How many addresses the name has.
	Addresses int `json:"addresses"`
	// How many of them were not probed: at most 32 are.
	Omitted int `json:"addresses_omitted"`
	// How many of those that were probed fail. One that could not be asked does not count.
	Failing int `json:"failing"`
	// How many different leaf certificates they have.
	DistinctCertificates *int `json:"distinct_certificates,omitempty"`
	// The IP:port that the rest of the result is about: session, chain and phases.
	Shown string `json:"shown"`
	// The addresses that were probed.
	Members []member `json:"members"`
}

// One address of a pool.
type member struct {
	// The IP:port.
	Address string `json:"address"`
	// Whether the probe of this address succeeded.
	Success bool `json:"success"`
	// Why it failed.
	Failure *failureView `json:"failure,omitempty"`
	// How long the handshake took. Absent: it was not completed.
	HandshakeDuration *float64 `json:"handshake_duration_seconds,omitempty"`
	// When the leaf expires.
	NotAfter time.Time `json:"not_after,omitzero"`
	// The days until the leaf expires, negative after that.
	DaysRemaining *float64 `json:"days_remaining,omitempty"`
	// SHA-256 of the leaf, in hexadecimal.
	FingerprintSHA256 string `json:"fingerprint_sha256,omitempty"`
}

func chainOf(c *chain.Chain, facts *report.Chain) *chainView {
	if c == nil {
		return nil
	}
	left, lasts := c.DaysRemaining()
	shown := &chainView{
		At: c.At.UTC(), Name: part.Clean(c.Name), Valid: known(c.Valid, !c.Unverified && !c.Bundle), NotAfter: c.NotAfter.UTC(),
		DaysRemaining: known(Rounded(left), lasts),
		Problems:      []problem{},
		Path:          facts.Path,
	}
	_, shown.MustStaple = c.Demanding()
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
		DaysRemaining:      known(Rounded(c.Days), c.Expires()),
		RemainingRatio:     known(Rounded(c.Ratio), c.HasRatio),
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
			one.NotAfter, one.DaysRemaining, one.FingerprintSHA256 = leaf.NotAfter.UTC(), known(Rounded(leaf.Days), leaf.Expires()), leaf.FingerprintSHA256
		}
		shown.Members = append(shown.Members, one)
	}
	return shown
}
