package prober

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"tls_exporter/prober/hello"
)

// Reason is why a phase or a check failed: a word of a closed vocabulary, fit
// for a label. A chain's Problem is a Reason too, in the phase verify, and so is
// the name of an unmet expectation, in the phase expect.
type Reason string

// The reasons, by the step that they belong to. Each remote alert is a reason
// of its own, made by alertReason from IANA's registry.
const (
	ReasonNXDOMAIN   Reason = "nxdomain"    // the name does not exist
	ReasonNoAddress  Reason = "no_address"  // it exists, without an address of the family asked for
	ReasonDNSFailure Reason = "dns_failure" // no answer that says either

	ReasonRefused     Reason = "refused"
	ReasonUnreachable Reason = "unreachable"
	ReasonReset       Reason = "reset"

	ReasonProxyRefused   Reason = "proxy_refused"
	ReasonProxyProtocol  Reason = "proxy_protocol"
	ReasonProxyUntrusted Reason = "proxy_untrusted" // the certificate of the proxy itself

	ReasonStartTLSNotOffered Reason = "starttls_not_offered" // the server speaks its protocol, and has no TLS in it
	ReasonStartTLSRefused    Reason = "starttls_refused"     // it has, and would not start it
	ReasonStartTLSProtocol   Reason = "starttls_protocol"    // what it says is not in the protocol, or not at this point

	ReasonNotTLS          Reason = "not_tls"
	ReasonClosed          Reason = "closed"
	ReasonNoCommonVersion Reason = "no_common_version"
	ReasonLegacyOnly      Reason = "legacy_only"     // the server takes only what clients do not offer any more
	ReasonBadMessage      Reason = "bad_message"     // TLS, but not as the RFCs have it
	ReasonBadCertificate  Reason = "bad_certificate" // one that cannot be parsed, or with a key of no known kind

	ReasonStaleCertificate Reason = "stale_certificate" // of one address, where the others have replaced it

	ReasonTimeout  Reason = "timeout"
	ReasonDenied   Reason = "denied" // by the policy, on the address that was to be dialled
	ReasonTooLarge Reason = "too_large"
	ReasonPending  Reason = "pending"  // of a check: its finding is being made, and will be on a later probe
	ReasonInternal Reason = "internal" // the exporter's own fault or limit
)

// Reasons is the whole vocabulary: the words above, an alert_<name> for every
// registered alert, the chain's problems, and the expectations.
func Reasons() []Reason {
	all := []Reason{
		ReasonNXDOMAIN, ReasonNoAddress, ReasonDNSFailure, ReasonRefused, ReasonUnreachable, ReasonReset,
		ReasonProxyRefused, ReasonProxyProtocol, ReasonProxyUntrusted, ReasonStartTLSNotOffered, ReasonStartTLSRefused, ReasonStartTLSProtocol,
		ReasonNotTLS, ReasonClosed, ReasonNoCommonVersion, ReasonLegacyOnly, ReasonBadMessage, ReasonBadCertificate, ReasonStaleCertificate, ReasonTimeout, ReasonDenied,
		ReasonTooLarge, ReasonPending, ReasonInternal, alertUnassigned,
	}
	for _, name := range alerts {
		all = append(all, alertPrefix+Reason(name))
	}
	for _, p := range Problems {
		all = append(all, Reason(p))
	}
	for _, name := range Expectations {
		all = append(all, Reason(name))
	}
	slices.Sort(all)
	return all
}

// errNotSupported is what a target asks for and this exporter cannot do, and
// errPanic what should not have happened to it.
var (
	errNotSupported = errors.New("not supported")
	errPanic        = errors.New("panic")
)

