package web

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"tls_exporter/config"
	"tls_exporter/report/part"
)

// group is the endpoints with one value of the label by which the list is grouped.
type group struct {
	Value     string // empty: they do not have the label
	Count     int    // of all endpoints that match, on all pages
	Continued bool   // it began on the page before
	counts    map[string]int
}

// Name is the value of the label, safe to show.
func (g *group) Name() string { return part.Clean(g.Value) }

// Totals are the statuses that occur, the worst first.
func (g *group) Totals() []total {
	var all []total
	for _, status := range worstFirst {
		if g.counts[status] > 0 {
			all = append(all, total{Status: status, Count: g.counts[status]})
		}
	}
	return all
}

// compareGroups puts the group with the most bad endpoints first. With as many of each
// status, the endpoints without the label come last.
func compareGroups(a, b *group) int {
	for _, status := range worstFirst[:len(worstFirst)-1] {
		if order := cmp.Compare(b.counts[status], a.counts[status]); order != 0 {
			return order
		}
	}
	return cmp.Or(unknownLast(a.Value == "", b.Value == ""), strings.Compare(a.Value, b.Value))
}

// worstFirst is the statuses of rows.
var worstFirst = []string{"bad", "unknown", "warning", pending, "good"}

// placed is a row in its group; nil: the list is not grouped.
type placed struct {
	*listRow
	group *group
}

// place puts rows into groups by the value of a label, and keeps their order. A target
// that is listed with several values is in several groups.
func place(rows []*listRow, label string) []placed {
	all := make([]placed, 0, len(rows))
	groups := make(map[string]*group)
	for _, row := range rows {
		if label == "" {
			all = append(all, placed{row, nil})
			continue
		}
		for _, value := range row.values(label) {
			g := groups[value]
			if g == nil {
				g = &group{Value: value, counts: make(map[string]int)}
				groups[value] = g
			}
			g.Count++
			g.counts[row.StatusName()]++
			all = append(all, placed{row, g})
		}
	}
	if label == "" {
		return all
	}
	rank := make(map[*group]int, len(groups))
	for i, g := range slices.SortedFunc(maps.Values(groups), compareGroups) {
		rank[g] = i
	}
	slices.SortStableFunc(all, func(a, b placed) int { return rank[a.group] - rank[b.group] })
	return all
}

// headed are the rows of a page, from one place to another. The first row of each group
// has its heading.
func headed(all []placed, from, to int) []listRow {
	var rows []listRow
	for i := from; i < to; i++ {
		row := *all[i].listRow
		if i == from || all[i].group != all[i-1].group {
			row.Group = all[i].group
		}
		if i == from && i > 0 && row.Group != nil {
			row.Group.Continued = all[i].group == all[i-1].group
		}
		rows = append(rows, row)
	}
	return rows
}

// values are the different values of a label, sorted; one empty one if the row does not
// have it.
func (r *listRow) values(label string) []string {
	var values []string
	for _, labels := range r.labels {
		values = append(values, labels[label])
	}
	if len(values) == 0 {
		return []string{""}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

// labelNames are the names of the labels of all targets, sorted.
func labelNames(targets []config.ConfiguredTarget) []string {
	names := make(map[string]bool)
	for i := range targets {
		for name := range targets[i].Labels {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
