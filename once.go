package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"golang.org/x/sync/errgroup"

	"tls_exporter/collector"
	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/report"
	"tls_exporter/report/json"
	"tls_exporter/report/nagios"
	"tls_exporter/report/part"
	"tls_exporter/report/text"
)

type onceFlags struct {
	targets     []string
	targetFiles []string
	all         bool
	stdin       io.Reader

	module     string
	moduleSet  bool
	serverName string
	address    string
	caFile     string
	timeout    time.Duration
	timeoutSet bool
	scan       bool

	json     bool
	format   string
	warning  days
	critical days
}

// register adds the arguments and flags of the command.
func (f *onceFlags) register(command *kingpin.CmdClause) {
	f.stdin = os.Stdin
	command.Arg("target", "[scheme://]host[:port], or - for a list on the standard input. A configured target is probed with its module.").StringsVar(&f.targets)
	command.Flag("targets-file", "File with a target on each line; # begins a comment, and the file - is the standard input. Repeatable.").PlaceHolder("FILE").StringsVar(&f.targetFiles)
	command.Flag("all", "Probe the targets of --config.file, each with its module.").BoolVar(&f.all)
	command.Flag("module", "Module of the configuration file to use for all targets.").Default(config.DefaultModuleName).IsSetByUser(&f.moduleSet).StringVar(&f.module)
	command.Flag("server-name", "Name to send as SNI and to verify, instead of the host of each target.").StringVar(&f.serverName)
	command.Flag("address", "Connect to this IP or IP:port for each target; the name stays.").StringVar(&f.address)
	command.Flag("ca-file", "Trust the roots in this PEM file, instead of those of the system.").StringVar(&f.caFile)
	command.Flag("timeout", "Timeout of a probe, such as 5s; default: that of the module, but at least a minute with --scan.").IsSetByUser(&f.timeoutSet).DurationVar(&f.timeout)
	command.Flag("scan", "Also report what the server accepts: versions, cipher suites, groups, vulnerabilities, a grade, which known clients connect. Opens about 100 connections.").BoolVar(&f.scan)
	command.Flag("format", "Output format: text, json, ndjson (one object a line, as soon as it is there), prometheus or nagios.").Default("text").EnumVar(&f.format, formats...)
	command.Flag("json", "The same as --format=json.").BoolVar(&f.json)
	command.Flag("warning", fmt.Sprintf("Warn below this number of days; default: below %.0f %% of the lifetime.", 100*report.DefaultWarning)).PlaceHolder("DAYS").SetValue(&f.warning)
	command.Flag("critical", "Bad below this number of days; default: once the chain has expired.").PlaceHolder("DAYS").SetValue(&f.critical)
}

// formats are the values of --format.
var formats = []string{"text", "json", "ndjson", "prometheus", "nagios"}

// validate checks what the parser of the flags does not, and makes --json a format.
func (f *onceFlags) validate() error {
	switch {
	case len(f.targets) == 0 && len(f.targetFiles) == 0 && !f.all:
		return errors.New("there is no target; name one, as in probe example.com, or use --targets-file or --all")
	case f.timeoutSet && f.timeout <= 0:
		return fmt.Errorf("--timeout=%s: must be more than 0s", f.timeout)
	case f.warning != 0 && f.critical > f.warning:
		return fmt.Errorf("--critical=%s: must not be more than --warning, which is %s", f.critical, f.warning)
	case f.json && f.format != "text" && f.format != "json":
		return fmt.Errorf("--json and --format=%s: write one of them", f.format)
	case f.json:
		f.format = "json"
	}
	return nil
}

func (f *onceFlags) limits() report.Limits {
	return report.Limits{Warning: f.warning.duration(), Critical: f.critical.duration()}
}

// days is the value of a flag; 0: the flag is not set.
type days float64

// maxDays is more than the lifetime of any certificate, and less than a time.Duration
// holds.
const maxDays = 100_000

// Set accepts a number of days that can be a limit.
func (d *days) Set(written string) error {
	n, err := strconv.ParseFloat(written, 64)
	if err != nil || !(n > 0 && n <= maxDays) { // NaN is not either
		return fmt.Errorf("must be a number of days above 0 and up to %d, such as 20", maxDays)
	}
	*d = days(n)
	return nil
}

func (d days) String() string { return strconv.FormatFloat(float64(d), 'f', -1, 64) }

func (d days) duration() time.Duration { return time.Duration(float64(d) * 24 * float64(time.Hour)) }

// standardInput is the name of the list on the standard input.
const standardInput = "-"

// withStandardInput is the command line with --targets-file=- in place of the target -,
// whose value the parser of the flags loses.
func withStandardInput(args []string) []string {
	var all []string
	for i, arg := range args {
		switch {
		case arg == "--":
			return append(all, args[i:]...)
		case arg == standardInput && i > 0 && args[i-1] == "--targets-file":
			all[len(all)-1] += "=" + standardInput
		case arg == standardInput:
			all = append(all, "--targets-file="+standardInput)
		default:
			all = append(all, arg)
		}
	}
	return all
}

// asksForNagios tells whether the output is for Nagios, also if the rest of the command
// line has a mistake.
func asksForNagios(args []string) bool {
	if at := slices.Index(args, "--format"); at >= 0 && at+1 < len(args) && args[at+1] == "nagios" {
		return true
	}
	return slices.Contains(args, "--format=nagios")
}

