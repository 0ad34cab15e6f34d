package report

import (
	"encoding/json"
	"io"
	"math"
	"time"

	"tls_exporter/prober"
)

// JSON writes results for programs: one alone as an indented object, several as
// one object a line. What was not learned is absent, so that a false, a zero
// and an empty array have always been seen.
func JSON(w io.Writer, results []*prober.Result) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	if len(results) == 1 {
		encoder.SetIndent("", "  ")
	}
	for _, r := range results {
		if err := encoder.Encode(resultOf(r)); err != nil {
			return err
		}
	}
	return nil
}

type result struct {
	Target        string        `json:"target"`
	TargetAddress string        `json:"target_address,omitempty"` // where the caller chose one
	Start         time.Time     `json:"start,omitzero"`           // RFC 3339
	Duration      float64       `json:"duration_seconds,omitzero"`
	Success       bool          `json:"success"`
	Failure       *failure      `json:"failure,omitempty"`
	Phases        []phase       `json:"phases,omitempty"`
	Addresses     []string      `json:"addresses,omitempty"`
	Proxy         string        `json:"proxy,omitempty"` // without its password
	Remote        string        `json:"remote,omitempty"`
	Session       *session      `json:"session,omitempty"`
	Chain         *chain        `json:"chain,omitempty"`
	Pool          *pool         `json:"pool,omitempty"`
	Expectations  []expectedOne `json:"expectations,omitempty"`
	Checks        []check       `json:"checks,omitempty"`

	Versions        []versionOne       `json:"versions,omitempty"`
	Ciphers         *ciphers           `json:"ciphers,omitempty"`
	Policies        []policyOne        `json:"policies,omitempty"`
	Vulnerabilities []vulnerabilityOne `json:"vulnerabilities,omitempty"`
	Resumption      *resumptionFinding `json:"resumption,omitempty"`
}

type failure struct {
	Phase   string `json:"phase,omitempty"`
	Reason  string `json:"reason"`
	Address string `json:"address,omitempty"` // of a pool, the one that fails
	Message string `json:"message,omitempty"`
}

type phase struct {
	Phase    string  `json:"phase"`
	Duration float64 `json:"duration_seconds"`
}

type session struct {
	Completed                  bool    `json:"completed"`
	Version                    string  `json:"version,omitempty"`
	Cipher                     string  `json:"cipher,omitempty"`
	Group                      string  `json:"group,omitempty"`
	PostQuantum                *bool   `json:"post_quantum,omitempty"`
	ALPN                       string  `json:"alpn,omitempty"`
	ServerName                 string  `json:"server_name,omitempty"`
	HelloRetryRequest          *bool   `json:"hello_retry_request,omitempty"`
	ClientCertificateRequested *bool   `json:"client_certificate_requested,omitempty"`
	Duration                   float64 `json:"duration_seconds,omitzero"`
}

type chain struct {
	At            time.Time     `json:"at,omitzero"`
	Name          string        `json:"name,omitempty"`
	Valid         bool          `json:"valid"`
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
	NotBefore          time.Time `json:"not_before"`
	NotAfter           time.Time `json:"not_after"`
	DaysRemaining      float64   `json:"days_remaining"`
	RemainingRatio     *float64  `json:"lifetime_remaining_ratio,omitempty"`
	FingerprintSHA256  string    `json:"fingerprint_sha256"`
	SPKISHA256         string    `json:"spki_sha256"`
	KeyAlgorithm       string    `json:"key_algorithm"`
	KeyBits            int       `json:"key_bits,omitzero"`
	SignatureAlgorithm string    `json:"signature_algorithm"`
	DNSNames           []string  `json:"dns_names"`
	IPAddresses        []string  `json:"ip_addresses"`
}

type pool struct {
	Addresses            int      `json:"addresses"`
	Failing              int      `json:"failing"`
	DistinctCertificates *int     `json:"distinct_certificates,omitempty"`
	Shown                string   `json:"shown"` // session and chain are of this address
	Members              []member `json:"members"`
}

type member struct {
	Address           string    `json:"address"`
	Success           bool      `json:"success"`
	Failure           *failure  `json:"failure,omitempty"`
	HandshakeDuration *float64  `json:"handshake_duration_seconds,omitempty"`
	NotAfter          time.Time `json:"not_after,omitzero"`
	DaysRemaining     *float64  `json:"days_remaining,omitempty"`
	FingerprintSHA256 string    `json:"fingerprint_sha256,omitempty"`
}

type expectedOne struct {
	Expectation string `json:"expectation"`
	Met         bool   `json:"met"`
	Saw         string `json:"saw,omitempty"`
}

type check struct {
	Check    string    `json:"check"`
	Success  bool      `json:"success"`
	Duration float64   `json:"duration_seconds"`
	Time     time.Time `json:"time,omitzero"`
	Failure  *failure  `json:"failure,omitempty"`
}

