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
		if answer == scan.Accepted || answer == scan.Refused {
			found.Answers = append(found.Answers, Answer{hello.Versions[i], answer == scan.Accepted})
		}
	}
	if len(found.Answers) == 0 {
		return nil, s.Failure()
	}
	return found, nil
}

// askVersion offers a version with its usual suites. A server that accepts none of
// them may accept one of the others. One that refuses TLS 1.3 with an alert about
// something else may not implement HelloRetryRequest, so it gets key shares.
func askVersion(ctx context.Context, s *scan.Survey, v hello.Version) scan.Answer {
	answer, alert := askWith(ctx, s, hello.Offer{Version: v})
	switch {
	case alert == nil || v == hello.SSL20:
	case alert.Description == hello.HandshakeFailure:
		if rest := hello.RareSuites(v); len(rest) > 0 {
			answer, _ = askWith(ctx, s, hello.Offer{Version: v, Ciphers: rest})
		}
	case v == hello.TLS13 && alert.Description != hello.ProtocolVersion:
		answer, _ = askWith(ctx, s, hello.Offer{Version: v, KeyShares: hello.KeySharesFor(nil)})
	}
	return answer
}

// askWith sends one offer. A server that answers with another version refuses it.
func askWith(ctx context.Context, s *scan.Survey, o hello.Offer) (scan.Answer, *hello.Alert) {
	message, err := s.Marshal(o)
	if err != nil {
		return scan.Unanswered, nil
	}
	flight, answer := s.Ask(ctx, message, hello.UntilHello)
	if answer == scan.Closed || flight.Hello != nil && flight.Hello.Version != o.Version {
		answer = scan.Refused
	}
	return answer, flight.Alert
}
