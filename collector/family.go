package collector

import (
	"cmp"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"

	"tls_exporter/prober"
)

// family is a row: one gauge, and how to read it off a Result.
type family struct {
	name, help string
	labels     []string
	read       func(*prober.Result, setter)
}

// setter adds a series with the values of the family's labels, in their order.
type setter func(value float64, labels ...string)

// about gives rows the part of the Result that they are about, and skips them
// where that part was not learned.
func about[Part any](part func(*prober.Result) *Part, rows ...row[Part]) []family {
	families := make([]family, len(rows))
	for i, row := range rows {
		families[i] = family{row.name, row.help, row.labels, func(r *prober.Result, set setter) {
			if p := part(r); p != nil {
				row.read(p, set)
			}
		}}
	}
	return families
}

// row is a family that is read off one part of a Result.
type row[Part any] struct {
	name, help string
	labels     []string
	read       func(*Part, setter)
}

// gauge is a row with a single series, absent when read says false.
func gauge[Part any](name, help string, read func(*Part) (float64, bool)) row[Part] {
	return row[Part]{name, help, nil, func(p *Part, set setter) {
		if value, known := read(p); known {
			set(value)
		}
	}}
}

// gauges is a row with a series for each time that read calls set.
func gauges[Part any](name, help string, labels []string, read func(*Part, setter)) row[Part] {
	return row[Part]{name, help, labels, read}
}

// gatherer is a Result as Prometheus gathers it, for the formats that are not text:
// no registry is built for a scrape and nothing is kept after it.
type gatherer struct{ result *prober.Result }

// Gather reads every row off the Result; it never fails.
func (g gatherer) Gather() ([]*dto.MetricFamily, error) {
	gathered := make([]*dto.MetricFamily, 0, len(byName))
	for _, f := range byName {
		if family := f.gather(g.result); len(family.Metric) > 0 {
			gathered = append(gathered, family)
		}
	}
	return gathered, nil
}

// byName is the families in the order that the exposition formats ask for.
var byName = func() []family {
	var all []family
	for _, part := range contents {
		all = append(all, part.families...)
	}
	slices.SortFunc(all, func(a, b family) int { return cmp.Compare(a.name, b.name) })
	return all
}()

func (f family) gather(r *prober.Result) *dto.MetricFamily {
	g := &dto.MetricFamily{Name: &f.name, Help: &f.help, Type: dto.MetricType_GAUGE.Enum()}
	f.read(r, func(value float64, values ...string) {
		g.Metric = append(g.Metric, &dto.Metric{Label: pairs(f.labels, values), Gauge: &dto.Gauge{Value: &value}})
	})
	return g
}

// pairs joins label names and values, sorted by name as the formats want it.
func pairs(names, values []string) []*dto.LabelPair {
	all := make([]*dto.LabelPair, len(names))
	for i := range names {
		all[i] = &dto.LabelPair{Name: &names[i], Value: &values[i]}
	}
	slices.SortFunc(all, func(a, b *dto.LabelPair) int { return cmp.Compare(*a.Name, *b.Name) })
	return all
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func unix(t time.Time) float64 { return float64(t.Unix()) }
