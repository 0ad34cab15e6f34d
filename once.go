package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"tls_exporter/collector"
	"tls_exporter/config"
	"tls_exporter/prober"
	"tls_exporter/prober/option"
	"tls_exporter/prober/target"
	"tls_exporter/report"
	"tls_exporter/report/json"
	"tls_exporter/report/text"
)

// sideBySide bounds how many of the targets on a command line are probed at
// once.
const sideBySide = 16

// probeOnce probes every target, writes what was learned in the order in which
// they were named, and returns the worst verdict as an exit status.
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

// scanTimeout is what a scan may take where nobody says otherwise: hundreds of
// connections, one after the other.
const scanTimeout = option.Duration(time.Minute)

// onceProber is the module's prober with the command line's last word on it.
func onceProber(process *config.Loader, f onceFlags, configFile string) (*prober.Prober, error) {
	config, err := loadConfig(process, configFile)
	if err != nil {
		return nil, err
	}
	p := config.Probers[f.module]
	if p == nil {
		return nil, usageError{fmt.Errorf("there is no module %q; --config.file names the file that has modules", f.module)}
	}
	if f.caFile == "" && f.timeout == 0 && !f.scan {
		return p, nil
	}
	if f.timeout < 0 {
		return nil, usageError{fmt.Errorf("--timeout=%s: has to be more than 0s", f.timeout)}
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

func probeAll(ctx context.Context, p *prober.Prober, targets []target.Target, errOut io.Writer) []*prober.Result {
	results := make([]*prober.Result, len(targets))
	progress := isTerminal(errOut) && len(targets) > 1
	var done atomic.Int32
	group := new(errgroup.Group)
	group.SetLimit(sideBySide)
	for i, target := range targets {
		group.Go(func() error {
			results[i] = p.Probe(ctx, target)
			if n := done.Add(1); progress {
				fmt.Fprintf(errOut, "\r%d of %d probed", n, len(targets))
			}
			return nil
		})
	}
	group.Wait() // a probe has no error
	if progress {
		fmt.Fprint(errOut, "\r\x1b[K")
	}
	return results
}

func show(out io.Writer, results []*prober.Result, f onceFlags) error {
	switch {
	case f.json || f.format == "json":
		return json.Write(out, results)
	case f.format == "prometheus":
		return collector.Text(out, results...)
	}
	for i, r := range results {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := text.Write(out, r, text.Options{Color: inColor(out), Warning: warning(f)}); err != nil {
			return err
		}
	}
	return nil
}

// warning is how much time is too little; 0 leaves that to the lifetime.
func warning(f onceFlags) time.Duration {
	return time.Duration(f.warning * 24 * float64(time.Hour))
}

func verdict(results []*prober.Result, f onceFlags) error {
	worst := report.Good
	for _, r := range results {
		worst = report.Worst(worst, report.Judge(r, warning(f)))
	}
	if worst == report.Good {
		return nil
	}
	return exitStatus(worst.ExitCode())
}

func inColor(w io.Writer) bool { return isTerminal(w) && os.Getenv("NO_COLOR") == "" }

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
