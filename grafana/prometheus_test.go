//go:build e2e

package grafana_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"
)

// situation is a choice of the dashboard variables.
type situation struct {
	name, job, instance string
	healthy             bool // nothing is wrong, and still no panel may be empty
}

// emptyWhenHealthy lists the panels that show only problems, or data that only some
// modules have. Without data they show a text.
var emptyWhenHealthy = map[string]string{
	"tls-fleet/Failing targets":                                        "it lists failures",
	"tls-fleet/Chains with a problem":                                  "it lists problems",
	"tls-fleet/Changed certificates":                                   "it lists changes",
	"tls-fleet/Pools with different certificates or failing addresses": "it lists different certificates",

	"tls-target/Current state of each address": oneAddress,
	"tls-target/Addresses":                     oneAddress,
	"tls-target/Failing addresses":             oneAddress,
	"tls-target/Different certificates":        oneAddress,
	"tls-target/Addresses over time":           oneAddress,

	"tls-fleet/Scanned":                     noScan,
	"tls-fleet/Accept old versions":         noScan,
	"tls-fleet/Accept weak ciphers":         noScan,
	"tls-fleet/Vulnerable":                  noScan,
	"tls-fleet/Violate a policy":            noScan,
	"tls-fleet/Offer post-quantum":          noScan,
	"tls-fleet/Targets by accepted version": noScan,
	"tls-fleet/Vulnerabilities by name":     noScan,
	"tls-fleet/Policies met":                noScan,
	"tls-fleet/Grades":                      noScan,
	"tls-fleet/Clients that cannot connect": noScan,
	"tls-fleet/Targets with findings":       noScan,

	"tls-target/Grade":                       noScan,
	"tls-target/Grade limited by":            noScan,
	"tls-target/Score":                       noScan,
	"tls-target/Accepted versions":           noScan,
	"tls-target/Vulnerabilities":             noScan,
	"tls-target/Policies":                    noScan,
	"tls-target/Weak suites":                 noScan,
	"tls-target/Cipher suite preference":     noScan,
	"tls-target/Smallest DHE prime":          noScan,
	"tls-target/Resumed handshake":           noScan,
	"tls-target/Accepted cipher suites":      noScan,
	"tls-target/Groups":                      noScan,
	"tls-target/Signature schemes":           noScan,
	"tls-target/Resumption":                  noScan,
	"tls-target/Clients":                     noScan,
	"tls-target/Age of findings":             noScan,
	"tls-target/Accepted versions over time": noScan,

	"tls-fleet/Revoked":                     noCheck,
	"tls-fleet/Violate the CT policy":       noCheck,
	"tls-fleet/Mismatch with DANE":          noCheck,
	"tls-fleet/Forbidden by CAA":            noCheck,
	"tls-fleet/Renewal overdue":             noCheck,
	"tls-fleet/Failing files":               noFile,
	"tls-fleet/Targets with these findings": "it lists findings",

	"tls-target/Certificate Transparency": noCheck,
	"tls-target/DANE":                     noCheck,
	"tls-target/CAA":                      noCheck,
	"tls-target/HTTPS record and ECH":     noCheck,
	"tls-target/Renewal window":           noCheck,
	"tls-target/Revocation":               noStaple,
	"tls-target/Time until next update":   noStaple,
	"tls-target/SCTs":                     noCheck,
	"tls-target/TLSA records":             noCheck,
	"tls-target/CAA records":              noCheck,
	"tls-target/HTTPS records":            noCheck,
	"tls-target/Outcome of ECH":           noCheck,
	"tls-target/Certificates in a file":   noFile,
}

const (
	oneAddress = "only a module with addresses: all probes each"
	noScan     = "only a module with these checks scans"
	noCheck    = "only a module with this check has findings"
	noStaple   = "the server staples nothing, and only a module with the check revocation asks others"
	noFile     = "the target is not a file"
)

