//go:build e2e

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tls_exporter/prober/tlstest"
)

// The endpoints of the demo for which a metric is absent.
var (
	noCertificate = append([]string{
		"ssl3-only", "alert-handshake-failure", "alert-unrecognized-name", "plain-http", "garbage",
		"silent", "closes-at-once", "closes-mid-handshake", "resets-mid-handshake", "endless", "refused",
	}, noTLS...)
	noHandshake = append([]string{"client-certificate-required-tls12", "client-certificate-required-tls13", "tls13-intolerant"}, noCertificate...)
	// The ServerHello has the version, and one of these sends it.
	noVersion = append(slices.Clone(noCertificate), "tls13-intolerant")
	// A file has no connection.
	noConnection = []string{"certificate-file"}
	// The dialogue before TLS fails.
	noTLS = dialogues(func(name string) bool {
		return slices.ContainsFunc([]string{"-not-offered", "-refused", "-injected", "-stalled"}, func(fault string) bool { return strings.HasSuffix(name, fault) })
	})
)

// dialogues are the names of endpoints with a dialogue before TLS for which holds is true.
func dialogues(holds func(name string) bool) []string {
	var names []string
	for _, scenario := range tlstest.Scenarios() {
		if scenario.Scheme != "" && holds(scenario.Name) {
			names = append(names, scenario.Name)
		}
	}
	return names
}

// A real Prometheus scrapes the demo with the job of the README, and every query has a
// result for every target that has the metric.
func TestPrometheus(t *testing.T) {
	prometheus := needs(t, "prometheus")
	demo := start(t, "demo")
	defer demo.end(t)
	api := startPrometheus(t, prometheus, fmt.Sprintf(`
global: {scrape_interval: 1s}
scrape_configs:
  - job_name: tls
    http_sd_configs: [{url: %s/targets, refresh_interval: 1s}]
`, demo.url))

	var all []string
	for _, scenario := range tlstest.Scenarios() {
		all = append(all, scenario.Name)
	}
	for _, scenario := range demoScenarios {
		all = append(all, scenario.name)
	}
	for _, query := range []struct {
		expr    string
		without []string
	}{
		{"up", nil},
		{"tls_probe_success", nil},
		{"tls_tcp_connected", noConnection},
		{`tls_certificate_days_remaining{position="0"}`, noCertificate},
		{"tls_negotiated_version", slices.Concat(noVersion, noConnection)},
		{"tls_handshake_duration_seconds", slices.Concat(noHandshake, noConnection)},
	} {
		want := slices.DeleteFunc(slices.Sorted(slices.Values(all)), func(name string) bool { return slices.Contains(query.without, name) })
		var got []string
		for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
			if got = endpointsOf(t, api, query.expr); slices.Equal(got, want) {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has results for\n%v, want\n%v", query.expr, got, want)
			continue
		}
		t.Logf("%-48s has results for %d of %d targets", query.expr, len(got), len(all))
	}
	if got := endpointsOf(t, api, "up == 0"); got != nil {
		t.Errorf("Prometheus could not scrape %v", got)
	}
}

// needs is the path of a program. Without it the test is skipped.
func needs(t *testing.T, program string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed here; docs/contributing.md says how", program)
	}
	return path
}

// startPrometheus returns the URL for queries.
func startPrometheus(t *testing.T, binary, config string) (api string) {
	t.Helper()
	dir, address := t.TempDir(), freeAddress(t)
	daemon(t, exec.Command(binary, "--config.file="+write(t, filepath.Join(dir, "prometheus.yml"), config),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address), "Server is ready to receive web requests")
	return "http://" + address + "/api/v1/query?query="
}

// daemon runs a program until the test ends. It returns when the output has the pattern
// ready.
func daemon(t *testing.T, command *exec.Cmd, ready string) {
	t.Helper()
	log := new(output)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Signal(syscall.SIGTERM)
		command.Wait()
		if t.Failed() {
			t.Log(log)
		}
	})
	log.await(t, ready)
}

