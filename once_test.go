package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tls_exporter/prober/tlstest"
	"tls_exporter/report/reporttest"
)

// exitCode is that of a program whose run returned err.
func exitCode(err error) int {
	var status exitStatus
	var exit exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	case isUsage(err):
		return exitUsage
	case errors.As(err, &exit):
		return exit.code
	}
	return 1
}

// probe runs the command probe, and returns its exit code and what it writes, with the
// error that main would add.
func probe(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	err := run(context.Background(), append([]string{"probe"}, args...), &stdout, &stderr)
	var status exitStatus
	if err != nil && !errors.As(err, &status) {
		fmt.Fprintln(&stderr, err)
	}
	return exitCode(err), stdout.String(), stderr.String()
}

// stdin is the standard input of this process during a test.
func stdin(t *testing.T, content string) {
	t.Helper()
	file, err := os.Open(write(t, filepath.Join(t.TempDir(), "stdin"), content))
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stdin
	os.Stdin = file
	t.Cleanup(func() { os.Stdin = before; file.Close() })
}

// What prevents a probe is unknown or a mistake on the command line, and never looks like
// a status of the endpoint.
func TestProbeCannotRun(t *testing.T) {
	dir := t.TempDir()
	bad := write(t, filepath.Join(dir, "bad.yml"), "modules: {default: {timeout: 3 seconds}}")
	empty := write(t, filepath.Join(dir, "empty"), "\n# nothing\n")
	wrong := write(t, filepath.Join(dir, "hosts"), "a.test\n\nhttp://b.test # not TLS\n")
	long := write(t, filepath.Join(dir, "long"), "a.test\n"+strings.Repeat("x", 100_000)+"\n")
	many := new(strings.Builder)
	for i := range maxTargets + 1 {
		fmt.Fprintf(many, "%d.test\n", i)
	}
	tooMany := write(t, filepath.Join(dir, "many"), many.String())
	for _, test := range []struct {
		name string
		args []string
		code int
		says string
	}{
		{"no such CA file", []string{"--ca-file=none.pem", "a.test"}, 3, "--ca-file: open none.pem: no such file"},
		{"no configuration", []string{"--config.file=none.yml", "a.test"}, 3, "none.yml: no such file"},
		{"a bad configuration", []string{"--config.file=" + bad, "a.test"}, 3, "bad.yml:1:"},
		{"no such list", []string{"--targets-file=none"}, 3, "--targets-file: open none: no such file"},
		{"an empty list", []string{"--targets-file=" + empty}, 3, "empty: there is no target; write one on each line, as in example.com"},
		{"a mistake in a list", []string{"--targets-file=" + wrong}, 3, `hosts:3: target "http://b.test": http is not TLS`},
		{"a long line in a list", []string{"--targets-file=" + long}, 3, "long:2: "},
		{"too many targets", []string{"--targets-file=" + tooMany}, 3, "many:200001: there are more than 200000 targets"},
		{"an unknown module", []string{"--module=x", "a.test"}, 64, `there is no module "x"; there are default, and`},
		{"no target", nil, 64, "there is no target; name one"},
		{"all of none", []string{"--all"}, 64, "--all: no targets are configured"},
		{"not a number of days", []string{"--warning=abc", "a.test"}, 64, "must be a number of days above 0 and up to 100000, such as 20"},
		{"no days", []string{"--critical=0", "a.test"}, 64, "must be a number of days above 0"},
		{"fewer than no days", []string{"--critical=-3", "a.test"}, 64, "must be a number of days above 0"},
		{"NaN days", []string{"--warning=NaN", "a.test"}, 64, "must be a number of days above 0"},
		{"infinitely many days", []string{"--warning=Inf", "a.test"}, 64, "must be a number of days above 0"},
		{"a critical limit above the warning", []string{"--warning=7", "--critical=20", "a.test"}, 64, "--critical=20: must not be more than --warning, which is 7"},
		{"no timeout", []string{"--timeout=0s", "a.test"}, 64, "--timeout=0s: must be more than 0s"},
		{"two formats", []string{"--json", "--format=prometheus", "a.test"}, 64, "--json and --format=prometheus: write one of them"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, out, errOut := probe(t, test.args...)
			if code != test.code || !strings.Contains(errOut, test.says) {
				t.Errorf("exit code %d, %q, want %d, %q", code, errOut, test.code, test.says)
			}
			if out != "" || len(errOut) > 400 {
				t.Errorf("it writes %q and %q", out, errOut)
			}
			// Nagios shows the standard output only, and knows the codes 0 to 3.
			code, out, _ = probe(t, append(test.args, "--format=nagios")...)
			if code != 3 || !strings.HasPrefix(out, "TLS UNKNOWN - ") || strings.Count(out, "\n") != 1 {
				t.Errorf("for Nagios: exit code %d, %q", code, out)
			}
		})
	}
}

