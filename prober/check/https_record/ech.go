package httpsrecord

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"strings"

	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/text"
)

// ECHResult is what a server answered to a ClientHello that was encrypted with the
// configuration of its record. The random extension by which clients without a
// configuration hide that they have none (GREASE, RFC 9849 section 6.2) is never sent.
type ECHResult struct {
	Outcome    Outcome
	PublicName string // in the clear, of the first configuration; printable; empty: not known
	Detail     string // why, for people
}

// Outcome is the outcome of a handshake with ECH.
type Outcome string

// The outcomes. A rejection is worth something only if the certificate is valid for the
// public name (RFC 9849 section 6.1.6): otherwise clients end the connection.
const (
	Accepted          Outcome = "accepted"
	RejectedRetry     Outcome = "rejected_retry"     // the server sent other configurations: clients connect again, with those
	RejectedDisabled  Outcome = "rejected_disabled"  // it sent none: clients connect again without ECH, with the name in the clear
	RejectedUntrusted Outcome = "rejected_untrusted" // the certificate is not valid for the public name: clients fail
	Unsupported       Outcome = "unsupported"        // the exporter has no version, key or cipher of the configuration: none was offered
	Malformed         Outcome = "malformed"          // clients cannot read the configuration
	NoECHAnswer       Outcome = "no_answer"          // the handshake failed for another reason
)

// Outcomes is the vocabulary of Outcome.
var Outcomes = []Outcome{Accepted, RejectedRetry, RejectedDisabled, RejectedUntrusted, Unsupported, Malformed, NoECHAnswer}

// Accepted reports whether the server decrypted the ClientHello, and whether that is known.
func (r *ECHResult) Accepted() (accepted, known bool) {
	switch r.Outcome {
	case Accepted:
		return true, true
	case RejectedRetry, RejectedDisabled, RejectedUntrusted:
		return false, true
	}
	return false, false
}

// tryECH performs a handshake with ECH.
func (s service) tryECH(ctx context.Context, e *endpoint.Endpoint) *ECHResult {
	name, ok := publicName(s.ech)
	if !ok {
		return &ECHResult{Outcome: Malformed, Detail: "it is not an ECHConfigList"}
	}
	result := &ECHResult{PublicName: text.Printable(name, maxText)}
	state, err := s.handshake(ctx, e, func(c *tls.Config) {
		c.EncryptedClientHelloConfigList = s.ech
		c.MinVersion, c.MaxVersion = tls.VersionTLS13, tls.VersionTLS13
		c.RootCAs = e.Roots() // for the certificate of the public name, which crypto/tls verifies
	})
	result.Outcome = outcomeOf(err)
	switch {
	case err != nil:
		result.Detail = text.Line(err.Error(), maxDetail)
	case !state.ECHAccepted: // crypto/tls ends such a handshake
		result.Outcome = NoECHAnswer
	}
	return result
}

// outcomeOf is the outcome of a handshake of crypto/tls with ECH. Two of its errors have no
// type; a test causes each.
func outcomeOf(err error) Outcome {
	if err == nil {
		return Accepted
	}
	if rejected, ok := errors.AsType[*tls.ECHRejectionError](err); ok {
		if len(rejected.RetryConfigList) > 0 {
			return RejectedRetry
		}
		return RejectedDisabled
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return RejectedUntrusted
	}
	switch message := err.Error(); {
	case message == "tls: EncryptedClientHelloConfigList contains no valid configs":
		return Unsupported
	case strings.HasPrefix(message, "tls: malformed ECHConfig"):
		return Malformed
	}
	return NoECHAnswer
}

// echVersion is the version of the configurations of RFC 9849 section 4.
const echVersion = 0xfe0d

// publicName is the public name of the first configuration in an ECHConfigList that has the
// version of RFC 9849; empty: there is none. It is false if the list is malformed.
func publicName(list []byte) (name string, ok bool) {
	all := &reader{rest: list}
	configs := &reader{rest: all.vector(2), failed: all.failed || len(all.rest) > 0}
	for !configs.failed && len(configs.rest) > 0 {
		version, contents := configs.number(2), &reader{rest: configs.vector(2)}
		if version != echVersion {
			continue
		}
		public := contents.echConfig()
		configs.failed = configs.failed || contents.failed || len(contents.rest) > 0
		name = cmp.Or(name, public)
	}
	if configs.failed {
		return "", false
	}
	return name, true
}

// echConfig reads the contents of a configuration, and returns its public name.
func (r *reader) echConfig() (publicName string) {
	r.take(1 + 2) // config_id, kem_id
	r.vector(2)   // public_key
	suites := r.vector(2)
	r.take(1) // maximum_name_length
	publicName = string(r.vector(1))
	extensions := &reader{rest: r.vector(2)}
	for !extensions.failed && len(extensions.rest) > 0 {
		extensions.take(2)
		extensions.vector(2)
	}
	r.failed = r.failed || extensions.failed || len(suites)%4 != 0
	return publicName
}

// reader reads the structures of RFC 8446 section 3.
type reader struct {
	rest   []byte
	failed bool // something was too short
}

// take reads n bytes.
func (r *reader) take(n int) []byte {
	if r.failed || len(r.rest) < n {
		r.failed = true
		return make([]byte, 0, 2)
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

// number reads a number of one or two bytes.
func (r *reader) number(size int) int {
	switch b := r.take(size); {
	case r.failed:
		return 0
	case size == 1:
		return int(b[0])
	default:
		return int(binary.BigEndian.Uint16(b))
	}
}

// vector reads a length of so many bytes, and as many bytes as it says.
func (r *reader) vector(size int) []byte { return r.take(r.number(size)) }