// freeAddress is an unused address. Its port is below the ephemeral ports of the system,
// which the endpoints of a demo may use, so it is still free when its program starts.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000)))
		if err == nil {
			defer listener.Close()
			return listener.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// endpointsOf is the label endpoint of every series of an expression.
func endpointsOf(t *testing.T, api, expr string) []string {
	t.Helper()
	_, body := fetch(t, api+url.QueryEscape(expr))
	var answer struct {
		Data struct {
			Result []struct{ Metric map[string]string }
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, series := range answer.Data.Result {
		names = append(names, series.Metric["endpoint"])
	}
	slices.Sort(names)
	return names
}

// Prometheus's linter says of real scrapes what docs/metrics.md lists, and no more: of
// /metrics, of the default module, and of modules with expectations, pools and scans.
func TestPromtoolCheckMetrics(t *testing.T) {
	promtool := needs(t, "promtool")
	demo := start(t, "demo")
	defer demo.end(t)
	strict := start(t, "--config.file="+write(t, filepath.Join(t.TempDir(), "targets.yml"), "modules: {default: {expect: {min_version: TLS 1.2}}}"))
	defer strict.end(t)
	targets := targetsOf(t, demo)
	pages := []string{strict.url + "/probe?target=" + url.QueryEscape(targets[0]["__param_target"])}
	for _, labels := range append(targets[:3:3], targets[len(targets)-len(demoScenarios):]...) {
		pages = append(pages, demo.url+"/probe?target="+url.QueryEscape(labels["__param_target"])+"&module="+labels["__param_module"])
	}
	document, err := os.ReadFile("docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ((?:use|non-histogram) .*?) \\|").FindAllStringSubmatch(string(document), -1) {
		want = append(want, row[1]+" "+row[2])
	}
	got := make(map[string]bool)
	for _, page := range pages {
		for _, line := range checkMetrics(t, promtool, page) {
			got[line] = true
		}
	}
	if got := slices.Sorted(maps.Keys(got)); !slices.Equal(got, want) {
		t.Errorf("promtool says %q, and docs/metrics.md %q", got, want)
	}
	if said := checkMetrics(t, promtool, demo.url+"/metrics"); len(said) > 0 {
		t.Errorf("promtool says %q about /metrics", said)
	}
}

// checkMetrics is what promtool says about a page. Its exit code is 3 if it says anything.
func checkMetrics(t *testing.T, promtool, page string) []string {
	t.Helper()
	command := exec.Command(promtool, "check", "metrics")
	command.Stdin = strings.NewReader(fetchFound(t, page))
	said, err := command.CombinedOutput()
	lines := strings.FieldsFunc(string(said), func(r rune) bool { return r == '\n' })
	want := 0
	if len(lines) > 0 {
		want = 3
	}
	if command.ProcessState.ExitCode() != want {
		t.Fatalf("promtool: %v: %s", err, said)
	}
	return lines
}

// The program as a process: it starts, answers, and ends on SIGINT with 0.
func TestProcess(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "tls_exporter")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	log := new(output)
	command := exec.Command(binary, "--web.listen-address=127.0.0.1:0")
	command.Stderr = log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	address := log.await(t, `msg="?Listening on"? address=(\S+)`)[1]
	if status, body := fetch(t, "http://"+address+"/probe?target=127.0.0.1:1"); status != 200 || !strings.Contains(body, `reason="refused"`) {
		t.Errorf("%d %s", status, body)
	}
	http.DefaultClient.CloseIdleConnections()
	command.Process.Signal(os.Interrupt)
	if err := command.Wait(); err != nil {
		t.Errorf("after SIGINT: %v", err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for args, want := range map[string]int{
		"check-config targets.yml":                      0,
		"check-config go.mod":                           1,
		"probe --timeout=1s 127.0.0.1:1":                2,
		"probe":                                         exitUsage,
		"probe --ca-file=none.pem a.test":               3,
		"probe --format=nagios":                         3,
		"--no-such-flag":                                exitUsage,
		"--web.listen-address=" + taken.Addr().String(): 1,
		"demo --lab.base-port=0 --web.listen-address=" + taken.Addr().String(): 1,
	} {
		command := exec.Command(binary, strings.Fields(args)...)
		said, _ := command.CombinedOutput()
		if strings.Contains(args, "listen-address") && (bytes.Count(said, []byte("\n")) != 1 || !bytes.Contains(said, []byte("address already in use"))) {
			t.Errorf("%s: %s", args, said)
		}
		if got := command.ProcessState.ExitCode(); got != want {
			t.Errorf("%s: exit code %d, want %d", args, got, want)
		}
	}

	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, sent := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		var stdout, stderr bytes.Buffer
		command := exec.Command(binary, "probe", "--timeout=1h", silent.Addr().String())
		command.Stdout, command.Stderr = &stdout, &stderr
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		conn, err := silent.Accept() // it is probing
		if err != nil {
			t.Fatal(err)
		}
		command.Process.Signal(sent)
		command.Wait()
		conn.Close()
		if got := command.ProcessState.ExitCode(); got != exitInterrupted || stdout.Len() > 0 || stderr.String() != "tls_exporter: interrupted; 0 of 1 target probed\n" {
			t.Errorf("probe, after %v: exit code %d, %q %q", sent, got, &stdout, &stderr)
		}
	}
}
