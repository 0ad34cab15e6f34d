package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	promslogflag "github.com/prometheus/common/promslog/flag"
	"github.com/prometheus/common/version"
	"github.com/prometheus/exporter-toolkit/web"
	"github.com/prometheus/exporter-toolkit/web/kingpinflag"

	"tls_exporter/config"
	"tls_exporter/server"
)

// flags is the whole command line.
type flags struct {
	configFile  string
	log         promslog.Config
	logLevelSet bool

	serve serveFlags
	once  onceFlags
	demo  demoFlags
	check struct{ file string }
}

type serveFlags struct {
	web           *web.FlagConfig
	maxConcurrent int
	onStart       bool
	lifecycle     bool
	autoReload    model.Duration // between two looks at the files; 0: none
	pprof         bool
	externalURL   string
	routePrefix   string
	metricsPath   string
}

func (f *serveFlags) register(command *kingpin.CmdClause) {
	f.web = kingpinflag.AddFlags(command, ":10443")
	command.Flag("web.external-url", "URL at which browsers and Prometheus reach the exporter through a reverse proxy, such as https://monitoring.example.com/tls.").
		PlaceHolder("URL").StringVar(&f.externalURL)
	command.Flag("web.route-prefix", "Prefix of every path of the exporter; default: the path of --web.external-url. Write / if the proxy removes the prefix.").
		PlaceHolder("PATH").StringVar(&f.routePrefix)
	command.Flag("web.telemetry-path", "Path of the exporter's own metrics.").Default(server.DefaultMetricsPath).StringVar(&f.metricsPath)
	command.Flag("probe.on-start", "Probe every configured target once at start, so that the web pages have results before the first scrape.").BoolVar(&f.onStart)
	command.Flag("probe.max-concurrent", "Most probes in flight; one client, or one target, may use half of them. A probe needs 40 kB, so the default needs 40 MB. Against servers with the worst certificates the exporter takes at most 300 MB.").
		Default(strconv.Itoa(server.DefaultMaxConcurrent)).IntVar(&f.maxConcurrent)
	command.Flag("web.enable-lifecycle", "Let POST /-/reload reload the configuration. SIGHUP always does.").BoolVar(&f.lifecycle)
	command.Flag("web.enable-pprof", "Serve Go profiles under /debug/pprof/.").BoolVar(&f.pprof)
}

// validate checks the flags that depend on nothing else, and returns how clients reach the
// exporter.
func (f *serveFlags) validate() (server.External, error) {
	if f.maxConcurrent < 1 {
		return server.External{}, usageError{fmt.Errorf("--probe.max-concurrent=%d: must be 1 or more", f.maxConcurrent)}
	}
	if err := checkAddresses(*f.web.WebListenAddresses); err != nil {
		return server.External{}, usageError{err}
	}
	external, err := server.NewExternal(f.externalURL, f.routePrefix)
	if err != nil {
		return external, usageError{err}
	}
	if err := web.Validate(*f.web.WebConfigFile); err != nil {
		return external, fmt.Errorf("--web.config.file: %w", err)
	}
	return external, nil
}

// checkAddresses returns an error for an address on which nothing can listen.
func checkAddresses(addresses []string) error {
	for _, address := range addresses {
		if strings.HasPrefix(address, "vsock://") {
			continue
		}
		_, port, err := net.SplitHostPort(address)
		if err == nil {
			_, err = net.LookupPort("tcp", port)
		}
		if err != nil {
			return fmt.Errorf("--web.listen-address=%s: write HOST:PORT or :PORT, as in :10443", address)
		}
	}
	return nil
}

// demoFlags are those of the demo, which has its own configuration.
type demoFlags struct {
	listen   []string
	basePort int
}

func (f *demoFlags) register(command *kingpin.CmdClause) {
	command.Flag("web.listen-address", "Address of the exporter's web pages and metrics. Repeatable.").Default("127.0.0.1:10443").StringsVar(&f.listen)
	command.Flag("lab.base-port", "Port of the first endpoint; the others use the ports after it. 0: any free ports.").Default(strconv.Itoa(demoBasePort)).IntVar(&f.basePort)
}

func (f *demoFlags) validate() error {
	if last := maxPort - demoPorts() + 1; f.basePort < 0 || f.basePort > last {
		return usageError{fmt.Errorf("--lab.base-port=%d: must be a port up to %d, or 0 for any free ports", f.basePort, last)}
	}
	return nil
}

// serve is the flags of serve for the demo.
func (f *demoFlags) serve() serveFlags {
	none, off := "", false
	return serveFlags{
		web:           &web.FlagConfig{WebListenAddresses: &f.listen, WebConfigFile: &none, WebSystemdSocket: &off},
		maxConcurrent: server.DefaultMaxConcurrent,
		onStart:       true,
	}
}

// commandLine has the commands and their flags, which it parses into f. The bool is true
// after Parse if --help or --version was answered.
func commandLine(f *flags, out io.Writer) (*kingpin.Application, *bool) {
	done := new(bool)
	app := kingpin.New("tls_exporter", "Reports to Prometheus, and to people, whether TLS endpoints work, and if not, why.")
	app.UsageWriter(out).ErrorWriter(out).Terminate(func(int) { *done = true })
	app.UsageTemplate(usageTemplate).UsageFuncs(usageFuncs).Action(refuseWithoutEffect)
	if version.Version == "" { // not set by the linker
		if build, ok := debug.ReadBuildInfo(); ok {
			version.Version = build.Main.Version
		}
	}
	app.Version(version.Print("tls_exporter"))
	app.HelpFlag.Short('h').Help("Show this help, or that of a command.")
	app.Flag("config.file", "File with modules and targets (targets.yml). Without it there is only the default module.").StringVar(&f.configFile)
	promslogflag.AddFlags(app, &f.log)
	app.GetFlag(promslogflag.LevelFlagName).IsSetByUser(&f.logLevelSet)

	serve := app.Command("serve", "Serve /probe, /targets, /metrics and the web pages. This is the default command.").Default()
	f.serve.register(serve)
	serve.Flag("config.auto-reload-interval", "How often to look whether the configuration or a file that it names has changed, and to reload it then, as in 30s. 0s: never.").
		Default("0s").SetValue(&f.serve.autoReload)

	f.once.register(app.Command("probe", "Probe targets once and print a report. Exit codes: 0 good, 1 warning, 2 bad, 3 unknown or not run, 64 usage error, 130 interrupted."))

	check := app.Command("check-config", "Check a configuration file. An error names the line.")
	check.Arg("file", "Configuration file, such as targets.yml.").Required().StringVar(&f.check.file)

	demo := app.Command("demo", "Start TLS endpoints on loopback, most of them with a fault, and an exporter that probes them. It logs warnings only, unless --log.level is given.")
	f.demo.register(demo)
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
