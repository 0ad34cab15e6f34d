package web

import (
	"testing"

	"tls_exporter/prober/target"
	"tls_exporter/report/reporttest"
)

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
