package web

import (
	"fmt"
	"time"

	"tls_exporter/report"
	"tls_exporter/report/part"
)

// This file computes the drawings. The templates draw them as SVG with
// attributes, because the content security policy forbids inline styles.

// bar is a probe in a drawing of latencies.
type bar struct {
	sample
	X, Y, Height float64
}

// markHeight is the height of a probe without a latency.
const markHeight = 3

// bars draws latencies relative to the longest of them. The bars have a distance, and a
// height of at most height.
func bars(samples []sample, distance, height float64) []bar {
	longest := longestOf(samples)
	all := make([]bar, len(samples))
	for i, s := range samples {
		h := float64(markHeight)
		if s.latency > 0 {
			h = 2 + float64(s.latency/longest)*(height-2)
		}
		all[i] = bar{s, float64(i) * distance, height - h, h}
	}
	return all
}

func longestOf(samples []sample) (longest float32) {
	for _, s := range samples {
		longest = max(longest, s.latency)
	}
	return longest
}

// Status is the verdict of the probe.
func (s sample) Status() part.Status { return part.Status(s.status) }

// Mark is why a probe has no latency, for its colour: bad, if the server completed no
// handshake; unknown, if it could not be asked; expected, if it was not to complete one;
// empty, if it has one. Whatever else is bad about an endpoint says nothing about its
// latency.
func (s sample) Mark() string {
	switch status := s.Status(); {
	case s.latency > 0:
		return ""
	case status == part.Bad || status == part.Unknown:
		return status.String()
	}
	return "expected"
}

func inSeconds(s float32) time.Duration { return time.Duration(float64(s) * float64(time.Second)) }

func (s sample) time() time.Time { return time.Unix(int64(s.at), 0) }

// Says is the probe in words.
func (s sample) Says() string {
	words := part.Date(s.time()) + ": " + s.Status().String()
	if why := s.why(); why != "" {
		words += ", " + why
	}
	if s.latency > 0 {
		words += ", " + part.Duration(inSeconds(s.latency))
	}
	return words
}

// spark is the sparkline of an endpoint in the list.
type spark struct {
	Bars    []bar
	Longest time.Duration // the height of the drawing; 0: no handshake was completed
	Says    string
}

// The size of a sparkline, and how many probes are in it.
const (
	sparkWidth, sparkHeight = 80, 20
	sparkBars               = 20
)

// sparkline draws the last latencies; nil: there was no probe.
func sparkline(samples []sample) *spark {
	samples = samples[max(0, len(samples)-sparkBars):]
	if len(samples) == 0 {
		return nil
	}
	s := &spark{Bars: bars(samples, sparkWidth/sparkBars, sparkHeight), Longest: inSeconds(longestOf(samples))}
	s.Says = fmt.Sprintf("from %s to %s", part.Date(samples[0].time()), part.Date(samples[len(samples)-1].time()))
	if s.Longest > 0 {
		s.Says += ", the longest handshake " + part.Duration(s.Longest)
	}
	return s
}

// chart is the last probes of an endpoint: the latencies, and below them the verdicts.
type chart struct {
	Width    int
	Full     bool // the probes fill the width
	Longest  time.Duration
	From, To time.Time
	Bars     []bar
	Verdicts map[string]int // probes with each status
	Marks    map[string]int // probes with each mark
}

// The distance of the probes in a chart, the height of the latencies, and how many probes
// fill the width at least.
const (
	chartDistance = 8
	chartHeight   = 64
	chartBars     = 40
)

// chartOf draws samples; nil: there are none.
func chartOf(samples []sample) *chart {
	if len(samples) == 0 {
		return nil
	}
	c := &chart{
		Width: chartDistance * max(len(samples), chartBars), Full: len(samples) >= chartBars, Longest: inSeconds(longestOf(samples)),
		From: samples[0].time(), To: samples[len(samples)-1].time(), Bars: bars(samples, chartDistance, chartHeight),
		Verdicts: make(map[string]int), Marks: make(map[string]int),
	}
	for _, b := range c.Bars {
		c.Verdicts[b.Status().String()]++
		c.Marks[b.Mark()]++
	}
	return c
}

// phaseBar is a phase in the waterfall chart, in percent of its width.
type phaseBar struct {
	report.Phase
	X, Width float64
}

// narrowest is the width of a bar that can still be seen.
const narrowest = 1

func waterfall(phases []report.Phase) []phaseBar {
	bars := make([]phaseBar, len(phases))
	for i, p := range phases {
		bars[i] = phaseBar{Phase: p, X: min(100*p.From, 100-narrowest), Width: max(narrowest, 100*(p.To-p.From))}
	}
	return bars
}