// After a real Prometheus has scraped the demo, every query of every dashboard has
// data in at least one situation, and every panel has data where nothing is wrong.
func TestEveryQueryHasData(t *testing.T) {
	prometheus, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("prometheus is not installed here; Debian's package of that name has it")
	}
	lab := startLab(t, prometheus)
	situations := map[string][]situation{
		"tls-fleet": {
			{"all", "(tls|pool|strict)", ".*", false},
			{"healthy", "tls", regexp.QuoteMeta(lab.endpoints["healthy"]), true},
		},
		"tls-target": {
			{"healthy", "tls", lab.endpoints["healthy"], true},
			{"expired", "tls", lab.endpoints["expired"], false},
			{"silent", "tls", lab.endpoints["silent"], false},
			{"strict", "strict", lab.endpoints["healthy"], false},
			{"strict+silent", "strict", lab.endpoints["silent"], false},
			{"pool", "pool", pool, false},
			{"one stale", "tls", lab.endpoints["pool-one-stale"], false},
			{"proxied", "tls", lab.endpoints["behind-proxy"], true},
			{"announced", "tls", lab.endpoints["proxy-protocol"], true},
			{"smtp", "tls", lab.endpoints["smtp"], true},
			{"smtp refused", "tls", lab.endpoints["smtp-refused"], false},
			{"scanned", "tls", lab.endpoints["scanned"], false},
			{"scanned old", "tls", lab.endpoints["scanned-old"], false},
			{"stapled", "tls", lab.endpoints["staple-good"], false},
			{"CRL", "tls", lab.endpoints["revoked-by-crl"], false},
			{"SCTs", "tls", lab.endpoints["unknown-log"], false},
			{"DANE", "tls", lab.endpoints["dane-old-key"], false},
			{"CAA", "tls", lab.endpoints["caa-forbids-issuer"], false},
			{"ECH", "tls", lab.endpoints["ech-stale"], false},
			{"renewal", "tls", lab.endpoints["renewal-overdue"], false},
			{"file", "strict", lab.endpoints["file"], false},
		},
		"tls-exporter": {{"all", "tls_exporter", ".*", true}},
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	all := dashboards(t)
	for _, uid := range []string{"tls-fleet", "tls-target", "tls-exporter"} {
		fmt.Fprintf(w, "\n%s\tpanel\tquery", uid)
		for _, s := range situations[uid] {
			fmt.Fprintf(w, "\t%s", s.name)
		}
		fmt.Fprintln(w)
		for _, v := range all[uid].Templating.List {
			if v.Type == "query" {
				lab.tryVariable(t, w, uid, v, situations[uid])
			}
		}
		for _, p := range all[uid].all() {
			lab.tryPanel(t, w, uid, p, situations[uid])
		}
		for _, a := range all[uid].Annotations.List {
			lab.tryAnnotation(t, w, uid, a, situations[uid])
		}
	}
	lab.tryInspect(t, all["tls-target"], situations["tls-target"][0])
	w.Flush()
	t.Log("how many series each query has:\n" + table.String())
}

// lab is the demo and the Prometheus that scraped it.
type lab struct {
	demo       string            // the URL of its exporter
	prometheus string            // its URL
	endpoints  map[string]string // instance by the name of the fault
}

// tryPanel counts the series of each query in each situation.
func (l *lab) tryPanel(t *testing.T, w io.Writer, uid string, p panel, situations []situation) {
	t.Helper()
	found := make(map[string]int) // by situation, over all queries
	for _, q := range p.Targets {
		most := 0
		fmt.Fprintf(w, "\t%s\t%s", p.Title, q.RefID)
		for _, s := range situations {
			n := len(l.query(t, s.fill(t, q.Expr)))
			fmt.Fprintf(w, "\t%d", n)
			found[s.name] += n
			most = max(most, n)
		}
		fmt.Fprintln(w)
		if most == 0 {
			t.Errorf("%s/%s/%s has no data in any situation", uid, p.Title, q.RefID)
		}
	}
	for _, s := range situations {
		if !s.healthy || p.isRow() {
			continue
		}
		key := uid + "/" + p.Title
		if reason := emptyWhenHealthy[key]; (found[s.name] == 0) != (reason != "") {
			t.Errorf("%s has %d series where nothing is wrong (%s), and the reason for an empty panel is %q", key, found[s.name], s.name, reason)
		}
		if hides := uid == "tls-target"; p.hidden != (hides && found[s.name] == 0) {
			t.Errorf("%s has %d series where nothing is wrong (%s), and is in a collapsed row: %t", key, found[s.name], s.name, p.hidden)
		}
		if found[s.name] == 0 && p.FieldConfig.Defaults.NoValue == "" {
			t.Errorf("%s is empty where nothing is wrong (%s), and shows no text", key, s.name)
		}
	}
}

