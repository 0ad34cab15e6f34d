package prober

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
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

func (o VersionsOptions) age() time.Duration { return cmp.Or(time.Duration(o.Every), scanAge) }

func (o VersionsOptions) parameters() string { return "" }

// Versions is the finding of the check versions.
type Versions struct {
	Answers []VersionAnswer // by version; one without an answer is absent
}

// VersionAnswer is what the server said to one version, offered alone.
type VersionAnswer struct {
	Version hello.Version
	Taken   bool
}

func (v *Versions) size() int { return 8 * len(v.Answers) }

// versions offers each version alone, all of them side by side: one round trip
// for the connections and one for the answers, and no cryptography on our side.
//
// A version that is not answered so is offered again while nothing else is, with
// a hello that old servers do not choke on: some answer one connection at a time.
// Then a server that hangs up has refused it, but only if it takes another one
// afterwards; else it may have had enough of us.
func versions(ctx context.Context, e *endpoint, _ *VersionsOptions) (*Versions, error) {
	var scan versionScan
	var group sync.WaitGroup
	for i, v := range hello.Versions {
		group.Go(func() {
			// The scan is no step of the line, whose panics are contained where it is started.
			if err := contain(func() { scan.offer(ctx, e, i, v) }); err != nil {
				scan.errs[i] = err
			}
		})
	}
	group.Wait()
	for i, v := range hello.Versions {
		scan.insist(ctx, e, i, v)
	}
	if slices.Contains(scan.answers[:], saidNeither) {
		scan.settle(ctx, e)
	}
	return scan.finding()
}

// versionScan is what came of each of hello.Versions.
type versionScan struct {
	answers [versionCount]answer
	errs    [versionCount]error
}

const versionCount = 6

// offer offers version i with its usual suites. A server that wants none of them
// may still want one of the others.
func (s *versionScan) offer(ctx context.Context, e *endpoint, i int, v hello.Version) {
	s.offerWith(ctx, e, i, v, nil)
	if rest := unusual(v); isHandshakeFailure(s.errs[i]) && len(rest) > 0 {
		s.offerWith(ctx, e, i, v, rest)
	}
}

func (s *versionScan) offerWith(ctx context.Context, e *endpoint, i int, v hello.Version, suites []hello.CipherSuite) {
	message, err := e.only(v, suites...)
	if err != nil {
		s.errs[i] = err
		return
	}
	flight, err := e.offer(ctx, message, hello.UntilHello)
	s.answers[i], s.errs[i] = answerOf(flight, err), err
	if flight.Hello != nil && flight.Hello.Version != v {
		s.answers[i] = saidNo // it would rather have another one
	}
}

// unusual is the suites of a version that an offer leaves out at first.
func unusual(v hello.Version) []hello.CipherSuite {
	usual := hello.UsualSuites(v)
	return slices.DeleteFunc(hello.SuitesFor(v), func(s hello.CipherSuite) bool { return slices.Contains(usual, s) })
}

// insist offers a version that had no answer again, alone, after the server has
// had a moment to notice that the connections before it have ended. One that
// hangs up may still have been busy with those.
func (s *versionScan) insist(ctx context.Context, e *endpoint, i int, v hello.Version) {
	for _, pause := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond} {
		if s.answers[i] == saidYes || s.answers[i] == saidNo || !rest(ctx, pause) {
			return
		}
		before := s.answers[i]
		if s.offer(ctx, e, i, v); before == saidNothing && s.answers[i] == saidNothing {
			return
		}
	}
}

// rest waits, and says whether there is still time for anything after it.
func rest(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// settle takes hanging up for a no, if the server still takes what it took.
func (s *versionScan) settle(ctx context.Context, e *endpoint) {
	i := slices.Index(s.answers[:], saidYes)
	if i < 0 {
		return
	}
	rest(ctx, 50*time.Millisecond)
	var again versionScan
	if again.offer(ctx, e, i, hello.Versions[i]); again.answers[i] != saidYes {
		return
	}
	for i, a := range s.answers {
		if a == saidNeither {
			s.answers[i] = saidNo
		}
	}
}

// finding is what was answered; the first error if nothing was.
func (s *versionScan) finding() (*Versions, error) {
	found := new(Versions)
	for i, a := range s.answers {
		if a == saidYes || a == saidNo {
			found.Answers = append(found.Answers, VersionAnswer{hello.Versions[i], a == saidYes})
		}
	}
	if len(found.Answers) == 0 {
		return nil, cmp.Or(s.errs[len(s.errs)-1], errSilent)
	}
	return found, nil
}

// errSilent is of a server that said nothing that is to be understood.
var errSilent = errors.New("the server answered no hello")
