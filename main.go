// Command tls_exporter reports to Prometheus, and to people, whether TLS endpoints
// work, and if not, why.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/prometheus/common/promslog"

	"tls_exporter/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	var status exitStatus
	var exit exitError
	code := 1
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &status):
		os.Exit(int(status))
	case isUsage(err):
		code = exitUsage
	case errors.As(err, &exit):
		code = exit.code
	}
	fmt.Fprintf(os.Stderr, "tls_exporter: %v\n", err)
	os.Exit(code)
}

// run runs the command line. It returns when ctx ends or the command is done.
func run(ctx context.Context, args []string, out, errOut io.Writer) error {
	args = withStandardInput(args)
	var f flags
	app, done := commandLine(&f, out)
	command, err := parse(app, args)
	if *done { // it was --help or --version
		return nil
	}
	if err == nil {
		err = perform(ctx, command, f, out, errOut)
	} else {
		err = usageError{err}
	}
	switch {
	case asksForNagios(args):
		return forNagios(out, err)
	case isUsage(err):
		return fmt.Errorf("%w; see tls_exporter %s", err, strings.TrimSpace(command+" --help"))
	}
	return err
}

// perform performs a command.
func perform(ctx context.Context, command string, f flags, out, errOut io.Writer) error {
	f.log.Writer = errOut
	logger := promslog.New(&f.log)
	switch command {
	case "probe":
		return probeOnce(ctx, f.once, f.configFile, out, errOut)
	case "check-config":
		return checkConfig(f.check.file, out)
	case "demo":
		if !f.logLevelSet {
			f.log.Level.Set("warn")
		}
		return demo(ctx, f.demo, logger, out)
	}
	return serve(ctx, f.configFile, f.serve, logger, nil)
}

func checkConfig(path string, out io.Writer) error {
	config, err := new(config.Loader).Load(path)
	if err != nil {
		return err
	}
	for _, warning := range config.Warnings {
		fmt.Fprintf(out, "warning: %s\n", warning)
	}
	fmt.Fprintf(out, "%s is good: %s, %s\n", path, count(len(config.Probers), "module"), count(len(config.Targets), "target"))
	return nil
}
