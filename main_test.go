package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tls_exporter/config"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/legacy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The example in the repository is valid.
func TestExample(t *testing.T) {
	config, err := new(config.Loader).Load("targets.yml")
	if err != nil {
		t.Fatal(err)
	}
	if len(config.Targets) != 4 || config.Targets[3].Target.String() != "ldaps://[2001:db8::1]:636" {
		t.Errorf("targets are %v", config.Targets)
	}
}

// output is what a command writes, for a test that reads it meanwhile.
type output struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	return o.text.String()
}

// await waits until the output matches the pattern, and returns its groups.
func (o *output) await(t *testing.T, pattern string) []string {
	t.Helper()
	wanted := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if found := wanted.FindStringSubmatch(o.String()); found != nil {
			return found
		}
	}
	t.Fatalf("no output matches %s:\n%s", pattern, o)
	return nil
}

// running is a program that serves.
type running struct {
	url      string
	out, log *output
	stop     context.CancelFunc
	done     chan error
}

// start runs a command that serves, on a free port. The endpoints of a demo are on free
// ports too.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	if len(args) > 0 && args[0] == "demo" {
		args = append([]string{"demo", "--log.level=info", "--lab.base-port=0"}, args[1:]...)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &running{out: new(output), log: new(output), stop: cancel, done: make(chan error, 1)}
	go func() { s.done <- run(ctx, append(args, "--web.listen-address=127.0.0.1:0"), s.out, s.log) }()
	t.Cleanup(func() { cancel(); http.DefaultClient.CloseIdleConnections() })
	s.url = "http://" + s.log.await(t, `msg="?Listening on"? address=(\S+)`)[1]
	return s
}

func (s *running) end(t *testing.T) {
	t.Helper()
	s.stop()
	http.DefaultClient.CloseIdleConnections()
	if err := <-s.done; err != nil {
		t.Error(err)
	}
}

func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// targetsOf is the labels of every target that /targets lists.
func targetsOf(t *testing.T, s *running) []map[string]string {
	t.Helper()
	status, body := fetch(t, s.url+"/targets")
	var groups []struct{ Labels map[string]string }
	if err := json.Unmarshal([]byte(body), &groups); err != nil || status != 200 {
		t.Fatalf("%d %v: %s", status, err, body)
	}
	all := make([]map[string]string, len(groups))
	for i, group := range groups {
		all[i] = group.Labels
	}
	return all
}

