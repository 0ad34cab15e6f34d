//go:build e2e

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tls_exporter/prober/tlstest"
)

// The exporter's own faults at a real Prometheus: of all alerts, the one about the exporter
// fires, and none about an endpoint. The endpoints are good all the time.

// 120 probes of a silent target take the descriptors of an exporter that has 64.
func TestBlindWithoutDescriptors(t *testing.T) {
	lab, caFile := newLab(t)
	b := watched(t, lab, fmt.Sprintf("modules: {default: {ca_file: %q}}", caFile), endpoints(t, lab), "prlimit", "--nofile=64")
	b.log.await(t, `level=WARN .*open files.* limit=64 .*max_concurrent_that_fits=3\b`)

	silent := url.QueryEscape(endpoint(t, lab, scenario(t, lab, "silent")))
	done := make(chan struct{})
	client := &http.Client{Transport: &http.Transport{}}
	var group sync.WaitGroup
	t.Cleanup(func() { close(done); group.Wait(); client.CloseIdleConnections() })
	for range 120 {
		group.Go(func() {
			for ticks := time.NewTicker(300 * time.Millisecond); ; {
				if response, err := client.Get(b.url + "/probe?target=" + silent); err == nil {
					io.Copy(io.Discard, response.Body)
					response.Body.Close()
				}
				select {
				case <-ticks.C:
				case <-done:
					ticks.Stop()
					return
				}
			}
		})
	}
	b.onlyBlind(t, "local_resources")
}

// The soft limit is not the limit: it is raised to the hard one, which is high enough.
func TestSoftLimitIsRaised(t *testing.T) {
	e := exporter(t, []string{"prlimit", "--nofile=64:10000"})
	e.log.await(t, "Listening on")
	if strings.Contains(e.log.String(), "level=WARN") {
		t.Errorf("there is a warning:\n%s", e.log)
	}
}

// The resolver of the module does not answer any more, or nothing listens there.
func TestBlindWithoutResolver(t *testing.T) {
	for _, reason := range []string{"dns_failure", "timeout"} {
		t.Run(reason, func(t *testing.T) {
			lab, caFile := newLab(t)
			names, err := tlstest.New()
			if err != nil {
				t.Fatal(err)
			}
			defer names.Close()
			var silent atomic.Bool
			zone := make(tlstest.Zone)
			targets := endpoints(t, lab)
			for i, target := range targets {
				_, port, _ := net.SplitHostPort(target)
				name := fmt.Sprintf("endpoint%d.test", i)
				targets[i] = name + ":" + port
				zone[name] = tlstest.Name{Addresses: loopback, Alter: func(answer []byte, _ bool) []byte {
					if silent.Load() {
						return nil
					}
					return answer
				}}
			}
			dns, err := names.StartDNS(zone)
			if err != nil {
				t.Fatal(err)
			}
			b := watched(t, lab, fmt.Sprintf("modules: {default: {ca_file: %q, resolver: %q, server_name: localhost}}", caFile, dns), targets)
			if silent.Store(true); reason == "dns_failure" {
				names.Close()
			}
			b.onlyBlind(t, reason)
		})
	}
}

// All local ports are in connections to the endpoints. The test is in a network namespace
// of its own, whose range of ports it makes small.
func TestBlindWithoutPorts(t *testing.T) {
	if !inOwnNetwork(t) {
		return
	}
	lab, caFile := newLab(t)
	targets := endpoints(t, lab)
	b := watched(t, lab, fmt.Sprintf("modules: {default: {ca_file: %q}}", caFile), targets)
	if err := os.WriteFile("/proc/sys/net/ipv4/ip_local_port_range", []byte("45000 45063"), 0); err != nil {
		t.Fatal(err)
	}
	for _, target := range targets {
		held := 0
		for {
			conn, err := net.Dial("tcp", target)
			if errors.Is(err, syscall.EADDRNOTAVAIL) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			held++
		}
		t.Logf("%d connections hold the ports to %s", held, target)
	}
	b.onlyBlind(t, "local_resources")
}

