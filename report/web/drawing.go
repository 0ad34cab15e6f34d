package web

import (
	"time"

	"tls_exporter/report"
	"tls_exporter/report/part"
)

// This file computes the drawings. The templates draw them as SVG with
// attributes, because the content security policy forbids inline styles.

// spark is a bar of a row's sparkline of latencies.
type spark struct {
	X, Y, Height float64
	Status       part.Status
}

// The size of a sparkline, and how many probes are in it.
const (
	sparkWidth, sparkHeight = 80, 20
	sparkBars               = 20
)

// sparkline draws the last latencies relative to the longest of them. A failed
// probe is a mark at the bottom.
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
		bars[i] = spark{X: float64(i) * sparkWidth / sparkBars, Y: sparkHeight - height, Height: height, Status: part.Status(s.status)}
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
		status := part.Status(s.status).String()
		says := part.Date(time.Unix(int64(s.at), 0)) + ": " + status
		if why := s.why(); why != "" {
			says += ", " + why
		}
		if s.latency > 0 {
			says += ", " + part.Duration(time.Duration(float64(s.latency)*float64(time.Second)))
		}
		ticks[i] = tick{i * tickWidth, status, says}
	}
	return ticks
}

// phaseBar is a phase in the waterfall chart, which is 100 wide.
type phaseBar struct {
	report.Phase
	X, Width float64
	Y        int
}

// phaseHeight is the height of a row of the waterfall chart.
const phaseHeight = 28

func waterfall(phases []report.Phase) []phaseBar {
	bars := make([]phaseBar, len(phases))
	for i, p := range phases {
		bars[i] = phaseBar{Phase: p, X: 100 * p.From, Width: max(0.4, 100*(p.To-p.From)), Y: i * phaseHeight}
	}
	return bars
}
