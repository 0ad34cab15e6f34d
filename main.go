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
	"syscall"

	"github.com/prometheus/common/promslog"

	"tls_exporter/config"
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
		fmt.Fprintf(os.Stderr, "tls_exporter: %v; see tls_exporter --help\n", err)
		os.Exit(exitUsage)
	}
	fmt.Fprintf(os.Stderr, "tls_exporter: %v\n", err)
	os.Exit(1)
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

// run runs the command. It returns when ctx ends or the command is done.
func run(ctx context.Context, args []string, out, errOut io.Writer) error {
	var f flags
	app, done := commandLine(&f, out)
	command, err := app.Parse(args)
	if *done { // it was --help or --version
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

// loadConfig reads the configuration file; an empty path is the default configuration.
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
