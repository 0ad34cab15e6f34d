package main

import (
	"encoding/xml"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2}} {
		if got := median(test.values); got != test.want {
			t.Errorf("the median of %v is %v", test.values, got)
		}
	}
}

func TestEndpoints(t *testing.T) {
	seen := make(map[netip.Addr]bool)
	for i := range 100_000 {
		addr := endpoint(i)
		if !addr.IsLoopback() || seen[addr] || addr == netip.MustParseAddr("127.0.0.0") {
			t.Fatalf("endpoint %d is %s", i, addr)
		}
		seen[addr] = true
	}
}

func TestRoundUp(t *testing.T) {
	for value, want := range map[float64]float64{.3: 1, 1: 1, 1.2: 2, 7: 10, 11: 20, 230: 250, 260: 500, 2.1: 2.5} {
		if got := roundUp(value); got != want {
			t.Errorf("%v is rounded to %v", value, got)
		}
	}
}

func TestPictureIsXML(t *testing.T) {
	file := filepath.Join(t.TempDir(), "scaling.svg")
	steps := []step{{100, 400, 450, 900, 20, 25}, {1000, 410, 450, 900, 20, 30}, {10_000, 430, 455, 910, 20, 50}}
	if err := draw(file, steps); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	points := 0
	for decoder := xml.NewDecoder(strings.NewReader(string(content))); ; {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v:\n%s", err, content)
		}
		if element, ok := token.(xml.StartElement); ok && element.Name.Local == "circle" {
			points++
		}
	}
	if points != 4*len(steps) {
		t.Errorf("the picture has %d points", points)
	}
}