// A list is a target a line, from a file or the standard input, in the order of the
// command line and each target once.
func TestProbeLists(t *testing.T) {
	lab, caFile := newLab(t)
	healthy, expired := endpoint(t, lab, tlstest.Server{}), endpoint(t, lab, scenario(t, lab, "expired"))
	list := "\ufeff# the hosts\r\n\r\n  " + expired + "\t# expired\r\n" + healthy + "\r\nhttps://" + healthy + "/"
	file := write(t, filepath.Join(t.TempDir(), "hosts"), list)
	for name, args := range map[string][]string{
		"a file": {"--targets-file=" + file}, "the standard input": {"-"}, "the same as a file": {"--targets-file=-"}, "in two words": {"--targets-file", "-"},
		"with other targets": {"https://" + healthy, "--targets-file", file},
	} {
		t.Run(name, func(t *testing.T) {
			stdin(t, list)
			code, out, errOut := probe(t, append(args, "--ca-file="+caFile)...)
			good, bad := strings.Index(out, "GOOD    https://"+healthy), strings.Index(out, "BAD     https://"+expired)
			if code != 2 || errOut != "" || good < 0 || bad < 0 || (good < bad) != (name == "with other targets") || !strings.HasSuffix(out, "\n\n2 targets: 1 bad, 1 good\n") {
				t.Errorf("exit code %d: %s%s", code, out, errOut)
			}
		})
	}
}

// A list is read up to a bound.
func TestEndlessList(t *testing.T) {
	open := func() (io.ReadCloser, error) { return io.NopCloser(endless{}), nil }
	if _, err := readList(context.Background(), "hosts", open); err == nil || err.Error() != "hosts: is larger than 67108864 bytes" {
		t.Errorf("got %v", err)
	}
}

