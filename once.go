package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"tls_exporter/collector"
	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/prober/option"
	"tls_exporter/prober/target"
	"tls_exporter/report"
	"tls_exporter/report/json"
	"tls_exporter/report/part"
	"tls_exporter/report/text"
)

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

// register adds the arguments and flags of the command.
func (f *onceFlags) register(command *kingpin.CmdClause) {
	command.Arg("target", "[scheme://]host[:port]").Required().StringsVar(&f.targets)
	command.Flag("module", "Module of the configuration file to use.").Default(config.DefaultModuleName).StringVar(&f.module)
	command.Flag("server-name", "Name to send as SNI and to verify, instead of the target's host.").StringVar(&f.serverName)
	command.Flag("address", "Connect to this IP or IP:port; the name stays.").StringVar(&f.address)
	command.Flag("ca-file", "Trust the roots in this PEM file, instead of those of the system.").StringVar(&f.caFile)
	command.Flag("timeout", "Timeout of a probe; default: that of the module, but at least a minute with --scan.").DurationVar(&f.timeout)
	command.Flag("scan", "Also report what the server accepts: versions, cipher suites, groups, vulnerabilities. Opens about 100 connections.").BoolVar(&f.scan)
	command.Flag("format", "Output format: text, json or prometheus.").Default("text").EnumVar(&f.format, "text", "json", "prometheus")
	command.Flag("json", "The same as --format=json.").BoolVar(&f.json)
	command.Flag("warning", fmt.Sprintf("Warn below this number of days; default: below %.0f %% of the lifetime.", 100*report.DefaultWarning)).PlaceHolder("DAYS").FloatVar(&f.warning)
}

// maxParallel is the most targets of a command line that are probed at once.
const maxParallel = 16

// probeOnce probes every target, writes the results in the order of the arguments, and
// returns the worst status as an exitStatus.
func probeOnce(ctx context.Context, f onceFlags, configFile string, out, errOut io.Writer) error {
	process := new(config.Loader)
	defer process.Close()
	p, err := onceProber(process, f, configFile)
	if err != nil {
		return err
	}
	targets, err := onceTargets(f)
	if err != nil {
		return usageError{err}
	}
	results := probeAll(ctx, p, targets, errOut)
	if err := show(out, results, f); err != nil {
		return err
	}
	return verdict(results, f)
}

// scanTimeout is the default timeout of a scan, which opens hundreds of connections one
// after the other.
const scanTimeout = option.Duration(time.Minute)

// onceProber is the prober of the module, with the changes of the flags.
func onceProber(process *config.Loader, f onceFlags, configFile string) (*prober.Prober, error) {
	config, err := loadConfig(process, configFile)
	if err != nil {
		return nil, err
	}
	p := config.Probers[f.module]
	if p == nil {
		return nil, usageError{fmt.Errorf("there is no module %q; --config.file is the file with the modules", f.module)}
	}
	if f.caFile == "" && f.timeout == 0 && !f.scan {
		return p, nil
	}
	if f.timeout < 0 {
		return nil, usageError{fmt.Errorf("--timeout=%s: must be more than 0s", f.timeout)}
	}
	return p.With(func(m *prober.Module) {
		if f.caFile != "" {
			m.CAFile = f.caFile
		}
		if f.scan {
			m.Scan()
			m.Timeout = max(m.Timeout, scanTimeout)
		}
		if f.timeout != 0 {
			m.Timeout = option.Duration(f.timeout)
		}
	})
}

// onceTargets parses the targets, with the changes of the flags.
func onceTargets(f onceFlags) ([]target.Target, error) {
	targets := make([]target.Target, len(f.targets))
	for i, written := range f.targets {
		var err error
		if targets[i], err = target.Parse(written); err != nil {
			return nil, err
		}
		if f.serverName != "" {
			if targets[i].ServerName, err = target.ParseServerName(f.serverName); err != nil {
				return nil, fmt.Errorf("--server-name: %w", err)
			}
		}
		if f.address != "" {
			if targets[i], err = targets[i].At(f.address); err != nil {
				return nil, fmt.Errorf("--address: %w", err)
			}
		}
	}
	return targets, nil
}

// probeAll probes all targets and returns the results in the same order. On a terminal
// it shows the progress.
func probeAll(ctx context.Context, p *prober.Prober, targets []target.Target, errOut io.Writer) []*prober.Result {
	results := make([]*prober.Result, len(targets))
	progress := isTerminal(errOut) && len(targets) > 1
	var done atomic.Int32
	group := new(errgroup.Group)
	group.SetLimit(maxParallel)
	for i, target := range targets {
		group.Go(func() error {
			results[i] = p.Probe(ctx, target)
			if n := done.Add(1); progress {
				fmt.Fprintf(errOut, "\r%d of %d probed", n, len(targets))
			}
			return nil
		})
	}
	group.Wait() // there are no errors
	if progress {
		fmt.Fprint(errOut, "\r\x1b[K")
	}
	return results
}

func show(out io.Writer, results []*prober.Result, f onceFlags) error {
	switch {
	case f.json || f.format == "json":
		for _, r := range results {
			if err := json.Write(out, r, json.Options{Module: f.module, Limits: f.limits()}); err != nil {
				return err
			}
		}
		return nil
	case f.format == "prometheus":
		return collector.Text(out, results...)
	}
	for i, r := range results {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := text.Write(out, r, text.Options{Color: inColor(out), Limits: f.limits()}); err != nil {
			return err
		}
	}
	return nil
}

func (f *onceFlags) limits() report.Limits {
	return report.Limits{Warning: time.Duration(f.warning * 24 * float64(time.Hour))}
}

// verdict is the worst status as an error; nil: all are good.
func verdict(results []*prober.Result, f onceFlags) error {
	worst := part.Good
	for _, r := range results {
		worst = part.Worst(worst, report.Judge(r, f.limits()))
	}
	if worst == part.Good {
		return nil
	}
	return exitStatus(worst.ExitCode())
}

func inColor(w io.Writer) bool { return isTerminal(w) && os.Getenv("NO_COLOR") == "" }

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
