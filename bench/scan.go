package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// newScan is the cost of a first scan of versions, without the scrape, relative to bare
// handshakes with the same targets.
func newScan(ctx context.Context, b *bench) (figure, error) {
	exporter, err := b.start(ctx)
	if err != nil {
		return figure{}, err
	}
	defer exporter.stop()
	all := b.plan.distinct
	each := all / (b.plan.rounds + 1)
	by := func(module string) load {
		return load{
			on: func(*bench) *process { return &exporter.process },
			turn: func(ctx context.Context, b *bench, from, n int) error {
				return exporter.scrape(ctx, b.targets(chainP256, all), module, from, n, b.plan.workers)
			},
		}
	}
	sides := [...]load{by("default"), by("versions"), by("default"), handshakes(chainP256, all)}
	var scans, bare []time.Duration
	var ratios []float64
	for round := range b.plan.rounds + 1 {
		var spent [len(sides)]time.Duration
		for from := round * each; from < (round+1)*each; from += turnLength {
			for side, load := range sides {
				cost, err := b.cost(ctx, load, from, min(turnLength, (round+1)*each-from))
				if err != nil {
					return figure{}, err
				}
				spent[side] += cost
			}
		}
		if round > 0 { // the first one warms up
			scan := (spent[1] - spent[2]) / time.Duration(each)
			scans, bare = append(scans, scan), append(bare, spent[3]/time.Duration(each))
			ratios = append(ratios, float64(scan)/float64(bare[len(bare)-1]))
		}
	}
	slices.Sort(ratios)
	return figure{median(ratios), "%.2f", fmt.Sprintf("%.0f over %.0f µs; %.2f to %.2f",
		micros(median(scans)), micros(median(bare)), ratios[0], ratios[len(ratios)-1])}, nil
}
