package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"tls_exporter/prober/tlstest"
)

// demoBasePort is the default port of the first endpoint; the others use those after it.
// The README has an example with it.
const demoBasePort, maxPort = 11443, 65535

// demoPorts is how many ports the endpoints use.
func demoPorts() int { return len(tlstest.Scenarios()) + len(demoScenarios) }

// demo starts the endpoints of the lab, and serves with a configuration that lists
// them and probes each once, until ctx ends. It does not need the internet.
func demo(ctx context.Context, f demoFlags, logger *slog.Logger, out io.Writer) error {
	if err := f.validate(); err != nil {
		return err
	}
	lab, err := tlstest.New()
	if err != nil {
		return err
	}
	defer lab.Close()
	dir, err := os.MkdirTemp("", "tls_exporter-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	ports := &demoSequence{next: f.basePort}
	endpoints, err := startScenarios(lab, ports)
	if err != nil {
		return err
	}
	modules := map[string]demoModule{"default": {IPProtocol: "ip4"}}
	for _, s := range demoScenarios {
		address := ports.address()
		target, module, err := s.start(lab, address)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if file, is := strings.CutPrefix(target, fileScheme); is {
			target = fileScheme + filepath.Join(dir, file)
		} else if err := checkPort(target, address); err != nil {
			return err
		}
		modules[s.moduleName()] = module
		endpoints = append(endpoints, demoEndpoint{s.name, s.description, target, s.moduleName()})
	}
	config, err := writeDemoConfig(dir, lab, modules, endpoints)
	if err != nil {
		return err
	}
	return serve(ctx, config, f.serve(), logger, func(listening net.Addr) { introduce(out, config, listening.String(), endpoints) })
}

// demoSequence gives each endpoint its address, one port after the other. Port 0 is any
// free one, for all of them.
type demoSequence struct{ next int }

func (s *demoSequence) address() string {
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(s.next))
	if s.next != 0 {
		s.next++
	}
	return address
}

// checkPort returns an error if an endpoint did not get the port that it asked for: then
// that port is in use, and what the documentation says about it would be wrong.
func checkPort(endpoint, wanted string) error {
	_, port, err := net.SplitHostPort(wanted)
	if err != nil || port == "0" {
		return err
	}
	if _, after, ok := strings.Cut(endpoint, "://"); ok {
		endpoint = after
	}
	if _, got, err := net.SplitHostPort(endpoint); err == nil && got != port { // an endpoint behind a proxy has no port
		return fmt.Errorf("port %s is in use; choose others with --lab.base-port=PORT: the endpoints use %d ports from there on", port, demoPorts())
	}
	return nil
}

// demoEndpoint is one endpoint of the lab.
type demoEndpoint struct {
	name, description string
	target            string
	module            string // empty: default
}

func startScenarios(lab *tlstest.Lab, ports *demoSequence) ([]demoEndpoint, error) {
	var endpoints []demoEndpoint
	for _, scenario := range tlstest.Scenarios() {
		server, err := scenario.Make(lab)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", scenario.Name, err)
		}
		server.Address = ports.address()
		addr, err := lab.Start(server)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", scenario.Name, err)
		}
		if err := checkPort(addr, server.Address); err != nil {
			return nil, err
		}
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		target := "localhost:" + port
		if scenario.Scheme != "" {
			target = scenario.Scheme + "://" + target
		}
		endpoints = append(endpoints, demoEndpoint{scenario.Name, scenario.Description, target, ""})
	}
	return endpoints, nil
}

// writeDemoConfig writes the certificate of the lab's root and a targets.yml, and
// returns the path of the latter.
func writeDemoConfig(dir string, lab *tlstest.Lab, modules map[string]demoModule, endpoints []demoEndpoint) (string, error) {
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), lab.RootPEM(), 0o600); err != nil {
		return "", err
	}
	type entry struct {
		Targets []string          `yaml:"targets,flow"`
		Module  string            `yaml:"module,omitempty"`
		Labels  map[string]string `yaml:"labels,flow"`
	}
	config := struct {
		Modules map[string]demoModule `yaml:"modules"`
		Policy  map[string][]string   `yaml:"probe_policy"`
		Targets []entry               `yaml:"targets"`
	}{Modules: modules, Policy: map[string][]string{"file_directories": {dir}}}
	for name, module := range modules {
		for file, content := range module.files {
			if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
				return "", err
			}
		}
		module.Timeout, module.CAFile = "3s", "ca.pem"
		modules[name] = module
	}
	for _, e := range endpoints {
		config.Targets = append(config.Targets, entry{[]string{e.target}, e.module, map[string]string{"endpoint": e.name}})
	}
	content, err := yaml.Marshal(config)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "targets.yml")
	return path, os.WriteFile(path, content, 0o600)
}

// introduce prints the endpoints and how to look at them.
func introduce(out io.Writer, config, listen string, endpoints []demoEndpoint) {
	base := "http://" + listen
	faulty, last := endpoints[1], endpoints[len(endpoints)-1]
	fmt.Fprintf(out, "The lab has %d endpoints. Each has no fault except the one described:\n\n", len(endpoints))
	for _, e := range endpoints {
		fmt.Fprintf(out, "  %-29s %-33s %s\n", e.target, e.name, e.description)
	}
	fmt.Fprintf(out, `
Web pages:              %s/
An endpoint's metrics:  curl '%s/probe?target=%s&debug=true'
With another module:    curl '%s/probe?target=%s&module=%s&debug=true'
On the command line:    tls_exporter --config.file=%s probe %s
For Prometheus:         http_sd_configs: [{url: %s/targets}]

Press Ctrl-C to stop.

`, base, base, faulty.target, base, last.target, last.module, config, faulty.target, base)
}
