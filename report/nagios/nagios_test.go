package nagios

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"tls_exporter/prober"
	"tls_exporter/prober/chain"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/target"
	"tls_exporter/report"
	"tls_exporter/report/reporttest"
)

const day = 24 * time.Hour

func written(t *testing.T, limits report.Limits, results ...*prober.Result) string {
	t.Helper()
	var services []Service
	for _, r := range results {
		services = append(services, Of(r, "", limits))
	}
	var b bytes.Buffer
	if err := Write(&b, services...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWrite(t *testing.T) {
	short := reporttest.Lasting(6*day, 5*day)
	undated := reporttest.Healthy()
	undated.Chain = nil
	for _, test := range []struct {
		name    string
		limits  report.Limits
		results []*prober.Result
		want    string
	}{
		{"one, by the limits of the flags", report.Limits{Warning: 20 * day, Critical: 7 * day}, []*prober.Result{reporttest.Healthy()},
			"TLS OK - https://www.example.com:443 58.3 days left, TLS 1.3, 23.1 ms | days=58.29;20:;7: handshake=0.011983s;;;0"},
		{"one, by the default limit", report.Limits{}, []*prober.Result{reporttest.Healthy()},
			"TLS OK - https://www.example.com:443 58.3 days left, TLS 1.3, 23.1 ms | days=58.29;30: handshake=0.011983s;;;0"},
		{"only a critical limit", report.Limits{Critical: 12 * time.Hour}, []*prober.Result{short},
			"TLS OK - https://www.example.com:443 5.0 days left, TLS 1.3, 23.1 ms | days=5;2:;0.5: handshake=0.011983s;;;0"},
		{"less than the warning", report.Limits{Warning: 60 * day}, []*prober.Result{reporttest.Healthy()},
			"TLS WARNING - https://www.example.com:443 58.3 days left, TLS 1.3, 23.1 ms, but expires_soon | days=58.29;60: handshake=0.011983s;;;0"},
		{"less than the critical limit", report.Limits{Warning: 70 * day, Critical: 60 * day}, []*prober.Result{reporttest.Healthy()},
			"TLS CRITICAL - https://www.example.com:443 expires_soon; 58.3 days left, TLS 1.3, 23.1 ms | days=58.29;70:;60: handshake=0.011983s;;;0"},
		{"expired", report.Limits{Warning: 20 * day}, []*prober.Result{reporttest.ExpiredMisnamedUntrusted()},
			"TLS CRITICAL - https://example.com:443 expired: the leaf expired on 2026-11-01 10:00:00 UTC (19.2 days ago) | days=-19.2;20: handshake=0.011983s;;;0"},
		{"nothing is known: no performance data", report.Limits{Warning: 20 * day}, []*prober.Result{reporttest.DNSFailure()},
			"TLS UNKNOWN - smtp://mail.example.com:25 dns_failure in resolve after 2.00 s"},
		{"no chain", report.Limits{}, []*prober.Result{undated},
			"TLS OK - https://www.example.com:443 TLS 1.3, 23.1 ms | handshake=0.011983s;;;0"},
		{"several, the worst first; the data in the order of the targets", report.Limits{Warning: 20 * day}, []*prober.Result{reporttest.Healthy(), reporttest.DNSFailure(), reporttest.ExpiredMisnamedUntrusted()},
			"TLS CRITICAL - 3 targets: 1 CRITICAL, 1 UNKNOWN, 1 OK; https://example.com:443 expired: the leaf expired on 2026-11-01 10:00:00 UTC (19.2 days ago); " +
				"smtp://mail.example.com:25 dns_failure in resolve after 2.00 s | 'www.example.com days'=58.29;20: 'www.example.com handshake'=0.011983s;;;0 " +
				"'example.com days'=-19.2;20: 'example.com handshake'=0.011983s;;;0"},
		{"several that are good", report.Limits{Warning: 20 * day}, []*prober.Result{undated, undated},
			"TLS OK - 2 targets: 2 OK | 'www.example.com handshake'=0.011983s;;;0 'www.example.com#2 handshake'=0.011983s;;;0"},
	} {
		if got := written(t, test.limits, test.results...); got != test.want+"\n" {
			t.Errorf("%s:\n got %swant %s", test.name, got, test.want)
		}
	}
}

// The example of the documentation is true.
func TestExampleOfTheDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/probe.md")
	if err != nil {
		t.Fatal(err)
	}
	if example := written(t, report.Limits{Warning: 20 * day, Critical: 7 * day}, reporttest.Healthy()); !strings.Contains(string(page), "```\n"+example+"```\n") {
		t.Errorf("docs/probe.md has another example than %s", example)
	}
}

// perfdataOf is performance data in the format of the guidelines.
var perfdataOf = regexp.MustCompile(`^('[^'=|]+'|[a-z]+)=-?[0-9.]+s?(;[0-9.]*:?){0,2}(;;0)?$`)

// labelled matches one label and its value.
var labelled = regexp.MustCompile(`('[^']*'|[^ =']+)=\S+`)

// What strangers wrote into certificates, names and messages stays within its place: there
// is one line, with one bar, and the data behind it have the format of the guidelines.
func TestHostileTexts(t *testing.T) {
	for _, hostile := range []string{
		"a|days=9999;;", "a\nTLS OK - fine", "a\r\nb", "it's", "a'='b", "$(reboot) `reboot`", "<script>alert(1)</script>", "\x1b[31mred", "\u202egnp", "\xff\xfe",
		"a\u2028b", strings.Repeat("long ", 10_000), "", "|", "'",
	} {
		named := reporttest.Named(hostile, hostile, hostile)
		failed := reporttest.NotTLS()
		failed.Phases, failed.Failure = nil, &failure.Failure{Phase: failure.PhaseServerHello, Reason: failure.ReasonBadMessage, Err: errors.New(hostile)}
		misnamed := reporttest.WithProblem(chain.ProblemNameMismatch)
		misnamed.Failure.Err = errors.New(hostile)
		socket := reporttest.Healthy()
		socket.Target = target.Target{Scheme: target.Unix, Path: "/run/" + hostile}
		for _, results := range [][]*prober.Result{{named}, {failed}, {misnamed}, {socket}, {named, failed, misnamed, socket, named}} {
			output := written(t, report.Limits{Warning: 20 * day, Critical: day}, results...)
			text, data, _ := strings.Cut(strings.TrimSuffix(output, "\n"), " | ")
			if strings.ContainsFunc(text+data, func(r rune) bool { return !unicode.IsPrint(r) }) || strings.ContainsAny(text, "|<>") || len(text) > 4*maxText {
				t.Errorf("%.40q: the text is %.400q", hostile, text)
			}
			rest := data
			for _, one := range labelled.FindAllString(data, -1) {
				if !perfdataOf.MatchString(one) {
					t.Errorf("%.40q: not performance data: %.200q", hostile, one)
				}
				rest = strings.Replace(rest, one, "", 1)
			}
			if strings.TrimSpace(rest) != "" {
				t.Errorf("%.40q: data that have no label: %.200q", hostile, rest)
			}
		}
	}
}

// The text is bounded, however many targets are bad, and says how many it leaves out.
func TestManyTargets(t *testing.T) {
	results := []*prober.Result{reporttest.Healthy()}
	for i := range 200 {
		r := reporttest.ExpiredMisnamedUntrusted()
		r.Target.Host = fmt.Sprintf("host%d.example.com", i)
		results = append(results, r)
	}
	output := written(t, report.Limits{}, results...)
	text, _, _ := strings.Cut(output, " | ")
	named := strings.Count(text, "expired:")
	if !strings.HasPrefix(text, "TLS CRITICAL - 201 targets: 200 CRITICAL, 1 OK; https://host0.example.com:443 expired") || len(text) > maxText+100 ||
		!strings.HasSuffix(text, fmt.Sprintf("; and %d more", 200-named)) {
		t.Errorf("%d are named: %s", named, text)
	}
	if got := strings.Count(output, " days'="); got != 201 {
		t.Errorf("%d targets have data", got)
	}
}

func TestFail(t *testing.T) {
	var b bytes.Buffer
	if err := Fail(&b, errors.New("open a|b: no such file\nor directory")); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "TLS UNKNOWN - open a/b: no such file; or directory\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestErrorsOfTheWriterAreReturned(t *testing.T) {
	if err := Write(reporttest.Full{}, Of(reporttest.Healthy(), "", report.Limits{})); !errors.Is(err, reporttest.ErrFull) {
		t.Errorf("got %v", err)
	}
}