// A list that cannot even be opened, such as a named pipe to which nobody writes, does not
// prevent an interrupt.
func TestInterruptedBeforeTheList(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	written := make(chan struct{})
	defer close(written)
	_, err := readList(ctx, "hosts", func() (io.ReadCloser, error) { <-written; return nil, io.EOF })
	if !errors.Is(err, errInterrupted) {
		t.Errorf("got %v", err)
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// Configured targets are probed as they are configured: all of them, or those that are
// named.
func TestProbeConfigured(t *testing.T) {
	lab, caFile := newLab(t)
	healthy, other, named := endpoint(t, lab, tlstest.Server{}), endpoint(t, lab, tlstest.Server{}), endpoint(t, lab, tlstest.Server{})
	file := write(t, filepath.Join(t.TempDir(), "targets.yml"), fmt.Sprintf(`
modules: {internal: {ca_file: %[1]q}, strict: {ca_file: %[1]q, expect: {alpn: [h3]}}}
targets:
  - {targets: [%[2]q], module: internal, labels: {team: web}}
  - {targets: [%[2]q], module: internal, labels: {team: mail}}
  - {targets: [%[3]q], module: internal}
  - {targets: [%[3]q], module: strict, labels: {role: strict}}
  - {targets: [%[4]q], module: internal, server_name: other.test}
`, caFile, healthy, other, named))
	for _, test := range []struct {
		name  string
		args  []string
		code  int
		lines []string // how the reports begin
	}{
		{"all", []string{"--all"}, 2, []string{"GOOD    https://" + healthy + " (module internal)  ", "GOOD    https://" + other + " (module internal)  ", "BAD     https://" + other + " (module strict)  alpn: ", "BAD     https://" + named + " (module internal)  name_mismatch: "}},
		{"one by name", []string{healthy}, 0, []string{"GOOD    https://" + healthy + " (module internal)  "}},
		{"one that is configured twice", []string{other}, 2, []string{"GOOD    https://" + other + " (module internal)  ", "BAD     https://" + other + " (module strict)  "}},
		{"one with a server name", []string{named}, 2, []string{"BAD     https://" + named + " (module internal)  name_mismatch: \"other.test\" is not among"}},
		{"one with another module", []string{"--module=default", healthy}, 2, []string{"BAD     https://" + healthy + "  unknown_authority"}},
		{"all with one module and one name", []string{"--all", "--module=internal", "--server-name=localhost"}, 0, []string{"GOOD    https://" + healthy + " (module internal)  ", "GOOD    https://" + other + " (module internal)  ", "GOOD    https://" + named + " (module internal)  "}},
		{"one that is not configured", []string{"localhost" + healthy[strings.LastIndex(healthy, ":"):]}, 2, []string{"BAD     https://localhost" + healthy[strings.LastIndex(healthy, ":"):] + "  unknown_authority"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, out, errOut := probe(t, append(test.args, "--config.file="+file)...)
			rest := out
			for _, line := range test.lines {
				_, after, found := strings.Cut("\n"+rest, "\n"+line)
				if !found {
					t.Errorf("no report begins with %q:\n%s", line, out)
				}
				rest = after
			}
			if reports := strings.Count("\n"+out, "\nGOOD ") + strings.Count("\n"+out, "\nBAD "); code != test.code || reports != len(test.lines) || errOut != "" {
				t.Errorf("exit code %d, want %d; %d reports: %s%s", code, test.code, reports, out, errOut)
			}
		})
	}
}

func TestProbeForNagios(t *testing.T) {
	lab, caFile := newLab(t)
	healthy, expired := endpoint(t, lab, tlstest.Server{}), endpoint(t, lab, scenario(t, lab, "expired"))
	for _, test := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"good", []string{healthy, "--warning=0.5"}, 0, []string{"TLS OK - https://" + healthy + " ", " | days=", ";0.5: handshake=0.", "s;;;0\n"}},
		{"below the warning", []string{healthy, "--warning=1000"}, 1, []string{"TLS WARNING - ", ";1000: handshake="}},
		{"below the critical limit", []string{healthy, "--warning=2000", "--critical=1000"}, 2, []string{"TLS CRITICAL - ", "expires_soon; ", ";2000:;1000: handshake="}},
		{"the worst first", []string{healthy, expired}, 2, []string{"TLS CRITICAL - 2 targets: 1 CRITICAL, 1 OK; https://" + expired + " expired: ", " | '" + healthy + " days'=", " '" + expired + " days'=-"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, out, errOut := probe(t, append(test.args, "--format=nagios", "--ca-file="+caFile)...)
			if code != test.code || errOut != "" || strings.Count(out, "\n") != 1 {
				t.Errorf("exit code %d, %q %q", code, out, errOut)
			}
			for _, says := range test.says {
				if !strings.Contains(out, says) {
					t.Errorf("%q does not say %q", out, says)
				}
			}
		})
	}
}

// slowEndpoint answers after release is closed. A value on arrived tells of each
// ClientHello.
func slowEndpoint(t *testing.T, lab *tlstest.Lab) (address string, arrived, release chan struct{}) {
	arrived, release = make(chan struct{}, 10), make(chan struct{})
	address = endpoint(t, lab, tlstest.Server{Config: func(c *tls.Config) {
		c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			arrived <- struct{}{}
			<-release
			return nil, nil
		}
	}})
	return address, arrived, release
}

