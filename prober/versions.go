package prober

import (
	"cmp"
	"context"
	"slices"
	"time"

	"tls_exporter/prober/hello"
)

// VersionsOptions asks which versions of SSL and TLS a server takes.
type VersionsOptions struct {
	// Every is how old the finding may become; 0: scanAge.
	Every Duration `yaml:"every"`
}

// scanAge is how old the finding of a scan may become where nobody says
// otherwise: what a server takes changes when somebody changes its configuration.
const scanAge = time.Hour

// MaxAge is how old a finding may become.
func (o VersionsOptions) MaxAge() time.Duration { return cmp.Or(time.Duration(o.Every), scanAge) }

// Key is what else the finding depends on.
func (o VersionsOptions) Key() string { return "" }

// Versions is the finding of the check versions.
type Versions struct {
	Answers []VersionAnswer // by version; one without an answer is absent
}

// VersionAnswer is what the server said to one version, offered alone.
type VersionAnswer struct {
	Version hello.Version
	Taken   bool
}

// Unanswered is the versions of which nothing is known, oldest first.
func (v *Versions) Unanswered() []hello.Version {
	return slices.DeleteFunc(slices.Clone(hello.Versions), func(version hello.Version) bool {
		return slices.ContainsFunc(v.Answers, func(a VersionAnswer) bool { return a.Version == version })
	})
}

// Size is how many bytes the finding takes.
func (v Versions) Size() int { return 8 * len(v.Answers) }

// maxVersionHellos bounds the connections of one finding: a healthy server takes
// six, one that hangs up on what it does not take some thirty.
const maxVersionHellos = 60

// Find offers each version alone, all in parallel: one round trip for the
// connections and one for the answers, and no cryptography on our side.
func (o VersionsOptions) Find(ctx context.Context, e *endpoint) (*Versions, error) {
	q := newInquiry(e.Scan(), maxVersionHellos, 0)
	answers := make([]answer, len(hello.Versions))
	tasks := make([]func(), len(hello.Versions))
	for i, v := range hello.Versions {
		tasks[i] = func() { answers[i] = q.version(ctx, v) }
	}
	if err := sideBySide(tasks...); err != nil {
		return nil, err
	}
	for i, v := range hello.Versions {
		if answers[i] == saidNeither { // it hung up, and nothing had been taken yet that could tell what that means
			answers[i] = q.version(ctx, v)
		}
	}
	found := new(Versions)
	for i, said := range answers {
		if said == saidYes || said == saidNo {
			found.Answers = append(found.Answers, VersionAnswer{hello.Versions[i], said == saidYes})
		}
	}
	if len(found.Answers) == 0 {
		return nil, q.failure()
	}
	return found, nil
}

// version offers a version with its usual suites. A server that wants none of
// them may still want one of the others, and one that says no to TLS 1.3 for
// another reason than that may know no HelloRetryRequest.
func (q *inquiry) version(ctx context.Context, v hello.Version) answer {
	said, alert := q.versionBy(ctx, hello.Offer{Version: v})
	switch {
	case alert == nil || v == hello.SSL20:
	case alert.Description == hello.HandshakeFailure:
		if rest := hello.RareSuites(v); len(rest) > 0 {
			said, _ = q.versionBy(ctx, hello.Offer{Version: v, Ciphers: rest})
		}
	case v == hello.TLS13 && alert.Description != hello.ProtocolVersion:
		said, _ = q.versionBy(ctx, hello.Offer{Version: v, KeyShares: hello.KeySharesFor(nil)})
	}
	return said
}

func (q *inquiry) versionBy(ctx context.Context, o hello.Offer) (answer, *hello.Alert) {
	message, err := q.Marshal(o)
	if err != nil {
		return saidNothing, nil
	}
	flight, said, hungUp := q.ask(ctx, message, hello.UntilHello)
	if hungUp || flight.Hello != nil && flight.Hello.Version != o.Version { // it would rather have another one
		said = saidNo
	}
	return said, flight.Alert
}
