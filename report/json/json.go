// Package json writes results for programs.
package json

import (
	"encoding/json"
	"io"
	"math"
	"time"

	"tls_exporter/prober"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/handshake"
	"tls_exporter/report"
	"tls_exporter/report/part"
	"tls_exporter/report/scan"
)

// Version is the version of the objects. Within a version fields are added, and none is
// removed, renamed, or gets another type or meaning.
const Version = 1

// Options is what the result of a probe does not say.
type Options struct {
	Module string            // its name; empty: not known
	Labels map[string]string // of the configured target; nil: it has none, or is not configured
	Limits report.Limits     // report.Judge explains them
}

// Write writes a result as an indented object. What was not learned is absent: a false,
// a zero or an empty array was observed.
func Write(w io.Writer, r *prober.Result, o Options) error {
	encoder := encoderFor(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(resultOf(r, o))
}

// WriteLine writes the object of Write in one line.
func WriteLine(w io.Writer, r *prober.Result, o Options) error {
	return encoderFor(w).Encode(resultOf(r, o))
}

func encoderFor(w io.Writer) *json.Encoder {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder
}

type result struct {
	SchemaVersion int               `json:"schema_version"`
	Target        string            `json:"target"`
	Module        string            `json:"module,omitempty"`
	Labels        map[string]string `json:"labels,omitempty"`
	TargetAddress string            `json:"target_address,omitempty"` // where the caller chose one
	Start         time.Time         `json:"start,omitzero"`           // RFC 3339
	Duration      float64           `json:"duration_seconds,omitzero"`
	Success       bool              `json:"success"`
	Status        string            `json:"status"` // as the exit code: good, warning, bad or unknown
	Verdict       string            `json:"verdict"`
	Reasons       []string          `json:"reasons,omitempty"`
	Issues        []issue           `json:"issues"`
	Failure       *failureView      `json:"failure,omitempty"`
	Phases        []phase           `json:"phases,omitempty"`
	Addresses     []string          `json:"addresses,omitempty"`
	Proxy         string            `json:"proxy,omitempty"` // without its password
	Remote        string            `json:"remote,omitempty"`
	Session       *session          `json:"session,omitempty"`
	WouldSelect   *selection        `json:"would_select,omitempty"` // after another ClientHello than that of the handshake
	Chain         *chainView        `json:"chain,omitempty"`
	Pool          *pool             `json:"pool,omitempty"`
	Expectations  []expectation     `json:"expectations,omitempty"`
	Checks        []check           `json:"checks,omitempty"`

	Versions        []version       `json:"versions,omitempty"`
	Ciphers         *ciphersView    `json:"ciphers,omitempty"`
	Policies        []policy        `json:"policies,omitempty"`
	Vulnerabilities []vulnerability `json:"vulnerabilities,omitempty"`
	scan.Findings
}

type issue struct {
	Reason   string `json:"reason"`
	Status   string `json:"status"`
	Detail   string `json:"detail,omitempty"`
	Remedy   string `json:"remedy,omitempty"`
	Position *int   `json:"position,omitempty"`
}

type failureView struct {
	Phase   string `json:"phase,omitempty"`
	Reason  string `json:"reason"`
	Address string `json:"address,omitempty"` // of a pool, the one that fails
	Message string `json:"message,omitempty"`
	Remedy  string `json:"remedy,omitempty"`
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

type selection struct {
	Version                    string `json:"version"`
	Cipher                     string `json:"cipher,omitempty"`
	Group                      string `json:"group,omitempty"`
	ClientCertificateRequested bool   `json:"client_certificate_requested"`
}

type expectation struct {
	Expectation string `json:"expectation"`
	Met         bool   `json:"met"`
	Saw         string `json:"saw,omitempty"`
}

type check struct {
	Check    string       `json:"check"`
	Success  bool         `json:"success"`
	Duration float64      `json:"duration_seconds"`
	Time     time.Time    `json:"time,omitzero"`
	Failure  *failureView `json:"failure,omitempty"`
}

func resultOf(r *prober.Result, o Options) result {
	facts := report.New(r, o.Limits)
	shown := result{
		SchemaVersion: Version,
		Target:        r.Target.String(),
		Module:        o.Module,
		Labels:        o.Labels,
		Start:         r.Start.UTC(),
		Duration:      r.Duration.Seconds(),
		Success:       r.Success(),
		Status:        facts.Status.String(),
		Verdict:       facts.Verdict,
		Reasons:       facts.Reasons,
		Issues:        issuesOf(facts.Issues),
		Failure:       failureOf(r.Failure),
		Session:       sessionOf(r.Session),
		Chain:         chainOf(r.Chain, facts.Chain),
		Proxy:         r.Proxy,
		Pool:          poolOf(facts.Pool),
	}
	if r.Target.Address.IsValid() {
		shown.TargetAddress = report.Address(r.Target.Address)
	}
	if r.Remote.IsValid() {
		shown.Remote = r.Remote.String()
	}
	if s := r.Selected; s != nil {
		shown.WouldSelect = &selection{s.VersionName(), s.CipherName(), s.GroupName(), s.ClientCertificateRequested}
	}
	for _, addr := range r.Addresses {
		shown.Addresses = append(shown.Addresses, addr.String())
	}
	for _, p := range r.Phases {
		shown.Phases = append(shown.Phases, phase{string(p.Phase), p.Duration.Seconds()})
	}
	if r.Expect.Finding != nil {
		for _, e := range r.Expect.Finding.Expectations {
			shown.Expectations = append(shown.Expectations, expectation{e.Name, e.Met, part.Clean(e.Saw)})
		}
	}
	for _, c := range r.Outcomes {
		shown.Checks = append(shown.Checks, check{c.Name, c.Failure == nil, c.Duration.Seconds(), c.Time.UTC(), failureOf(c.Failure)})
	}
	shown.scan(r)
	if facts.Scan != nil {
		shown.Findings = facts.Scan.Findings
	}
	return shown
}

func issuesOf(all []part.Issue) []issue {
	shown := make([]issue, len(all))
	for n, i := range all {
		shown[n] = issue{string(i.Reason), i.Status.String(), i.Detail, i.Remedy, known(i.Position, i.Position >= 0)}
	}
	return shown
}

func failureOf(f *failure.Failure) *failureView {
	if f == nil {
		return nil
	}
	shown := &failureView{Phase: string(f.Phase), Reason: string(f.Reason), Message: part.Message(f), Remedy: part.Remedy(f.Reason)}
	if f.Address.IsValid() {
		shown.Address = f.Address.String()
	}
	return shown
}

func sessionOf(s *handshake.Session) *session {
	if s == nil {
		return nil
	}
	shown := &session{
		Completed:  s.Completed,
		Group:      s.GroupName(),
		ALPN:       part.Clean(s.ALPN),
		ServerName: part.Clean(s.ServerName),
		Duration:   s.Duration.Seconds(),
		// An incomplete handshake does not tell everything.
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

// rounded keeps the precision of dates in seconds.
func rounded(x float64) float64 { return math.Round(x*1e6) / 1e6 }