// tryAnnotation counts the series of an annotation since the lab was started. The pool has
// changed its certificate by then, and targets where nothing is wrong have not.
func (l *lab) tryAnnotation(t *testing.T, w io.Writer, uid string, a annotation, situations []situation) {
	t.Helper()
	fmt.Fprintf(w, "\t(annotation)\t%s", a.Name)
	for _, s := range situations {
		var data struct {
			Result []struct{ Metric map[string]string }
		}
		now := time.Now().Unix()
		l.get(t, fmt.Sprintf("/api/v1/query_range?query=%s&start=%d&end=%d&step=1", url.QueryEscape(s.fill(t, a.Expr)), now-300, now), &data)
		fmt.Fprintf(w, "\t%d", len(data.Result))
		if want := s.instance == pool; (len(data.Result) > 0) != want {
			t.Errorf("%s/%s marks %v in %s, and the certificate has changed: %t", uid, a.Name, data.Result, s.name, want)
		}
	}
	fmt.Fprintln(w)
}

// tryInspect follows the link to the exporter.
func (l *lab) tryInspect(t *testing.T, d *dashboard, s situation) {
	t.Helper()
	link, err := interpolate(inspectURL, map[string]string{"exporter": l.demo, "instance": url.QueryEscape(s.instance), "module": ""})
	if err != nil {
		t.Fatal(err)
	}
	page, err := fetch(link)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(page, []byte(s.instance)) || strings.Count(string(d.content), inspectURL) == 0 {
		t.Errorf("%s does not lead to the page of %s:\n%s", inspectURL, s.instance, page)
	}
}

func (l *lab) tryVariable(t *testing.T, w io.Writer, uid string, v variable, situations []situation) {
	t.Helper()
	selector, label, err := labelValues(v.values())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(w, "\t(variable)\t%s", v.Name)
	for _, s := range situations {
		var values []string
		l.get(t, "/api/v1/label/"+label+"/values?match[]="+url.QueryEscape(s.fill(t, selector)), &values)
		fmt.Fprintf(w, "\t%d", len(values))
		if want := map[string]string{"job": s.job, "instance": s.instance}[v.Name]; !matchesAny(want, values) {
			t.Errorf("%s: variable %s offers %v, without %s", uid, v.Name, values, want)
		}
	}
	fmt.Fprintln(w)
}

func matchesAny(pattern string, values []string) bool {
	return slices.ContainsFunc(values, regexp.MustCompile("^(?:"+pattern+")$").MatchString)
}