func write(t *testing.T, file, content string) string {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func newLab(t *testing.T) (lab *tlstest.Lab, caFile string) {
	t.Helper()
	lab, err := tlstest.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(lab.Close)
	return lab, write(t, filepath.Join(t.TempDir(), "ca.pem"), string(lab.RootPEM()))
}

func endpoint(t *testing.T, lab *tlstest.Lab, s tlstest.Server) string {
	t.Helper()
	addr, err := lab.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func legacyEndpoint(t *testing.T, lab *tlstest.Lab, s legacy.Server) string {
	t.Helper()
	addr, err := legacy.Start(lab, s)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// fetchFound fetches the page of a probe whose checks have findings: a scan may take
// longer than a probe.
func fetchFound(t *testing.T, url string) string {
	t.Helper()
	for {
		if _, page := fetch(t, url); !strings.Contains(page, `,reason="pending"} 1`) {
			return page
		}
	}
}

// awaitProbed waits until the exporter has probed all its targets at start.
func (s *running) awaitProbed(t *testing.T) {
	t.Helper()
	s.log.await(t, "Probed all configured targets once")
}

// The demo probes every endpoint at start, so the list shows no endpoint without a result.
func TestDemoProbesAtStart(t *testing.T) {
	s := start(t, "demo")
	defer s.end(t)
	s.awaitProbed(t)
	_, page := fetch(t, s.url)
	if strings.Contains(page, "pending\">") || !strings.Contains(page, "<b>0</b> not probed yet") {
		t.Errorf("the list has endpoints without a result:\n%s", page)
	}
	if !strings.Contains(page, "Prometheus probes the targets when it scrapes them") || !strings.Contains(page, ">Probe all</button>") {
		t.Error("the list does not say who probes")
	}
}

// With --probe.on-start, and only with it, serve probes its targets at start. The page can
// ask for it too.
func TestProbeOnStart(t *testing.T) {
	lab, caFile := newLab(t)
	file := write(t, filepath.Join(t.TempDir(), "targets.yml"), fmt.Sprintf("modules: {default: {ca_file: %q}}\ntargets: [{targets: [%q]}]", caFile, endpoint(t, lab, tlstest.Server{})))
	s := start(t, "--config.file="+file, "--probe.on-start")
	s.awaitProbed(t)
	if _, page := fetch(t, s.url); !strings.Contains(page, "<b>1</b> good") {
		t.Errorf("after the start:\n%s", page)
	}
	s.end(t)

	s = start(t, "--config.file="+file)
	defer s.end(t)
	if _, page := fetch(t, s.url); !strings.Contains(page, "<b>1</b> not probed yet") {
		t.Errorf("before any probe:\n%s", page)
	}
	if status, _ := fetch(t, s.url+"/probe-all"); status != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", status)
	}
	response, err := http.Post(s.url+"/probe-all", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if at := response.Request.URL.Path; response.StatusCode != http.StatusOK || at != "/" {
		t.Errorf("%d at %s", response.StatusCode, at)
	}
	s.awaitProbed(t)
	if _, page := fetch(t, s.url); !strings.Contains(page, "<b>1</b> good") {
		t.Errorf("after the request:\n%s", page)
	}
}

// The endpoints use the ports from --lab.base-port on, or none: what the README says about
// the default ones is right, or the demo does not start.
func TestDemoPorts(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if example := fmt.Sprintf("/probe?target=localhost:%d&debug=true'", demoBasePort+1); !strings.Contains(string(readme), example) {
		t.Errorf("the README has no example with %s", example)
	}
	for range 20 { // another process may use one of the ports
		base := 20000 + mathrand.IntN(10000)
		ctx, cancel := context.WithCancel(context.Background())
		out := new(output)
		done := make(chan error, 1)
		go func() {
			done <- run(ctx, []string{"demo", "--web.listen-address=127.0.0.1:0", "--lab.base-port=" + strconv.Itoa(base)}, out, io.Discard)
		}()
		var failed error
		for failed == nil && !strings.Contains(out.String(), "Press Ctrl-C") {
			select {
			case failed = <-done:
			case <-time.After(5 * time.Millisecond):
			}
		}
		if failed == nil {
			for i, scenario := range tlstest.Scenarios() {
				if line := fmt.Sprintf("localhost:%d ", base+i); !strings.Contains(out.String(), line) {
					t.Errorf("%s is not at %s", scenario.Name, line)
				}
			}
			if last := fmt.Sprintf(":%d ", base+demoPorts()-1); !strings.Contains(out.String(), last) {
				t.Errorf("the last endpoint is not at %s:\n%s", last, out)
			}
			again := run(context.Background(), []string{"demo", "--web.listen-address=127.0.0.1:0", "--lab.base-port=" + strconv.Itoa(base-1)}, io.Discard, io.Discard)
			if want := fmt.Sprintf("port %d is in use; choose others with --lab.base-port=PORT: the endpoints use %d ports from there on", base, demoPorts()); again == nil || (again.Error() != want && !strings.Contains(again.Error(), fmt.Sprintf("port %d is in use", base-1))) || isUsage(again) {
				t.Errorf("the next demo says %v, want %s", again, want)
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			return
		}
		cancel()
		if !strings.Contains(failed.Error(), "is in use") {
			t.Fatal(failed)
		}
	}
	t.Error("no range of ports was free")
}

// All paths are below --web.route-prefix, and links of the pages lead there.
func TestWebPaths(t *testing.T) {
	s := start(t, "--web.route-prefix=/tls", "--web.telemetry-path=/own", "--web.enable-pprof")
	defer s.end(t)
	status, page := fetch(t, s.url) // follows the redirect
	links := regexp.MustCompile(`(?:href|src)="([^"#]+)"`).FindAllStringSubmatch(page, -1)
	if status != http.StatusOK || len(links) < 8 {
		t.Fatalf("%d with the links %q", status, links)
	}
	links = append(links, []string{"", "debug/pprof"}, []string{"", "debug/pprof/"}, []string{"", "inspect?target=127.0.0.1:1"})
	for _, link := range links {
		if status, _ := fetch(t, s.url+"/tls/"+link[1]); status != http.StatusOK {
			t.Errorf("%s: %d", link[1], status)
		}
	}
	if !strings.Contains(page, `href="own"`) {
		t.Error("the page has no link to the metrics")
	}
}

// The demo lists every endpoint, and every listed endpoint can be probed.
func TestDemo(t *testing.T) {
	s := start(t, "demo")
	targets := targetsOf(t, s)
	if want := len(tlstest.Scenarios()) + len(demoScenarios); len(targets) != want {
		t.Fatalf("%d targets, the lab has %d", len(targets), want)
	}
	for _, labels := range targets {
		if !strings.Contains(s.out.String(), labels["instance"]+" ") {
			t.Errorf("%s is not listed", labels["instance"])
		}
	}
	for i, want := range []string{"tls_probe_success 1", `tls_chain_problem{problem="expired"} 1`} {
		if _, page := fetch(t, s.url+"/probe?target="+targets[i]["__param_target"]); !strings.Contains(page, "\n"+want+"\n") {
			t.Errorf("%s is\n%s", targets[i]["endpoint"], page)
		}
	}
	for i, want := range []string{
		`tls_probe_failure_info{phase="verify",reason="stale_certificate"} 1`, "tls_probe_success 1", "tls_probe_success 1",
		`tls_version_supported{version="TLS 1.1"} 0`, `tls_version_supported{version="SSL 2.0"} 1`, `tls_version_supported{version="TLS 1.0"} 1`,
		`tls_probe_failure_info{phase="verify",reason="revoked"} 1`, "tls_caa_permits_issuer 0", `tls_ech_info{outcome="rejected_retry"} 1`,
	} {
		labels := targets[len(targets)-len(demoScenarios)+i]
		page := fetchFound(t, s.url+"/probe?target="+labels["__param_target"]+"&module="+labels["__param_module"])
		if !strings.Contains(page, "\n"+want+"\n") {
			t.Errorf("%s is\n%s", labels["endpoint"], page)
		}
	}
	file := targets[slices.IndexFunc(targets, func(labels map[string]string) bool { return labels["endpoint"] == "certificate-file" })]
	if page := fetchFound(t, s.url+"/probe?target="+file["__param_target"]+"&module="+file["__param_module"]); !strings.Contains(page, "\ntls_probe_success 1\n") || !strings.Contains(page, "\ntls_file_certificates 2\n") {
		t.Errorf("the file is\n%s", page)
	}
	for _, path := range []string{"/", "/inspect?target=localhost:1", "/metrics", "/-/healthy", "/-/ready"} {
		if status, body := fetch(t, s.url+path); status != 200 || body == "" {
			t.Errorf("%s: %d", path, status)
		}
	}
	if status, _ := fetch(t, s.url+"/nowhere"); status != 404 {
		t.Errorf("/nowhere: %d", status)
	}
	s.end(t)
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), "tls_exporter-demo-*", "targets.yml"))
	for _, file := range left {
		if strings.Contains(s.out.String(), file) {
			t.Errorf("%s is left behind", file)
		}
	}
}

func TestReload(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "targets.yml"), "targets: [{targets: [a.test]}]")
	s := start(t, "--config.file="+file, "--web.enable-lifecycle")
	defer s.end(t)

	write(t, file, "targets: [{targets: [b.test]}]")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.log.await(t, "Configuration reloaded")
	if _, body := fetch(t, s.url+"/targets"); !strings.Contains(body, "b.test") {
		t.Errorf("after SIGHUP the targets are %s", body)
	}

	write(t, file, "modules:\n  default:\n    timeuot: 3s\n")
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.log.await(t, `level=ERROR .*targets.yml:3: unknown key`)
	if _, body := fetch(t, s.url+"/targets"); !strings.Contains(body, "b.test") {
		t.Errorf("after a bad reload the targets are %s", body)
	}
	if _, body := fetch(t, s.url+"/metrics"); !strings.Contains(body, "\ntls_exporter_config_last_reload_successful 0\n") {
		t.Error("the metric does not show the failed reload")
	}

	write(t, file, "targets: [{targets: [c.test]}]")
	response, err := http.Post(s.url+"/-/reload", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if _, body := fetch(t, s.url+"/targets"); !strings.Contains(body, "c.test") {
		t.Errorf("after a POST the targets are %s", body)
	}
	if _, body := fetch(t, s.url+"/metrics"); !strings.Contains(body, "\ntls_exporter_config_last_reload_successful 1\n") {
		t.Error("the metric does not recover")
	}
}

