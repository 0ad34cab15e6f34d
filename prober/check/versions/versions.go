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

// Options asks which versions of SSL and TLS a server takes.
type Options struct {
	// Every is how old the finding may become; 0: scanAge.
	Every option.Duration `yaml:"every"`
}

// MaxAge is how old a finding may become.
func (o Options) MaxAge() time.Duration { return cmp.Or(time.Duration(o.Every), check.DefaultMaxAge) }

// Key is what else the finding depends on.
func (o Options) Key() string { return "" }

// Finding is the finding of the check versions.
type Finding struct {
	Answers []Answer // by version; one without an answer is absent
}

// Answer is what the server said to one version, offered alone.
type Answer struct {
	Version  hello.Version
	Accepted bool
}

// Unanswered is the versions of which nothing is known, oldest first.
func (v *Finding) Unanswered() []hello.Version {
	return slices.DeleteFunc(slices.Clone(hello.Versions), func(version hello.Version) bool {
		return slices.ContainsFunc(v.Answers, func(a Answer) bool { return a.Version == version })
	})
}

// Size is how many bytes the finding takes.
func (v Finding) Size() int { return 8 * len(v.Answers) }

// maxVersionHellos bounds the connections of one finding: a healthy server takes
// six, one that hangs up on what it does not take some thirty.
const maxVersionHellos = 60

// Find offers each version alone, all in parallel: one round trip for the
// connections and one for the answers, and no cryptography on our side.
func (o Options) Find(ctx context.Context, e *endpoint.Endpoint) (*Finding, error) {
	q := scan.NewSurvey(e.Scan(), maxVersionHellos, 0)
	answers := make([]scan.Answer, len(hello.Versions))
	tasks := make([]func(), len(hello.Versions))
	for i, v := range hello.Versions {
		tasks[i] = func() { answers[i] = askVersion(ctx, q, v) }
	}
	if err := scan.Parallel(tasks...); err != nil {
		return nil, err
	}
	for i, v := range hello.Versions {
		if answers[i] == scan.Inconclusive { // it hung up, and nothing had been taken yet that could tell what that means
			answers[i] = askVersion(ctx, q, v)
		}
	}
	found := new(Finding)
	for i, said := range answers {
		if said == scan.Accepted || said == scan.Refused {
			found.Answers = append(found.Answers, Answer{hello.Versions[i], said == scan.Accepted})
		}
	}
	if len(found.Answers) == 0 {
		return nil, q.Failure()
	}
	return found, nil
}

// askVersion offers a version with its usual suites. A server that wants none of
// them may still want one of the others, and one that says no to TLS 1.3 for
// another reason than that may know no HelloRetryRequest.
func askVersion(ctx context.Context, q *scan.Survey, v hello.Version) scan.Answer {
	said, alert := askWith(ctx, q, hello.Offer{Version: v})
	switch {
	case alert == nil || v == hello.SSL20:
	case alert.Description == hello.HandshakeFailure:
		if rest := hello.RareSuites(v); len(rest) > 0 {
			said, _ = askWith(ctx, q, hello.Offer{Version: v, Ciphers: rest})
		}
	case v == hello.TLS13 && alert.Description != hello.ProtocolVersion:
		said, _ = askWith(ctx, q, hello.Offer{Version: v, KeyShares: hello.KeySharesFor(nil)})
	}
	return said
}

func askWith(ctx context.Context, q *scan.Survey, o hello.Offer) (scan.Answer, *hello.Alert) {
	message, err := q.Marshal(o)
	if err != nil {
		return scan.Unanswered, nil
	}
	flight, said, hungUp := q.Ask(ctx, message, hello.UntilHello)
	if hungUp || flight.Hello != nil && flight.Hello.Version != o.Version { // it would rather have another one
		said = scan.Refused
	}
	return said, flight.Alert
}
