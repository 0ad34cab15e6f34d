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

// demoPort is where the lab's endpoints begin; one whose port is taken gets
// another.
const demoPort = 11443

// demo starts the lab and serves with a configuration that lists it, until ctx
// ends. Everything in it is reached without the internet.
func demo(ctx context.Context, f serveFlags, logger *slog.Logger, out io.Writer) error {
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

	endpoints, err := startIllnesses(lab)
	if err != nil {
		return err
	}
	modules := map[string]demoModule{"default": {IPProtocol: "ip4"}}
	for _, road := range roads {
		target, way, err := road.start(lab)
		if err != nil {
			return fmt.Errorf("%s: %w", road.name, err)
		}
		modules[road.by()] = way
		endpoints = append(endpoints, demoEndpoint{tlstest.Illness{Name: road.name, Says: road.says}, target, road.by()})
	}
	config, err := writeDemoConfig(dir, lab, modules, endpoints)
	if err != nil {
		return err
	}
	introduce(out, config, strings.Join(*f.web.WebListenAddresses, " "), endpoints)
	return serve(ctx, config, f, logger)
}

// demoEndpoint is one endpoint of the lab, as a target.
type demoEndpoint struct {
	tlstest.Illness
	target string
	module string // empty: default
}

// demoModule is what the demo's configuration says of a module.
type demoModule struct {
	Timeout       string `yaml:"timeout"`
	CAFile        string `yaml:"ca_file"`
	IPProtocol    string `yaml:"ip_protocol,omitempty"`
	Addresses     string `yaml:"addresses,omitempty"`
	Resolver      string `yaml:"resolver,omitempty"`
	ProxyURL      string `yaml:"proxy_url,omitempty"`
	ProxyProtocol string `yaml:"proxy_protocol,omitempty"`

	Versions        *demoCheck `yaml:"versions,omitempty"`
	Ciphers         *demoCheck `yaml:"ciphers,omitempty"`
	Policy          *demoCheck `yaml:"policy,omitempty"`
	Vulnerabilities *demoCheck `yaml:"vulnerabilities,omitempty"`
	Resumption      *demoCheck `yaml:"resumption,omitempty"`
}

// demoCheck is a check with its defaults.
type demoCheck struct{}

func startIllnesses(lab *tlstest.Lab) ([]demoEndpoint, error) {
	var endpoints []demoEndpoint
	for i, illness := range tlstest.Illnesses() {
		server, err := illness.Make(lab)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", illness.Name, err)
		}
		server.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(demoPort+i))
		addr, err := lab.Start(server)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", illness.Name, err)
		}
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		target := "localhost:" + port
		if illness.Scheme != "" {
			target = illness.Scheme + "://" + target
		}
		endpoints = append(endpoints, demoEndpoint{illness, target, ""})
	}
	return endpoints, nil
}

// writeDemoConfig writes what a user of this lab would have: its root's
// certificate and a targets.yml.
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
		Targets []entry               `yaml:"targets"`
	}{Modules: modules}
	for name, module := range modules {
		module.Timeout, module.CAFile = "3s", "ca.pem"
		modules[name] = module
	}
	for _, e := range endpoints {
		config.Targets = append(config.Targets, entry{[]string{e.target}, e.module, map[string]string{"endpoint": e.Name}})
	}
	content, err := yaml.Marshal(config)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "targets.yml")
	return path, os.WriteFile(path, content, 0o600)
}

func introduce(out io.Writer, config, listen string, endpoints []demoEndpoint) {
	base := "http://" + listen
	ill, far := endpoints[1], endpoints[len(endpoints)-1]
	fmt.Fprintf(out, "The lab has %d endpoints, each healthy but for one thing:\n\n", len(endpoints))
	for _, e := range endpoints {
		fmt.Fprintf(out, "  %-29s %-33s %s\n", e.target, e.Name, e.Says)
	}
	fmt.Fprintf(out, `
Look at it:      %s/
An ill one:      curl '%s/probe?target=%s&debug=true'
By its module:   curl '%s/probe?target=%s&module=%s&debug=true'
For a person:    tls_exporter --config.file=%s probe %s
For Prometheus:  http_sd_configs: [{url: %s/targets}]

Ctrl-C ends it.

`, base, base, ill.target, base, far.target, far.module, config, ill.target, base)
}
