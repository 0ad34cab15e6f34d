package web

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tls_exporter/prober/target"
	"tls_exporter/report"
	"tls_exporter/report/reporttest"
)

func TestHistoryIsBounded(t *testing.T) {
	h := NewHistory()
	result := reporttest.Healthy()
	var first target.Target
	for i := range maxRecords + 10 {
		target := target.Target{Scheme: "https", Host: fmt.Sprintf("h%d.test", i), Port: 443}
		if i == 0 {
			first = target
		}
		h.Add("default", target, result)
	}
	if h.records.Len() != maxRecords || h.results.Len() != maxResults {
		t.Errorf("%d records, %d results", h.records.Len(), h.results.Len())
	}
	if h.samples(keyOf("default", first)) != nil {
		t.Error("the one probed longest ago is remembered")
	}
	for range 3 * maxSamples {
		h.Add("default", first, result)
	}
	if got := h.samples(keyOf("default", first)); len(got) != maxSamples {
		t.Errorf("%d samples", len(got))
	}
	if h.Recall("default", first) != result || h.Recall("other", first) != nil {
		t.Error("the last result is not the one recalled")
	}
}

func TestSampleKeepsItsWords(t *testing.T) {
	for _, s := range reporttest.Situations() {
		want := ""
		if s.Status != "good" {
			want = report.Reasons(s.Result, report.Limits{})[0]
		}
		if f := s.Result.Failure; f != nil && string(f.Reason) == want {
			want += " in " + string(f.Phase)
		}
		if got := sampleOf(outcomeOf(s.Result)).why(); got != want {
			t.Errorf("%s: %s, want %s", s.Name, got, want)
		}
	}
}

// Results are bounded in bytes too: a hostile server may send the longest chains.
func TestHistoryIsBoundedInBytes(t *testing.T) {
	h := NewHistory()
	large := reporttest.Healthy()
	for range 20 {
		leaf := *large.Chain.Certificates[0]
		leaf.Names.DNS = slices.Repeat([]string{strings.Repeat("a", 200)}, 40)
		large.Chain.Certificates = append(large.Chain.Certificates, &leaf)
	}
	for i := range maxResults {
		h.Add("default", target.Target{Scheme: "https", Host: fmt.Sprintf("h%d.test", i), Port: 443}, large)
	}
	if h.bytes != h.results.Len()*large.Size() || h.bytes > maxResultBytes || h.bytes < maxResultBytes/2 {
		t.Errorf("%d results of %d bytes count as %d", h.results.Len(), large.Size(), h.bytes)
	}
	for i := range maxResults {
		h.Add("default", target.Target{Scheme: "https", Host: fmt.Sprintf("h%d.test", i), Port: 443}, reporttest.Healthy())
	}
	if h.results.Len() != maxResults || h.bytes != maxResults*reporttest.Healthy().Size() {
		t.Errorf("%d results count as %d bytes", h.results.Len(), h.bytes)
	}
}

// The last probe in short is that of the same endpoint, with the status that its report has.
func TestLast(t *testing.T) {
	h := NewHistory()
	for _, s := range reporttest.Situations() {
		asked := target.Target{Scheme: "https", Host: s.Name + ".test", Port: 443}
		if last := h.Last("default", asked); last != nil {
			t.Errorf("%s: %+v before the first probe", s.Name, last)
		}
		h.Add("default", asked, s.Result)
		last := h.Last("default", asked)
		if last == nil || last.Status != s.Status || !last.At.Equal(s.Result.Start) || (last.Reason == "") != (s.Status == "good") {
			t.Errorf("%s: %+v", s.Name, last)
		} else if completed := s.Result.Session != nil && s.Result.Session.Completed; completed != (last.HandshakeDuration != nil) {
			t.Errorf("%s: a handshake of %v", s.Name, last.HandshakeDuration)
		} else if (s.Result.Chain != nil) != (last.DaysRemaining != nil) {
			t.Errorf("%s: %v days", s.Name, last.DaysRemaining)
		}
		named := asked
		named.ServerName = "other.test"
		if h.Last("scan", asked) != nil || h.Last("default", named) != nil {
			t.Errorf("%s: another endpoint has its last probe", s.Name)
		}
	}
}

// A probe that took longer than a later one does not replace its result.
func TestHistoryKeepsTheLatest(t *testing.T) {
	h := NewHistory()
	first, later := reporttest.Healthy(), reporttest.Healthy()
	first.Start = later.Start.Add(-time.Second)
	h.Add("default", later.Target, later)
	h.Add("default", first.Target, first)
	if got := h.Recall("default", first.Target); got != later || len(h.samples(keyOf("default", first.Target))) != 1 {
		t.Errorf("the last result is that of %s", got.Start)
	}
}
