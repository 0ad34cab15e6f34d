package collector

import (
	"cmp"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"

	"tls_exporter/prober"
)

// family is one gauge, and how to read it from a Result.
type family struct {
	name, help string
	labels     []string
	read       func(*prober.Result, setter)
}

// setter adds a series with the values of the family's labels, in their order.
type setter func(value float64, labels ...string)

// about makes families of rows that are read from one part of a Result. They are
// absent if part returns nil.
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

// row is a family that is read from one part of a Result.
type row[Part any] struct {
	name, help string
	labels     []string
	read       func(*Part, setter)
}

// gauge is a row with one series. It is absent if read returns false.
func gauge[Part any](name, help string, read func(*Part) (float64, bool)) row[Part] {
	return row[Part]{name, help, nil, func(p *Part, set setter) {
		if value, known := read(p); known {
			set(value)
		}
	}}
}

// gauges is a row with one series for each call of set.
func gauges[Part any](name, help string, labels []string, read func(*Part, setter)) row[Part] {
	return row[Part]{name, help, labels, read}
}

// gatherer is a prometheus.Gatherer of one Result, for the formats that are not text.
// It needs no registry for each scrape.
type gatherer struct{ result *prober.Result }

// Gather reads every family from the Result; it never fails.
func (g gatherer) Gather() ([]*dto.MetricFamily, error) {
	gathered := make([]*dto.MetricFamily, 0, len(byName))
	for _, f := range byName {
		if family := f.gather(g.result); len(family.Metric) > 0 {
			gathered = append(gathered, family)
		}
	}
	return gathered, nil
}

// byName is the families in the order that the exposition formats require.
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

// pairs joins label names and values, sorted by name as the formats require.
func pairs(names, values []string) []*dto.LabelPair {
	all := make([]*dto.LabelPair, len(names))
	for i := range names {
		all[i] = &dto.LabelPair{Name: &names[i], Value: &values[i]}
	}
	slices.SortFunc(all, func(a, b *dto.LabelPair) int { return cmp.Compare(*a.Name, *b.Name) })
	return all
}

// bit is 1 for true and 0 for false.
func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// unix is seconds since 1970.
func unix(t time.Time) float64 { return float64(t.Unix()) }