// After a signal there is no verdict on what was not finished.
func TestProbeInterrupted(t *testing.T) {
	lab, caFile := newLab(t)
	healthy := endpoint(t, lab, tlstest.Server{})
	for _, format := range []string{"text", "json", "ndjson", "prometheus", "nagios"} {
		t.Run(format, func(t *testing.T) {
			slow, arrived, release := slowEndpoint(t, lab)
			defer close(release)
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			out, errOut, done := new(output), new(output), make(chan error)
			go func() {
				done <- run(ctx, []string{"probe", "--format=" + format, "--ca-file=" + caFile, "--timeout=1h", healthy, slow}, out, errOut)
			}()
			<-arrived
			finished := format == "text" || format == "json" || format == "ndjson"
			if finished {
				out.await(t, `(?s)GOOD .*\n  names of the leaf\n.*\n$|"status": ?"good".*\n$`)
			}
			cancel()
			err := <-done
			if exitCode(err) != 130 || !strings.HasPrefix(err.Error(), "interrupted; ") || finished && err.Error() != "interrupted; 1 of 2 targets probed" {
				t.Errorf("it ends with %d, %v", exitCode(err), err)
			}
			if strings.Contains(out.String(), slow) || strings.Contains(out.String(), "targets:") || !finished && out.String() != "" || errOut.String() != "" {
				t.Errorf("it writes %q %q", out, errOut)
			}
		})
	}
}

// The signal also ends the wait for a list.
func TestProbeInterruptedAtStandardInput(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stdin
	os.Stdin = reader
	defer func() { os.Stdin = before; writer.Close(); reader.Close() }()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := run(ctx, []string{"probe", "-"}, io.Discard, io.Discard); exitCode(err) != 130 || err.Error() != "interrupted" {
		t.Errorf("it ends with %d, %v", exitCode(err), err)
	}
}

// Lines of ndjson come in the order of completion, each as soon as its probe is done.
// Objects of json come in the order of the targets.
func TestProbeStreams(t *testing.T) {
	lab, caFile := newLab(t)
	healthy := endpoint(t, lab, tlstest.Server{})
	for format, first := range map[string]string{"ndjson": "healthy", "json": "slow"} {
		t.Run(format, func(t *testing.T) {
			slow, arrived, release := slowEndpoint(t, lab)
			out, done := new(output), make(chan error)
			go func() {
				done <- run(context.Background(), []string{"probe", "--format=" + format, "--ca-file=" + caFile, "--timeout=1h", slow, healthy}, out, io.Discard)
			}()
			<-arrived
			if format == "ndjson" {
				out.await(t, `(?m)^\{.*"target":"https://`+healthy+`".*\}\n$`)
			}
			close(release)
			if err := <-done; err != nil {
				t.Error(err)
			}
			var targets []string
			decoder := json.NewDecoder(strings.NewReader(out.String()))
			for decoder.More() {
				var object struct{ Target string }
				if err := decoder.Decode(&object); err != nil {
					t.Fatal(err)
				}
				targets = append(targets, object.Target)
			}
			want := []string{"https://" + healthy, "https://" + slow}
			if first == "slow" {
				want[0], want[1] = want[1], want[0]
			}
			if fmt.Sprint(targets) != fmt.Sprint(want) || format == "ndjson" && strings.Count(out.String(), "\n") != 2 {
				t.Errorf("got %v, want %v: %s", targets, want, out)
			}
		})
	}
}

// An error of the output ends the command.
func TestProbeCannotWrite(t *testing.T) {
	lab, caFile := newLab(t)
	healthy := endpoint(t, lab, tlstest.Server{})
	slow, _, release := slowEndpoint(t, lab)
	defer close(release)
	for _, format := range []string{"text", "ndjson"} {
		err := run(context.Background(), []string{"probe", "--format=" + format, "--ca-file=" + caFile, "--timeout=1h", healthy, slow}, reporttest.Full{}, io.Discard)
		if exitCode(err) != 3 || !errors.Is(err, reporttest.ErrFull) {
			t.Errorf("%s: it ends with %d, %v", format, exitCode(err), err)
		}
	}
}

func TestWithStandardInput(t *testing.T) {
	for args, want := range map[string]string{
		"probe -": "probe --targets-file=-", "probe a - b": "probe a --targets-file=- b", "probe --targets-file - a": "probe --targets-file=- a",
		"probe -- -": "probe -- -", "probe a": "probe a",
	} {
		if got := strings.Join(withStandardInput(strings.Fields(args)), " "); got != want {
			t.Errorf("%s is read as %s, want %s", args, got, want)
		}
	}
}
