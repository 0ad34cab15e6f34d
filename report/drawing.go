package report

import (
	"fmt"
	"time"

	"tls_exporter/prober"
)

// This file turns times into the numbers of drawings. The templates draw them
// as SVG, in attributes and not in styles, which the pages' policy forbids.

// spark is a bar of a row's small drawing of latencies.
type spark struct {
	X, Y, Height float64
	Failed       bool
}

// The size of that drawing, and how many probes are in it.
const (
	sparkWidth, sparkHeight = 80, 20
	sparkBars               = 20
)

// sparkline draws the last latencies against the longest of them; a probe that
// failed is a mark at the bottom.
func sparkline(samples []sample) []spark {
	samples = samples[max(0, len(samples)-sparkBars):]
	var longest float32
	for _, s := range samples {
		longest = max(longest, s.latency)
	}
	bars := make([]spark, len(samples))
	for i, s := range samples {
		height := 3.0
		if s.latency > 0 {
			height = 2 + float64(s.latency/longest)*(sparkHeight-2)
		}
		bars[i] = spark{X: float64(i) * sparkWidth / sparkBars, Y: sparkHeight - height, Height: height, Failed: Status(s.status) == Bad || Status(s.status) == Unknown}
	}
	return bars
}

// tick is one probe in the strip of the last hundred.
type tick struct {
	X      int
	Status string
	Says   string
}

// tickWidth is the width of a tick and the gap after it.
const tickWidth = 8

func strip(samples []sample) []tick {
	ticks := make([]tick, len(samples))
	for i, s := range samples {
		status := Status(s.status).String()
		says := date(time.Unix(int64(s.at), 0)) + ": " + status
		if phase, reason, failed := s.failure(); failed {
			says += fmt.Sprintf(", %s in %s", reason, phase)
		}
		if s.latency > 0 {
			says += ", " + lasted(time.Duration(float64(s.latency)*float64(time.Second)))
		}
		ticks[i] = tick{i * tickWidth, status, says}
	}
	return ticks
}

// wave is a phase in the waterfall, where a probe's whole time is 100 wide.
type wave struct {
	Phase    prober.Phase
	From     float64
	Width    float64
	Y        int
	Duration string
	Failed   bool
}

// waveHeight is the height of a row of the waterfall.
const waveHeight = 28

func waterfall(r *prober.Result) []wave {
	var total time.Duration
	for _, p := range r.Phases {
		total += p.Duration
	}
	total = max(total, 1)
	waves := make([]wave, len(r.Phases))
	var from time.Duration
	for i, p := range r.Phases {
		waves[i] = wave{
			Phase: p.Phase, Y: i * waveHeight, Duration: lasted(p.Duration),
			From: 100 * float64(from) / float64(total), Width: max(0.4, 100*float64(p.Duration)/float64(total)),
			Failed: r.Failure != nil && r.Failure.Phase == p.Phase,
		}
		from += p.Duration
	}
	return waves
}
