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
	var exit exitError
	code := 1
	switch {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &status):
		os.Exit(int(status))
	case isUsage(err):
		fmt.Fprintf(os.Stderr, "tls_exporter: %v; see tls_exporter --help\n", err)
		os.Exit(exitUsage)
	case errors.As(err, &exit):
		code = exit.code
	}
	fmt.Fprintf(os.Stderr, "tls_exporter: %v\n", err)
	os.Exit(code)
}

// run runs the command. It returns when ctx ends or the command is done.
func run(ctx context.Context, args []string, out, errOut io.Writer) (err error) {
	if asksForNagios(args) {
		defer func() { err = forNagios(out, err) }()
	}
	var f flags
	app, done := commandLine(&f, out)
	command, err := app.Parse(withStandardInput(args))
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
