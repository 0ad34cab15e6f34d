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

// The comments of the fields, here and in the other files, are their descriptions in
// schema.json and docs/json.md.

// The result of one probe. What was not learned is absent: a false, a zero or an empty
// array was observed.
type result struct {
	// The version of this format: 1.
	SchemaVersion int `json:"schema_version"`
	// What was probed, with its scheme and port.
	Target string `json:"target"`
	// The module that it was probed with.
	Module string `json:"module,omitempty"`
	// The labels of the target, if targets.yml lists it with this module.
	Labels map[string]string `json:"labels,omitempty"`
	// The address to connect to, if the caller chose one: an IP, or IP:port.
	TargetAddress string `json:"target_address,omitempty"`
	// The name to send as SNI and to verify, if the caller or the module chose one instead of the host.
	ServerName string `json:"server_name,omitempty"`
	// When the probe began.
	Start time.Time `json:"start,omitzero"`
	// How long the probe took.
	Duration float64 `json:"duration_seconds,omitzero"`
	// Whether the endpoint was reached, completed the handshake, has a valid chain and meets every expectation, as in `tls_probe_success`.
	Success bool `json:"success"`
	// Whether the endpoint is good. `warning`: it works, but an issue needs a change, such as little lifetime left. `bad`: it fails, or gives secrets away. `unknown`: the probe could not tell. The exit codes of the command `probe` for them are 0, 1, 2 and 3.
	Status string `json:"status"`
	// One line: why the endpoint is bad, or how good it is.
	Verdict string `json:"verdict"`
	// Why the endpoint has its status, the most severe first, then what else should be known. The first is a word, as in an issue, unless the status is good.
	Reasons []string `json:"reasons,omitempty"`
	// What is wrong and what to do about it, the worst first: it decides the status.
	Issues []issue `json:"issues"`
	// Why the probe failed. Absent: it succeeded.
	Failure *failureView `json:"failure,omitempty"`
	// The steps of the probe, in order. A step that was not reached is absent.
	Phases []phase `json:"phases,omitempty"`
	// The addresses that the name resolved to, in the order in which they are tried.
	Addresses []string `json:"addresses,omitempty"`
	// The proxy that the connection went through, without its password.
	Proxy string `json:"proxy,omitempty"`
	// The IP:port that answered.
	Remote string `json:"remote,omitempty"`
	// What the handshake negotiated, as far as it came.
	Session *session `json:"session,omitempty"`
	// What the server would select after another ClientHello than that of the handshake, which failed.
	WouldSelect *selection `json:"would_select,omitempty"`
	// The certificates that the server sent, and what is wrong with them.
	Chain *chainView `json:"chain,omitempty"`
	// The OCSP response that the server stapled, and what it says about the leaf. Absent: the handshake failed before there was one.
	Staple *answer `json:"staple,omitempty"`
	// All addresses behind the name, if the module has `addresses: all`.
	Pool *pool `json:"pool,omitempty"`
	// The file with the certificates, of a target with the scheme `file`. Absent: it could not be read.
	File *fileView `json:"file,omitempty"`
	// What the module expects, and whether it is so.
	Expectations []expectation `json:"expectations,omitempty"`
	// The checks that ran.
	Checks []check `json:"checks,omitempty"`

	// The protocol versions that the server was asked for. One that it did not answer is absent.
	Versions []version `json:"versions,omitempty"`
	// The cipher suites, groups and signature schemes that the server accepts.
	Ciphers *ciphersView `json:"ciphers,omitempty"`
	// The policies that the endpoint was compared with.
	Policies []policy `json:"policies,omitempty"`
	// The known clients that were compared with the server. One for which it is not settled whether it can connect is absent.
	Clients []client `json:"clients,omitempty"`
	// The vulnerabilities that the server was tested for. One for which the result is unknown is absent.
	Vulnerabilities []vulnerability `json:"vulnerabilities,omitempty"`
	scan.Findings
}

// One thing that is wrong.
type issue struct {
	// What is wrong, in a word: a reason, problem, expectation or vulnerability of docs/metrics.md, or `expires_soon`, `bad_staple`, `old_version` or `weak_cipher`.
	Reason string `json:"reason"`
	// How much it matters: the status of an endpoint that has no other issue. `warning`: most clients still accept the endpoint. `unknown`: it prevented the probe.
	Status string `json:"status"`
	// What was seen, in words.
	Detail string `json:"detail,omitempty"`
	// What to do about it.
	Remedy string `json:"remedy,omitempty"`
	// The certificate that has it, as sent: 0 is the leaf.
	Position *int `json:"position,omitempty"`
}

