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

// Reason is why a phase or a check failed: a word of a closed vocabulary, so that it
// can be a label. In the phase verify the reason is a chain.Problem, in the phase
// expect the name of an unmet expectation.
type Reason string

// The reasons, by the phase that they belong to. Each alert of a peer is a reason of
// its own: see ForAlert.
const (
	ReasonNXDOMAIN   Reason = "nxdomain"    // the name does not exist
	ReasonNoAddress  Reason = "no_address"  // the name exists, without an address of the requested family
	ReasonDNSFailure Reason = "dns_failure" // the answers say neither

	ReasonDNSSECBogus Reason = "dnssec_bogus" // of records other than addresses: they are there, and the resolver does not find them signed as they have to be

	ReasonRefused     Reason = "refused"
	ReasonUnreachable Reason = "unreachable"
	ReasonReset       Reason = "reset"

	ReasonProxyRefused   Reason = "proxy_refused"
	ReasonProxyProtocol  Reason = "proxy_protocol"
	ReasonProxyUntrusted Reason = "proxy_untrusted" // the certificate of the proxy itself

	ReasonStartTLSNotOffered Reason = "starttls_not_offered" // the server speaks the protocol, but does not offer TLS
	ReasonStartTLSRefused    Reason = "starttls_refused"     // the server knows the command and rejects it
	ReasonStartTLSProtocol   Reason = "starttls_protocol"    // the answer violates the protocol
	ReasonStartTLSInjection  Reason = "starttls_injection"   // plaintext between the server's last answer and TLS, as an attacker inserts it

	ReasonNotTLS          Reason = "not_tls"
	ReasonClosed          Reason = "closed"
	ReasonNoCommonVersion Reason = "no_common_version"
	ReasonLegacyOnly      Reason = "legacy_only"      // the server accepts only versions, suites, groups or signatures that many clients do not offer
	ReasonTLS13Intolerant Reason = "tls13_intolerant" // the handshake fails if TLS 1.3 is offered, and is completed with TLS 1.2 at most
	ReasonBadMessage      Reason = "bad_message"      // TLS that violates an RFC
	ReasonBadCertificate  Reason = "bad_certificate"  // one that cannot be parsed, or with a key of an unknown type

	ReasonClientCertificateRefused  Reason = "client_certificate_refused"  // the server requested one, and closed the connection after the answer, without an alert
	ReasonClientCertificateUnusable Reason = "client_certificate_unusable" // the server accepts no signature with the key of the module's certificate

	ReasonNoSuchFile       Reason = "no_such_file"
	ReasonPermissionDenied Reason = "permission_denied" // of the file system
	ReasonNotAFile         Reason = "not_a_file"        // a directory, a pipe, a device
	ReasonReadError        Reason = "read_error"        // any other error of the file system
	ReasonNoCertificate    Reason = "no_certificate"    // no certificate can be read from the content of the file
	ReasonWrongPassword    Reason = "wrong_password"    // of the key store, or none is configured

	ReasonKeyMismatch Reason = "key_mismatch" // the private key in the file is not that of the certificate

	ReasonStaleCertificate Reason = "stale_certificate" // one address has an old certificate, the others a new one

	ReasonRevocationUnknown Reason = "revocation_unknown" // the module requires proof that no certificate was revoked, and there is none

	ReasonHTTPStatus     Reason = "http_status"     // the server of a CA answered with another status than 200
	ReasonHTTPProtocol   Reason = "http_protocol"   // its answer is not valid HTTP, is compressed, or redirects too often or to a URL that is not followed
	ReasonHTTPSUntrusted Reason = "https_untrusted" // its certificate
	ReasonBadURL         Reason = "bad_url"         // it is not http or https, has credentials, or is too long
	ReasonBadContent     Reason = "bad_content"     // what was downloaded is not what it has to be

	ReasonRenewalNotOffered         Reason = "renewal_not_offered"         // the CA does not say when to renew (RFC 9773), or the certificate does not identify its issuer
	ReasonRenewalCertificateUnknown Reason = "renewal_certificate_unknown" // the CA that was asked does not know the certificate

	ReasonTimeout  Reason = "timeout"
	ReasonDenied   Reason = "denied" // the access policy denies the address
	ReasonTooLarge Reason = "too_large"
	ReasonPending  Reason = "pending"  // of a check: it is still running, and a later probe has its finding
	ReasonInternal Reason = "internal" // a fault or a limit of the exporter

	ReasonLocalResources Reason = "local_resources" // the exporter's machine has no descriptor, port, address or memory for a connection
)

