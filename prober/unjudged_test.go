package prober_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"tls_exporter/collector"
	"tls_exporter/prober"
	"tls_exporter/prober/failure"
	"tls_exporter/prober/probetest"
	"tls_exporter/prober/tlstest"
	"tls_exporter/prober/tlstest/labtest"
)

// A probe that gets no turn to verify the chain ends at its deadline. It shows the
// certificates, and claims nothing about the chain.
func TestProbeWithoutATurnToVerify(t *testing.T) {
	lab := labtest.Lab(t)
	addr := labtest.Serve(t, lab, tlstest.Server{})
	process := prober.NewProcess()
	t.Cleanup(process.Cache.Close)
	p, err := prober.New(probetest.Module(t, lab), process)
	if err != nil {
		t.Fatal(err)
	}
	turns := 2 * runtime.GOMAXPROCS(0)
	leave, err := process.Handshakes.Chains.Take(t.Context(), turns, turns)
	if err != nil {
		t.Fatal(err)
	}
	r := p.ProbeWithin(t.Context(), 300*time.Millisecond, probetest.Target(t, addr))
	if r.Failure == nil || r.Failure.Phase != failure.PhaseVerify || r.Failure.Reason != failure.ReasonLocalResources {
		t.Errorf("failed with %+v", r.Failure)
	}
	var page strings.Builder
	if err := collector.Text(&page, r); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"tls_certificate_days_remaining{": true, "\ntls_chain_valid ": false, "tls_chain_problem{": false, "\ntls_handshake_completed 1": true} {
		if strings.Contains(page.String(), name) != want {
			t.Errorf("the page has %s: %v", name, !want)
		}
	}
	leave()
	if r := p.Probe(t.Context(), probetest.Target(t, addr)); !r.Success() {
		t.Errorf("failed with %+v", r.Failure)
	}
}
