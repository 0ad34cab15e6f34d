// Command bench measures the cost of the exporter, relative to a client that only
// performs verified handshakes on the same machine at the same time, and prints the
// table of docs/scaling.md.
//
//	go run ./bench             the table, in about five minutes
//	go run ./bench -scaling    how the cost grows from 100 to 100,000 targets, with a picture
//	go run ./bench -smoke      a few rounds of everything, to check that it works
//
// There are four processes, so that the cost of each is separate: the TLS servers, the
// exporter as it is built for a release, the client that it is compared with, and this
// one, which scrapes the exporter as Prometheus does. The cost is the CPU time that the
// kernel accounts to a process. The two sides take turns, and the printed figure is the
// median of their ratios.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"text/tabwriter"
	"time"
)

// The roles in which this program starts itself.
const (
	roleServers = "servers"
	roleBare    = "bare"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch role := os.Getenv("BENCH_ROLE"); role {
	case "":
		err = run(ctx, os.Args[1:])
	case roleServers:
		err = serve(os.Stdin, os.Stdout)
	case roleBare:
		err = performHandshakes(os.Stdin, os.Stdout)
	default:
		err = fmt.Errorf("BENCH_ROLE=%s is not a role", role)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// plan is how much is measured.
type plan struct {
	rounds    int    // of each side of a comparison
	probes    int    // in a round, at least; a round includes all targets
	distinct  int    // targets of the row about full caches
	hanging   int    // probes in flight at once
	starts    int    // of the exporter
	workers   int    // that scrape, or perform handshakes, at once
	binary    string // the exporter; empty: it is built
	profile   string // directory for profiles of the exporter; empty: none
	scaling   bool
	only      string // a part of the names of the rows to measure; empty: all
	picture   string // file for the picture of the scaling
	scalingUp int    // highest number of targets of the scaling
}

func run(ctx context.Context, args []string) error {
	p := plan{rounds: 5, probes: 2000, distinct: 10_000, hanging: 5000, starts: 9, workers: 2, scalingUp: 100_000}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	smoke := flags.Bool("smoke", false, "measure little, only to check that it works")
	flags.BoolVar(&p.scaling, "scaling", false, "measure how cost grows with the number of targets")
	flags.IntVar(&p.rounds, "rounds", p.rounds, "rounds of each side of a comparison")
	flags.IntVar(&p.probes, "probes", p.probes, "probes in a round")
	flags.IntVar(&p.workers, "workers", p.workers, "probes at once")
	flags.StringVar(&p.binary, "exporter", "", "measure this binary instead of building one")
	flags.StringVar(&p.profile, "profile", "", "write profiles of the exporter under load to this directory, and measure nothing")
	flags.StringVar(&p.only, "only", "", "measure only the rows whose names contain this")
	flags.StringVar(&p.picture, "picture", "docs/pictures/scaling.svg", "file for the picture of -scaling")
	flags.IntVar(&p.scalingUp, "up-to", p.scalingUp, "highest number of targets of -scaling")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if *smoke {
		p.rounds, p.probes, p.distinct, p.hanging, p.starts, p.scalingUp = 2, 50, 50, 50, 2, 100
	}
	b, err := newBench(ctx, p)
	if err != nil {
		return err
	}
	defer b.close()
	if *smoke {
		p.picture = b.file("scaling.svg")
		b.plan = p
	}
	fmt.Printf("%s, %s/%s, %d CPUs, %s\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), cpuModel())
	if p.profile != "" {
		return b.profiles(ctx, p.profile)
	}
	if p.scaling {
		return b.scale(ctx)
	}
	if err := b.measure(ctx); err != nil || !*smoke {
		return err
	}
	return b.scale(ctx)
}

// measure prints a line for each row as soon as it is known.
func (b *bench) measure(ctx context.Context) error {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "what\tfigure\tlimit\tgoal\t")
	for _, r := range rows {
		if !r.named(b.plan.only) {
			continue
		}
		begun := time.Now()
		figure, err := r.measure(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.name, figure, r.limit, r.goal, figure.detail)
		fmt.Fprintf(os.Stderr, "%s: %s (%s), %.0fs\n", r.name, figure, figure.detail, time.Since(begun).Seconds())
	}
	return table.Flush()
}