// fill returns a query as Grafana sends it in a situation. The lab has no data from a
// week ago, so queries that compare with that time use a short offset.
func (s situation) fill(t *testing.T, expr string) string {
	t.Helper()
	filled, err := interpolate(strings.ReplaceAll(expr, "offset 1w", "offset 2s"), map[string]string{
		"__range": "5m", "__interval": "1s", "__rate_interval": "10s", "job": s.job, "instance": strings.ReplaceAll(s.instance, `\`, `\\`),
	})
	if err != nil {
		t.Fatal(err)
	}
	return filled
}

// sample is one series of a result at one moment.
type sample struct {
	Metric map[string]string
	Value  [2]any // time, and the number as text
}

func (l *lab) query(t *testing.T, expr string) []sample {
	t.Helper()
	var data struct {
		ResultType string
		Result     []sample
	}
	l.get(t, "/api/v1/query?query="+url.QueryEscape(expr), &data)
	return data.Result
}

// get queries the API of Prometheus.
func (l *lab) get(t *testing.T, path string, data any) {
	t.Helper()
	body, err := fetch(l.prometheus + path)
	if err != nil {
		t.Fatal(err)
	}
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status != "success" {
		t.Fatalf("%s: %v %s", path, err, body)
	}
}

// pool is a target with two servers that have different certificates.
const pool = "pool.test:443"

// startPool serves this target to Prometheus, with another server at each request.
func startPool(t *testing.T, exporter string, servers ...string) (address string) {
	t.Helper()
	var looks atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `[{"targets": [%q], "labels": {"__metrics_path__": "/probe", "__param_target": %q, "instance": %q}}]`,
			exporter, servers[looks.Add(1)%int64(len(servers))], pool)
	}))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// startLab starts the demo, an exporter whose module has expectations, and a
// Prometheus that scrapes both. It returns when every target was scraped often enough
// for rates and ranges.
func startLab(t *testing.T, prometheus string) *lab {
	t.Helper()
	dir := t.TempDir()
	exporter := filepath.Join(dir, "tls_exporter")
	if out, err := exec.Command("go", "build", "-o", exporter, "..").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	demo := freeAddress(t)
	start(t, exporter, "demo", "--lab.base-port=0", "--web.listen-address="+demo)
	await(t, "http://"+demo+"/-/ready")
	l := &lab{demo: "http://" + demo, prometheus: "http://" + freeAddress(t), endpoints: endpoints(t, demo)}
	rules, err := filepath.Abs("../prometheus/rules.yml")
	if err != nil {
		t.Fatal(err)
	}

	file, err := filepath.Abs("../prober/certfile/testdata/with-key.pem")
	if err != nil {
		t.Fatal(err)
	}
	l.endpoints["file"] = "file://" + file
	strict := freeAddress(t)
	start(t, exporter, "--web.listen-address="+strict, "--config.file="+write(t, dir, "targets.yml", fmt.Sprintf(`
modules: {default: {timeout: 1s, ip_protocol: ip4, expect: {min_version: TLS 1.2, issuer: Somebody Else}}}
probe_policy: {file_directories: [%q]}
targets: [{targets: [%q, %q, %q]}]
`, filepath.Dir(file), l.endpoints["healthy"], l.endpoints["silent"], l.endpoints["file"])))
	await(t, "http://"+strict+"/-/ready")

	start(t, prometheus, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+strings.TrimPrefix(l.prometheus, "http://"),
		"--config.file="+write(t, dir, "prometheus.yml", fmt.Sprintf(`
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%s]
scrape_configs:
  - job_name: tls
    http_sd_configs: [{url: http://%s/targets, refresh_interval: 5s}]
  - job_name: strict
    http_sd_configs: [{url: http://%s/targets, refresh_interval: 5s}]
  - job_name: pool
    http_sd_configs: [{url: http://%s/, refresh_interval: 3s}]
  - job_name: tls_exporter
    static_configs: [{targets: [%s, %s]}]
`, rules, demo, strict, startPool(t, demo, l.endpoints["healthy"], l.endpoints["expired"]), demo, strict)))
	await(t, l.prometheus+"/-/ready")
	l.await(t, "count(sum_over_time(up[5m]) >= 5)", len(l.endpoints)+2+1+2)
	l.await(t, `count(ALERTS{alertname="TLSCertificateExpired", alertstate="firing", endpoint="expired"})`, 1)
	l.await(t, `count(count_over_time(tls_certificate_info{job="pool", position="0"}[5m]))`, 2)
	return l
}

// endpoints returns the instances of the demo by endpoint, from its /targets.
func endpoints(t *testing.T, demo string) map[string]string {
	t.Helper()
	body, err := fetch("http://" + demo + "/targets")
	if err != nil {
		t.Fatal(err)
	}
	var groups []struct{ Labels map[string]string }
	if err := json.Unmarshal(body, &groups); err != nil {
		t.Fatal(err)
	}
	instances := make(map[string]string)
	for _, group := range groups {
		instances[group.Labels["endpoint"]] = group.Labels["instance"]
	}
	return instances
}

// await returns when the result of a query is the wanted number.
func (l *lab) await(t *testing.T, query string, want int) {
	t.Helper()
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if result := l.query(t, query); len(result) == 1 && result[0].Value[1] == strconv.Itoa(want) {
			return
		}
	}
	t.Fatalf("%s is %v, and does not become %d", query, l.query(t, query), want)
}

// start starts a program and stops it with SIGTERM at the end of the test, as a
// service manager does.
func start(t *testing.T, program string, args ...string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, program, args...)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 30 * time.Second
	log := new(bytes.Buffer)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		stop()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		command.Wait()
		if t.Failed() {
			t.Logf("output of %s %v:\n%s", program, args, log)
		}
	})
}

// await returns when an address answers with success.
func await(t *testing.T, address string) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if _, err = fetch(address); err == nil {
			return
		}
	}
	t.Fatal(err)
}

func fetch(address string) ([]byte, error) {
	client := http.Client{Timeout: time.Minute}
	response, err := client.Get(address)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", address, response.Status, body)
	}
	return body, err
}

// freeAddress returns an unused address. Its port is below the ephemeral ports of the
// system, which the endpoints of a demo may use, so it is still free when its program
// starts.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000)))
		if err == nil {
			defer listener.Close()
			return listener.Addr().String()
		}
	}
	t.Fatal("no free port")
	return ""
}

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
