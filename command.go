package main

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strconv"

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
	autoReload    model.Duration // between two looks at the files; 0: none
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
	serve.Flag("config.auto-reload-interval", "How often to look whether the configuration or a file that it names has changed, and to reload it then, as in 30s. 0s: never.").
		Default("0s").SetValue(&f.serve.autoReload)

	f.once.register(app.Command("probe", "Probe targets once and print a report. Exit codes: 0 good, 1 warning, 2 bad, 3 unknown or not run, 64 usage error, 130 interrupted."))

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
