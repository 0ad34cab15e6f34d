package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"tls_exporter/config"
	"tls_exporter/report"
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
	command.Flag("scan", "Also report what the server accepts: versions, cipher suites, groups, vulnerabilities. Opens about 100 connections.").BoolVar(&f.scan)
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