// Reloading by request and profiles are off by default.
func TestOffByDefault(t *testing.T) {
	for _, test := range []struct {
		flags           []string
		reload, profile int
	}{
		{nil, http.StatusForbidden, http.StatusNotFound},
		{[]string{"--web.enable-lifecycle", "--web.enable-pprof"}, http.StatusOK, http.StatusOK},
	} {
		s := start(t, test.flags...)
		response, err := http.Post(s.url+"/-/reload", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != test.reload {
			t.Errorf("%v: reloading is answered with %d, want %d", test.flags, response.StatusCode, test.reload)
		}
		for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline"} {
			if status, _ := fetch(t, s.url+path); status != test.profile {
				t.Errorf("%v: %s is answered with %d, want %d", test.flags, path, status, test.profile)
			}
		}
		s.end(t)
	}
}

// No browser guesses the type of an answer, whoever writes it and whatever its status.
func TestNosniff(t *testing.T) {
	web := write(t, filepath.Join(t.TempDir(), "web.yml"), "basic_auth_users: {alice: $2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi}\n")
	for _, test := range []struct {
		flags    []string
		requests map[string]int // to their statuses
	}{
		{[]string{"--web.enable-lifecycle", "--web.enable-pprof"}, map[string]int{
			"GET /": 200, "GET /inspect?target=127.0.0.1:1": 200, "GET /inspect": 400, "GET /static/none": 404, "GET /certificates.pem?target=127.0.0.1:1": 404,
			"GET /probe?target=127.0.0.1:1": 200, "GET /probe?target=127.0.0.1:1&debug=true": 200, "GET /probe": 400, "GET /probe?target=169.254.169.254": 403,
			"GET /targets": 200, "GET /metrics": 200, "GET /-/healthy": 200, "GET /-/ready": 200, "POST /-/reload": 200, "GET /-/reload": 405,
			"GET /none": 404, "DELETE /metrics": 405, "GET //probe": 307, "HEAD /metrics": 200, "GET /debug/pprof/": 200, "GET /debug/pprof/none": 404,
		}},
		{nil, map[string]int{"POST /-/reload": 403}},
		{[]string{"--web.config.file=" + web}, map[string]int{"GET /": 401}}, // of exporter-toolkit
	} {
		s := start(t, test.flags...)
		if test.requests["GET /"] == http.StatusOK {
			_, page := fetch(t, s.url)
			test.requests["GET /"+regexp.MustCompile(`static/style[^"]*`).FindString(page)] = http.StatusOK
		}
		for request, status := range test.requests {
			method, path, _ := strings.Cut(request, " ")
			r, err := http.NewRequest(method, s.url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
			if response.StatusCode != status || response.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("%s: %s %v", request, response.Status, response.Header)
			}
		}
		s.end(t)
	}
}

