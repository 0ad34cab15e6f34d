// Command tls_exporter tells Prometheus, and people, the truth about TLS
// endpoints.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/promslog"
	promslogflag "github.com/prometheus/common/promslog/flag"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"tls_exporter/config"
	"tls_exporter/server"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	var status exitStatus
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &status):
		os.Exit(int(status))
	case isUsage(err):
		fmt.Fprintf(os.Stderr, "tls_exporter: %v; tls_exporter --help tells more\n", err)
		os.Exit(exitUsage)
	}
	fmt.Fprintf(os.Stderr, "tls_exporter: %v\n", err)
	os.Exit(1)
}

// exitStatus is what `probe` tells a shell or Nagios beside what it prints.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// exitUsage is EX_USAGE of sysexits.h: not one of the codes of `probe`, so that
// a misspelt flag never looks like an ill endpoint.
const exitUsage = 64

// usageError is a mistake on the command line.
type usageError struct{ error }

func isUsage(err error) bool {
	var usage usageError
	return errors.As(err, &usage)
}

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
	command.Flag("probe.max-concurrent", "Probes that may run at once; one client, or one target, alone gets half. Each takes 40 kB, against a hostile server up to 1 MB: by default 40 MB, at worst 1 GB.").
		Default(strconv.Itoa(server.DefaultMaxConcurrent)).IntVar(&f.maxConcurrent)
	command.Flag("web.enable-lifecycle", "Let POST /-/reload read the configuration anew. SIGHUP always does.").BoolVar(&f.lifecycle)
	command.Flag("web.enable-pprof", "Serve Go's profiles under /debug/pprof/.").BoolVar(&f.pprof)
}

func (f *serveFlags) validate() error {
	if f.maxConcurrent < 1 {
		return usageError{fmt.Errorf("--probe.max-concurrent=%d: has to be 1 or more", f.maxConcurrent)}
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

// run is the whole program. It returns when ctx ends or the command is done.
func run(ctx context.Context, args []string, out, errOut io.Writer) error {
	var f flags
	app, done := commandLine(&f, out)
	command, err := app.Parse(args)
	if *done { // --help or --version has been answered
		return nil
	}
	if err != nil {
		return usageError{err}
	}
	f.log.Writer = errOut
	logger := promslog.New(&f.log)
	switch command {
	case "probe":
		return probeOnce(ctx, f.once, f.configFile, out, errOut)
	case "check-config":
		return checkConfig(f.check.file, out)
	case "demo":
		return demo(ctx, f.demo, logger, out)
	}
	return serve(ctx, f.configFile, f.serve, logger)
}

func commandLine(f *flags, out io.Writer) (*kingpin.Application, *bool) {
	done := new(bool)
	app := kingpin.New("tls_exporter", "Tells Prometheus, and people, the truth about TLS endpoints.")
	app.UsageWriter(out).ErrorWriter(out).Terminate(func(int) { *done = true })
	if version.Version == "" { // not set by the linker
		if build, ok := debug.ReadBuildInfo(); ok {
			version.Version = build.Main.Version
		}
	}
	app.Version(version.Print("tls_exporter"))
	app.HelpFlag.Short('h')
	app.Flag("config.file", "Modules and targets (targets.yml). Without one the default module alone is there.").StringVar(&f.configFile)
	promslogflag.AddFlags(app, &f.log)

	serve := app.Command("serve", "Answer /probe, /targets and /metrics. This is what happens without a command.").Default()
	f.serve.register(serve, ":10443")

	probe := app.Command("probe", "Probe targets once and tell a person. Exit codes: 0 good, 1 warning, 2 bad, 3 could not tell, 64 wrong usage.")
	probe.Arg("target", "[scheme://]host[:port]").Required().StringsVar(&f.once.targets)
	probe.Flag("module", "Module of the configuration file.").Default(config.DefaultModuleName).StringVar(&f.once.module)
	probe.Flag("server-name", "Send and verify this name instead of the target's host.").StringVar(&f.once.serverName)
	probe.Flag("address", "Dial this IP address, or IP:port; the name stays.").StringVar(&f.once.address)
	probe.Flag("ca-file", "Trust the roots in this PEM file instead of the system's.").StringVar(&f.once.caFile)
	probe.Flag("timeout", "Bound on a probe; default: the module's, and a minute for --scan.").DurationVar(&f.once.timeout)
	probe.Flag("scan", "Find out all that the server still takes: versions, ciphers, groups, old wounds. Some 100 connections.").BoolVar(&f.once.scan)
	probe.Flag("format", "text, json or prometheus.").Default("text").EnumVar(&f.once.format, "text", "json", "prometheus")
	probe.Flag("json", "Short for --format=json.").BoolVar(&f.once.json)
	probe.Flag("warning", "Warn below this many days; default: below a third of the lifetime.").PlaceHolder("DAYS").FloatVar(&f.once.warning)

	check := app.Command("check-config", "Say whether a configuration file is good, and if not, what is wrong where.")
	check.Arg("file", "The file, as in targets.yml.").Required().StringVar(&f.check.file)

	demo := app.Command("demo", "Start a lab of good and ill endpoints on loopback, and the exporter before them.")
	f.demo.register(demo, "127.0.0.1:10443")
	return app, done
}

// loadConfig reads the configuration of a process.
func loadConfig(process *config.Loader, path string) (*config.Config, error) {
	if path == "" {
		return process.Default()
	}
	return process.Load(path)
}

func checkConfig(path string, out io.Writer) error {
	config, err := new(config.Loader).Load(path)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s is good: %s, %s\n", path, count(len(config.Probers), "module"), count(len(config.Targets), "target"))
	return nil
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}