// Why a probe, an address or a check failed.
type failureView struct {
	// The step that failed, one of the phases of docs/metrics.md. A check has none.
	Phase string `json:"phase,omitempty"`
	// Why, in a word: a reason of docs/metrics.md.
	Reason string `json:"reason"`
	// The address that failed, as IP:port, if the module probes all addresses.
	Address string `json:"address,omitempty"`
	// The error, at most 300 characters. It may quote the server; an ellipsis marks a cut.
	Message string `json:"message,omitempty"`
	// What to do about it.
	Remedy string `json:"remedy,omitempty"`
}

// One step of a probe.
type phase struct {
	// Its name, one of the phases of docs/metrics.md.
	Phase string `json:"phase"`
	// How long it took.
	Duration float64 `json:"duration_seconds"`
}

// A file with certificates.
type fileView struct {
	// Its format: `pem`, `der`, `pkcs7`, `pkcs12`, `jks` or `kubeconfig`.
	Format string `json:"format"`
	// What it has: a `chain`, which is verified like that of a server, or a `bundle` of certificates, each of which is judged by its dates. Absent: no certificate could be judged.
	Content string `json:"content,omitempty"`
	// How many certificates it has. A certificate that it has twice counts once.
	Certificates int `json:"certificates"`
	// When it was changed last.
	Modified time.Time `json:"modified,omitzero"`
	// Whether the private key in the file is that of the leaf. Absent: the file has none that can be read.
	KeyMatches *bool `json:"key_matches,omitempty"`
}

// What a handshake negotiated.
type session struct {
	// Whether the handshake was completed. If not, the rest is what the server had sent by then.
	Completed bool `json:"completed"`
	// The protocol version, such as `TLS 1.3`.
	Version string `json:"version,omitempty"`
	// The cipher suite, by its IANA name.
	Cipher string `json:"cipher,omitempty"`
	// The group of the key exchange. Absent: not known, or a key exchange without (EC)DHE.
	Group string `json:"group,omitempty"`
	// Whether the key exchange resists quantum computers.
	PostQuantum *bool `json:"post_quantum,omitempty"`
	// The application protocol that the server chose.
	ALPN string `json:"alpn,omitempty"`
	// The name that was sent as SNI. Absent: none was sent.
	ServerName string `json:"server_name,omitempty"`
	// Whether the server asked for another key share.
	HelloRetryRequest *bool `json:"hello_retry_request,omitempty"`
	// Whether the server requested a client certificate.
	ClientCertificateRequested *bool `json:"client_certificate_requested,omitempty"`
	// How long the handshake took.
	Duration float64 `json:"duration_seconds,omitzero"`
}

// What a server would select.
type selection struct {
	// The protocol version.
	Version string `json:"version"`
	// The cipher suite.
	Cipher string `json:"cipher,omitempty"`
	// The group of the key exchange.
	Group string `json:"group,omitempty"`
	// Whether the server requested a client certificate.
	ClientCertificateRequested bool `json:"client_certificate_requested"`
}

// One expectation of the module.
type expectation struct {
	// Its name, as in `tls_expectation_met`.
	Expectation string `json:"expectation"`
	// Whether it is met.
	Met bool `json:"met"`
	// What was seen instead, or that met it. Absent: nothing, such as no ALPN.
	Saw string `json:"saw,omitempty"`
}

// One check that ran.
type check struct {
	// Its name.
	Check string `json:"check"`
	// Whether it has a finding.
	Success bool `json:"success"`
	// How long it took to make the finding.
	Duration float64 `json:"duration_seconds"`
	// When the finding was made. An earlier probe may have made it: findings are cached.
	Time time.Time `json:"time,omitzero"`
	// Why it has no finding.
	Failure *failureView `json:"failure,omitempty"`
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
		ServerName:    r.Target.ServerName,
		Success:       r.Success(),
		Status:        facts.Status.String(),
		Verdict:       facts.Verdict,
		Reasons:       facts.Reasons,
		Issues:        issuesOf(facts.Issues),
		Failure:       failureOf(r.Failure),
		Session:       sessionOf(r.Session),
		Chain:         chainOf(r.Chain, facts.Chain),
		Staple:        answerOf(r.Staple),
		Proxy:         r.Proxy,
		Pool:          poolOf(facts.Pool),
		File:          fileOf(r),
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

func fileOf(r *prober.Result) *fileView {
	if r.File == nil {
		return nil
	}
	return &fileView{
		Format: string(r.File.Format), Content: r.FileContent(), Certificates: r.File.Total,
		Modified: r.File.Modified.UTC(), KeyMatches: r.File.KeyMatches,
	}
}

// known is value, or nil for one that was not learned.
func known[T any](value T, learned bool) *T {
	if !learned {
		return nil
	}
	return &value
}

// Rounded keeps the precision of dates in seconds.
func Rounded(x float64) float64 { return math.Round(x*1e6) / 1e6 }