// The exporter does not probe its own listening address, even if the system chose the
// port.
func TestOwnAddressIsDenied(t *testing.T) {
	s := start(t)
	address := strings.TrimPrefix(s.url, "http://")
	if status, body := fetch(t, s.url+"/probe?target="+address); status != http.StatusForbidden || !strings.Contains(body, "the exporter itself") {
		t.Errorf("%d %s", status, body)
	}
	_, port, _ := net.SplitHostPort(address)
	if _, body := fetch(t, s.url+"/probe?target=localhost:"+port); !strings.Contains(body, `tls_probe_failure_info{phase="connect",reason="`) || strings.Contains(body, "tls_tcp_connected 1") {
		t.Errorf("by name: %s", body)
	}
	s.end(t)
}

// Passwords, and the paths and contents of private keys, are on no page and in no log,
// whatever fails.
func TestSecrets(t *testing.T) {
	lab, caFile := newLab(t)
	dir := t.TempDir()
	cert, key := serverCertificate(t, lab)
	certFile, keyFile := write(t, filepath.Join(dir, "cert.pem"), cert), write(t, filepath.Join(dir, "private-place.pem"), key)
	refusing := endpoint(t, lab, tlstest.Server{Accept: tlstest.HTTPProxy{Hosts: map[string]string{}, User: "somebody-else", Password: "other"}.Serve})
	good := endpoint(t, lab, tlstest.Server{})
	content := func(keyFile, proxy string) string {
		return fmt.Sprintf("modules:\n  default: {ca_file: %q, client_certificate: {cert_file: %q, key_file: %q}}\n  far: {proxy_url: %q}\n  filed: {proxy_url_file: private-place-url}\ntargets: [{targets: [%q]}, {targets: [far.test], module: far}, {targets: [filed.test], module: filed}]\n",
			caFile, certFile, keyFile, proxy, good)
	}
	proxy := "http://al1ce:${PROXY_PASSWORD}@" + refusing
	t.Setenv("PROXY_PASSWORD", "s3cr3t")
	proxyFile := write(t, filepath.Join(dir, "private-place-url"), "http://al1ce:s3cr3t@"+refusing+"\n")
	file := write(t, filepath.Join(dir, "targets.yml"), content(keyFile, proxy))
	s := start(t, "--config.file="+file, "--web.enable-lifecycle", "--log.level=debug")
	var written strings.Builder
	for _, path := range []string{"/probe?debug=true&target=" + good, "/probe?debug=true&target=far.test&module=far", "/inspect?target=" + good,
		"/inspect?target=far.test&module=far", "/inspect?target=filed.test&module=filed", "/probe?target=filed.test&module=filed&debug=true", "/", "/targets", "/metrics", "/probe?target=far.test&module=none"} {
		_, body := fetch(t, s.url+path)
		written.WriteString(body)
	}
	if !strings.Contains(written.String(), "&lt;secret&gt;@"+refusing) || strings.Count(written.String(), `reason="proxy_refused"`) < 2 {
		t.Errorf("the proxy does not refuse both:\n%s", written.String())
	}
	reload := func() {
		response, err := http.Post(s.url+"/-/reload", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != http.StatusInternalServerError {
			t.Errorf("a bad file: %d", response.StatusCode)
		}
		written.Write(body)
	}
	for _, bad := range []string{content(filepath.Join(dir, "private-place-2.pem"), proxy), content(certFile, proxy), content(dir+"/private-place.pem/x", proxy), content(keyFile, proxy+"/s3cr3t"), content(keyFile, proxy+":x"), content(keyFile, "http://al1ce:s3cr3t${NOT_SET_ANYWHERE}@h"), content(keyFile, "http://al1ce:s3cr3t$@h")} {
		write(t, file, bad)
		reload()
	}
	write(t, file, content(keyFile, proxy))
	write(t, proxyFile, "http://al1ce:s3cr3t@"+refusing+"/s3cr3t")
	reload()
	if err := os.Remove(proxyFile); err != nil {
		t.Fatal(err)
	}
	reload()
	s.end(t)
	written.WriteString(s.log.String() + s.out.String())
	for _, secret := range []string{"s3cr3t", "al1ce", "private-place", "PRIVATE KEY"} {
		if at := strings.Index(written.String(), secret); at >= 0 {
			t.Errorf("%s is written: ...%.200s", secret, written.String()[max(0, at-100):])
		}
	}
	if !strings.Contains(written.String(), "key_file: no such file") {
		t.Error("the error of the key file is missing")
	}
}

// A probe that is in flight at the signal to stop is still answered.
func TestShutdown(t *testing.T) {
	lab, caFile := newLab(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	slow := endpoint(t, lab, tlstest.Server{Config: func(c *tls.Config) {
		c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
			close(arrived)
			<-release
			return nil, nil
		}
	}})
	file := write(t, filepath.Join(t.TempDir(), "targets.yml"), fmt.Sprintf("modules: {default: {ca_file: %q, timeout: 30s}}", caFile))
	s := start(t, "--config.file="+file)
	answer := make(chan string, 1)
	go func() {
		response, err := http.Get(s.url + "/probe?target=" + slow)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		answer <- string(body)
	}()
	<-arrived
	s.stop()
	s.log.await(t, "Stopping")
	close(release)
	if body := <-answer; !strings.Contains(body, "\ntls_probe_success 1\n") {
		t.Errorf("the answer is %s", body)
	}
	s.end(t)
}

// --web.config.file sets up TLS and basic authentication of the exporter's own port.
func TestWebConfig(t *testing.T) {
	dir := t.TempDir()
	lab, _ := newLab(t)
	cert, key := serverCertificate(t, lab)
	write(t, filepath.Join(dir, "cert.pem"), cert)
	write(t, filepath.Join(dir, "key.pem"), key)
	// bcrypt of "secret"
	config := write(t, filepath.Join(dir, "web.yml"), `
tls_server_config: {cert_file: cert.pem, key_file: key.pem}
basic_auth_users: {alice: $2a$04$08wQkcoxOV.UAbKzuk0jHuu4lD5xDmm33T0MXDli5LpUyalZc/3jK}
`)
	s := start(t, "--web.config.file="+config)
	defer s.end(t)
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}
	client := &http.Client{Transport: transport}
	url := strings.Replace(s.url, "http://", "https://", 1) + "/targets"
	for password, want := range map[string]int{"": http.StatusUnauthorized, "guess": http.StatusUnauthorized, "secret": http.StatusOK} {
		request, err := http.NewRequest("GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if password != "" {
			request.SetBasicAuth("alice", password)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("with the password %q: %d, want %d", password, response.StatusCode, want)
		}
	}
}

