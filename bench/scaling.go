package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"text/template"
	"time"
)

// step is the cost for one number of targets.
type step struct {
	Targets       int
	Scrape, Bare  float64 // CPU time in µs of a scrape, and of a bare handshake with the same targets
	First         float64 // CPU time in µs of the first scrape of each, with empty caches
	Fresh, Memory float64 // resident memory in MB at the start, and after all targets were probed
}

// scaleProbes is the number of scrapes of a step, after each target has been scraped once.
// With more targets they are spread over all.
const scaleProbes = 5000

// scale measures with ten times as many targets in each step, prints a table in Markdown,
// and draws it.
func (b *bench) scale(ctx context.Context) error {
	fmt.Println("| targets | CPU per scrape | first scrape | bare handshake | ratio | memory |\n|---|---|---|---|---|---|")
	var steps []step
	for n := 100; n <= b.plan.scalingUp; n *= 10 {
		s, err := b.scaleTo(ctx, n)
		if err != nil {
			return fmt.Errorf("%d targets: %w", n, err)
		}
		fmt.Printf("| %d | %.0f µs | %.0f µs | %.0f µs | %.2f | %.0f MB |\n", s.Targets, s.Scrape, s.First, s.Bare, s.Scrape/s.Bare, s.Memory)
		steps = append(steps, s)
	}
	return draw(b.plan.picture, steps)
}

func (b *bench) scaleTo(ctx context.Context, n int) (step, error) {
	fresh, err := b.start(ctx)
	if err != nil {
		return step{}, err
	}
	b.exporter.stop()
	b.exporter = fresh // the one that scraping measures
	s := step{Targets: n}
	memory, err := fresh.resident()
	if err != nil {
		return s, err
	}
	s.Fresh = memory / 1e6
	scrapes, bare := scraping(chainP256, n, "default"), handshakes(chainP256, n)
	// The servers create a certificate at the first connection.
	if _, err := b.cost(ctx, bare, 0, min(n, scaleProbes)); err != nil {
		return s, err
	}
	first, err := b.cost(ctx, scrapes, 0, n)
	if err != nil {
		return s, err
	}
	s.First = micros(first) / float64(n)
	var sum [2]time.Duration
	turns := scaleProbes / turnLength
	for turn := range turns {
		from := turn * max(n/turns, turnLength)
		for side, load := range []load{scrapes, bare} {
			cost, err := b.cost(ctx, load, from, turnLength)
			if err != nil {
				return s, err
			}
			sum[side] += cost
		}
	}
	s.Scrape, s.Bare = micros(sum[0])/float64(turns*turnLength), micros(sum[1])/float64(turns*turnLength)
	memory, err = fresh.resident()
	s.Memory = memory / 1e6
	return s, err
}

// A picture has two panels side by side, with the number of targets on a logarithmic
// axis.
const (
	panelWidth, panelHeight = 300, 200
	marginLeft              = 60
)

type panel struct {
	Left   int
	Title  string
	Ticks  []tick
	Across []tick
	Lines  []line
}

type tick struct {
	At    float64
	Label string
}

type line struct {
	Name, Color, Points string
	Ends                []point
}

type point struct{ X, Y float64 }

// curve is one figure of each step.
type curve struct {
	name, color string
	of          func(step) float64
}

func draw(file string, steps []step) error {
	panels := []panel{
		plot(0, "CPU per scrape, µs", steps, curve{"a scrape", "#1f6feb", func(s step) float64 { return s.Scrape }},
			curve{"a bare verified handshake", "#8b949e", func(s step) float64 { return s.Bare }}),
		plot(panelWidth+2*marginLeft, "resident memory, MB", steps, curve{"the exporter", "#1f6feb", func(s step) float64 { return s.Memory }},
			curve{"just started", "#8b949e", func(s step) float64 { return s.Fresh }}),
	}
	var svg strings.Builder
	if err := picture.Execute(&svg, panels); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(svg.String()), 0o644)
}

func plot(left int, title string, steps []step, curves ...curve) panel {
	highest := 0.0
	for _, s := range steps {
		for _, c := range curves {
			highest = max(highest, c.of(s))
		}
	}
	unit := roundUp(highest / 4)
	up := func(value float64) float64 { return panelHeight * (1 - value/(4*unit)) }
	along := func(i int) float64 { return panelWidth * float64(i) / float64(max(len(steps)-1, 1)) }
	p := panel{Left: left + marginLeft, Title: title}
	for i := range 5 {
		p.Ticks = append(p.Ticks, tick{up(float64(i) * unit), fmt.Sprint(float64(i) * unit)})
	}
	for i, s := range steps {
		p.Across = append(p.Across, tick{along(i), fmt.Sprint(s.Targets)})
	}
	for _, c := range curves {
		l := line{Name: c.name, Color: c.color}
		for i, s := range steps {
			at := point{along(i), up(c.of(s))}
			l.Ends = append(l.Ends, at)
			l.Points += fmt.Sprintf("%.1f,%.1f ", at.X, at.Y)
		}
		p.Lines = append(p.Lines, l)
	}
	return p
}

// roundUp rounds up to one of 1, 2, 2.5, 5, 10, 20, 25, 50 and so on.
func roundUp(value float64) float64 {
	for unit := 1.0; ; unit *= 10 {
		for _, step := range []float64{1, 2, 2.5, 5} {
			if step*unit >= value {
				return step * unit
			}
		}
	}
}

var picture = template.Must(template.New("").Funcs(template.FuncMap{"beside": func(i int) int { return panelHeight/2 - 10 + 16*i }}).Parse(
	`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 300" font-family="sans-serif" font-size="12" fill="#24292f">
<rect width="800" height="300" fill="#fff"/>
{{range .}}<g transform="translate({{.Left}} 40)">
<text y="-16" font-weight="bold">{{.Title}}</text>
{{range .Ticks}}<path d="M0 {{printf "%.1f" .At}}h300" stroke="#d0d7de"/><text x="-8" y="{{printf "%.1f" .At}}" dy="4" text-anchor="end">{{.Label}}</text>
{{end}}{{range .Across}}<text x="{{printf "%.1f" .At}}" y="220" text-anchor="middle">{{.Label}}</text>
{{end}}<text x="150" y="242" text-anchor="middle">targets</text>
{{range $i, $line := .Lines}}<polyline points="{{.Points}}" fill="none" stroke="{{.Color}}" stroke-width="2"/>
{{range .Ends}}<circle cx="{{printf "%.1f" .X}}" cy="{{printf "%.1f" .Y}}" r="3" fill="{{$line.Color}}"/>
{{end}}<text x="10" y="{{beside $i}}" fill="{{.Color}}">{{.Name}}</text>
{{end}}</g>
{{end}}</svg>
`))