// The alert mutes those about the endpoints of its job, and no others, in a real
// Alertmanager with the project's configuration.
func TestBlindMutesEndpoints(t *testing.T) {
	address, dir := freeAddress(t), t.TempDir()
	daemon(t, exec.Command(needs(t, "prometheus-alertmanager"), "--config.file=prometheus/alertmanager.yml", "--storage.path="+dir,
		"--cluster.listen-address=", "--web.listen-address="+address), `Listening on`)
	type alert struct {
		Labels map[string]string `json:"labels"`
		Status struct {
			State string `json:"state"`
		} `json:"status"`
	}
	want := make(map[string]string)
	var sent []alert
	for _, one := range []struct{ name, job, state string }{
		{"TLSExporterBlind", "tls", "active"},
		{"TLSEndpointUnreachable", "tls", "suppressed"},
		{"TLSHandshakeFailing", "tls", "suppressed"},
		{"TLSCertificateExpired", "tls", "suppressed"},
		{"TLSTargetNotScraped", "tls", "suppressed"},
		{"TLSEndpointUnreachable", "others", "active"},
		{"TLSExporterReloadFailed", "tls_exporter", "active"},
	} {
		want[one.name+" "+one.job] = one.state
		sent = append(sent, alert{Labels: map[string]string{"alertname": one.name, "job": one.job, "severity": "critical"}})
	}
	body, err := json.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post("http://"+address+"/api/v2/alerts", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if response.Body.Close(); response.StatusCode != http.StatusOK {
		t.Fatalf("Alertmanager answers %s", response.Status)
	}
	got := make(map[string]string)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline) && !maps.Equal(got, want); time.Sleep(100 * time.Millisecond) {
		_, said := fetch(t, "http://"+address+"/api/v2/alerts")
		var alerts []alert
		if err := json.Unmarshal([]byte(said), &alerts); err != nil {
			t.Fatal(err)
		}
		for _, a := range alerts {
			got[a.Labels["alertname"]+" "+a.Labels["job"]] = a.Status.State
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("the alerts are %v, want %v", got, want)
	}
}

// inOwnNetwork tells whether the test runs in a network namespace of its own. If not, it
// runs there, in another process, before inOwnNetwork returns.
func inOwnNetwork(t *testing.T) bool {
	t.Helper()
	const mark = "TEST_IN_OWN_NETWORK"
	if os.Getenv(mark) == t.Name() {
		return true
	}
	if os.Getuid() != 0 {
		t.Skip("only root may make a network namespace, in which no port is free; .ci/run runs as root")
	}
	command := exec.Command("unshare", "--net", "sh", "-c", `ip link set lo up && exec "$0" "$@"`, os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
	command.Env = append(os.Environ(), mark+"="+t.Name())
	said, err := command.CombinedOutput()
	t.Logf("in a network of its own:\n%s", said)
	if err != nil {
		t.Error(err)
	}
	return false
}

var loopback = []netip.Addr{netip.MustParseAddr("127.0.0.1")}

// endpoints starts good endpoints.
func endpoints(t *testing.T, lab *tlstest.Lab) []string {
	t.Helper()
	var targets []string
	for range 5 {
		targets = append(targets, endpoint(t, lab, tlstest.Server{}))
	}
	return targets
}

// process is the program as a process of its own.
type process struct {
	url string
	log *output
}

// exporter runs the program until the test ends, with a command before it that sets its
// limits.
func exporter(t *testing.T, limits []string, args ...string) process {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "tls_exporter")
	if out, err := exec.Command("go", "build", "-pgo=off", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	words := slices.Concat(limits, []string{binary, "--web.listen-address=127.0.0.1:0", "--log.level=info"}, args)
	p := process{log: new(output)}
	command := exec.Command(words[0], words[1:]...)
	command.Stderr = p.log
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Signal(syscall.SIGTERM)
		if err := command.Wait(); err != nil {
			t.Errorf("after SIGTERM: %v", err)
		}
	})
	p.url = "http://" + p.log.await(t, `msg="?Listening on"? address=(\S+)`)[1]
	return p
}

// blind is an exporter, and a Prometheus that scrapes it and has the rules.
type blind struct {
	process
	api     string
	targets int
}

