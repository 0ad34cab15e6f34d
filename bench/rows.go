package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// row is one line of the table.
type row struct {
	name, limit, goal string
	measure           func(context.Context, *bench) (figure, error)
}

func (r row) named(part string) bool { return strings.Contains(r.name, part) }

// figure is a measured value, with details.
type figure struct {
	value  float64
	format string
	detail string
}

func (f figure) String() string { return fmt.Sprintf(f.format, f.value) }

// rows is the table. To measure a check, add a line that compares scrapes with a module
// that has it, which has to be added to modules, to scrapes with one that has not.
var rows = []row{
	{"CPU per scrape over a bare handshake, 200 targets, P-256", "1.05", "0.95", compare(scraping(chainP256, 200, "default"), handshakes(chainP256, 200))},
	{"the same, RSA-2048 with two intermediates", "1.00", "0.85", compare(scraping(chainRSA, 200, "default"), handshakes(chainRSA, 200))},
	{"the same, P-256, 10,000 distinct targets in turn", "1.10", "1.00", compareDistinct},
	{"a scrape with cached findings of versions and ciphers, over one without", "1.2", "1.1", compare(scraping(chainP256, 200, "scanned"), scraping(chainP256, 200, "default"))},
	{"a new scan of versions (six ClientHellos) over a bare handshake", "1.5", "1.0", newScan},
	{"bytes allocated per scrape", "", "", allocated(heapBytes, "%.0f B")},
	{"allocations per scrape", "", "", allocated(heapObjects, "%.0f")},
	{"resident memory per probe in flight at a silent endpoint", "25 kB", "15 kB", hanging},
	{"resident memory after 10,000 distinct targets", "60 MB", "40 MB", resident},
	{"most resident memory, 200 probes of the worst certificates at once", "200 MB", "100 MB", worstMemory},
	{"start to first answered scrape", "50 ms", "20 ms", starting},
	{"static binary, stripped", "20 MB", "15 MB", size},
}

// modules is the configuration of the exporter; the arguments are the file of the roots and
// the address of a DNS server.
const modules = `modules:
  default: {ca_file: %[1]q, timeout: 60s}
  scanned: {ca_file: %[1]q, timeout: 60s, versions: {}, ciphers: {}}
  versions: {ca_file: %[1]q, timeout: 60s, versions: {}}
  all: {ca_file: %[1]q, timeout: 60s, versions: {}, ciphers: {}, resumption: {}, vulnerabilities: {}}
  pool: {ca_file: %[1]q, timeout: 60s, addresses: all, resolver: %[2]q}
`

// load is one side of a comparison: the process whose cost is measured, and a turn of n
// probes, beginning with the target at from.
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

func handshakes(chain string, targets int) load {
	return load{
		on: func(b *bench) *process { return &b.bare.process },
		turn: func(_ context.Context, b *bench, from, n int) error {
			return b.bare.handshakes(b.targets(chain, targets), from, n, b.plan.workers)
		},
	}
}

// turnLength is the number of probes in a turn. It is small, so that other work on the
// machine affects both sides.
const turnLength = 100

// compare measures the CPU time per probe of one side relative to the other, as the median
// of all rounds. A first round, which does not count, fills the caches.
func compare(one, other load) func(context.Context, *bench) (figure, error) {
	return func(ctx context.Context, b *bench) (figure, error) {
		return b.compare(ctx, one, other, b.plan.probes)
	}
}

func compareDistinct(ctx context.Context, b *bench) (figure, error) {
	n := b.plan.distinct
	return b.compare(ctx, scraping(chainP256, n, "default"), handshakes(chainP256, n), n)
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

// cost is the CPU time of a turn.
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

// median is the middle value; of two, the lower one.
func median[T float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// Counters of what the exporter has allocated since its start.
const (
	heapBytes   = "go_memstats_alloc_bytes_total"
	heapObjects = "go_memstats_mallocs_total"
)

// allocated is how much a counter of the heap grows per scrape, without the cost of
// reading the counter.
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
		reading := seen[1] - seen[0]
		return figure{(seen[2] - seen[1] - reading) / float64(n), format, ""}, nil
	}
}

// hanging is the memory of probes that wait for an endpoint that accepts connections and
// sends nothing.
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

// resident is the memory of a new exporter whose caches are full.
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
	return figure{full / 1e6, "%.0f MB", fmt.Sprintf("%.0f MB at the start", fresh/1e6)}, err
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
