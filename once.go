package main

import (
	"context"
	"errors"
	"fmt"
	"io"

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
	process := new(config.Loader)
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
