// Package versions finds which versions of SSL and TLS a server accepts.
package versions

import (
	"cmp"
	"context"
	"slices"
	"time"

	"tls_exporter/prober/check"
	"tls_exporter/prober/endpoint"
	"tls_exporter/prober/hello"
	"tls_exporter/prober/option"
	"tls_exporter/prober/scan"
)

// Options configures the check versions, which finds the versions of SSL and TLS that
// a server accepts.
type Options struct {
	// Every is how old the finding may become; 0: an hour. It is made again before
	// that.
	Every option.Duration `yaml:"every" key:"-"`
}

// MaxAge is how old a finding may become.
func (o Options) MaxAge() time.Duration { return cmp.Or(time.Duration(o.Every), check.DefaultMaxAge) }

// Finding is the finding of the check versions.
type Finding struct {
	Answers []Answer // oldest version first; a version without an answer is absent
}

// Answer tells whether the server accepts a version that is offered alone.
type Answer struct {
	Version  hello.Version
	Accepted bool
}

// Unanswered returns the versions without an answer, oldest first.
func (v *Finding) Unanswered() []hello.Version {
	return slices.DeleteFunc(slices.Clone(hello.Versions), func(version hello.Version) bool {
		return slices.ContainsFunc(v.Answers, func(a Answer) bool { return a.Version == version })
	})
}

// Size is how many bytes the finding takes.
func (v Finding) Size() int { return 8 * len(v.Answers) }

// maxConnections bounds the connections of one finding. Most servers need six. One
// that closes the connection on versions that it does not accept needs some thirty.
// docs/scanning.md has this bound.
const maxConnections = 60

// Find offers each version alone, all in parallel. That takes one round trip for the
// connections and one for the answers, and no cryptography.
func (o Options) Find(ctx context.Context, e *endpoint.Endpoint) (*Finding, error) {
	s := scan.NewSurvey(e.Scan(), maxConnections, 0)
	answers := make([]scan.Answer, len(hello.Versions))
	tasks := make([]func(), len(hello.Versions))
	for i, v := range hello.Versions {
		tasks[i] = func() { answers[i] = askVersion(ctx, s, v) }
	}
	if err := scan.Parallel(tasks...); err != nil {
		return nil, err
	}
	for i, v := range hello.Versions {
		if answers[i] == scan.Inconclusive { // no hello had been accepted by then; one may have been since
			answers[i] = askVersion(ctx, s, v)
		}
	}
	found := new(Finding)
	for i, answer := range answers {
		if session := e.Session; session != nil && session.Completed && hello.Version(session.Version) == hello.Versions[i] {
			answer = scan.Accepted // by the probe's own handshake, whatever it says to a hello without key shares
		}
		if answer == scan.Accepted || answer == scan.Refused {
			found.Answers = append(found.Answers, Answer{hello.Versions[i], answer == scan.Accepted})
		}
	}
	if len(found.Answers) == 0 {
		return nil, s.Failure()
	}
	return found, nil
}

// askVersion offers a version with its usual suites, and then what else the server may
// accept in it.
func askVersion(ctx context.Context, s *scan.Survey, v hello.Version) scan.Answer {
	answer, flight := askWith(ctx, s, hello.Offer{Version: v})
	for _, o := range furtherOffers(v, answer, flight) {
		next, _ := askWith(ctx, s, o)
		if next == scan.Accepted {
			return next
		}
		answer = min(answer, next)
	}
	return answer
}

// furtherOffers returns the offers of a version that a server may accept after such an
// answer to its usual suites. One that refuses the suites may accept others. One that
// refuses TLS 1.3 otherwise than by an alert about the version may not implement
// HelloRetryRequest, so it gets key shares. One that fails on the offer may read a shorter
// one.
func furtherOffers(v hello.Version, answer scan.Answer, f *hello.Flight) []hello.Offer {
	alert := f.Alert
	switch {
	case v == hello.SSL20, answer == scan.Accepted, f.Hello != nil, alert != nil && alert.Description == hello.ProtocolVersion:
		return nil
	case alert != nil && (v == hello.TLS13 || scan.IsHandshakeFailure(&hello.AlertError{Alert: *alert})):
		return hello.FurtherOffers(v)
	case alert != nil && answer == scan.Unanswered:
		usual := hello.UsualSuites(v)
		return []hello.Offer{{Version: v, Ciphers: usual[:min(len(usual), fewSuites)]}}
	case v == hello.TLS13 && answer == scan.Refused:
		return []hello.Offer{{Version: v, KeyShares: hello.KeySharesFor(nil)}}
	}
	return nil
}

// fewSuites is how many suites a short offer has.
const fewSuites = 30

// askWith sends one offer. A server that answers with another version refuses it. One that
// answers in SSL 2.0 without a shared cipher does not: see vulnerabilities.DROWN.
func askWith(ctx context.Context, s *scan.Survey, o hello.Offer) (scan.Answer, *hello.Flight) {
	message, err := s.Marshal(o)
	if err != nil {
		return scan.Unanswered, new(hello.Flight)
	}
	flight, answer := s.Ask(ctx, message, hello.UntilHello)
	if answer == scan.Closed {
		flight, answer = scan.ByKinds(o, flight, answer, func(o hello.Offer) (*hello.Flight, scan.Answer) {
			if message, err = s.Marshal(o); err != nil {
				return flight, scan.Unanswered
			}
			return s.AskOnce(ctx, message, hello.UntilHello)
		})
	}
	switch {
	case flight.SSL2 != nil && answer == scan.Refused:
		answer = scan.Unanswered
	case answer == scan.Closed, flight.Hello != nil && flight.Hello.Version != o.Version:
		answer = scan.Refused
	}
	return answer, flight
}
