package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// row is one line of the table: what is measured, and what it has to reach.
type row struct {
	name, bar, aim string
	measure        func(context.Context, *bench) (figure, error)
}

func (r row) named(part string) bool { return strings.Contains(r.name, part) }

// figure is what was reached, and what it is made of.
type figure struct {
	value  float64
	format string
	detail string
}

func (f figure) String() string { return fmt.Sprintf(f.format, f.value) }

// rows is the table. A check that is to be measured is a line here: compare the
// exporter by a module that has it, which goes into modules, to one without.
var rows = []row{
	{"CPU per scrape over a bare handshake, 200 targets, P-256", "1.05", "0.95", compare(scraping(chainP256, 200, "default"), shaking(chainP256, 200))},
	{"the same, RSA-2048 with two intermediates", "1.00", "0.85", compare(scraping(chainRSA, 200, "default"), shaking(chainRSA, 200))},
	{"the same, P-256, 10,000 distinct targets round robin", "1.10", "1.00", compareDistinct},
	{"a scrape with versions and ciphers kept, over one without", "1.2", "1.1", compare(scraping(chainP256, 200, "scanned"), scraping(chainP256, 200, "default"))},
	{"a fresh scan of versions (six offers) over a bare handshake", "1.5", "1.0", freshScan},
	{"bytes allocated per scrape", "", "", allocated(heapBytes, "%.0f B")},
	{"allocations per scrape", "", "", allocated(heapObjects, "%.0f")},
	{"resident memory per probe in flight at a silent endpoint", "25 kB", "15 kB", hanging},
	{"resident memory after 10,000 distinct targets", "60 MB", "40 MB", resident},
	{"start to first answered scrape", "50 ms", "20 ms", starting},
	{"static binary, stripped", "20 MB", "15 MB", size},
}

// modules are those of the configuration that the exporter is measured with;
// %s is the path of the bench's roots.
const modules = `modules:
  default: {ca_file: %[1]q, timeout: 60s}
  scanned: {ca_file: %[1]q, timeout: 60s, versions: {}, ciphers: {}}
  versions: {ca_file: %[1]q, timeout: 60s, versions: {}}
`

// load is a side of a comparison: a turn of n probes that goes on round the
// targets where the turn before it ended, and who bears the cost.
type load struct {
	on   func(*bench) *process
	turn func(ctx context.Context, b *bench, from, n int) error
}

func scraping(chain string, targets int, module string) load {
	return load{
		on: func(b *bench) *process { return &b.exporter.process },
		turn: func(ctx context.Context, b *bench, from, n int) error {
			return b.exporter.scrape(ctx, b.targets(chain, targets), module, from, n, b.plan.workers)
		},
	}
}

func shaking(chain string, targets int) load {
	return load{
		on: func(b *bench) *process { return &b.bare.process },
		turn: func(_ context.Context, b *bench, from, n int) error {
			return b.bare.shake(b.targets(chain, targets), from, n, b.plan.workers)
		},
	}
}

// turnLength is how many probes a side makes before it is the other's turn: few,
// so that whatever else this machine does meets both.
const turnLength = 100

// compare holds the CPU per probe of one side against another's, as the median
// over rounds. What is done once is done in a round before these.
func compare(one, other load) func(context.Context, *bench) (figure, error) {
	return func(ctx context.Context, b *bench) (figure, error) {
		return b.compare(ctx, one, other, b.plan.probes)
	}
}

func compareDistinct(ctx context.Context, b *bench) (figure, error) {
	n := b.plan.distinct
	return b.compare(ctx, scraping(chainP256, n, "default"), shaking(chainP256, n), n)
}

func (b *bench) compare(ctx context.Context, one, other load, probes int) (figure, error) {
	var spent [2][]time.Duration
	var ratios []float64
	for round := range b.plan.rounds + 1 {
		var sum [2]time.Duration
		for from := 0; from < probes; from += turnLength {
			for side, load := range []load{one, other} {
				cost, err := b.cost(ctx, load, from, min(turnLength, probes-from))
				if err != nil {
					return figure{}, err
				}
				sum[side] += cost
			}
		}
		if round > 0 {
			ratios = append(ratios, float64(sum[0])/float64(sum[1]))
			for side := range sum {
				spent[side] = append(spent[side], sum[side]/time.Duration(probes))
			}
		}
	}
	slices.Sort(ratios)
	return figure{median(ratios), "%.2f", fmt.Sprintf("%.0f over %.0f µs; %.2f to %.2f",
		micros(median(spent[0])), micros(median(spent[1])), ratios[0], ratios[len(ratios)-1])}, nil
}

