package failure

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
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

// Reasons are the words of this package: those above, and an alert_<name> for
// every registered alert.
func Reasons() []Reason {
	all := []Reason{
		ReasonNXDOMAIN, ReasonNoAddress, ReasonDNSFailure, ReasonRefused, ReasonUnreachable, ReasonReset,
		ReasonProxyRefused, ReasonProxyProtocol, ReasonProxyUntrusted, ReasonStartTLSNotOffered, ReasonStartTLSRefused, ReasonStartTLSProtocol,
		ReasonNotTLS, ReasonClosed, ReasonNoCommonVersion, ReasonLegacyOnly, ReasonBadMessage, ReasonBadCertificate, ReasonStaleCertificate, ReasonTimeout, ReasonDenied,
		ReasonTooLarge, ReasonPending, ReasonInternal, AlertUnassigned,
	}
	for _, name := range alerts {
		all = append(all, AlertPrefix+Reason(name))
	}
	slices.Sort(all)
	return all
}

// classified is an error that carries its reason.
type classified struct {
	reason Reason
	error
}

func (e *classified) Unwrap() error { return e.error }

// New is an error with a reason that is known where it happens.
func New(reason Reason, format string, args ...any) error {
	return &classified{reason, fmt.Errorf(format, args...)}
}

// With gives err a reason, whatever it wraps.
func With(reason Reason, err error) error { return &classified{reason, err} }

// rules is read from the top; the first match wins. They are for the errors of
// net, syscall, crypto/tls, crypto/x509 and the codec, which carry no reason. A
// probe that tried several addresses fails with all their errors joined, and
// then the order says which one tells most: a refusal more than a silence.
var rules = []struct {
	reason  Reason
	matches func(error) bool
}{
	{ReasonNoAddress, has[*net.AddrError]}, // of a proxy: none that source_address could reach
	{ReasonNXDOMAIN, isNXDOMAIN},
	{ReasonTimeout, isDNSTimeout},
	{ReasonDNSFailure, has[*net.DNSError]},
	{ReasonRefused, is(syscall.ECONNREFUSED)},
	{ReasonRefused, is(syscall.ENOENT, syscall.EPROTOTYPE, syscall.EAGAIN)}, // of a Unix socket that is absent, no stream, or overloaded
	{ReasonReset, is(syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED)},
	{ReasonTimeout, is(context.DeadlineExceeded, os.ErrDeadlineExceeded, syscall.ETIMEDOUT)},
	{ReasonUnreachable, is(syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN,
		syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT, syscall.EACCES, syscall.EPERM)},
	{ReasonDenied, is(ErrDenied)},
	{ReasonTooLarge, is(hello.ErrTooLarge)},
	{ReasonTooLarge, hasPrefix("tls: handshake message of length")},
	{ReasonNoCommonVersion, hasPrefix("tls: server selected unsupported protocol version")},
	{ReasonBadCertificate, hasPrefix("tls: failed to parse certificate from server", "tls: server sent certificate containing RSA key larger",
		"tls: server's certificate contains an unsupported type of public key", "tls: received empty certificates message")},
	{ReasonNotTLS, isNotTLS},
	{ReasonNotTLS, is(hello.ErrNotTLS)},
	{ReasonBadMessage, has[tls.RecordHeaderError]},
	{ReasonBadMessage, is(hello.ErrMalformed)},
	{ReasonClosed, is(io.EOF, io.ErrUnexpectedEOF, net.ErrClosed)},
	{ReasonBadMessage, func(err error) bool { return isOp(err, "local error") }},
	{ReasonBadMessage, hasPrefix("tls: ", "x509: ", "crypto/")},
}

// ErrDenied is wrapped by errors about connections and targets that the access
// policy denies.
var ErrDenied = errors.New("the probe policy denies it")

// Of is the reason of an error: the one that it carries, the alert that it is,
// or the first of the rules that matches.
func Of(err error) Reason {
	if failed, ok := errors.AsType[*Failure](err); ok {
		return failed.Reason
	}
	if known, ok := errors.AsType[*classified](err); ok {
		return known.reason
	}
	if reason, ok := alertReason(err); ok {
		return reason
	}
	for _, rule := range rules {
		if rule.matches(err) {
			return rule.reason
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

// hasPrefix matches what crypto/tls leaves without a type. A test holds each of
// these texts against a server that causes it.
func hasPrefix(texts ...string) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(texts, func(b string) bool { return strings.HasPrefix(err.Error(), b) })
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