// reasons is read from the top; the first match wins. A probe that tried
// several addresses fails with all their errors joined, and then the order
// says which one tells most: a refusal more than a silence.
var reasons = []struct {
	reason  Reason
	matches func(error) bool
}{
	{ReasonInternal, is(errNotSupported, errPanic)},
	{ReasonPending, is(errPending)},
	{ReasonProxyRefused, is(errProxyRefused)},
	{ReasonProxyProtocol, is(errProxyProtocol)},
	{ReasonProxyUntrusted, has[*tls.CertificateVerificationError]}, // the one verification that crypto/tls makes here
	{ReasonStartTLSNotOffered, endsFor(ReasonStartTLSNotOffered)},
	{ReasonStartTLSRefused, endsFor(ReasonStartTLSRefused)},
	{ReasonStartTLSProtocol, endsFor(ReasonStartTLSProtocol)},
	{ReasonNoAddress, is(errNoAddress)},
	{ReasonNoAddress, has[*net.AddrError]}, // of a proxy, none that source_address could reach
	{ReasonNXDOMAIN, isNXDOMAIN},
	{ReasonTimeout, isDNSTimeout},
	{ReasonDNSFailure, has[*net.DNSError]},
	{ReasonRefused, is(syscall.ECONNREFUSED)},
	{ReasonRefused, is(syscall.ENOENT, syscall.EPROTOTYPE, syscall.EAGAIN)}, // by a Unix socket that is not there, no stream, or overrun
	{ReasonReset, is(syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED)},
	{ReasonTimeout, is(context.DeadlineExceeded, os.ErrDeadlineExceeded, syscall.ETIMEDOUT)},
	{ReasonUnreachable, is(syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN,
		syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT, syscall.EACCES, syscall.EPERM)},
	{ReasonDenied, is(ErrDenied)},
	{ReasonTooLarge, is(errTooLarge, errTalkative, hello.ErrTooLarge)},
	{ReasonTooLarge, says("tls: handshake message of length")},
	{ReasonNoCommonVersion, says("tls: server selected unsupported protocol version")},
	{ReasonBadCertificate, says("tls: failed to parse certificate from server", "tls: server sent certificate containing RSA key larger",
		"tls: server's certificate contains an unsupported type of public key", "tls: received empty certificates message")},
	{ReasonNotTLS, isNotTLS},
	{ReasonNotTLS, is(hello.ErrNotTLS)},
	{ReasonBadMessage, has[tls.RecordHeaderError]},
	{ReasonBadMessage, is(hello.ErrMalformed)},
	{ReasonClosed, is(errSilent, errUnanswered)},
	{ReasonClosed, is(io.EOF, io.ErrUnexpectedEOF, net.ErrClosed)},
	{ReasonBadMessage, func(err error) bool { return isOp(err, "local error") }},
	{ReasonBadMessage, says("tls: ", "x509: ", "crypto/")},
}

// reasonFor sorts an error into the vocabulary.
func reasonFor(err error) Reason {
	if has[*legacyError](err) { // before the alert that it began with
		return ReasonLegacyOnly
	}
	if reason, ok := alertReason(err); ok {
		return reason
	}
	for _, r := range reasons {
		if r.matches(err) {
			return r.reason
		}
	}
	return ReasonInternal
}

func is(targets ...error) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
	}
}

func has[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// says matches what crypto/tls leaves without a type. A test holds each of
// these texts against a server that causes it.
func says(beginnings ...string) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(beginnings, func(b string) bool { return strings.HasPrefix(err.Error(), b) })
	}
}

func isNXDOMAIN(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

func isDNSTimeout(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsTimeout
}

func isOp(err error, op string) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == op
}

// isNotTLS tells a peer that never spoke TLS from one that lost its way in it.
func isNotTLS(err error) bool {
	header, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok && (strings.Contains(header.Msg, "does not look like") || strings.Contains(header.Msg, "SSLv2"))
}

const (
	alertPrefix     = "alert_"
	alertUnassigned = Reason(alertPrefix + "unassigned")
)

// alerts is IANA's TLS Alerts registry, as the codec has it.
var alerts = func() map[uint8]string {
	names := make(map[uint8]string)
	for code := range 256 {
		if d := hello.AlertDescription(code); d.Registered() {
			names[uint8(code)] = d.String()
		}
	}
	return names
}()

// alertReason names the alert that the peer sent. crypto/tls keeps its number
// in an unexported type, so it is found by the text that the number gives.
func alertReason(err error) (Reason, bool) {
	if raw, ok := errors.AsType[*alertError](err); ok {
		if name, registered := alerts[uint8(raw.alert.Description)]; registered {
			return alertPrefix + Reason(name), true
		}
		return alertUnassigned, true
	}
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return "", false
	}
	for code, name := range alerts {
		if tls.AlertError(code).Error() == op.Err.Error() {
			return alertPrefix + Reason(name), true
		}
	}
	return alertUnassigned, true
}