// Reasons returns the vocabulary of this package, sorted: the reasons above, and an
// alert_<name> for every registered alert.
func Reasons() []Reason {
	all := []Reason{
		ReasonNXDOMAIN, ReasonNoAddress, ReasonDNSFailure, ReasonDNSSECBogus, ReasonRefused, ReasonUnreachable, ReasonReset,
		ReasonProxyRefused, ReasonProxyProtocol, ReasonProxyUntrusted, ReasonStartTLSNotOffered, ReasonStartTLSRefused, ReasonStartTLSProtocol, ReasonStartTLSInjection,
		ReasonNotTLS, ReasonClosed, ReasonNoCommonVersion, ReasonLegacyOnly, ReasonTLS13Intolerant, ReasonBadMessage, ReasonBadCertificate,
		ReasonNoSuchFile, ReasonPermissionDenied, ReasonNotAFile, ReasonReadError, ReasonNoCertificate, ReasonWrongPassword, ReasonKeyMismatch,
		ReasonClientCertificateRefused, ReasonClientCertificateUnusable, ReasonStaleCertificate, ReasonRevocationUnknown,
		ReasonHTTPStatus, ReasonHTTPProtocol, ReasonHTTPSUntrusted, ReasonBadURL, ReasonBadContent, ReasonRenewalNotOffered, ReasonRenewalCertificateUnknown, ReasonTimeout, ReasonDenied,
		ReasonTooLarge, ReasonPending, ReasonInternal, ReasonLocalResources, AlertUnassigned,
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

// New returns an error with this reason. The rest is as for fmt.Errorf.
func New(reason Reason, format string, args ...any) error {
	return &classified{reason, fmt.Errorf(format, args...)}
}

// With wraps err in an error with this reason, which replaces the reason of err.
func With(reason Reason, err error) error { return &classified{reason, err} }

// WithDefault wraps err in an error with this reason, unless err has one of its own: that
// of a Failure, of New or With, or of a panic.
func WithDefault(reason Reason, err error) error {
	if has[*Failure](err) || has[*classified](err) || has[*PanicError](err) {
		return err
	}
	return With(reason, err)
}

// rules classify the errors of net, syscall, crypto/tls, crypto/x509 and hello,
// which have no reason. The first match wins. A probe that tried several addresses
// fails with all their errors joined, so the more telling reasons come first: refused
// before timeout, and what an address or a router answered before local_resources. A
// missing route comes last: without a free port, the family for which there is a route
// was not tried.
var rules = []struct {
	reason  Reason
	matches func(error) bool
}{
	{ReasonNoAddress, has[*net.AddrError]}, // of a proxy: no address of the family of source_address
	{ReasonNXDOMAIN, isNXDOMAIN},
	{ReasonTimeout, isDNSTimeout},
	{ReasonLocalResources, isLocalDNS},
	{ReasonDNSFailure, has[*net.DNSError]},
	{ReasonRefused, is(syscall.ECONNREFUSED)},
	{ReasonRefused, is(syscall.ENOENT, syscall.EPROTOTYPE)}, // of a Unix socket: missing, not a stream
	{ReasonRefused, isUnixOverload},
	{ReasonReset, is(syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED)},
	{ReasonTimeout, is(context.DeadlineExceeded, os.ErrDeadlineExceeded, syscall.ETIMEDOUT)},
	{ReasonUnreachable, is(syscall.EHOSTUNREACH, syscall.EHOSTDOWN)},
	{ReasonLocalResources, isLocal},
	{ReasonUnreachable, is(syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EACCES, syscall.EPERM)},
	{ReasonDenied, is(ErrDenied)},
	{ReasonTooLarge, is(hello.ErrTooLarge)},
	{ReasonTooLarge, hasPrefix("tls: handshake message of length")},
	{ReasonNoCommonVersion, hasPrefix("tls: server selected unsupported protocol version")},
	{ReasonBadCertificate, hasPrefix("tls: failed to parse certificate from server", "tls: server sent certificate containing RSA key larger",
		"tls: server's certificate contains an unsupported type of public key", "tls: received empty certificates message")},
	{ReasonBadCertificate, contains("crypto/rsa: public exponent", "crypto/rsa: public modulus", "crypto/rsa: missing public modulus")}, // the message is fine, the key is not
	{ReasonNotTLS, isNotTLS},
	{ReasonNotTLS, is(hello.ErrNotTLS)},
	{ReasonBadMessage, has[tls.RecordHeaderError]},
	{ReasonBadMessage, is(hello.ErrMalformed)},
	{ReasonClosed, is(io.EOF, io.ErrUnexpectedEOF, net.ErrClosed)},
	{ReasonBadMessage, func(err error) bool { return isOp(err, "local error") }},
	{ReasonBadMessage, hasPrefix("tls: ", "x509: ", "crypto/")},
}

// IsLocal reports whether err says that this machine lacks what a connection needs.
func IsLocal(err error) bool { return err != nil && Of(err) == ReasonLocalResources }

// ErrDenied is wrapped by the error about a connection or a target that the access
// policy denies.
var ErrDenied = errors.New("the access policy denies it")

// Of returns the reason of an error: that of the Failure that it wraps, that given
// by New or With, that of an alert, or that of the first rule that matches. Any other
// error is internal.
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

// hasPrefix matches errors of crypto/tls that have no type of their own. A test
// causes each of these texts with a server.
func hasPrefix(texts ...string) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(texts, func(b string) bool { return strings.HasPrefix(err.Error(), b) })
	}
}

func contains(texts ...string) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(texts, func(part string) bool { return strings.Contains(err.Error(), part) })
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

// isLocal matches what this machine lacks for a connection: descriptors, buffers,
// memory, epoll watches (epoll_ctl(2)), an address of the family, or a free port. Without
// a free port connect(2) fails with EADDRNOTAVAIL over TCP, with EAGAIN over UDP, and
// bind(2) with EADDRINUSE. A source address that this machine does not have is
// EADDRNOTAVAIL too.
var isLocal = is(syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ENOSPC,
	syscall.EAFNOSUPPORT, syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, syscall.EAGAIN)

// isLocalDNS matches a lookup for which there was no connection to the DNS server.
func isLocalDNS(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && isLocal(dns.UnwrapErr)
}

// isUnixOverload matches a Unix socket whose backlog is full (connect(2)).
func isUnixOverload(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Net == "unix" && errors.Is(op, syscall.EAGAIN)
}

func isOp(err error, op string) bool {
	e, ok := errors.AsType[*net.OpError](err)
	return ok && e.Op == op
}

// isNotTLS reports whether the first bytes of the peer were not TLS. Other record
// header errors come from peers that do speak TLS.
func isNotTLS(err error) bool {
	header, ok := errors.AsType[tls.RecordHeaderError](err)
	return ok && (strings.Contains(header.Msg, "does not look like") || strings.Contains(header.Msg, "SSLv2"))
}
