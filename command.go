package main

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/promslog"
	promslogflag "github.com/prometheus/common/promslog/flag"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"tls_exporter/config"
	"tls_exporter/report"
	"tls_exporter/server"
)

// flags is the whole command line.
type flags struct {
	configFile string
	log        promslog.Config

	serve serveFlags
	once  onceFlags
	demo  serveFlags
	check struct{ file string }
}

type serveFlags struct {
	web           *web.FlagConfig
	maxConcurrent int
	lifecycle     bool
	pprof         bool
}

func (f *serveFlags) register(command *kingpin.CmdClause, listen string) {
	f.web = kingpinflag.AddFlags(command, listen)
	command.Flag("probe.max-concurrent", "Most probes in flight; one client, or one target, may use half of them. A probe needs 40 kB, so the default needs 40 MB. Against servers with the worst certificates the exporter takes at most 300 MB.").
		Default(strconv.Itoa(server.DefaultMaxConcurrent)).IntVar(&f.maxConcurrent)
	command.Flag("web.enable-lifecycle", "Let POST /-/reload reload the configuration. SIGHUP always does.").BoolVar(&f.lifecycle)
	command.Flag("web.enable-pprof", "Serve Go profiles under /debug/pprof/.").BoolVar(&f.pprof)
}

func (f *serveFlags) validate() error {
	if f.maxConcurrent < 1 {
		return usageError{fmt.Errorf("--probe.max-concurrent=%d: must be 1 or more", f.maxConcurrent)}
	}
	return nil
}

type onceFlags struct {
	targets    []string
	module     string
	serverName string
	address    string
	caFile     string
	timeout    time.Duration
	scan       bool
	json       bool
	format     string
	warning    float64
}

// commandLine has the commands and their flags, which it parses into f. The bool is true
// after Parse if --help or --version was answered.
func commandLine(f *flags, out io.Writer) (*kingpin.Application, *bool) {
	done := new(bool)
	app := kingpin.New("tls_exporter", "Reports to Prometheus, and to people, whether TLS endpoints work, and if not, why.")
	app.UsageWriter(out).ErrorWriter(out).Terminate(func(int) { *done = true })
	if version.Version == "" { // not set by the linker
		if build, ok := debug.ReadBuildInfo(); ok {
			version.Version = build.Main.Version
		}
	}
	app.Version(version.Print("tls_exporter"))
	app.HelpFlag.Short('h')
	app.Flag("config.file", "File with modules and targets (targets.yml). Without it there is only the default module.").StringVar(&f.configFile)
	promslogflag.AddFlags(app, &f.log)

	serve := app.Command("serve", "Serve /probe, /targets, /metrics and the web pages. This is the default command.").Default()
	f.serve.register(serve, ":10443")

	probe := app.Command("probe", "Probe targets once and print a report. Exit codes: 0 good, 1 warning, 2 bad, 3 unknown, 64 usage error.")
	probe.Arg("target", "[scheme://]host[:port]").Required().StringsVar(&f.once.targets)
	probe.Flag("module", "Module of the configuration file to use.").Default(config.DefaultModuleName).StringVar(&f.once.module)
	probe.Flag("server-name", "Name to send as SNI and to verify, instead of the target's host.").StringVar(&f.once.serverName)
	probe.Flag("address", "Connect to this IP or IP:port; the name stays.").StringVar(&f.once.address)
	probe.Flag("ca-file", "Trust the roots in this PEM file, instead of those of the system.").StringVar(&f.once.caFile)
	probe.Flag("timeout", "Timeout of a probe; default: that of the module, but at least a minute with --scan.").DurationVar(&f.once.timeout)
	probe.Flag("scan", "Also report what the server accepts: versions, cipher suites, groups, vulnerabilities. Opens about 100 connections.").BoolVar(&f.once.scan)
	probe.Flag("format", "Output format: text, json or prometheus.").Default("text").EnumVar(&f.once.format, "text", "json", "prometheus")
	probe.Flag("json", "The same as --format=json.").BoolVar(&f.once.json)
	probe.Flag("warning", fmt.Sprintf("Warn below this number of days; default: below %.0f %% of the lifetime.", 100*report.DefaultWarning)).PlaceHolder("DAYS").FloatVar(&f.once.warning)

	check := app.Command("check-config", "Check a configuration file. An error names the line.")
	check.Arg("file", "Configuration file, such as targets.yml.").Required().StringVar(&f.check.file)

	demo := app.Command("demo", "Start TLS endpoints on loopback, most of them with a fault, and an exporter that probes them.")
	f.demo.register(demo, "127.0.0.1:10443")
	return app, done
}

// exitStatus is the exit code of `probe`, for a shell or Nagios.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// exitUsage is EX_USAGE of sysexits.h. It is not a code of `probe`, so that a misspelt
// flag is not mistaken for a bad endpoint.
const exitUsage = 64

// usageError is a mistake on the command line.
type usageError struct{ error }

func isUsage(err error) bool {
	var usage usageError
	return errors.As(err, &usage)
}

// loadConfig reads the configuration file; an empty path is the default configuration.
func loadConfig(process *config.Loader, path string) (*config.Config, error) {
	if path == "" {
		return process.Default()
	}
	return process.Load(path)
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}