// cost is the CPU that a turn took.
func (b *bench) cost(ctx context.Context, l load, from, n int) (time.Duration, error) {
	before, err := l.on(b).cpu()
	if err != nil {
		return 0, err
	}
	if err := l.turn(ctx, b, from, n); err != nil {
		return 0, err
	}
	after, err := l.on(b).cpu()
	return after - before, err
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// median is the middle one of values, or of two in the middle the lower.
func median[T float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// The exporter's own counters of what it has allocated since it started.
const (
	heapBytes   = "go_memstats_alloc_bytes_total"
	heapObjects = "go_memstats_mallocs_total"
)

// allocated is how much a counter of the heap grows with a scrape, less what
// asking for it twice costs.
func allocated(counter, format string) func(context.Context, *bench) (figure, error) {
	return func(ctx context.Context, b *bench) (figure, error) {
		n := b.plan.probes
		side := scraping(chainP256, 200, "default")
		if err := side.turn(ctx, b, 0, n); err != nil {
			return figure{}, err
		}
		var seen [3]float64
		for i := range seen {
			if i == 2 {
				if err := side.turn(ctx, b, 0, n); err != nil {
					return figure{}, err
				}
			}
			var err error
			if seen[i], err = b.exporter.counter(ctx, counter); err != nil {
				return figure{}, err
			}
		}
		asking := seen[1] - seen[0]
		return figure{(seen[2] - seen[1] - asking) / float64(n), format, ""}, nil
	}
}

// hanging has probes wait for an endpoint that takes connections and says nothing.
func hanging(ctx context.Context, b *bench) (figure, error) {
	exporter, err := b.start(ctx)
	if err != nil {
		return figure{}, err
	}
	defer exporter.stop()
	if err := exporter.scrape(ctx, b.targets(chainP256, 200), "default", 0, 200, b.plan.workers); err != nil {
		return figure{}, err
	}
	before, err := exporter.resident()
	if err != nil {
		return figure{}, err
	}
	release, err := exporter.hang(ctx, b.servers.silent, b.plan.hanging)
	defer release()
	if err != nil {
		return figure{}, err
	}
	peak, err := exporter.resident()
	if err != nil {
		return figure{}, err
	}
	detail := fmt.Sprintf("%d at once: %.0f MB, from %.0f MB", b.plan.hanging, peak/1e6, before/1e6)
	for _, part := range []struct{ name, counter string }{{"stacks", "go_memstats_stack_inuse_bytes"}, {"live and dead objects", "go_memstats_heap_alloc_bytes"}} {
		bytes, err := exporter.counter(ctx, part.counter)
		if err != nil {
			return figure{}, err
		}
		detail += fmt.Sprintf(", %s %.0f MB", part.name, bytes/1e6)
	}
	return figure{(peak - before) / float64(b.plan.hanging) / 1e3, "%.1f kB", detail}, nil
}

// resident fills the caches of an exporter that has not done anything else.
func resident(ctx context.Context, b *bench) (figure, error) {
	exporter, err := b.start(ctx)
	if err != nil {
		return figure{}, err
	}
	defer exporter.stop()
	fresh, err := exporter.resident()
	if err != nil {
		return figure{}, err
	}
	n := b.plan.distinct
	if err := exporter.scrape(ctx, b.targets(chainP256, n), "default", 0, 2*n, b.plan.workers); err != nil {
		return figure{}, err
	}
	full, err := exporter.resident()
	return figure{full / 1e6, "%.0f MB", fmt.Sprintf("%.0f MB when started", fresh/1e6)}, err
}

func starting(ctx context.Context, b *bench) (figure, error) {
	var took []time.Duration
	for range b.plan.starts {
		begun := time.Now()
		exporter, err := b.start(ctx)
		if err != nil {
			return figure{}, err
		}
		err = exporter.scrape(ctx, b.targets(chainP256, 1), "default", 0, 1, 1)
		took = append(took, time.Since(begun))
		exporter.stop()
		if err != nil {
			return figure{}, err
		}
	}
	slices.Sort(took)
	return figure{micros(median(took)) / 1e3, "%.0f ms", fmt.Sprintf("%.0f to %.0f ms", micros(took[0])/1e3, micros(took[len(took)-1])/1e3)}, nil
}

func size(_ context.Context, b *bench) (figure, error) {
	bytes, err := fileSize(b.binary)
	return figure{bytes / 1e6, "%.1f MB", ""}, err
}
