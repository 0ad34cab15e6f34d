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
	"testing"
)

func TestOf(t *testing.T) {
	refused := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	unreachable := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
	noDescriptor := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", syscall.EMFILE)}
	noPort := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.EADDRNOTAVAIL)}
	for _, test := range []struct {
		err  error
		want Reason
	}{
		{&net.DNSError{IsNotFound: true}, ReasonNXDOMAIN},
		{&net.DNSError{IsTimeout: true}, ReasonTimeout},
		{&net.DNSError{Err: "server misbehaving", IsTemporary: true}, ReasonDNSFailure},
		{With(ReasonNoAddress, &net.DNSError{IsNotFound: true}), ReasonNoAddress},
		{refused, ReasonRefused},
		{&net.OpError{Op: "dial", Err: &net.AddrError{Err: "no suitable address found"}}, ReasonNoAddress},
		{&net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", syscall.EAGAIN)}, ReasonRefused},
		{With(ReasonProxyUntrusted, &tls.CertificateVerificationError{Err: errors.New("x509: unknown")}), ReasonProxyUntrusted},
		{unreachable, ReasonUnreachable},
		{errors.Join(unreachable, refused), ReasonRefused},
		{noDescriptor, ReasonLocalResources},
		{os.NewSyscallError("socket", syscall.ENFILE), ReasonLocalResources},
		{os.NewSyscallError("write", syscall.ENOBUFS), ReasonLocalResources},
		{os.NewSyscallError("socket", syscall.ENOMEM), ReasonLocalResources},
		{os.NewSyscallError("socket", syscall.EAFNOSUPPORT), ReasonLocalResources},
		{&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.EAGAIN)}, ReasonLocalResources},
		{&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}, ReasonLocalResources},
		{noPort, ReasonLocalResources},
		{&net.DNSError{Err: noPort.Error(), UnwrapErr: noPort}, ReasonLocalResources},
		{&net.DNSError{Err: refused.Error(), UnwrapErr: refused}, ReasonDNSFailure},
		{errors.Join(noDescriptor, refused), ReasonRefused},
		{errors.Join(noPort, context.DeadlineExceeded), ReasonTimeout},
		{errors.Join(noPort, os.NewSyscallError("connect", syscall.EHOSTUNREACH)), ReasonUnreachable},
		{errors.Join(unreachable, noPort), ReasonLocalResources}, // IPv6 without a route, IPv4 without a port
		{errors.Join(context.DeadlineExceeded, refused), ReasonRefused},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, ReasonTimeout},
		{context.DeadlineExceeded, ReasonTimeout},
		{os.NewSyscallError("read", syscall.ECONNRESET), ReasonReset},
		{os.NewSyscallError("write", syscall.EPIPE), ReasonReset},
		{io.EOF, ReasonClosed},
		{io.ErrUnexpectedEOF, ReasonClosed},
		{tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, ReasonNotTLS},
		{tls.RecordHeaderError{Msg: "received record with version 301 when expecting version 303"}, ReasonBadMessage},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(40)}, "alert_handshake_failure"},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(116)}, "alert_certificate_required"},
		{&net.OpError{Op: "remote error", Err: tls.AlertError(200)}, "alert_unassigned"},
		{&net.OpError{Op: "local error", Err: tls.AlertError(20)}, ReasonBadMessage},
		{errors.New("tls: server did not send a key share"), ReasonBadMessage},
		{errors.New("tls: invalid signature by the server certificate: crypto/rsa: verification error"), ReasonBadMessage},
		{errors.New("tls: invalid signature by the server certificate: crypto/rsa: public exponent too large"), ReasonBadCertificate},
		{fmt.Errorf("reading: %w", New(ReasonTooLarge, "too long")), ReasonTooLarge},
		{errors.New("unknown"), ReasonInternal},
	} {
		if got := Of(test.err); got != test.want {
			t.Errorf("%v is %s, want %s", test.err, got, test.want)
		}
	}
}

