// Command bench measures what the exporter costs, against what a client that
// does nothing but verified handshakes costs on the same machine at the same
// time, and prints the table of docs/scaling.md.
//
//	go run ./bench             the table: some five minutes
//	go run ./bench -scaling    how cost grows from 100 to 100,000 targets, and its picture
//	go run ./bench -smoke      a few rounds of everything, to see that it works
//
// There are four processes, so that each one's cost is its own: the TLS servers,
// the exporter as it is built for a release, the client that it is held against,
// and this one, which scrapes the exporter as Prometheus does. The cost is the
// time on a CPU that the kernel has noted for a process. Rounds of the two sides
// take turns, and what is printed is the median of their ratios.
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
		err = shake(os.Stdin, os.Stdout)
	default:
		err = fmt.Errorf("BENCH_ROLE=%s is no role", role)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// plan is how much is measured.
type plan struct {
	rounds    int    // of each side of a comparison
	probes    int    // in a round, at least; a round goes through all targets
	distinct  int    // targets in the row on caches that are full
	hanging   int    // probes in flight at once
	starts    int    // of the exporter
	workers   int    // that scrape, or shake hands, at once
	binary    string // the exporter; empty: it is built
	profile   string // where profiles of the exporter at work are left; empty: none are
	scaling   bool
	only      string // a part of the names of the rows to measure; empty: all
	picture   string // the file that the scaling is drawn in
	scalingUp int    // the most targets of the scaling
}

func run(ctx context.Context, args []string) error {
	p := plan{rounds: 5, probes: 2000, distinct: 10_000, hanging: 5000, starts: 9, workers: 2, scalingUp: 100_000}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	smoke := flags.Bool("smoke", false, "measure little, and see only that it works")
	flags.BoolVar(&p.scaling, "scaling", false, "measure how cost grows with the number of targets")
	flags.IntVar(&p.rounds, "rounds", p.rounds, "rounds of each side of a comparison")
	flags.IntVar(&p.probes, "probes", p.probes, "probes in a round")
	flags.IntVar(&p.workers, "workers", p.workers, "probes at once")
	flags.StringVar(&p.binary, "exporter", "", "measure this binary instead of building one")
	flags.StringVar(&p.profile, "profile", "", "leave profiles of the exporter at work in this directory, and measure nothing")
	flags.StringVar(&p.only, "only", "", "measure only the rows whose names contain this")
	flags.StringVar(&p.picture, "picture", "docs/pictures/scaling.svg", "where -scaling draws its picture")
	flags.IntVar(&p.scalingUp, "up-to", p.scalingUp, "the most targets of -scaling")
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
		return b.watch(ctx, p.profile)
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
	fmt.Fprintln(table, "what\treached\tbar\taim\t")
	for _, r := range rows {
		if !r.named(b.plan.only) {
			continue
		}
		begun := time.Now()
		figure, err := r.measure(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.name, figure, r.bar, r.aim, figure.detail)
		fmt.Fprintf(os.Stderr, "%s: %s (%s), %.0fs\n", r.name, figure, figure.detail, time.Since(begun).Seconds())
	}
	return table.Flush()
}
