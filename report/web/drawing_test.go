package web

import (
	"testing"
	"time"

	"tls_exporter/report/part"
	"tls_exporter/report/reporttest"
)

// Only a probe without a handshake is marked: an expired certificate says nothing about
// the latency.
func TestMarks(t *testing.T) {
	want := map[string]string{
		"healthy": "", "expires_soon": "", "expired_misnamed_untrusted": "", "unsupported_algorithm": "", "weak_key": "",
		"timeout_in_connect": "bad", "client_certificate_required": "bad", "not_tls": "bad", "legacy_only": "bad",
		"dns_failure": "unknown", "rejected_as_expected": "expected",
	}
	for _, s := range reporttest.Situations() {
		mark, tested := want[s.Name]
		if got := sampleOf(outcomeOf(s.Result)).Mark(); tested && got != mark {
			t.Errorf("%s: %q, want %q", s.Name, got, mark)
		}
		delete(want, s.Name)
	}
	if len(want) > 0 {
		t.Errorf("there is no %v", want)
	}
}

// The longest latency is the height of a drawing, and a sparkline has only the last probes.
func TestDrawings(t *testing.T) {
	samples := []sample{{at: 1, latency: 8, status: uint8(part.Good)}}
	for i := range sparkBars {
		samples = append(samples, sample{at: uint32(i + 2), latency: 2, status: uint8(part.Good)})
	}
	samples[sparkBars].latency, samples[3].latency, samples[3].status = 4, 0, uint8(part.Bad)
	spark, chart := sparkline(samples), chartOf(samples)
	if len(spark.Bars) != sparkBars || spark.Longest != 4*time.Second || spark.Bars[sparkBars-1].Height != sparkHeight || spark.Bars[0].Height >= sparkHeight {
		t.Errorf("the sparkline is %+v", spark)
	}
	if len(chart.Bars) != sparkBars+1 || chart.Longest != 8*time.Second || chart.Bars[0].Height != chartHeight || chart.Bars[0].Y != 0 {
		t.Errorf("the chart is %+v", chart)
	}
	if chart.From.Unix() != 1 || chart.To.Unix() != sparkBars+1 || chart.Verdicts["good"] != sparkBars || chart.Verdicts["bad"] != 1 || chart.Marks["bad"] != 1 || chart.Full {
		t.Errorf("the chart is %+v", chart)
	}
	for _, b := range append(spark.Bars, chart.Bars...) {
		if b.Mark() == "bad" && b.Height != markHeight || b.Y < 0 || b.Height < 2 {
			t.Errorf("a bar is %+v", b)
		}
	}
	if sparkline(nil) != nil || chartOf(nil) != nil {
		t.Error("nothing is drawn as something")
	}
}
