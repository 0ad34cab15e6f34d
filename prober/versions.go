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

// Unanswered is the versions of which nothing is known, oldest first.
func (v *Versions) Unanswered() []hello.Version {
	return slices.DeleteFunc(slices.Clone(hello.Versions), func(version hello.Version) bool {
		return slices.ContainsFunc(v.Answers, func(a VersionAnswer) bool { return a.Version == version })
	})
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
		if scan.answers[i] == saidNothing || scan.answers[i] == saidNeither {
			scan.offer(ctx, e, i, v, usual(v)...)
		}
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

func (s *versionScan) offer(ctx context.Context, e *endpoint, i int, v hello.Version, suites ...hello.CipherSuite) {
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

// settle takes hanging up for a no, if the server still takes what it took.
func (s *versionScan) settle(ctx context.Context, e *endpoint) {
	i := slices.Index(s.answers[:], saidYes)
	if i < 0 {
		return
	}
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

// usual is the suites of a version that its clients had: few enough for servers
// that choke on long lists.
func usual(v hello.Version) []hello.CipherSuite {
	var few []hello.CipherSuite
	for _, id := range hello.SuitesFor(v) {
		switch hello.Find(id).KeyExchange {
		case "RSA", "DHE", "ECDHE", "":
			few = append(few, id)
		}
	}
	return few[:min(len(few), maxUsual)]
}

// maxUsual is what the longest lists of browsers had room for; some old servers
// take no more than 128 (sslyze and testssl.sh both keep to that).
const maxUsual = 100
