package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// bench is the four processes: this one and the other three.
type bench struct {
	plan     plan
	folder   string // of temporary files
	binary   string
	servers  *servers
	bare     *bare
	exporter *exporter
}

func newBench(ctx context.Context, p plan) (b *bench, err error) {
	b = &bench{plan: p, binary: p.binary}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if b.folder, err = os.MkdirTemp("", "tls_exporter-bench"); err != nil {
		return nil, err
	}
	if b.binary == "" {
		b.binary = filepath.Join(b.folder, "tls_exporter")
		if err := build(ctx, b.binary); err != nil {
			return nil, err
		}
	}
	if b.servers, err = startServers(); err != nil {
		return nil, err
	}
	if err := os.WriteFile(b.file("roots.pem"), []byte(b.servers.roots), 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(b.file("targets.yml"), fmt.Appendf(nil, modules, b.file("roots.pem"), b.servers.resolver), 0o600); err != nil {
		return nil, err
	}
	if b.bare, err = startBare(b.file("roots.pem")); err != nil {
		return nil, err
	}
	b.exporter, err = b.start(ctx)
	return b, err
}

func (b *bench) file(name string) string { return filepath.Join(b.folder, name) }

func (b *bench) close() {
	if b.exporter != nil {
		b.exporter.stop()
	}
	if b.bare != nil {
		b.bare.stop()
	}
	if b.servers != nil {
		b.servers.stop()
	}
	os.RemoveAll(b.folder)
}

// build builds the exporter as the Dockerfile does.
func build(ctx context.Context, binary string) error {
	command := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", binary, "tls_exporter")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	command.Stderr = os.Stderr
	return command.Run()
}

// exporter is a process of the exporter, and the client that scrapes it.
type exporter struct {
	process
	address string
	client  *http.Client
}

// start starts an exporter and returns when it listens.
func (b *bench) start(ctx context.Context) (*exporter, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	command := exec.Command(b.binary, "--web.listen-address="+address, "--config.file="+b.file("targets.yml"),
		"--log.level=error", "--web.enable-pprof", fmt.Sprintf("--probe.max-concurrent=%d", 2*b.plan.hanging+1000))
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		return nil, err
	}
	e := &exporter{process{command: command}, address, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: b.plan.hanging, DisableCompression: true}}}
	for ctx.Err() == nil {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return e, nil
		}
		time.Sleep(200 * time.Microsecond)
	}
	e.stop()
	return nil, ctx.Err()
}

func (e *exporter) stop() {
	e.client.CloseIdleConnections()
	e.process.stop()
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// scrapeHeader is the header of a scrape of Prometheus 3.
var scrapeHeader = http.Header{
	"Accept": {"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5," +
		"text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"},
	"Accept-Encoding":                     {"gzip"},
	"User-Agent":                          {"Prometheus/3.0.0"},
	"X-Prometheus-Scrape-Timeout-Seconds": {"60"},
}

// scrape scrapes the targets in turn, n times, beginning at from. A probe that fails is an
// error.
func (e *exporter) scrape(ctx context.Context, targets []netip.AddrPort, module string, from, n, workers int) error {
	return share(n, workers, func(i int) error {
		target := targets[(from+i)%len(targets)]
		page, err := e.get(ctx, "/probe?module="+module+"&target="+target.String())
		if err == nil && !bytes.Contains(page, []byte("\ntls_probe_success 1")) {
			err = fmt.Errorf("the probe of %s failed:\n%s", target, page)
		}
		return err
	})
}

// get returns the page at path, requested as Prometheus does.
func (e *exporter) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+e.address+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header = scrapeHeader
	return e.fetch(request)
}

func (e *exporter) fetch(request *http.Request) ([]byte, error) {
	response, err := e.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var body io.Reader = response.Body
	if response.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			return nil, err
		}
	}
	page, err := io.ReadAll(body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", request.URL, response.Status, page)
	}
	return page, err
}

// counter is a metric of the exporter itself.
func (e *exporter) counter(ctx context.Context, name string) (float64, error) {
	page, err := e.get(ctx, "/metrics")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(page)) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("/metrics has no %s", name)
}

// hang starts n probes of an endpoint that does not answer, and returns when all of them
// wait. Release ends them.
func (e *exporter) hang(ctx context.Context, silent netip.AddrPort, n int) (release func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	release = func() { cancel(); group.Wait() }
	for range n {
		group.Go(func() { e.get(ctx, "/probe?target="+silent.String()) })
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		waiting, err := e.counter(ctx, "tls_exporter_probes_in_flight")
		if err != nil {
			return release, err
		}
		if waiting == float64(n) {
			time.Sleep(settleTime)
			return release, nil
		}
	}
	return release, fmt.Errorf("not all of %d probes were in flight at once", n)
}

// settleTime is enough for all waiting probes to have sent their ClientHello.
const settleTime = 2 * time.Second