// A failure that is not the endpoint's says nothing about it.
func TestUnasked(t *testing.T) {
	for _, test := range []struct {
		failure        Failure
		blind, unasked bool
	}{
		{Failure{Phase: PhaseConnect, Reason: ReasonInternal}, true, true},
		{Failure{Phase: PhaseConnect, Reason: ReasonLocalResources}, true, true},
		{Failure{Phase: PhaseResolve, Reason: ReasonLocalResources}, true, true},
		{Failure{Phase: PhaseResolve, Reason: ReasonDNSFailure}, true, true},
		{Failure{Phase: PhaseResolve, Reason: ReasonTimeout}, true, true},
		{Failure{Phase: PhaseProxy, Reason: ReasonTimeout}, false, true},
		{Failure{Phase: PhaseConnect, Reason: ReasonDenied}, false, true},
		{Failure{Phase: PhaseConnect, Reason: ReasonTimeout}, false, false},
		{Failure{Phase: PhaseResolve, Reason: ReasonNXDOMAIN}, false, false},
		{Failure{Phase: PhaseResolve, Reason: ReasonNoAddress}, false, false},
		{Failure{Phase: PhaseConnect, Reason: ReasonRefused}, false, false},
		{Failure{Phase: PhaseConnect, Reason: ReasonUnreachable}, false, false},
	} {
		if f := test.failure; f.Blind() != test.blind || f.Unasked() != test.unasked {
			t.Errorf("%s in %s: blind %t, unasked %t", f.Reason, f.Phase, f.Blind(), f.Unasked())
		}
	}
}

// The vocabulary has the reason of every rule and of every alert, has no word twice,
// and its words are fit for labels.
func TestVocabulary(t *testing.T) {
	all := Reasons()
	for _, r := range rules {
		if !slices.Contains(all, r.reason) {
			t.Errorf("%s is missing", r.reason)
		}
	}
	for code := range alerts {
		reason, _ := alertReason(&net.OpError{Op: "remote error", Err: tls.AlertError(code)})
		if !slices.Contains(all, reason) || reason == AlertUnassigned {
			t.Errorf("alert %d is %s", code, reason)
		}
	}
	for i, reason := range all {
		if strings.Trim(string(reason), "abcdefghijklmnopqrstuvwxyz0123456789_") != "" || slices.Contains(all[:i], reason) {
			t.Errorf("%q is listed twice or is not fit for a label", reason)
		}
	}
}

// A step that panics fails in its phase, and its duration is recorded.
func TestStepContainsPanic(t *testing.T) {
	trace := new(Trace)
	value, ok := Step(trace, PhaseStartTLS, func() (int, error) { panic("boom") })
	if ok || value != 0 || len(trace.Phases) != 1 || trace.Phases[0].Phase != PhaseStartTLS {
		t.Errorf("returns %d, %v; phases %+v", value, ok, trace.Phases)
	}
	panicked, found := errors.AsType[*PanicError](trace.Failure)
	if !found || trace.Failure.Phase != PhaseStartTLS || trace.Failure.Reason != ReasonInternal || !strings.Contains(string(panicked.Stack), "TestStepContainsPanic") {
		t.Errorf("failure is %+v", trace.Failure)
	}
	if value, err := Try(func() (int, error) { panic("boom") }); value != 0 || Of(err) != ReasonInternal {
		t.Errorf("Try returns %d, %v", value, err)
	}
	if value, err := Try(func() (int, error) { return 7, io.EOF }); value != 7 || err != io.EOF {
		t.Errorf("Try returns %d, %v", value, err)
	}
}

// The stack of a panic is bounded: a failure that is cached keeps it.
func TestStackIsBounded(t *testing.T) {
	var deep func(n int) int
	deep = func(n int) int {
		if n == 0 {
			panic("boom")
		}
		return deep(n-1) + 1
	}
	panicked, _ := errors.AsType[*PanicError](Contain(func() { deep(1000) }))
	if panicked == nil || len(panicked.Stack) != maxStack || cap(panicked.Stack) != maxStack {
		t.Errorf("the stack has %d bytes of %d", len(panicked.Stack), cap(panicked.Stack))
	}
}