func resultOf(r *prober.Result) result {
	shown := result{
		Target:   r.Target.String(),
		Start:    r.Start.UTC(),
		Duration: r.Duration.Seconds(),
		Success:  r.Success(),
		Failure:  failureOf(r.Failure),
		Session:  sessionOf(r.Session),
		Chain:    chainOf(r.Chain),
		Proxy:    r.Proxy,
		Pool:     poolOf(r.Pool),
	}
	if r.Target.Address.IsValid() {
		shown.TargetAddress = chosen(r.Target.Address)
	}
	if r.Remote.IsValid() {
		shown.Remote = r.Remote.String()
	}
	for _, addr := range r.Addresses {
		shown.Addresses = append(shown.Addresses, addr.String())
	}
	for _, p := range r.Phases {
		shown.Phases = append(shown.Phases, phase{string(p.Phase), p.Duration.Seconds()})
	}
	if r.Expect != nil {
		for _, e := range r.Expect.Expectations {
			shown.Expectations = append(shown.Expectations, expectedOne{e.Name, e.Met, clean(e.Saw)})
		}
	}
	for _, c := range r.Checks {
		shown.Checks = append(shown.Checks, check{c.Name, c.Failure == nil, c.Duration.Seconds(), c.Time.UTC(), failureOf(c.Failure)})
	}
	shown.scan(r)
	return shown
}

func failureOf(f *prober.Failure) *failure {
	if f == nil {
		return nil
	}
	shown := &failure{Phase: string(f.Phase), Reason: string(f.Reason), Message: message(f)}
	if f.Address.IsValid() {
		shown.Address = f.Address.String()
	}
	return shown
}

func poolOf(p *prober.Pool) *pool {
	if p == nil {
		return nil
	}
	distinct := p.DistinctCertificates()
	shown := &pool{
		Addresses: p.Total, Failing: p.Failing(), DistinctCertificates: known(distinct, distinct > 0),
		Shown: p.Members[p.Shown].Address.String(),
	}
	for _, m := range p.Members {
		one := member{Address: m.Address.String(), Success: m.Failure == nil, Failure: failureOf(m.Failure)}
		if m.Session != nil {
			one.HandshakeDuration = known(m.Session.Duration.Seconds(), m.Session.Completed)
		}
		if m.Chain != nil {
			leaf := m.Chain.Certificates[0]
			left := rounded(leaf.DaysRemaining(m.Chain.At))
			one.NotAfter, one.DaysRemaining, one.FingerprintSHA256 = leaf.X509.NotAfter.UTC(), &left, leaf.FingerprintSHA256
		}
		shown.Members = append(shown.Members, one)
	}
	return shown
}

func sessionOf(s *prober.Session) *session {
	if s == nil {
		return nil
	}
	shown := &session{
		Completed:  s.Completed,
		Group:      s.GroupName(),
		ALPN:       clean(s.ALPN),
		ServerName: clean(s.ServerName),
		Duration:   s.Duration.Seconds(),
		// A handshake that was cut short has not told everything.
		PostQuantum:                known(s.PostQuantum(), s.Completed || s.Group != 0),
		HelloRetryRequest:          known(s.HelloRetryRequest, s.Completed || s.HelloRetryRequest),
		ClientCertificateRequested: known(s.ClientCertificateRequested, s.Completed || s.ClientCertificateRequested),
	}
	if s.Version != 0 {
		shown.Version = s.VersionName()
	}
	if s.CipherSuite != 0 {
		shown.Cipher = s.CipherName()
	}
	return shown
}

// known is value, or nil for one that was not learned.
func known[T any](value T, learned bool) *T {
	if !learned {
		return nil
	}
	return &value
}

func chainOf(c *prober.Chain) *chain {
	if c == nil {
		return nil
	}
	left, lasts := c.DaysRemaining()
	shown := &chain{
		At: c.At.UTC(), Name: clean(c.Name), Valid: c.Valid, NotAfter: c.NotAfter.UTC(),
		DaysRemaining: known(rounded(left), lasts),
		Problems:      []problem{},
	}
	for _, found := range c.Problems {
		shown.Problems = append(shown.Problems, problem{
			Problem: string(found.Problem), Position: known(found.Position, found.Position >= 0),
			Detail: clean(found.Detail), Remedy: Remedy(prober.Reason(found.Problem)),
		})
	}
	for i, cert := range c.Certificates {
		shown.Certificates = append(shown.Certificates, certificateOf(i, cert, c.At))
	}
	for _, cert := range c.Path {
		shown.Path = append(shown.Path, named(cert))
	}
	return shown
}

func certificateOf(position int, c *prober.Certificate, at time.Time) certificate {
	ratio, defined := c.RemainingRatio(at)
	return certificate{
		Position:           position,
		SubjectCN:          c.SubjectCN,
		IssuerCN:           c.IssuerCN,
		SerialNumber:       c.SerialNumber,
		NotBefore:          c.X509.NotBefore.UTC(),
		NotAfter:           c.X509.NotAfter.UTC(),
		DaysRemaining:      rounded(c.DaysRemaining(at)),
		RemainingRatio:     known(rounded(ratio), defined),
		FingerprintSHA256:  c.FingerprintSHA256,
		SPKISHA256:         c.SPKISHA256,
		KeyAlgorithm:       c.KeyAlgorithm,
		KeyBits:            c.KeyBits,
		SignatureAlgorithm: c.SignatureAlgorithm,
		DNSNames:           dnsNames(c.X509),
		IPAddresses:        addresses(c.X509),
	}
}

// rounded keeps what dates in seconds can tell, and spares readers the rest.
func rounded(x float64) float64 { return math.Round(x*1e6) / 1e6 }
