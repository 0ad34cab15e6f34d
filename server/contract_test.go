package server

import (
	"slices"
	"testing"
)

// The contract of the exporter itself lists exactly the metrics of its registry.
func TestContract(t *testing.T) {
	registry := newTestExporter(t, nil).options.Registry
	gathered, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	labels := make(map[string][]string)
	for _, family := range gathered {
		labels[family.GetName()] = nil
		for _, pair := range family.Metric[0].Label {
			labels[family.GetName()] = append(labels[family.GetName()], pair.GetName())
		}
	}
	for _, m := range selfMetrics {
		got, there := labels[m.Name]
		want := slices.Sorted(slices.Values(m.Labels))
		if m.Name == "tls_exporter_build_info" { // main registers it
			continue
		}
		if !there || !slices.Equal(got, want) {
			t.Errorf("%s has the labels %v, the contract says %v (there: %v)", m.Name, got, want, there)
		}
		delete(labels, m.Name)
	}
	if len(labels) > 0 {
		t.Errorf("not in the contract: %v", labels)
	}
}