// watched starts both. It returns when every target was probed with success, and no alert
// fires.
func watched(t *testing.T, lab *tlstest.Lab, config string, targets []string, limits ...string) *blind {
	t.Helper()
	prometheus, dir := needs(t, "prometheus"), t.TempDir()
	b := &blind{process: exporter(t, limits, "--config.file="+write(t, filepath.Join(dir, "targets.yml"), config)), targets: len(targets)}
	self := strings.TrimPrefix(b.url, "http://")
	listed, err := json.Marshal(targets)
	if err != nil {
		t.Fatal(err)
	}
	b.api = startPrometheus(t, prometheus, fmt.Sprintf(`
global: {scrape_interval: 3s, scrape_timeout: 3s, evaluation_interval: 1s}
rule_files: [%s]
scrape_configs:
  - {job_name: tls_exporter, static_configs: [{targets: [%q]}]}
  - job_name: tls
    metrics_path: /probe
    static_configs: [{targets: %s}]
    relabel_configs:
      - {source_labels: [__address__], target_label: __param_target}
      - {source_labels: [__param_target], target_label: instance}
      - {target_label: __address__, replacement: %q}
`, fastRules(t, dir), self, listed, self))
	b.await(t, "every target is good, and no alert fires", func(firing map[string]bool) bool {
		return b.count(t, "count(tls_probe_success == 1)") == b.targets && len(firing) == 0
	})
	return b
}

// onlyBlind waits until TLSExporterBlind fires, for this reason. From then on no other
// alert may fire while each target has five more probes that could not ask it.
func (b *blind) onlyBlind(t *testing.T, reason string) {
	t.Helper()
	b.await(t, "TLSExporterBlind fires", func(firing map[string]bool) bool { return firing["TLSExporterBlind"] })
	before := b.count(t, "max(sum by (instance) (instance_reason:tls_probe_blind:count10m))")
	fired := make(map[string]bool)
	b.await(t, "five more probes of each target", func(firing map[string]bool) bool {
		maps.Copy(fired, firing)
		return b.count(t, fmt.Sprintf("count(sum by (instance) (instance_reason:tls_probe_blind:count10m{reason=%q}) >= %d)", reason, before+5)) == b.targets
	})
	if got := slices.Sorted(maps.Keys(fired)); !slices.Equal(got, []string{"TLSExporterBlind"}) {
		t.Errorf("the alerts are %v", got)
	}
	if n := b.count(t, "count(min_over_time(up[10m]) == 0)"); n > 0 {
		t.Errorf("%d targets had a scrape without an answer", n)
	}
	for _, row := range []string{"tls_tcp_connected", "tls_handshake_completed", "tls_chain_valid"} {
		if n := b.count(t, fmt.Sprintf("count(%s == 0)", row)); n > 0 {
			t.Errorf("%s is 0 for %d targets", row, n)
		}
	}
}

// await polls what fires until holds is true.
func (b *blind) await(t *testing.T, what string, holds func(firing map[string]bool) bool) {
	t.Helper()
	firing := make(map[string]bool)
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		clear(firing)
		for _, series := range b.query(t, `ALERTS{alertstate="firing"}`) {
			firing[series.Metric["alertname"]] = true
		}
		if holds(firing) {
			return
		}
	}
	t.Fatalf("waited in vain until %s; alerts are %v\n%s", what, slices.Sorted(maps.Keys(firing)), b.log)
}

type series struct {
	Metric map[string]string
	Value  [2]any
}

func (b *blind) query(t *testing.T, expr string) []series {
	t.Helper()
	_, body := fetch(t, b.api+url.QueryEscape(expr))
	var answer struct{ Data struct{ Result []series } }
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("%s: %v: %s", expr, err, body)
	}
	return answer.Data.Result
}

// count is the value of an expression; 0 without one.
func (b *blind) count(t *testing.T, expr string) int {
	t.Helper()
	n := 0
	for _, series := range b.query(t, expr) {
		fmt.Sscan(series.Value[1].(string), &n)
	}
	return n
}