// --web.config.file can require client certificates.
func TestWebConfigClientCertificates(t *testing.T) {
	dir := t.TempDir()
	lab, caFile := newLab(t)
	cert, key := serverCertificate(t, lab)
	write(t, filepath.Join(dir, "cert.pem"), cert+string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: lab.Intermediate.Certificate.Raw})))
	write(t, filepath.Join(dir, "key.pem"), key)
	config := write(t, filepath.Join(dir, "web.yml"), fmt.Sprintf(`
tls_server_config: {cert_file: cert.pem, key_file: key.pem, client_auth_type: RequireAndVerifyClientCert, client_ca_file: %q}
`, caFile))
	s := start(t, "--web.config.file="+config)
	defer s.end(t)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	url := strings.Replace(s.url, "http://", "https://", 1) + "/targets"
	for _, presented := range [][]tls.Certificate{nil, {pair}} {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, Certificates: presented}}}
		response, err := client.Get(url)
		if err == nil {
			response.Body.Close()
		}
		if accepted := err == nil && response.StatusCode == http.StatusOK; accepted != (presented != nil) {
			t.Errorf("with %d certificates: %v", len(presented), err)
		}
	}
}

// serverCertificate is a certificate for localhost and its key, in PEM.
func serverCertificate(t *testing.T, lab *tlstest.Lab) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	issued, err := lab.Intermediate.Issue(&x509.Certificate{
		DNSNames: []string{"localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, private)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issued.Raw})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestProbeCommand(t *testing.T) {
	lab, caFile := newLab(t)
	healthy, expired := endpoint(t, lab, tlstest.Server{}), endpoint(t, lab, scenario(t, lab, "expired"))
	expiring := endpoint(t, lab, scenario(t, lab, "short-lived-quarter-left"))
	mail, plain := endpoint(t, lab, scenario(t, lab, "smtp")), endpoint(t, lab, scenario(t, lab, "smtp-not-offered"))
	elsewhere := write(t, filepath.Join(t.TempDir(), "targets.yml"), "modules: {default: {source_address: 192.0.2.1}}") // not of this machine
	bleeding := legacyEndpoint(t, lab, legacy.Server{Heartbeat: legacy.HeartbeatVulnerable})
	sweet32 := legacyEndpoint(t, lab, legacy.Server{Suites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA}})
	for _, test := range []struct {
		name   string
		args   []string
		status int
		says   string
	}{
		{"good", []string{healthy}, 0, "GOOD    https://" + healthy},
		{"bad", []string{expired}, 2, "BAD     https://" + expired + "  expired: the leaf expired on"},
		{"less than a third left", []string{expiring}, 1, "but expires_soon\n"},
		{"less than --warning days", []string{"--warning=90", healthy}, 1, "but expires_soon\n"},
		{"less than --warning days, as JSON", []string{"--warning=90", "--json", healthy}, 1, "\n      \"reason\": \"expires_soon\",\n      \"status\": \"warning\",\n"},
		{"gives secrets away", []string{"--scan", bleeding}, 2, "BAD     https://" + bleeding + "  vulnerable to heartbleed; "},
		{"vulnerable to attackers in between", []string{"--scan", sweet32}, 1, "sweet32"},
		{"more than --warning days", []string{"--warning=1", expiring}, 0, "GOOD"},
		{"unknown", []string{"169.254.169.254"}, 3, "denied"},
		{"unknown for lack of local resources", []string{"--config.file=" + elsewhere, healthy}, 3, "UNKNOWN https://" + healthy + "  local_resources in connect"},
		{"good after STARTTLS", []string{"smtp://" + mail}, 0, "\n    starttls "},
		{"bad before TLS", []string{"smtp://" + plain}, 2, "x  starttls_not_offered: the answer to EHLO tls-exporter.invalid does not\n       list STARTTLS"},
		{"the worst of several", []string{healthy, expired, expiring}, 2, "GOOD"},
		{"by another name", []string{"--server-name=other.test", healthy}, 2, "name_mismatch"},
		{"at another address", []string{"--address=" + healthy, "localhost:1"}, 0, "GOOD"},
		{"as metrics", []string{"--format=prometheus", expired}, 2, "\ntls_chain_problem{problem=\"expired\"} 1\n"},
		{"as JSON", []string{"--json", expired}, 2, `"reason": "expired"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			err := run(context.Background(), append([]string{"probe", "--ca-file=" + caFile}, test.args...), &out, &errOut)
			var status exitStatus
			if err != nil && !errors.As(err, &status) {
				t.Fatal(err)
			}
			if int(status) != test.status || !strings.Contains(out.String(), test.says) {
				t.Errorf("exit status %d, want %d and %q:\n%s", status, test.status, test.says, &out)
			}
			if strings.Contains(out.String(), "\x1b") || errOut.Len() > 0 {
				t.Errorf("colours or a progress line without a terminal: %q %q", &out, &errOut)
			}
		})
	}
}

func scenario(t *testing.T, lab *tlstest.Lab, name string) tlstest.Server {
	t.Helper()
	for _, i := range tlstest.Scenarios() {
		if i.Name == name {
			server, err := i.Make(lab)
			if err != nil {
				t.Fatal(err)
			}
			return server
		}
	}
	t.Fatalf("the lab has no %s", name)
	return tlstest.Server{}
}

func TestMistakes(t *testing.T) {
	bad := write(t, filepath.Join(t.TempDir(), "bad.yml"), "modules:\n  default:\n    timeout: 5 minutes\n")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, test := range []struct {
		name  string
		args  []string
		usage bool
		says  string
	}{
		{"an unknown flag", []string{"--nonsense"}, true, "there is no flag --nonsense; see tls_exporter --help"},
		{"an unknown flag of a command", []string{"probe", "--nonsense", "a.test"}, true, "probe has no flag --nonsense; see tls_exporter probe --help"},
		{"an unknown short flag", []string{"-x"}, true, "there is no flag -x;"},
		{"a misspelt flag", []string{"probe", "--scna", "a.test"}, true, "probe has no flag --scna (did you mean --scan?); see tls_exporter probe --help"},
		{"a misspelt flag of another command", []string{"--scna", "a.test"}, true, "there is no flag --scna (did you mean tls_exporter probe --scan?); see tls_exporter --help"},
		{"a misspelt flag of the default command", []string{"--web.listen-adress=:1"}, true, "there is no flag --web.listen-adress (did you mean --web.listen-address?);"},
		{"a flag with one dash", []string{"probe", "-timeout=5s", "a.test"}, true, "probe has no flag -timeout (did you mean --timeout?)"},
		{"a flag of another command", []string{"--scan", "a.test"}, true, "--scan is a flag of probe: write tls_exporter probe --scan;"},
		{"a flag without effect", []string{"demo", "--config.file=targets.yml"}, true, "--config.file has no effect on demo: leave it out; see tls_exporter demo --help"},
		{"a flag without effect, before the command", []string{"--log.level=debug", "probe", "a.test"}, true, "--log.level has no effect on probe"},
		{"a flag without a value", []string{"probe", "a.test", "--timeout"}, true, "--timeout needs a value: --timeout="},
		{"a switch with a value", []string{"probe", "--scan=true", "a.test"}, true, "--scan=true: takes no value; write --scan, or --no-scan;"},
		{"a switch with a value, negated", []string{"--no-web.enable-pprof=x"}, true, "--no-web.enable-pprof=x: takes no value;"},
		{"a flag twice", []string{"probe", "--timeout=1s", "--timeout=2s", "a.test"}, true, "--timeout is given more than once;"},
		{"no unit", []string{"probe", "--timeout=5", "a.test"}, true, "--timeout=5: must be a number with a unit, such as 5s or 1m30s;"},
		{"no choice", []string{"probe", "--format=xml", "a.test"}, true, "--format=xml: must be one of text, json, ndjson, prometheus, nagios"},
		{"no whole number", []string{"--probe.max-concurrent=ten"}, true, "--probe.max-concurrent=ten: must be a whole number;"},
		{"no log level", []string{"--log.level=loud"}, true, "--log.level=loud: must be one of debug, info, warn, error;"},
		{"no log format", []string{"--log.format=xml"}, true, "--log.format=xml: must be one of logfmt, json;"},
		{"a value that is not printable", []string{"--log.format=\x1b[31m"}, true, "--log.format=\ufffd[31m: must be"},
		{"an unknown command", []string{"nothing"}, true, `there is no command "nothing"; there are help, serve, probe, check-config, demo; see tls_exporter --help`},
		{"a misspelt command", []string{"prob", "a.test"}, true, `there is no command "prob" (did you mean probe?); see tls_exporter --help`},
		{"half a command", []string{"check", "targets.yml"}, true, "(did you mean check-config?)"},
		{"a host without a command", []string{"example.com"}, true, `there is no command "example.com" (did you mean tls_exporter probe example.com?)`},
		{"a file without a flag", []string{"targets.yml"}, true, `there is no command "targets.yml" (did you mean --config.file=targets.yml?)`},
		{"an argument too many", []string{"serve", "targets.yml"}, true, `serve takes no argument like "targets.yml"; see tls_exporter serve --help`},
		{"no target", []string{"probe"}, true, "there is no target; name one, as in probe example.com"},
		{"no file", []string{"check-config"}, true, "check-config needs an argument: tls_exporter check-config <file>;"},
		{"a bad target", []string{"probe", "http://example.com"}, true, "http is not TLS"},
		{"a scheme that cannot be probed", []string{"probe", "quic://example.com"}, true, "which this version cannot probe"},
		{"an unknown module", []string{"probe", "--module=x", "example.com"}, true, `no module "x"`},
		{"a bad timeout", []string{"probe", "--timeout=-1s", "example.com"}, true, "--timeout=-1s: must be more than 0s"},
		{"a bad address", []string{"probe", "--address=x", "example.com"}, true, "--address"},
		{"no such CA file", []string{"probe", "--ca-file=none.pem", "example.com"}, false, "none.pem"},
		{"a bad file to check", []string{"check-config", bad}, false, "bad.yml:3: modules.default.timeout: \"5 minutes\" is not a duration"},
		{"no file to check", []string{"check-config", "none.yml"}, false, "none.yml: no such file"},
		{"a bad file at start", []string{"--config.file=" + bad}, false, "bad.yml:3:"},
		{"a reload without a file", []string{"--config.auto-reload-interval=30s"}, true, "--config.auto-reload-interval=30s: without --config.file there is nothing to reload"},
		{"a reload all the time", []string{"--config.file=targets.yml", "--config.auto-reload-interval=1ms"}, true, "--config.auto-reload-interval=1ms: must be 1s or more"},
		{"no room for a probe", []string{"--probe.max-concurrent=0"}, true, "--probe.max-concurrent=0: must be 1 or more"},
		{"a port that is taken", []string{"serve", "--web.listen-address=" + taken.Addr().String()}, false, "address already in use; choose another port with --web.listen-address=HOST:PORT"},
		{"a port that is taken, for the demo", []string{"demo", "--lab.base-port=0", "--web.listen-address=" + taken.Addr().String()}, false, "address already in use; choose another port with --web.listen-address=HOST:PORT"},
		{"a second port that is taken", []string{"--web.listen-address=127.0.0.1:0", "--web.listen-address=" + taken.Addr().String()}, false, "address already in use; choose"},
		{"no port", []string{"--web.listen-address=10443"}, true, "--web.listen-address=10443: write HOST:PORT or :PORT, as in :10443;"},
		{"a port too high", []string{"--web.listen-address=:65536"}, true, "--web.listen-address=:65536: write HOST:PORT"},
		{"no web configuration", []string{"--web.config.file=none.yml"}, false, "--web.config.file: open none.yml"},
		{"a bad external URL", []string{"--web.external-url=/tls"}, true, "--web.external-url=/tls: write the URL"},
		{"a bad prefix", []string{"--web.route-prefix=/{x}"}, true, "--web.route-prefix=/{x}: must be a path"},
		{"a bad path of metrics", []string{"--web.telemetry-path=/probe"}, true, "--web.telemetry-path=/probe: something else is there"},
		{"a base port too high", []string{"demo", "--lab.base-port=65535"}, true, fmt.Sprintf("--lab.base-port=65535: must be a port up to %d, or 0", 65536-demoPorts())},
		{"a negative base port", []string{"demo", "--lab.base-port=-1"}, true, "--lab.base-port=-1: must be a port"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			err := run(context.Background(), test.args, &out, &errOut)
			if err == nil || !strings.Contains(err.Error(), test.says) || isUsage(err) != test.usage {
				t.Errorf("error is %v (usage: %v), want one that says %s", err, isUsage(err), test.says)
			}
			if err != nil && (strings.Contains(err.Error(), "\n") || out.Len() > 0 || errOut.Len() > 0) {
				t.Errorf("there is more than the error: %q %q", &out, &errOut)
			}
		})
	}
}

func TestCheckConfig(t *testing.T) {
	var out bytes.Buffer
	if err := run(context.Background(), []string{"check-config", "targets.yml"}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if out.String() != "targets.yml is good: 7 modules, 4 targets\n" {
		t.Errorf("it says %q", &out)
	}
	out.Reset()
	file := write(t, filepath.Join(t.TempDir(), "targets.yml"), "target_files: [teams/*.yml]")
	if err := run(context.Background(), []string{"check-config", file}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("warning: %[1]s:1: target_files: \"teams/*.yml\" matches no file\n%[1]s is good: 1 module, 0 targets\n", file); out.String() != want {
		t.Errorf("it says %q, want %q", &out, want)
	}
}

func TestVersionAndHelp(t *testing.T) {
	for _, test := range []struct {
		args      string
		says, not []string
	}{
		{"--version", []string{"tls_exporter, version"}, nil},
		{"-h", []string{"usage: tls_exporter [<command>] [<flags>]", "  check-config  Check", "\nFlags of serve, the default command:\n", "--config.file=", "--log.level=", "--web.listen-address=", "--probe.max-concurrent=", "]version "}, []string{"--scan", "--lab"}},
		{"serve --help", []string{"usage: tls_exporter serve [<flags>]\n", "\nFlags:\n", "--config.file=", "--log.level=", "--web.external-url=URL", "probe.on-start "}, []string{"--scan", "Commands:"}},
		{"probe --help", []string{"usage: tls_exporter probe [<flags>]", "<target>...", "--config.file=", "--scan", "\nArguments:\n"}, []string{"--log", "--web"}},
		{"help demo", []string{"usage: tls_exporter demo [<flags>]\n", "--lab.base-port=11443", "--web.listen-address=127.0.0.1:10443", "--log.level="}, []string{"--config.file", "--web.enable-lifecycle"}},
		{"check-config --help", []string{"usage: tls_exporter check-config [<flags>] <file>\n"}, []string{"--config.file", "--log", "--web"}},
	} {
		var out, errOut bytes.Buffer
		if err := run(context.Background(), strings.Fields(test.args), &out, &errOut); err != nil || errOut.Len() > 0 {
			t.Errorf("%s: %v, %s", test.args, err, &errOut)
		}
		for _, words := range test.says {
			if !strings.Contains(out.String(), words) {
				t.Errorf("%s does not say %q:\n%s", test.args, words, &out)
			}
		}
		for _, words := range test.not {
			if strings.Contains(out.String(), words) {
				t.Errorf("%s says %q:\n%s", test.args, words, &out)
			}
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"serve", "probe", "check-config", "demo", "probe.on-start"}
	for written, want := range map[string]string{
		"prob": "probe", "porbe": "probe", "probes": "probe", "prove": "probe", "server": "serve", "dmeo": "demo", "check_config": "check-config", "chekc-confg": "check-config",
		"chec": "check-config", "probe.on": "probe.on-start", "pro": "", "d": "demo", "x": "", "": "", "nothing": "",
	} {
		if got := nearest(written, words); got != want {
			t.Errorf("%q is near %q, want %q", written, got, want)
		}
	}
}