// probeOnce probes every target and writes the results. It returns the worst status as an
// exitStatus; an exitError if something of its own prevents that, or ctx ends.
func probeOnce(ctx context.Context, f onceFlags, configFile string, out, errOut io.Writer) error {
	err := probeTasks(ctx, f, configFile, out, errOut)
	var status exitStatus
	switch {
	case err == nil, errors.As(err, &status), isUsage(err):
		return err
	case errors.Is(err, errInterrupted):
		return exitError{err, exitInterrupted}
	}
	return exitError{err, part.Unknown.ExitCode()}
}

// exitError is an error with its exit code.
type exitError struct {
	error
	code int
}

func (e exitError) Unwrap() error { return e.error }

// exitInterrupted is the exit code after a signal: 128 and the number of SIGINT, as of a
// shell.
const exitInterrupted = 130

var errInterrupted = errors.New("interrupted")

func probeTasks(ctx context.Context, f onceFlags, configFile string, out, errOut io.Writer) error {
	if err := f.validate(); err != nil {
		return usageError{err}
	}
	process := &config.Loader{AnyFile: true} // the shell shows the user the same files
	defer process.Close()
	config, err := loadConfig(process, configFile)
	if err != nil {
		return err
	}
	all, err := onceTasks(ctx, &f, config)
	if err != nil {
		return err
	}
	progress := text.NewProgress(errOut, len(all))
	defer progress.Stop()
	w := &writer{flags: &f, out: out, tasks: all, results: make([]*prober.Result, len(all))}
	done := 0
	err = probeAll(ctx, all, progress, func(i int, r *prober.Result) (err error) {
		done++
		progress.Above(func() { err = w.add(i, r) })
		return err
	})
	switch {
	case err != nil:
		return err
	case done < len(all):
		return fmt.Errorf("%w; %d of %s probed", errInterrupted, done, count(len(all), "target"))
	}
	if err := w.end(); err != nil {
		return err
	}
	if worst := w.tally.Worst(); worst != part.Good {
		return exitStatus(worst.ExitCode())
	}
	return nil
}

// maxParallel is the most targets of a command line that are probed at once.
const maxParallel = 16

// probeAll probes all targets, and calls each with every result when it is there. It calls
// each no more after an error of it, which it returns. A probe that ctx ended has no
// result.
func probeAll(ctx context.Context, all []task, progress *text.Progress, each func(i int, r *prober.Result) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type finished struct {
		index  int
		result *prober.Result
	}
	results := make(chan finished)
	go func() {
		defer close(results)
		group := new(errgroup.Group)
		group.SetLimit(maxParallel)
		for i := range all {
			group.Go(func() error {
				if ctx.Err() != nil {
					return nil
				}
				name := all[i].target.String()
				progress.Begin(name)
				defer progress.End(name)
				if r := all[i].prober.Probe(ctx, all[i].target); ctx.Err() == nil {
					results <- finished{i, r}
				}
				return nil
			})
		}
		group.Wait() // there are no errors
	}()
	var failed error
	for one := range results {
		if failed == nil {
			failed = each(one.index, one.result)
		}
		if failed != nil {
			cancel()
		}
	}
	return failed
}

// writer writes results in the format of the flags: text and JSON in the order of the
// targets, each as soon as those before it are written.
type writer struct {
	flags    *onceFlags
	out      io.Writer
	tasks    []task
	tally    part.Tally
	results  []*prober.Result // that are not written yet
	written  int
	services []nagios.Service
}

// add takes a result, in any order.
func (w *writer) add(i int, r *prober.Result) error {
	w.tally.Add(report.Judge(r, w.flags.limits()))
	if w.flags.format == "ndjson" {
		return w.json(i, r)
	}
	w.results[i] = r
	if w.flags.format == "prometheus" { // which has the results of a metric together
		return nil
	}
	for ; w.written < len(w.results) && w.results[w.written] != nil; w.written++ {
		if err := w.write(w.written, w.results[w.written]); err != nil {
			return err
		}
		w.results[w.written] = nil // it may be large
	}
	return nil
}

func (w *writer) write(i int, r *prober.Result) error {
	switch w.flags.format {
	case "json":
		return w.json(i, r)
	case "nagios":
		w.services = append(w.services, nagios.Of(r, w.tasks[i].shownModule(), w.flags.limits()))
		return nil
	}
	if i > 0 {
		fmt.Fprintln(w.out)
	}
	options := text.For(w.out)
	options.Module, options.Limits = w.tasks[i].shownModule(), w.flags.limits()
	return text.Write(w.out, r, options)
}

// json writes an object: one line of ndjson, or indented.
func (w *writer) json(i int, r *prober.Result) error {
	write := json.Write
	if w.flags.format == "ndjson" {
		write = json.WriteLine
	}
	return write(w.out, r, json.Options{Module: w.tasks[i].module, Labels: w.tasks[i].labels, Limits: w.flags.limits()})
}

// end writes what is about all results.
func (w *writer) end() error {
	switch w.flags.format {
	case "prometheus":
		return collector.Text(w.out, w.results...)
	case "nagios":
		return nagios.Write(w.out, w.services...)
	case "text":
		if total := w.tally.Total(); total > 1 {
			_, err := fmt.Fprintf(w.out, "\n%d targets: %s\n", total, w.tally.Words(part.Status.String))
			return err
		}
	}
	return nil
}

// forNagios is an error in the way of a plugin, of which Nagios shows the standard output:
// the status is unknown, also after a mistake on the command line (Monitoring Plugins
// Development Guidelines, "Plugin Return Codes").
func forNagios(out io.Writer, err error) error {
	var status exitStatus
	if err == nil || errors.As(err, &status) || errors.Is(err, errInterrupted) {
		return err
	}
	nagios.Fail(out, err) // where else could its error be told?
	return exitStatus(part.Unknown.ExitCode())
}
