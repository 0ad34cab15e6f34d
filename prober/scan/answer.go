package scan

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"syscall"

	"tls_exporter/prober/failure"
	"tls_exporter/prober/hello"
)

// Answer is how a server answered a hello. What is less certain comes first.
type Answer int

const (
	// Unanswered: no answer came in time, or an alert that is not about the offer. The
	// server may be slow, limit connections, or fail on the hello.
	Unanswered Answer = iota
	// Inconclusive: the server closed the connection, or sent an alert that some servers
	// send instead. It may refuse the offer, and it may limit connections: only its
	// answer to another hello can tell which.
	Inconclusive
	// NotOffered: the server selected something that was not offered. Only Eliminate
	// tells.
	NotOffered
	// Closed: the answer was Inconclusive every time, also while no other hello was on
	// its way and right after the server had accepted another one. Most likely it
	// refuses the offer. Only a Survey tells.
	Closed
	// Refused: an alert says that the server accepts nothing of the offer.
	Refused
	// Accepted: the server answered with a hello of its own.
	Accepted
)

// refusalIn is the error that a flight ends with: an alert, or the ERROR of SSL 2.0.
func refusalIn(f *hello.Flight) error {
	switch {
	case f.Alert != nil:
		return &hello.AlertError{Alert: *f.Alert}
	case f.SSL2Error != 0:
		return fmt.Errorf("%w: %s", errRefusedSSL2, f.SSL2Error)
	}
	return nil
}

// errRefusedSSL2 stands for the ERROR message of SSL 2.0.
var errRefusedSSL2 = errors.New("the server refused the hello with an ERROR message of SSL 2.0")

// IsHandshakeFailure tells whether err is the alert handshake_failure, or
// insufficient_security as of Erlang/OTP: the server accepts none of the parameters that
// were offered (RFC 8446 section 6.2). It may accept others.
func IsHandshakeFailure(err error) bool {
	alert, ok := errors.AsType[*hello.AlertError](err)
	return ok && (alert.Description == hello.HandshakeFailure || alert.Description == hello.InsufficientSecurity)
}

// answers are what alerts mean that are about what a hello offers: a refusal of all of it
// (RFC 8446 section 6.2, RFC 7507 section 3), or what some servers send instead, and
// others about the form of a hello. OpenSSL 3 refuses versions below its security level
// with internal_error; see ByKinds. All other alerts are about something else: a name, a
// certificate, or a hello that the server cannot read. Decode_error is one of these:
// wolfSSL sends it if there are too many suites.
var answers = map[hello.AlertDescription]Answer{
	hello.HandshakeFailure: Refused, hello.ProtocolVersion: Refused, hello.InsufficientSecurity: Refused, hello.InappropriateFallback: Refused,
	hello.CloseNotify: Inconclusive, hello.UnexpectedMessage: Inconclusive, hello.IllegalParameter: Inconclusive, hello.MissingExtension: Inconclusive,
	hello.InternalError: Inconclusive,
}

// ByKinds is for an answer that most likely refuses an offer. If that is internal_error the
// server may only have failed with the suite that it selected: some have suites for
// which they have no certificate. So each kind of suites is offered alone, with ask. The
// first of these offers that the server accepts is its answer. If it refuses or fails
// with all of them, the first answer stays. Otherwise it is not known.
func ByKinds(o hello.Offer, f *hello.Flight, answer Answer, ask func(hello.Offer) (*hello.Flight, Answer)) (*hello.Flight, Answer) {
	failed := func(f *hello.Flight) bool { return f.Alert != nil && f.Alert.Description == hello.InternalError }
	suites := o.Ciphers
	if suites == nil {
		suites = hello.UsualSuites(o.Version)
	}
	kinds := hello.Kinds(suites)
	if answer == Accepted || !failed(f) || len(kinds) < 2 {
		return f, answer
	}
	for _, kind := range kinds {
		o.Ciphers = kind
		if flight, answer := ask(o); answer != Refused && (answer != Inconclusive || !failed(flight)) {
			return flight, answer
		}
	}
	return f, answer
}

// AnswerOf classifies the result of an offer. A hello of the server's own is
// Accepted, unless an alert follows it.
func AnswerOf(f *hello.Flight, err error) Answer {
	if alert, ok := errors.AsType[*hello.AlertError](err); ok {
		return answers[alert.Description]
	}
	if failed, ok := errors.AsType[*failure.Failure](err); ok && failed.Unasked() {
		return Unanswered // also where the proxy closed the connection
	}
	switch {
	case f.Hello != nil || f.SSL2 != nil && len(f.SSL2.Ciphers) > 0:
		return Accepted // even if the rest of the flight did not come
	case f.SSL2 != nil, errors.Is(err, errRefusedSSL2):
		return Refused
	case Ended(err), errors.Is(err, hello.ErrNotTLS):
		return Inconclusive
	}
	return Unanswered
}

// Ended tells whether err says that the connection was closed or reset. A timeout
// says neither.
func Ended(err error) bool {
	return slices.ContainsFunc([]error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE}, func(end error) bool { return errors.Is(err, end) })
}
